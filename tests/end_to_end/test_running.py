"""Starting, reloading, draining, ending: with the real program and real signals."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar, Step

CONFIG = """
[integrations.{name}]
base_url = "{url}"
[integrations.{name}.auth]
type = "bearer"
token = "{token}"
"""


def _get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _outrider(
    *words: str, cwd: Path, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "outrider", *words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_reload_under_load_fails_no_request() -> None:
    """While the file changes back and forth every call is answered, by the old table or the new one."""
    with FakeProvider() as provider:
        first = CONFIG.format(name="one", url=provider.url, token="env:TEST_TOKEN")
        both = first + CONFIG.format(name="two", url=provider.url, token="env:TEST_TOKEN")
        with Sidecar(first, env={"TEST_TOKEN": "secret-value"}) as sidecar:
            stop = threading.Event()
            statuses: list[int] = []

            def load() -> None:
                while not stop.is_set():
                    statuses.append(_get(sidecar.port, "/one/x")[0])

            callers = [threading.Thread(target=load) for _ in range(4)]
            for caller in callers:
                caller.start()
            for count in range(6):
                sidecar.write(both if count % 2 == 0 else first)
                sidecar.signal(signal.SIGHUP)
                wanted = 200 if count % 2 == 0 else 404
                while _get(sidecar.port, "/two/x")[0] != wanted:
                    pass
            stop.set()
            for caller in callers:
                caller.join()

            assert set(statuses) == {200}
            assert sidecar.metric("outrider_config_ok") == 1


def test_a_bad_file_leaves_the_old_configuration() -> None:
    """It says why, shows in a metric, and the next good one is taken by itself."""
    with FakeProvider() as provider:
        good = CONFIG.format(name="one", url=provider.url, token="env:TEST_TOKEN")
        with Sidecar(good, env={"TEST_TOKEN": "secret-value"}) as sidecar:
            sidecar.write(good + "\n[integrations.two]\nbase_ulr = 3\n")
            sidecar.until_said("base_ulr")
            assert _get(sidecar.port, "/one/x")[0] == 200
            assert sidecar.metric("outrider_config_ok") == 0
            for number, (said, spoil) in enumerate(
                {
                    "there is no such file": lambda: sidecar.config_path.unlink(),
                    "is empty": lambda: sidecar.config_path.write_text("\n"),
                    "is not UTF-8 text": lambda: sidecar.config_path.write_bytes(b"\xff"),
                }.items()
            ):
                spoil()
                sidecar.signal(signal.SIGHUP)
                sidecar.until_said(said)
                assert _get(sidecar.port, f"/one/{number}")[0] == 200
            sidecar.write(good + CONFIG.format(name="two", url=provider.url, token="env:TEST_TOKEN"))
            sidecar.until_said("was reloaded: one, two")

            assert _get(sidecar.port, "/two/x")[0] == 200
            assert sidecar.metric("outrider_config_ok") == 1


def test_a_listener_may_change_hands() -> None:
    """An integration that is renamed keeps the listener of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with FakeProvider() as provider:
        config = f'[integrations.one]\nbase_url = "{provider.url}"\nlisten = "127.0.0.1:{port}"\nauth = {{ type = "none" }}\n'
        with Sidecar(config) as sidecar:
            sidecar.write(config.replace("integrations.one", "integrations.two"))
            sidecar.until_said("was reloaded: two")
            status, _ = _get(port, "/v1/x")

    assert status == 200


