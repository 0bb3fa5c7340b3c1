"""Plugins that go wrong, with the real program: named, in one line at the start, and with a 502 for a call."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.plugin import installed
from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar, Step, reply

#: What a layer does with a call, by the name of its integration.
LAYERS = {
    "raises": "raise RuntimeError('oops')",
    "exits": "raise SystemExit(3)",
    "forgets": "pass",
    "splits": "attempt.target = '/x HTTP/1.1\\r\\nX-Evil: 1'",
    "spaces": "attempt.target = '/a b'",
    "methods": "attempt.method = 'GET /y HTTP/1.1\\r\\nX-Evil: 1\\r\\n\\r\\nGET'",
    "fields": "attempt.headers.set('X', 'a\\r\\nX-Evil: 1')",
    "status": "return respond(99)",
    "texts": "attempt.fields.append(('X-Key', 'secret'))",
    "raws": "attempt.fields.append((b'X', b'a\\r\\nX-Evil: 1'))",
    "lengths": "attempt.headers.set('Content-Length', '3')",
    "bodies": "attempt.exchange.body = None",
    "longer": "attempt.exchange.body.data = b'GET /evil HTTP/1.1\\r\\n\\r\\n'",
    "loses": "attempt = attempt.exchange",
    "answers": "return Response(200, [('X', 'secret')], Whole(b''))",
}
PLUGIN = f"""
from outrider.plugin import Layer, Response, Stage, Whole, hookimpl, respond

