"""A delivery by itself: what it holds is given back."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from outrider import body as bodies
from outrider.plugin import Body, Exchange, Response, respond
from outrider_plugins.jobs.bodies import Bodies
from outrider_plugins.jobs.delivery import Delivery

ROW = {
    "id": "job",
    "seq": 1,
    "method": "POST",
    "target": "/x",
    "fields": b"",
    "base": '["http", "localhost", "/acme"]',
    "body": None,
    "size": 100_000,
    "client": "",
    "key": "key",
}


async def test_a_body_that_a_layer_replaced_is_let_go(tmp_path: Path) -> None:
    """What was kept of it counts for all requests together, for good if nobody gives it back."""
    store = SimpleNamespace(bodies=Bodies(tmp_path))
    store.bodies.request("job").write_bytes(b"x" * ROW["size"])  # type: ignore[operator]

    async def send(exchange: Exchange) -> Response:
        data = await exchange.body.gather()
        assert data is not None
        exchange.body = Body(data[1:], length=len(data) - 1)
        return respond(204)

    target = SimpleNamespace(timeout=SimpleNamespace(total=1.0))
    integration = SimpleNamespace(
        name="acme", config=SimpleNamespace(jobs=None), target=target, send=send, in_flight=0
    )
    table = SimpleNamespace(events=None, done=())
    before = bodies._kept_in_all

    await Delivery(cast(Any, table), cast(Any, integration), cast(Any, store), cast(Any, ROW)).run()

    assert bodies._kept_in_all == before
