"""Key pools with the real program: calls rotate, a bad key is worked around, and no app sees it."""

import asyncio
import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from end_to_end.plugin import installed
from outrider.testing import FakeProvider, ReceivedRequest, Sidecar
from outrider.testing.script import Gate, Script, raw, reply

KEYS = {"KEY_1": "pool-key-one", "KEY_2": "pool-key-two", "KEY_3": "pool-key-three"}
POOL = '["env:KEY_1", "env:KEY_2", "env:KEY_3"]'
ONE, TWO, THREE = KEYS.values()

PLUGIN = """
from outrider.plugin import Provider, Sign, hookimpl

class Acme(Provider):
    name = "acme"
    refusal_signs = (Sign(403, words=("key was revoked",)),)

@hookimpl
def outrider_providers():
    return [Acme]
"""

# One integration for each test: their pools know nothing of each other.
NAMES = (
    "rotating",
    "limited",
    "silent",
    "refused",
    "signed",
    "resting",
    "poisoned",
    "loaded",
    "slow",
    "metered",
    "waiting",
)
CONFIG = "".join(
    f"""
[integrations.{name}]
base_url = "@URL/{name}"
auth = {{ type = "bearer", token = {POOL} }}
retry = {{ attempts = {2 if name == "waiting" else 1} }}
"""
    for name in NAMES
).replace("[integrations.signed]", '[integrations.signed]\nprovider = "acme"')
CONFIG += f"""
[[integrations.slow.limits]]
concurrency = 1
scope = "key"

[[integrations.metered.limits]]
rate = "20/s"
burst = 2
scope = "key"

[integrations.basic]
base_url = "@URL"
auth = {{ type = "basic", username = "me", password = {POOL} }}
[integrations.header]
base_url = "@URL"
auth = {{ type = "header", name = "X-Key", value = {POOL}, format = "Token {{secret}}" }}
[integrations.query]
base_url = "@URL"
auth = {{ type = "query", name = "key", value = {POOL} }}
[integrations.fields]
base_url = "@URL"
auth = {{ type = "headers", fields = {{ X-App = "env:KEY_1", X-Key = {POOL}, X-Id = {POOL} }} }}
[integrations.files]
base_url = "@URL/files"
auth = {{ type = "bearer", token = ["file:@FOLDER/one", "file:@FOLDER/two"] }}
"""

Judge = Callable[[str, ReceivedRequest], Script | None]


class Api:
    """A provider with a judge for each integration, who is told the key; 200 where he says nothing."""

    def __init__(self) -> None:
        self.judges: dict[str, Judge] = {}
        self.seen: list[tuple[str, str, float]] = []

    def __call__(self, request: ReceivedRequest) -> Script | None:
        name = request.target.split("/")[1].partition("?")[0]
        key = (request.header("Authorization") or "").removeprefix("Bearer ")
        self.seen.append((name, key, monotonic()))
        judge = self.judges.get(name)
        return (judge and judge(key, request)) or reply(200, {"body": request.body.decode()})

    def keys(self, name: str) -> list[str]:
        """The keys that an integration's calls came with, in order."""
        return [key for integration, key, _ in self.seen if integration == name]


@pytest.fixture(scope="module")
def api() -> Api:
    return Api()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys")
    (path / "one").write_text("file-key-one")
    (path / "two").write_text("file-key-two")
    return path


@pytest.fixture(scope="module")
def provider(api: Api) -> Iterator[FakeProvider]:
    with FakeProvider(api) as started:
        yield started


@pytest.fixture(scope="module")
def sidecar(provider: FakeProvider, folder: Path) -> Iterator[Sidecar]:
    config = CONFIG.replace("@URL", provider.url).replace("@FOLDER", str(folder))
    with Sidecar(config, env={**KEYS, **installed(folder, PLUGIN)}) as started:
        yield started
    for key in (*KEYS.values(), "file-key"):
        assert key not in started.stderr
    assert provider.problems == []