@hookimpl
def outrider_target_layers(target):
    def wrap(send):
        async def acting(attempt):
            {
    "".join(
        f'''
            if target.name == {name!r}:
                {act}'''
        for name, act in LAYERS.items()
    )
}
            if target.name != "forgets":
                return await send(attempt)
        return acting
    return [Layer(stage=Stage.LIMIT, wrap=wrap)]
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def sidecar(provider: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """Outrider with a plugin that does wrong at each integration but `fine`."""
    text = "".join(
        f'[integrations.{name}]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
        for name in (*LAYERS, "fine")
    )
    with Sidecar(text, env=installed(tmp_path_factory.mktemp("plugin"), PLUGIN)) as started:
        yield started


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_goes_wrong_is_named(name: str, sidecar: Sidecar, provider: FakeProvider) -> None:
    """The app gets a 502, the log has the plugin's name, and everything else goes on."""
    provider.clear()
    with Wire(sidecar.port) as wire:
        wire.send(f"GET /{name}/x HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = wire.answer()
        wire.send(b"GET /fine/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        fine = wire.answer()

    assert (answer.status, fine.status) == (502, 200)
    assert "plugin 'acme' failed" in json.loads(answer.body)["detail"]
    assert [request.target for request in provider.requests] == ["/x"]
    assert provider.problems == []


#: What a provider says of a response, by its name.
JUDGING = {
    "texts": "def retry_after(self, response): return '30'",
    "never": "def retry_after(self, response): return float('nan')",
    "words": "def should_retry(self, response): return 'no'",
    "spoils": "def prepare(self, exchange): exchange.body = None",
    "raises": "def limited(self, response): return response.nothing",
}
PROVIDERS = "from outrider.plugin import LocalProvider, Provider, hookimpl\n" + "".join(
    f"""
class {name.title()}(Provider):
    name = "{name}"
    {method}
"""
    for name, method in JUDGING.items()
)
PROVIDERS += f"""
class Empty(LocalProvider):
    name = "empty"
    async def serve(self, attempt): return None

@hookimpl
def outrider_providers(): return [Empty, {", ".join(map(str.title, JUDGING))}]
"""


def test_a_provider_that_goes_wrong_is_named(provider: FakeProvider, tmp_path: Path) -> None:
    """Not the built-in plugin that asked it: it is laid at the door of whoever wrote it."""
    text = "".join(
        f'[integrations.{name}]\nprovider = "{name}"\nauth = {{ type = "none" }}\n'
        f'base_url = "{provider.url}"\nretry = {{ attempts = 2, base = "1ms" }}\n'
        for name in JUDGING
    )
    text += '[integrations.empty]\nprovider = "empty"\n'
    said = {}
    provider.clear()
    provider.handler = lambda request: reply(429, b"slow down")
    with Sidecar(text, env=installed(tmp_path, PROVIDERS)) as sidecar:
        for name in (*JUDGING, "empty"):
            with Wire(sidecar.port) as wire:
                wire.send(f"GET /{name}/x HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                answer = wire.answer()
            said[name] = (answer.status, "plugin 'acme' failed" in json.loads(answer.body)["detail"])
    provider.handler = None

    assert said == dict.fromkeys((*JUDGING, "empty"), (502, True))
    assert "retry_after gave str; give seconds as a number, or None" in sidecar.stderr


def test_a_route_that_goes_wrong_is_named(tmp_path: Path) -> None:
    """It gives nothing, not even something to wait for, or fields that are no bytes: the app gets a 502."""
    code = """
from outrider.plugin import Response, Whole, hookimpl, respond

async def nothing(exchange): return None
async def texts(exchange): return Response(200, [("X", "1")], Whole(b""))
def at_once(exchange): return respond(200, {})

@hookimpl
def outrider_proxy_routes(): return {"nothing": nothing, "texts": texts, "at-once": at_once}
"""
    said = {}
    with Sidecar("", env=installed(tmp_path, code)) as sidecar:
        for name in ("nothing", "texts", "at-once"):
            with Wire(sidecar.port) as wire:
                wire.send(f"GET /_outrider/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                answer = wire.answer()
            said[name] = answer.status, b"plugin 'acme' failed" in answer.body

    # What is there at once needs no wait.
    assert said == {"nothing": (502, True), "texts": (502, True), "at-once": (200, False)}


def test_an_admin_route_that_goes_wrong_is_named(tmp_path: Path) -> None:
    """A 502 with the plugin's name; where a part of the answer has gone, it ends broken, and nothing follows."""
    code = """
from aiohttp import web
from outrider.plugin import hookimpl

async def raises(request): raise RuntimeError("oops")
async def late(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"begun")
    raise RuntimeError("oops")

@hookimpl
def outrider_admin_routes(): return [web.get("/raises", raises), web.get("/late", late)]
"""
    with Sidecar("", env=installed(tmp_path, code)) as sidecar:
        host, _, port = sidecar.admin_url.partition("://")[2].rpartition(":")
        answers = []
        for path in ("/raises", "/late"):
            connection = http.client.HTTPConnection(host, int(port), timeout=10)
            connection.request("GET", path)
            response = connection.getresponse()
            try:
                answers.append((response.status, response.read()))
            except http.client.IncompleteRead as broken:
                answers.append((response.status, broken.partial))
            connection.close()
    log = sidecar.stderr  # whole, now that it has ended

    assert answers[0][0] == 502
    assert json.loads(answers[0][1])["detail"] == "plugin 'acme' failed; the log of outrider says how"
    assert answers[1] == (200, b"begun")
    assert log.count("plugin 'acme' raised in the admin's route for /") == 2


def test_an_auth_type_that_goes_wrong_is_named(provider: FakeProvider, tmp_path: Path) -> None:
    """The layer that authenticates is built in; what it puts on is the auth type's."""
    code = """
from outrider.plugin import AuthType, hookimpl

class Texts(AuthType):
    def wrap(self, target, send):
        def authorized(attempt):
            attempt.fields.append(("X-Key", "secret"))
            return send(attempt)
        return authorized

@hookimpl
def outrider_auth_types(): return {"texts": Texts}
"""
    text = f'[integrations.a]\nbase_url = "{provider.url}"\nauth = {{ type = "texts" }}\n'
    with Sidecar(text, env=installed(tmp_path, code)) as sidecar, Wire(sidecar.port) as wire:
        wire.send(b"GET /a/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = wire.answer()

    assert (answer.status, "plugin 'acme' failed" in json.loads(answer.body)["detail"]) == (502, True)
    assert "secret" not in sidecar.stderr


@pytest.mark.parametrize("judges", ["limited", "key_refused", "should_retry", "retry_after"])
def test_a_judge_that_raises_keeps_nothing(tmp_path: Path, provider: FakeProvider, judges: str) -> None:
    """A 502 each time: the slot of a limit and the provider's connection are given back."""
    code = f"""
from outrider.plugin import Provider, hookimpl

class Acme(Provider):
    name = "acme"
    base_url = "https://api.acme.example"
    def {judges}(self, response):
        raise RuntimeError("oops")

@hookimpl
def outrider_providers():
    return [Acme]
"""
    text = f"""
[integrations.acme]
provider = "acme"
base_url = "{provider.url}"
auth = {{ type = "none" }}
retry = {{ attempts = 1 }}
limits = [{{ concurrency = 1, wait = 0 }}]
"""
    provider.clear()
    for _ in range(3):
        # Longer than what is read of an error, and not all there; with a word that decides before a status.
        provider.raw(b"HTTP/1.1 503 No\r\nx-should-retry: false\r\nContent-Length: 100000\r\n\r\n", Step.WAIT)
    with Sidecar(text, env=installed(tmp_path, code)) as sidecar, Wire(sidecar.port) as wire:
        statuses = []
        for _ in range(3):
            wire.send(b"GET /acme/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            statuses.append(wire.answer().status)
        provider.until(lambda: all(provider.is_closed(one.connection) for one in provider.requests))

    assert statuses == [502, 502, 502]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "def outrider_admin_routes():\n    from aiohttp import web\n    return [web.get('/metrics', print)]",
            "plugin 'acme': its admin route GET /metrics is one of plugin 'metrics'; give it another path",
        ),
        (
            "def outrider_admin_routes():\n    from aiohttp import web\n    return [web.get('/readyz', print)]",
            "plugin 'acme': its admin route GET /readyz is one of Outrider itself; give it another path",
        ),
        (
            "def outrider_admin_routes():\n    from aiohttp import web\n"
            "    return [web.get('/acme', print), web.route('*', '/acme', print)]",
            "plugin 'acme': its admin route * /acme is one of plugin 'acme'; give it another path",
        ),
        (
            "def outrider_admin_routes():\n    from aiohttp import web\n    return [web.get('acme', print)]",
            "plugin 'acme': outrider_admin_routes: path should be started with / or be empty",
        ),
        (
            "raise SystemExit(3)",
            "plugin 'acme' did not load, and is left out: importing it raised SystemExit: 3",
        ),
        (
            "def outrider_lifespan(app):\n    return 5",
            "plugin 'acme': outrider_lifespan raised AttributeError: 'int' object has no attribute '__aenter__'",
        ),
        (
            "def outrider_admin_routes():\n    return [5]",
            "plugin 'acme': outrider_admin_routes gives int; give aiohttp.web.get(...), say",
        ),
        (
            "def outrider_subscribe(events):\n    events.on(int, outrider_subscribe_async)\n"
            "async def outrider_subscribe_async(event): pass",
            "plugin 'acme': there is no hook 'outrider_subscribe_async'",
        ),
        (
            "def outrider_check(config):\n    return 'integrations.a: no'",
            "plugin 'acme': outrider_check gives str; give a list",
        ),
    ],
)
def test_a_plugin_that_cannot_work_is_one_line(tmp_path: Path, code: str, said: str) -> None:
    """At the start, by its name; without it where that can be."""
    lines = "".join(
        f"@hookimpl\n{line}\n" if line.startswith("def ") else f"{line}\n" for line in code.split("\n")
    )
    env = installed(tmp_path, f"from outrider.plugin import hookimpl\n{lines}")
    (tmp_path / "config.toml").write_text(
        '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\ngrace = 0\n'
        '[integrations.a]\nbase_url = "not a URL"\n'
        if "SystemExit" in code
        else '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n'
    )
    # What `run` alone asks for is begun there.
    for word in ("run",) if "lifespan" in code else ("run", "check"):
        command = [sys.executable, "-m", "outrider", word]
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False
        )

        assert (done.returncode, done.stdout) == (2, "") or word == "check"
        assert done.returncode == 2
        assert said in done.stderr + done.stdout
        assert "Traceback" not in done.stderr


def test_the_end_of_a_lifespan_that_raises_is_told(tmp_path: Path) -> None:
    """It is in the log with its plugin's name, and the exit code is that of every other end."""
    code = """
from contextlib import asynccontextmanager
from outrider.plugin import hookimpl

@asynccontextmanager
async def held():
    yield
    raise RuntimeError("cannot flush")

@hookimpl
def outrider_lifespan(app):
    return held()
"""
    sidecar = Sidecar("", env=installed(tmp_path, code)).start()

    assert sidecar.stop() == 0
    assert "plugin 'acme': the end of its outrider_lifespan raised" in sidecar.stderr
