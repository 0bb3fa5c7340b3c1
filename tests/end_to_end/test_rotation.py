"""A key is replaced while calls are under way: none of them fails."""

import base64
import hmac
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, reply

AUTHS = [
    'type = "bearer", token = "file:KEY"',
    'type = "basic", username = "me", password = "file:KEY"',
    'type = "header", name = "X-Key", value = "file:KEY"',
    'type = "headers", fields = { X-Key = "file:KEY" }',
    'type = "query", name = "key", value = "file:KEY"',
    'type = "hmac", secret = "file:KEY", payload = "x"',
]


class Provider:
    """Accepts the keys that are good, wherever they stand."""

    def __init__(self, *good: str) -> None:
        self.good = good
        self.refused = 0

    def __call__(self, request: ReceivedRequest) -> Script:
        said = f"{request.target} {request.headers}"
        known = any(form in said for key in self.good for form in forms(key))
        self.refused += not known
        return reply(200 if known else 401, request.body.decode())


def forms(key: str) -> tuple[str, str, str]:
    pair = base64.b64encode(f"me:{key}".encode()).decode()
    return key, pair, hmac.new(key.encode(), b"x", "sha256").hexdigest()


def config(url: str, auth: str, file: Path) -> str:
    return f'[integrations.one]\nbase_url = "{url}"\nauth = {{ {auth.replace("KEY", str(file))} }}\n'


def put(file: Path, key: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(key)
    new.chmod(0o600)
    new.replace(file)


def post(sidecar: Sidecar, body: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", sidecar.port, timeout=20)
    connection.request("POST", "/one/x", body)
    answer = connection.getresponse()
    said = answer.status, answer.read().decode()
    connection.close()
    return said


@pytest.mark.parametrize("auth", AUTHS)
def test_a_rotation_fails_no_call(auth: str, tmp_path: Path) -> None:
    """The provider refuses the old key at once: the new one is read for the very call that it refused."""
    put(file := tmp_path / "key", "key-number-0")
    provider = Provider("key-number-0")
    with FakeProvider(provider) as api, Sidecar(config(api.url, auth, file)) as sidecar:
        answers = []
        for number in range(1, 6):
            answers += [post(sidecar, f"call {number}") for _ in range(2)]
            put(file, f"key-number-{number}")
            provider.good = (f"key-number-{number}",)
        refused = provider.refused
        provider.good = ()
        answers.append(post(sidecar, "refused"))

    assert answers[:-1] == [(200, f"call {number}") for number in range(1, 6) for _ in range(2)]
    assert (answers[-1], provider.refused > refused) == ((401, "refused"), True)
    assert refused >= 1


def test_many_calls_at_once(tmp_path: Path) -> None:
    """Those that were sent with the old key are all sent once more, whoever of them read the new one."""
    put(file := tmp_path / "key", "key-number-0")
    provider, statuses = Provider("key-number-0"), []
    with FakeProvider(provider) as api, Sidecar(config(api.url, AUTHS[0], file)) as sidecar:

        def call() -> None:
            statuses.extend(post(sidecar, "x")[0] for _ in range(40))

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for number in range(1, 4):
            api.until(lambda number=number: len(api.requests) > 60 * number)
            provider.good = (*provider.good, f"key-number-{number}")
            put(file, f"key-number-{number}")
            provider.good = provider.good[-1:]
        for thread in threads:
            thread.join()

    assert statuses == [200] * 320


def test_a_command_runs_again_for_a_key_that_is_refused(tmp_path: Path) -> None:
    """Once for all calls that wait, and not again for a minute; the next 401 is the app's until then."""
    (tmp_path / "key").write_text("key-number-0\n")
    script = tmp_path / "give-key"
    script.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\ncat {tmp_path}/key\n")
    script.chmod(0o700)
    auth = f'type = "bearer", token = "cmd:{script}"'
    provider, statuses = Provider("key-number-0"), []
    with FakeProvider(provider) as api, Sidecar(config(api.url, auth, script)) as sidecar:
        statuses.append(post(sidecar, "x")[0])
        (tmp_path / "key").write_text("key-number-1\n")
        provider.good = ("key-number-1",)
        threads = [threading.Thread(target=lambda: statuses.append(post(sidecar, "x")[0])) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        provider.good = ()
        refused = post(sidecar, "x")
        sidecar.canaries.add("key-number-0", "key-number-1")

    assert (statuses, refused) == ([200] * 9, (401, "x"))
    assert (tmp_path / "runs").read_text() == "run\n" * 2
