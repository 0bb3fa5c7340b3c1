"""What was called is counted in bounded memory."""

from types import SimpleNamespace
from typing import Any, cast

from outrider.config import Endpoint
from outrider_plugins.drift.seen import MORE, Seen


def test_calls_are_counted_by_template_and_status() -> None:
    """A listed endpoint comes first, whatever its parameter is called."""
    seen = Seen()
    seen.add("GET", "/models/large", 200)
    seen.knows((Endpoint.model_validate({"call": "GET /things/{name}"}),))
    seen.add("GET", "/things/blue", 200)
    seen.add("GET", "/things/green", 404)
    seen.add("POST", "/charges/7", 200)

    assert seen.calls == {
        ("GET", "/models/large"): 1,
        ("GET", "/things/{name}"): 2,
        ("POST", "/charges/{id}"): 1,
    }
    assert seen.statuses == {200: 3, 404: 1}


def test_any_number_of_paths_is_held() -> None:
    """Beyond the cap they are counted together; none is lost."""
    seen = Seen()
    for number in range(5000):
        letters = "".join(chr(97 + int(digit)) for digit in str(number))
        seen.add("GET", f"/{letters}", 200)

    assert len(seen.calls) == 257
    assert sum(seen.calls.values()) == 5000
    assert seen.calls["GET", MORE] == 5000 - 256


def test_calls_are_counted_while_others_are_folded() -> None:
    """A reload folds in a thread of its own: here one call comes for each that is looked at."""
    seen = Seen()

    def matches(method: str, path: str) -> bool:
        if len(path) < 50:
            seen.add(method, path + "/x", 200)
        return False

    seen.knows(cast(Any, (SimpleNamespace(call=SimpleNamespace(matches=matches)),)))
    for name in ("/a", "/b", "/c"):
        seen.add("GET", name, 200)
    seen.knows(())

    assert seen.calls == {("GET", f"/{name}{rest}"): 1 for name in "abc" for rest in ("", "/x")}