def ask(sidecar: Sidecar, name: str, method: str = "GET", body: str = "") -> tuple[int, str, str]:
    """One call; its status, body and Outrider-Id."""
    connection = HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    try:
        connection.request(method, f"/{name}/x", body=body or None, headers={"Authorization": "Bearer x"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers.get("Outrider-Id", "")
    finally:
        connection.close()


def described(sidecar: Sidecar, name: str) -> dict[str, Any]:
    """What `/api/integrations` says of a pool; no key is in it."""
    (found,) = [one for one in told(sidecar, "/api/integrations")["integrations"] if one["name"] == name]
    return dict(found["credential"])


def told(sidecar: Sidecar, path: str) -> Any:
    """What the admin listener says; no key is in it."""
    connection = HTTPConnection("127.0.0.1", int(sidecar.admin_url.rpartition(":")[2]), timeout=30)
    connection.request("GET", path)
    text = connection.getresponse().read().decode()
    connection.close()
    assert not [key for key in KEYS.values() if key in text]
    return json.loads(text)


def states(sidecar: Sidecar, name: str) -> list[str]:
    return [one["state"] for one in described(sidecar, name)["keys"]]


def test_calls_rotate_over_the_keys(sidecar: Sidecar, api: Api) -> None:
    """Each takes its turn."""
    for _ in range(6):
        ask(sidecar, "rotating")

    assert api.keys("rotating") == [ONE, TWO, THREE, ONE, TWO, THREE]
    assert [one["key"] for one in described(sidecar, "rotating")["keys"]] == [
        "key 1 of 3",
        "key 2 of 3",
        "key 3 of 3",
    ]


def test_a_key_that_is_limited_rests(sidecar: Sidecar, api: Api) -> None:
    """Until its Retry-After; the call that met it goes on with another at once, whatever its method."""
    api.judges["limited"] = lambda key, _: reply(429, {}, {"Retry-After": "60"}) if key == TWO else None

    began = monotonic()
    made = [ask(sidecar, "limited", "POST", "charge") for _ in range(9)]
    answers = [one[:2] for one in made]
    steps = told(sidecar, f"/api/why/{made[1][2]}")["steps"]

    assert [step["text"].partition(" after")[0] for step in steps] == [
        "attempt 1 at limited with key 2 of 3: 4xx",
        "attempt 2 at limited with key 3 of 3: 2xx",
    ]
    assert set(answers) == {(200, '{"body": "charge"}')}
    assert Counter(api.keys("limited")) == {ONE: 5, TWO: 1, THREE: 4}
    assert states(sidecar, "limited") == ["ready", "resting", "ready"]
    assert monotonic() - began < 5
    assert sidecar.metric("outrider_key_limited_total", integration="limited", key="2") == 1
    assert sidecar.metric("outrider_retries_total", integration="limited") == 0


def test_a_limit_that_says_no_time_rests_its_key_for_a_second(sidecar: Sidecar, api: Api) -> None:
    """The others work meanwhile."""
    api.judges["silent"] = lambda key, _: reply(429) if key == ONE else None

    statuses = [ask(sidecar, "silent")[0] for _ in range(5)]

    assert set(statuses) == {200}
    assert states(sidecar, "silent") == ["resting", "ready", "ready"]


@pytest.mark.parametrize(
    ("name", "status", "said"), [("refused", 401, "no"), ("signed", 403, "this key was revoked")]
)
def test_a_key_that_is_refused_is_taken_out(
    sidecar: Sidecar, api: Api, name: str, status: int, said: str
) -> None:
    """After one call, which goes on with another key; the alert is raised once."""
    api.judges[name] = lambda key, _: reply(status, said) if key == TWO else None

    answers = [ask(sidecar, name, "POST", "charge")[:2] for _ in range(20)]

    assert set(answers) == {(200, '{"body": "charge"}')}
    assert Counter(api.keys(name))[TWO] == 1
    assert states(sidecar, name) == ["ready", "refused", "ready"]
    alert = f"integration '{name}': key 2 of 3 was refused and is left out; replace it"
    sidecar.until_said(alert)
    assert sidecar.stderr.count(alert) == 1
    assert sidecar.metric("outrider_key_refused", integration=name, key="2") == 1
    assert sidecar.metric("outrider_key_refused", integration=name) == 1


def test_a_403_that_is_about_something_else_is_the_apps(sidecar: Sidecar, api: Api) -> None:
    """Only what the provider's plugin names refuses a key."""
    api.judges["rotating"] = lambda key, _: reply(403, "not yours")
    before = len(api.seen)

    assert ask(sidecar, "rotating")[:2] == (403, "not yours")
    assert len(api.seen) - before == 1
    assert states(sidecar, "rotating") == ["ready"] * 3
    del api.judges["rotating"]


def test_when_all_rest_a_call_waits_for_the_first_to_come_back(sidecar: Sidecar, api: Api) -> None:
    """It takes as long as that key rests, and the call goes out with it."""
    rests = {ONE: "30", TWO: "1", THREE: "30"}
    api.judges["resting"] = lambda key, _: (
        reply(429, {}, {"Retry-After": rests.pop(key)}) if key in rests else None
    )

    met_every_key = ask(sidecar, "resting")[0]
    began = monotonic()
    waited = ask(sidecar, "resting")[0]

    assert (met_every_key, waited) == (429, 200)
    assert 0.5 < monotonic() - began < 3
    assert api.keys("resting") == [ONE, TWO, THREE, TWO]


def test_a_retry_waits_for_the_first_key_to_come_back(sidecar: Sidecar, api: Api) -> None:
    """Where the call has met a limit with every key, and not for the key that it met last."""
    rests = {ONE: "30", TWO: "1", THREE: "30"}
    api.judges["waiting"] = lambda key, _: (
        reply(429, {}, {"Retry-After": rests.pop(key)}) if key in rests else None
    )

    began = monotonic()
    status = ask(sidecar, "waiting", "POST", "charge")[0]

    assert (status, api.keys("waiting")) == (200, [ONE, TWO, THREE, TWO])
    assert 0.9 < monotonic() - began < 3


def test_a_call_that_every_key_refuses_blames_none(sidecar: Sidecar, api: Api) -> None:
    """The provider's 401 goes to the app, each key was tried once, and other calls go on with all of them."""
    api.judges["poisoned"] = lambda key, request: reply(401, "not you") if request.method == "PUT" else None

    for _ in range(3):
        before = len(api.keys("poisoned"))
        assert ask(sidecar, "poisoned", "PUT")[:2] == (401, "not you")
        assert sorted(api.keys("poisoned")[before:]) == sorted(KEYS.values())
        assert states(sidecar, "poisoned") == ["ready"] * 3
    assert {ask(sidecar, "poisoned")[0] for _ in range(6)} == {200}
    assert "'poisoned': key" not in sidecar.stderr


def test_a_rotated_file_brings_a_key_back(sidecar: Sidecar, api: Api, folder: Path) -> None:
    """Without a reload or a failed call."""
    good = {"file-key-two", "file-key-new"}
    api.judges["files"] = lambda key, _: reply(401) if key not in good else None
    statuses = [ask(sidecar, "files")[0] for _ in range(4)]
    assert states(sidecar, "files") == ["refused", "ready"]

    (folder / "one").write_text("file-key-new")
    until(lambda: states(sidecar, "files") == ["ready", "ready"])
    statuses += [ask(sidecar, "files")[0] for _ in range(4)]

    assert set(statuses) == {200}
    assert Counter(api.keys("files")) == {"file-key-one": 1, "file-key-two": 6, "file-key-new": 2}
    sidecar.until_said("integration 'files': key 1 of 2 is used again")


async def test_no_app_sees_a_key_that_is_refused_in_the_middle_of_load(sidecar: Sidecar, api: Api) -> None:
    """200 calls a second, POSTs among them, while two of three keys are revoked one after the other."""
    bad: set[str] = set()
    api.judges["loaded"] = lambda key, _: reply(401) if key in bad else None

    calls = []
    for number in range(400):
        if number == 100:
            bad.add(ONE)
        if number == 250:
            bad.add(THREE)
        calls.append(asyncio.ensure_future(_ask(sidecar.port, "loaded", "POST", b"charge")))
        await asyncio.sleep(0.005)
    statuses = await asyncio.gather(*calls)

    assert Counter(statuses) == {200: 400}
    assert await asyncio.to_thread(states, sidecar, "loaded") == ["refused", "ready", "refused"]


async def test_limits_of_each_key_are_exact(sidecar: Sidecar, api: Api) -> None:
    """Three keys of 20/s with a burst of 2: no window of any key has more, and together they do thrice as much."""
    began = monotonic()
    statuses = await asyncio.gather(*(_ask(sidecar.port, "metered") for _ in range(66)))
    took_s = monotonic() - began

    times: dict[str, list[float]] = {key: [] for key in KEYS.values()}
    for name, key, at in api.seen:
        if name == "metered":
            times[key].append(at)
    assert Counter(statuses) == {200: 66}
    assert {key: len(found) for key, found in times.items()} == dict.fromkeys(KEYS.values(), 22)
    assert 0.9 < took_s < 2.5  # 2 + 20/s are 22 after a second
    for found in times.values():
        for start, first in enumerate(found):
            for end in range(start, len(found)):
                # What was granted in order may arrive a little closer together.
                assert end - start + 1 <= 2 + 20 * (found[end] - first + 0.05) + 1


async def test_a_slot_of_a_key_is_used_as_soon_as_it_is_free(
    sidecar: Sidecar, api: Api, provider: FakeProvider
) -> None:
    """One call at a time with each key: three are under way, and whoever waits gets the first that ends."""
    gates: list[Gate] = []

    def judge(key: str, request: ReceivedRequest) -> Script:
        gates.append(Gate())
        return raw(gates[-1], b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    api.judges["slow"] = judge
    calls = []
    for number in range(6):
        calls.append(asyncio.ensure_future(_ask(sidecar.port, "slow")))
        count = min(number, 2) + 1
        await asyncio.to_thread(provider.until, lambda count=count: len(api.keys("slow")) == count)
    for number, ended in enumerate((2, 0, 1, 4, 3, 5), 4):
        gates[ended].open()
        count = min(number, 6)
        await asyncio.to_thread(provider.until, lambda count=count: len(api.keys("slow")) == count)
    statuses = await asyncio.gather(*calls)

    assert set(statuses) == {200}
    one, two, three, *later = api.keys("slow")
    assert {one, two, three} == set(KEYS.values())
    assert later == [three, one, two]


@pytest.mark.parametrize("name", ["basic", "header", "fields", "query"])
def test_wherever_the_key_stands(sidecar: Sidecar, api: Api, name: str) -> None:
    """A password, the value of a field, several fields that belong together, a parameter of the query."""
    found = []

    def judge(key: str, request: ReceivedRequest) -> None:
        if name == "fields":
            assert request.values("X-App") == [ONE]
            assert request.values("X-Id") == request.values("X-Key")
        basic = (request.header("Authorization") or "").removeprefix("Basic ")
        found.append(
            base64.b64decode(basic).decode().removeprefix("me:")
            or (request.header("X-Key") or "").removeprefix("Token ")
            or request.target.rpartition("key=")[2]
        )

    api.judges["x"] = judge
    for _ in range(4):
        ask(sidecar, name)
    del api.judges["x"]

    assert found == [ONE, TWO, THREE, ONE]


def test_one_key_is_alerted_once_too(sidecar: Sidecar) -> None:
    """A credential without a pool: a thousand refusals are one line, and each 401 is the app's."""
    config = '[integrations.api]\nbase_url = "{url}"\nauth = {{ type = "bearer", token = "env:KEY_1" }}\n'
    with (
        FakeProvider(lambda _: reply(401, "no")) as provider,
        Sidecar(config.format(url=provider.url), env=KEYS) as one,
    ):
        answers = {ask(one, "api", "POST", "x")[:2] for _ in range(100)}
        one.until_said("integration 'api': failed: 401")

        assert answers == {(401, "no")}
        assert len(provider.requests) == 100
        assert one.stderr.count("integration 'api': failed: 401") == 1


def test_a_good_key_with_calls_that_are_not_for_it_is_no_thousand_alerts() -> None:
    """Every other call is a 401: the first is told, and that it was over."""
    config = '[integrations.api]\nbase_url = "{url}"\nauth = {{ type = "bearer", token = "env:KEY_1" }}\n'
    with (
        FakeProvider(lambda request: reply(401 if request.method == "PUT" else 200)) as provider,
        Sidecar(config.format(url=provider.url), env=KEYS) as one,
    ):
        statuses = [ask(one, "api", "PUT" if number % 2 else "GET")[0] for number in range(100)]
        one.until_said("over: failed: 401")

        assert Counter(statuses) == {200: 50, 401: 50}
        assert one.stderr.count("integration 'api': failed: 401") == 1


def until(claim: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Look again until it holds."""
    end = monotonic() + timeout_s
    while not claim():
        assert monotonic() < end, "not so in time"
        threading.Event().wait(0.1)


async def _ask(port: int, name: str, method: str = "GET", body: bytes = b"") -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"{method} /{name}/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])
