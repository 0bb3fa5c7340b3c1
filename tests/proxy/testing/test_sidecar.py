"""The process handling, against a stand-in program that takes no time to start."""

import base64
import json
import signal
import urllib.parse
from pathlib import Path

import pytest

from outrider.testing import Sidecar, SidecarError

STAND_IN = """
import http.server, os, pathlib, signal, sys, threading, time
config = open(sys.argv[sys.argv.index("--config") + 1]).read()
if "broken" in config:
    sys.exit("config.toml:1: broken")
told = {os.environ.get("WHERE"): os.environ.get("TOLD")}
for where, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
    print(told.get(where, ""), file=stream)
for file in {"jobs.db", "tokens/a.json"} & told.keys():
    path = pathlib.Path(".outrider", file)
    path.parent.mkdir(parents=True)
    path.write_text(told[file])
class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(
            b"# TYPE outrider_requests_total counter\\n"
            b'outrider_requests_total{integration="a",status="2xx"} 2.0\\n'
            b'outrider_requests_total{integration="a",status="5xx"} 1.0\\n'
            b"# TYPE outrider_retries_total counter\\n"
        )
        self.wfile.write(told.get(self.path, "").encode())
    log_message = lambda *_: None
server = http.server.HTTPServer(("127.0.0.1", 0), Metrics)
threading.Thread(target=server.serve_forever, daemon=True).start()
signal.signal(signal.SIGHUP, lambda *_: print(os.environ["WORD"], config, file=sys.stderr, flush=True))
if "stubborn" in config:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print("a line that is none of ours")
print("listening http://127.0.0.1:1", flush=True)
if "silent" not in config:
    print(f"listening http://127.0.0.1:{server.server_port}", flush=True)
while True:
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outrider").mkdir()
    (tmp_path / "outrider/__init__.py").touch()
    (tmp_path / "outrider/__main__.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_it_knows_its_listeners() -> None:
    """The first line is the proxy's, the last one the admin's; leaving ends the process."""
    with Sidecar("") as sidecar:
        assert (sidecar.url, sidecar.port) == ("http://127.0.0.1:1", 1)
        assert sidecar.urls == [sidecar.url, sidecar.admin_url]
        assert repr(sidecar) == f"<Sidecar {sidecar.pid} at {sidecar.url}, {sidecar.admin_url}>"

    assert sidecar.stop() == 3
    assert repr(sidecar) == "<Sidecar ended with 3>"


async def test_it_serves_async_tests() -> None:
    """It starts and ends without holding up the loop."""
    async with Sidecar("") as sidecar:
        assert sidecar.port == 1


def test_a_configuration_gets_free_ports() -> None:
    """A [server] table with free ports is added at the end, and only where there is none."""
    with Sidecar("a = 1") as sidecar:
        assert sidecar.config_path.read_text().startswith('a = 1\n[server]\nlisten = "127.0.0.1:0"\n')
        sidecar.write('[server]\nlisten = "127.0.0.1:1"')
        assert sidecar.config_path.read_text() == '[server]\nlisten = "127.0.0.1:1"'


def test_a_configuration_may_be_a_file(tmp_path: Path) -> None:
    """The file of a path is copied, and not written to."""
    file = tmp_path / "mine.toml"
    file.write_text("a = 1\n")
    with Sidecar(file) as sidecar:
        assert sidecar.config_path.read_text().startswith("a = 1\n")

    assert file.read_text() == "a = 1\n"


def test_own_listeners_are_awaited() -> None:
    """A line is expected for each listener of the server and of an integration; a draft has none."""
    config = """
        [integrations.a]
        listen = "127.0.0.1:0"
        [integrations.b]
        listen = "127.0.0.1:0"
        status = "draft"
    """
    with pytest.raises(SidecarError, match=r"2 of 3 listeners within 2 s"):
        Sidecar(config, start_timeout_s=2.0).start()


def test_signals_and_environment_reach_it() -> None:
    """It runs with the given environment, and what it says on stderr is kept, also after its end."""
    with Sidecar("b = 2", env={"WORD": "heard"}) as sidecar:
        sidecar.signal(signal.SIGHUP)
        sidecar.until_said("heard b = 2")
        with pytest.raises(TimeoutError, match="'never' not said"):
            sidecar.until_said("never", timeout_s=0.01)

    assert "heard b = 2" in sidecar.stderr


def test_metrics_are_summed() -> None:
    """Samples of a name are summed over the labels not given; a counter nobody touched is 0."""
    with Sidecar("") as sidecar:
        assert sidecar.metric("outrider_requests_total", integration="a") == 3
        assert sidecar.metric("outrider_requests_total", status="5xx") == 1
        assert sidecar.metric("outrider_requests_total", status="4xx") == 0
        assert sidecar.metric("outrider_retries_total") == 0
        with pytest.raises(LookupError, match="has no outrider_request_total"):
            sidecar.metric("outrider_request_total")


def test_a_failed_start_says_why() -> None:
    """The error of a start has the exit code and what was on stderr."""
    with pytest.raises(SidecarError, match=r"ended with 1 at the start; stderr:\nconfig\.toml:1: broken"):
        Sidecar("broken = 1").start()


def test_a_silent_start_is_given_up() -> None:
    """A listener that never comes ends the wait, and the process."""
    with pytest.raises(SidecarError, match=r"1 of 2 listeners within 2 s"):
        Sidecar("silent = 1", start_timeout_s=2.0).start()


def test_a_stubborn_one_is_killed() -> None:
    """Where SIGTERM does not end it in time it is killed, and that is an error."""
    sidecar = Sidecar("stubborn = 1", stop_timeout_s=0.2).start()
    with pytest.raises(SidecarError, match=r"no end within 0\.2 s of SIGTERM, so killed"):
        sidecar.stop()

    assert sidecar.stop() == -signal.SIGKILL


SECRET = 'a "secret"/+%'
FORMS = {
    "plain": SECRET,
    "base64": base64.b64encode(f"me:{SECRET}".encode()).decode(),
    "URL-encoded": urllib.parse.quote(SECRET),
    "JSON-escaped": json.dumps({"secret": SECRET}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", ["stdout", "stderr", "/metrics", "/api/integrations", "/", "jobs.db"])
def test_a_secret_that_shows_up_is_an_error(where: str, form: str) -> None:
    """Wherever the program tells what its configuration refers to, and however it is dressed."""
    sidecar = Sidecar('key = "env:KEY"', env={"KEY": SECRET, "WHERE": where, "TOLD": FORMS[form]}).start()
    with pytest.raises(SidecarError) as caught:
        sidecar.stop()

    assert str(caught.value).startswith(f"the secret {SECRET!r} stands in ")
    assert str(caught.value).endswith(f"{where}, {form}")
    assert sidecar.stop() == 3


def test_where_a_secret_may_stand() -> None:
    """In the files that are configured, and a refresh token in token_dir; what is added is looked for too."""
    with Sidecar('key = "file:key"', env={"WHERE": "tokens/a.json", "TOLD": SECRET}) as sidecar:
        (sidecar.config_path.parent / "key").write_text(SECRET)
    other = Sidecar("", env={"WHERE": "stderr", "TOLD": "a-token"}).start()
    other.canaries.add("a-token")
    with pytest.raises(SidecarError, match="'a-token' stands in stderr, plain"):
        other.stop()