def test_an_address_that_covers_our_own_needs_a_restart() -> None:
    """Nobody else listens there, so nobody has to be stopped; the old listener goes on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with FakeProvider() as provider:
        config = f'[integrations.a]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
        server = '[server]\nadmin = "127.0.0.1:0"\nlisten = '
        with Sidecar(f'{server}"127.0.0.1:{port}"\n{config}') as sidecar:
            clients = '[clients.app]\ntoken = "cmd:echo t0ken-of-app"\n'
            sidecar.write(f'{server}"0.0.0.0:{port}"\n{clients}{config}')
            sidecar.until_said(f"0.0.0.0:{port}: 127.0.0.1:{port} of this Outrider is in its way; restart")
            status, _ = _get(port, "/a/v1/x")

    assert status == 200


def test_a_listener_that_comes_with_a_reload_is_announced(tmp_path: Path) -> None:
    """On stdout, as those of the start; of these, two that ask for a free port are two."""
    box = '[integrations.box]\nprovider = "sandbox"\nauth = { type = "bearer", token = "cmd:echo sandbox-key" }\n'
    server = '[server]\nlisten = ["127.0.0.1:0", "127.0.0.1:0"]\nadmin = "127.0.0.1:0"\n'
    (tmp_path / "config.toml").write_text(server + box)
    command = [sys.executable, "-m", "outrider", "run"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        try:
            assert running.stdout is not None
            told = [running.stdout.readline() for _ in range(3)]
            (tmp_path / "config.toml").write_text(server + box + 'listen = "127.0.0.1:0"\n')
            running.send_signal(signal.SIGHUP)
            told.append(running.stdout.readline())
            statuses = [_get(int(line.rpartition(":")[2]), "/box/")[0] for line in told[:2]]
            own = _get(int(told[3].rpartition(":")[2]), "/v1/charges")[0]
        finally:
            running.terminate()

    assert len(set(told)) == 4
    assert all(line.startswith("listening http://127.0.0.1:") for line in told)
    assert [*statuses, own] == [200, 200, 200]


def test_it_serves_on_where_nobody_reads_what_it_says(tmp_path: Path) -> None:
    """`outrider run | head -1` ends its reader, not its service."""
    (tmp_path / "config.toml").write_text('[server]\nlisten = ["127.0.0.1:0"]\nadmin = "127.0.0.1:0"\n')
    unread, stdout = os.pipe()
    os.close(unread)
    with subprocess.Popen(
        [sys.executable, "-m", "outrider", "run"],
        cwd=tmp_path,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        os.close(stdout)
        health = [sys.executable, "-m", "outrider", "health"]
        try:
            while running.poll() is None:
                if subprocess.run(health, cwd=tmp_path, capture_output=True, check=False).returncode == 0:
                    break
        finally:
            running.terminate()
        _, said = running.communicate()

    assert (running.returncode, "Traceback" in said) == (0, False)


def test_a_draft_wakes_when_its_secret_file_appears(tmp_path: Path) -> None:
    """Without a signal, and without a restart."""
    secret = tmp_path / "secret"
    with FakeProvider() as provider:
        draft = CONFIG.format(name="one", url=provider.url, token=f"file:{secret}").replace(
            "[integrations.one]", '[integrations.one]\nstatus = "draft"', 1
        )
        with Sidecar(draft) as sidecar:
            asleep, _ = _get(sidecar.port, "/one/x")
            secret.write_text("s3cret-value")
            sidecar.until_said("was reloaded: one")
            awake, _ = _get(sidecar.port, "/one/x")

    assert (asleep, awake) == (404, 200)


def test_a_rotated_secret_is_picked_up(tmp_path: Path) -> None:
    """Also when a symlink on the way is swapped, and without a restart."""
    for name, value in (("old", "secret-old\n"), ("new", "secret-new\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(value)
    link = tmp_path / "current"
    link.symlink_to("old")
    with FakeProvider() as provider:
        config = CONFIG.format(name="one", url=provider.url, token=f"file:{link}/token")
        with Sidecar(config) as sidecar:
            _get(sidecar.port, "/one/x")
            swap = tmp_path / "swap"
            swap.symlink_to("new")
            swap.replace(link)
            sidecar.until_said("has changed and is in use", timeout_s=10)
            _get(sidecar.port, "/one/x")

            assert [one.values("Authorization") for one in provider.requests] == [
                ["Bearer secret-old"],
                ["Bearer secret-new"],
            ]
            assert "secret-" not in sidecar.stderr


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """No traceback: the address, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "config.toml").write_text(
            f'[server]\nlisten = "127.0.0.1:{port}"\nadmin = "127.0.0.1:0"\n'
        )
        ended = _outrider("run", cwd=tmp_path)

    assert ended.returncode == 2
    assert f"127.0.0.1:{port}: the address is in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_run_refuses_what_check_refuses(tmp_path: Path) -> None:
    """A literal secret is named and never shown."""
    (tmp_path / "config.toml").write_text(
        '[integrations.a]\nbase_url = "http://a.example"\nauth = { type = "bearer", token = "sk-literal" }\n'
    )
    for command in ("run", "check"):
        ended = _outrider(command, cwd=tmp_path)

        assert ended.returncode == 2
        assert "config.toml:3: integrations.a.auth.token: a literal secret is refused" in (
            ended.stderr if command == "run" else ended.stdout
        )
        assert "sk-literal" not in ended.stdout + ended.stderr


def test_check_lists_ten_mistakes(tmp_path: Path) -> None:
    """Every problem at once, each with its line."""
    lines = """[server]
listen = "127.0.0.1"
grase = "5s"
[clients.app]
token = "literal"
[integrations.Stripe]
base_url = "https://api.stripe.com"
[integrations.a]
provider = "strip"
[integrations.b]
base_url = "ftp://b.example"
status = "on"
[integrations.c]
base_url = "https://c.example"
atempts = 3
[integrations.c.auth]
type = "baerer"
[integrations.d]
base_url = "https://d.example"
[integrations.d.on]
"4O1" = ["retry"]
"429" = ["retri"]
[integrations.e]
""".splitlines()
    (tmp_path / "config.toml").write_text("\n".join(lines))
    ended = _outrider("check", cwd=tmp_path)

    found = [int(line.split(":")[1]) for line in ended.stdout.splitlines() if line.startswith("config.toml:")]
    assert ended.returncode == 2
    assert {2, 3, 5, 6, 9, 11, 12, 15, 17, 21, 22, 23} <= set(found), ended.stdout
    assert "did you mean 'bearer'" in ended.stdout
    assert "did you mean 'stripe'" in ended.stdout


def test_a_unix_socket_is_for_this_user_alone(tmp_path: Path) -> None:
    """Mode 0600, and it serves."""
    path = tmp_path / "o.sock"
    config = f'[server]\nlisten = "unix:{path}"\nadmin = "127.0.0.1:0"\n[integrations.s]\nprovider = "sandbox"\nauth = {{ type = "bearer", token = "cmd:echo sandbox-key" }}\n'
    with Sidecar(config) as sidecar:
        mode = path.stat().st_mode & 0o777
        with socket.socket(socket.AF_UNIX) as app:
            app.connect(str(path))
            app.sendall(b"GET /s/v1/charges HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = app.recv(4096)

        assert sidecar.url == f"unix:{path}"
    assert mode == 0o600
    assert answer.startswith(b"HTTP/1.1 200")
    assert not path.exists()


def test_every_form_of_address() -> None:
    """Prefix, own host and own listener reach the same provider, and Location comes back in kind."""
    with FakeProvider() as provider:
        config = f'[integrations.one]\nbase_url = "{provider.url}/base"\nlisten = "127.0.0.1:0"\nauth = {{ type = "none" }}\n'
        with Sidecar(config) as sidecar:
            own = int(sidecar.urls[1].rpartition(":")[2])
            for port, host, path, back in (
                (
                    sidecar.port,
                    f"127.0.0.1:{sidecar.port}",
                    "/one/v1/x",
                    f"http://127.0.0.1:{sidecar.port}/one/v1/y",
                ),
                (
                    sidecar.port,
                    f"one.localhost:{sidecar.port}",
                    "/v1/x",
                    f"http://one.localhost:{sidecar.port}/v1/y",
                ),
                (own, f"127.0.0.1:{own}", "/v1/x", f"http://127.0.0.1:{own}/v1/y"),
            ):
                provider.clear()
                provider.reply(302, b"", {"Location": f"{provider.url}/base/v1/y"})
                with Wire(port) as wire:
                    wire.send(f"GET {path}?q=%2F HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                    answer = wire.answer()

                assert provider.requests[0].target == "/base/v1/x?q=%2F"
                assert answer.header("Location") == back


def test_clients_are_known_by_their_token() -> None:
    """Wherever the SDK puts it; never forwarded; 401 without one, also for an unknown integration."""
    with FakeProvider() as provider:
        config = (
            CONFIG.format(name="one", url=provider.url, token="env:TEST_TOKEN")
            + CONFIG.format(name="two", url=provider.url, token="env:TEST_TOKEN")
            + '[clients.shop]\ntoken = "env:CLIENT_TOKEN"\nintegrations = ["one"]\n'
        )
        env = {"TEST_TOKEN": "secret-value", "CLIENT_TOKEN": "client-value"}
        with Sidecar(config, env=env) as sidecar:
            for headers in (
                {"Outrider-Token": "client-value"},
                {"Authorization": "Bearer client-value"},
                {"Authorization": "Basic eDpjbGllbnQtdmFsdWU="},
                {"Authorization": "Basic Y2xpZW50LXZhbHVlOg=="},
                {"X-Api-Key": "client-value"},
            ):
                assert _get(sidecar.port, "/one/x", headers)[0] == 200
            assert _get(sidecar.port, "/two/x", {"Outrider-Token": "client-value"})[0] == 403
            assert _get(sidecar.port, "/one/x")[0] == 401
            assert _get(sidecar.port, "/one/x", {"Outrider-Token": "wrong"})[0] == 401
            assert _get(sidecar.port, "/nobody/x")[0] == 401
            assert _get(sidecar.port, "/nobody/x", {"Outrider-Token": "client-value"})[0] == 404

        assert len(provider.requests) == 5
        for request in provider.requests:
            assert request.values("Authorization") == ["Bearer secret-value"]
            assert not any("client-value" in value for _, value in request.headers)


def test_the_admin_wants_its_token() -> None:
    """As a Bearer; health needs none."""
    config = '[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nadmin_token = "env:ADMIN"\n'
    with Sidecar(config, env={"ADMIN": "admin-value"}) as sidecar:
        port = int(sidecar.admin_url.rpartition(":")[2])
        for path in ("/metrics", "/api/integrations", "/api/jobs", "/"):
            assert _get(port, path)[0] == 401
            assert _get(port, path, {"Authorization": "Bearer admin-value"})[0] == 200
            assert _get(port, path, {"Host": "evil.example"})[0] == 421
        assert _get(port, "/healthz")[0] == 200
        assert _get(port, "/readyz")[0] == 200


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    """Not in show, check, the log, the metrics or the admin's answers."""
    secret = "canary-2f8c1d"
    with FakeProvider() as provider:
        config = CONFIG.format(name="one", url=provider.url, token="env:TEST_TOKEN")
        (tmp_path / "config.toml").write_text(config)
        said = [
            ended.stdout + ended.stderr
            for command in ("check", "show", "plugins")
            for ended in [_outrider(command, cwd=tmp_path, env={"TEST_TOKEN": secret})]
        ]
        with Sidecar(config, env={"TEST_TOKEN": secret}) as sidecar:
            port = int(sidecar.admin_url.rpartition(":")[2])
            provider.raw(b"rubbish", Step.CLOSE)
            said += [_get(sidecar.port, f"/one/x?key={secret}")[1].decode()]
            said += [_get(port, path)[1].decode() for path in ("/metrics", "/api/integrations", "/")]
        said.append(sidecar.stderr)

    assert all(secret not in text for text in said)


def test_make_runs_default_works_at_once() -> None:
    """The repository's own config.toml serves its sandbox: a charge, a list, a stream, a failure."""
    text = (Path(__file__).parents[2] / "config.toml").read_text()
    text = text.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:8081", "127.0.0.1:0")
    with Sidecar(text) as sidecar:
        assert _get(sidecar.port, "/sandbox/v1/charges")[0] == 200
        assert _get(sidecar.port, "/sandbox/status/503")[0] == 503
        assert b"[DONE]" in _get(sidecar.port, "/sandbox/stream?events=2&interval=1")[1]
        assert _get(sidecar.port, "/stripe/v1/charges")[0] == 404
