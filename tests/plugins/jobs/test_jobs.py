"""Jobs through the real program: what makes one, how it is delivered, what the app sees of it."""

import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from end_to_end.raw import Wire
from outrider.testing import FakeProvider, ReceivedRequest, Script, Sidecar, Step, reply
from plugins.jobs.conftest import ASYNC, Caller

CONFIG = """
[integrations.acme]
base_url = "{url}"
auth = {{ type = "bearer", token = "env:KEY" }}
jobs = {{ attempts = 3, base = "5ms", cap = "20ms", max_body = "300kB" }}
retry = {{ attempts = 1 }}

[integrations.queried]
base_url = "{url}"
auth = {{ type = "query", name = "key", value = "env:KEY" }}

[integrations.passing]
base_url = "{url}"
auth = {{ type = "pass" }}

[integrations.queueing]
base_url = "{url}"
auth = {{ type = "none" }}
jobs = {{ base = "5ms", cap = "20ms" }}
retry = {{ attempts = 1 }}
timeout = {{ response = "300ms" }}
on = {{ "429" = ["queue"], "503" = ["queue"], timeout = ["queue"], "404" = ["queue"] }}

[integrations.keyed]
provider = "stripe"
base_url = "{url}"
auth = {{ type = "bearer", token = "env:KEY" }}
retry = {{ attempts = 1 }}
on = {{ "503" = ["queue"] }}
jobs = {{ base = "5ms", cap = "20ms" }}

[integrations.nobody]
base_url = "http://127.0.0.1:9"
auth = {{ type = "none" }}
on = {{ unreachable = ["failover", "queue"] }}
fallback = {{ targets = ["acme"], message = {{ status = 500 }} }}
jobs = {{ base = "5ms", cap = "5ms", keep = "300ms" }}

[integrations.spilling]
base_url = "{url}"
auth = {{ type = "none" }}
limits = [{{ rate = "1/h", wait = 0 }}]
on = {{ limited = ["queue"] }}

[integrations.brief]
base_url = "http://127.0.0.1:9"
auth = {{ type = "none" }}
jobs = {{ base = "5ms", cap = "5ms", keep = "200ms" }}

[integrations.waiting]
base_url = "http://127.0.0.1:9"
auth = {{ type = "none" }}
jobs = {{ base = "1h", cap = "1h" }}
"""


@pytest.fixture(scope="module")
def app(module_provider: FakeProvider) -> Iterator[Caller]:
    with Sidecar(CONFIG.format(url=module_provider.url), env={"KEY": "s3cret"}) as sidecar:
        yield Caller(sidecar)
    assert sidecar.stop() == 0
    assert "s3cret" not in sidecar.stderr
    assert "crashed" not in sidecar.stderr


def test_a_call_that_can_wait(app: Caller, provider: FakeProvider) -> None:
    """202 with its address; delivered as it was sent, with our credential; the response as it came."""
    provider.reply(201, b"\x00made", {"X-Made": "1", "Set-Cookie": "a=b"})
    headers = {"Authorization": "Bearer mine", "X-Own": "7", "Outrider-Priority": "high"}
    accepted = app("POST", "/acme/v1/things?q=%2F", b"\xffbody", {**ASYNC, **headers})
    location = accepted.headers["Location"]
    job = app.job(location, wait=5)
    response = app("GET", f"{location}/response")
    (sent,) = provider.requests

    assert (accepted.status, accepted.headers["Preference-Applied"]) == (202, "respond-async")
    assert location == f"/_outrider/jobs/{accepted.json['id']}"
    assert (job["state"], job["attempts"], job["response"]["status"]) == ("done", 1, 201)
    assert job["response"]["headers"]["X-Made"] == "1"
    assert [entry["status"] for entry in job["history"]] == [201]
    assert (response.status, response.body) == (201, b"\x00made")
    assert (response.headers["X-Made"], response.headers["Set-Cookie"]) == ("1", "a=b")
    assert (sent.method, sent.target, sent.body) == ("POST", "/v1/things?q=%2F", b"\xffbody")
    assert (sent.values("Authorization"), sent.values("X-Own")) == (["Bearer s3cret"], ["7"])
    assert sent.values("Prefer") == sent.values("Outrider-Priority") == []


def test_other_preferences_are_the_providers(app: Caller, provider: FakeProvider) -> None:
    """`respond-async` and `wait` end here."""
    location = app("PUT", "/acme/x", b"1", {"Prefer": 'return=minimal; x="a,b", Respond-Async, wait=3'})
    app.job(location.headers["Location"], wait=5)

    assert provider.requests[0].values("Prefer") == ['return=minimal; x="a,b"']


def test_it_is_tried_again_with_the_same_bytes_and_key(app: Caller, provider: FakeProvider) -> None:
    """By the schedule of `jobs`; each attempt has its time, status and reason."""
    provider.reply(503)
    provider.raw(Step.CLOSE)
    job = app.job(app.enqueue("/acme/x", b"same"), wait=5)
    sent = [(request.body, request.values("Idempotency-Key")) for request in provider.requests]

    assert (job["state"], job["attempts"]) == ("done", 3)
    assert [entry["status"] for entry in job["history"]] == [503, None, 200]
    assert job["history"][0]["reason"] == "the provider answered 503 Service Unavailable"
    assert sent == [(b"same", [job["idempotency_key"]])] * 3


def test_what_fails_for_good_stays(app: Caller, provider: FakeProvider) -> None:
    """After its attempts, or at once where the provider says what is wrong with it; with the response."""
    for _ in range(3):
        provider.reply(500, b"down")
    spent = app.enqueue("/acme/x")
    used_up = app.job(spent, wait=5)
    provider.reply(422, b"no such thing")
    refused = app.enqueue("/acme/x")
    wrong = app.job(refused, wait=5)

    assert (used_up["state"], used_up["attempts"]) == ("failed", 3)
    assert (wrong["state"], wrong["attempts"]) == ("failed", 1)
    assert [app("GET", f"{one}/response").body for one in (spent, refused)] == [b"down", b"no such thing"]
    assert app("GET", f"{refused}/response").status == 422


def test_retry_after_is_kept_to(app: Caller, provider: FakeProvider) -> None:
    """It is longer than the schedule."""
    provider.reply(503, b"", {"Retry-After": "1"})
    job = app.job(app.enqueue("/acme/x"), wait=5)
    first, second = (float(entry["time"][17:23]) for entry in job["history"])

    assert job["state"] == "done"
    assert (second - first) % 60 >= 1.0


@pytest.mark.parametrize(("failure", "seen"), [(429, 429), (503, 503), (404, 404), ("slow", None)])
def test_what_on_says_is_queued(app: Caller, provider: FakeProvider, failure: object, seen: object) -> None:
    """202 instead of the failure; the live attempt and the delivery are one call to the provider."""
    if isinstance(failure, int):
        provider.reply(failure)
    else:
        provider.raw(Step.WAIT, Step.CLOSE)
    answer = app("POST", "/queueing/x", b"once")
    job = app.job(answer.headers["Location"], wait=5)
    provider.release()
    keys = {tuple(request.values("Idempotency-Key")) for request in provider.requests}

    assert (answer.status, answer.headers["Preference-Applied"]) == (202, "respond-async")
    assert (job["state"], job["attempts"]) == ("done", 1)
    assert [request.body for request in provider.requests] == [b"once", b"once"]
    assert keys == {(job["idempotency_key"],)}


def test_an_upload_that_is_answered_early_is_queued_whole(app: Caller, provider: FakeProvider) -> None:
    """What has come of the body, and what is still to come: nobody else reads it any more."""

    def attempts() -> float:
        return app.sidecar.metric("outrider_attempts_total", integration="queueing")

    app.job(app.enqueue("/acme/x"), wait=5)  # the first job opens the database, which takes its time
    before = attempts()
    provider.raw(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", Step.WAIT, reads_body=False)
    with Wire(app.sidecar.port) as wire:
        wire.send(b"POST /queueing/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello")
        while attempts() == before:
            pass
        wire.send(b"world")
        answer = wire.answer()
    job = app.job(answer.header("Location") or "", wait=5)

    assert (answer.status, job["state"]) == (202, "done")
    assert provider.requests[-1].body == b"helloworld"


@pytest.mark.parametrize("given", [{}, {"Idempotency-Key": "the-apps"}])
def test_a_provider_that_takes_keys(app: Caller, provider: FakeProvider, given: dict[str, str]) -> None:
    """One key from the first live attempt on, the app's own where it gave one."""
    provider.reply(503)
    answer = app("POST", "/keyed/v1/charges", b"amount=5", given)
    job = app.job(answer.headers["Location"], wait=5)
    keys = [request.values("Idempotency-Key") for request in provider.requests]

    assert keys == [[job["idempotency_key"]]] * 2
    assert job["idempotency_key"] == given.get("Idempotency-Key", job["idempotency_key"])


def test_what_on_does_not_name_is_passed_on(app: Caller, provider: FakeProvider) -> None:
    """Nothing is deferred silently."""
    provider.reply(500)
    assert app("POST", "/queueing/x").status == 500
    provider.reply(503)
    assert app("GET", "/acme/x").status == 503


def test_queue_comes_after_failover(app: Caller, provider: FakeProvider) -> None:
    """The actions are done in order; `message` is not given where `queue` is named."""
    provider.reply(500)
    answer = app("GET", "/nobody/x")

    assert answer.status == 202
    assert len(provider.requests) >= 1
    assert app.job(answer.headers["Location"], wait=5)["state"] == "done"


def test_spill_over(app: Caller, provider: FakeProvider) -> None:
    """A call that our own limit would hold up too long becomes a job, however large its body."""
    assert app("POST", "/spilling/x", b"first").status == 200
    answer = app("POST", "/spilling/x", b"y" * 400_000)
    location = answer.headers["Location"]
    job = app.job(location)
    cancelled = app("DELETE", location)

    assert answer.status == 202
    assert job["state"] in ("queued", "sending")  # the moment in which it asks for a turn
    assert (job["attempts"], job["history"]) == (0, [])
    assert (cancelled.status, cancelled.json["state"]) == (200, "cancelled")
    assert [request.body for request in provider.requests if request.method == "POST"] == [b"first"]


def test_long_bodies_have_files(app: Caller, provider: FakeProvider) -> None:
    """Past 64 KiB, both ways and attempt after attempt; the files go with the job."""
    asked, given = bytes(range(256)) * 1000, b"z" * 250_000
    provider.reply(503)
    provider.reply(200, given)
    location = app.enqueue("/acme/x", asked)
    job = app.job(location, wait=5)
    response = app("GET", f"{location}/response")
    files = sorted(path.name for path in (app.state_dir / "bodies").iterdir() if job["id"] in path.name)

    assert [request.body for request in provider.requests] == [asked, asked]
    assert provider.requests[0].values("Content-Length") == [str(len(asked))]
    assert (response.status, response.body) == (200, given)
    assert files == [f"{job['id']}.response"]


def test_a_body_may_stream_in(app: Caller, provider: FakeProvider) -> None:
    """Chunked from the app, with its length from then on."""
    accepted = app("POST", "/acme/x", iter([b"a" * 50_000, b"b" * 50_000]), ASYNC)
    app.job(accepted.headers["Location"], wait=5)
    (sent,) = provider.requests

    assert (sent.body, sent.values("Content-Length")) == (b"a" * 50_000 + b"b" * 50_000, ["100000"])


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long(app: Caller, provider: FakeProvider, chunked: bool) -> None:
    """413, and nothing is kept of it."""
    for size in (300_001, 17_000_000):  # such a long one is written to its end before the answer is read
        body = b"a" * size
        answer = app("POST", "/acme/x", iter([body]) if chunked else body, ASYNC)

        assert (answer.status, provider.requests) == (413, [])
        assert "jobs.max_body" in answer.json["detail"]


def test_what_was_sent_and_not_kept_is_not_queued(app: Caller, provider: FakeProvider) -> None:
    """The app gets the failure, and the log says why there is no job."""
    provider.reply(503, b"sorry")
    answer = app("POST", "/queueing/x", b"a" * 300_000)

    assert (answer.status, answer.body) == (503, b"sorry")
    app.sidecar.until_said("integration 'queueing': a call is not queued: its body was sent")


def test_a_response_whose_file_is_gone(app: Caller, provider: FakeProvider) -> None:
    """410, in words."""
    provider.reply(200, b"a" * 100_000)
    location = app.enqueue("/acme/x")
    app.job(location, wait=5)
    (app.state_dir / "bodies" / f"{location.rpartition('/')[2]}.response").unlink()
    answer = app("GET", f"{location}/response")

    assert (answer.status, "its file is gone" in answer.json["detail"]) == (410, True)


def test_a_response_that_is_too_long_is_not_kept(app: Caller, provider: FakeProvider) -> None:
    """The job is done; a part of a response would be worse than none."""
    provider.reply(200, b"a" * 300_001)
    location = app.enqueue("/acme/x")

    assert app.job(location, wait=5)["state"] == "done"
    assert app("GET", f"{location}/response").status == 410


def test_no_secret_is_stored(app: Caller, provider: FakeProvider) -> None:
    """Neither ours nor what the app sent in its place, also in the query."""
    app.job(
        app.enqueue("/acme/x", b"", {"Authorization": "Bearer app-sent", "X-Api-Key": "app-sent"}), wait=5
    )
    app.job(app.enqueue("/queried/x?a=1&key=app-sent&b=2"), wait=5)
    waiting = app.enqueue("/waiting/x", b"", {"Authorization": "Bearer app-sent"})
    files = [path.read_bytes() for path in app.state_dir.iterdir() if path.name.startswith("jobs.db")]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in app.state_dir.rglob("*")}
    app("DELETE", waiting)

    assert provider.requests[1].target == "/x?a=1&b=2&key=s3cret"
    assert not any(b"app-sent" in data or b"s3cret" in data for data in files)
    assert stat.S_IMODE(app.state_dir.stat().st_mode) == 0o700
    assert modes <= {0o600, 0o700}


def test_auth_type_pass_has_no_jobs(app: Caller, provider: FakeProvider) -> None:
    """The preference is not applied (RFC 7240 allows that), since the app's credential would be stored."""
    answer = app("POST", "/passing/x", b"", {**ASYNC, "Authorization": "Bearer mine"})

    assert (answer.status, answer.headers["Preference-Applied"]) == (200, None)
    assert provider.requests[0].values("Authorization") == ["Bearer mine"]


def test_the_same_key_is_the_same_job(app: Caller, provider: FakeProvider) -> None:
    """With another body, target or method it is a 422."""
    first, second = (app.enqueue("/acme/x", b"1", {"Idempotency-Key": "k1"}) for _ in range(2))
    job = app.job(first, wait=5)
    third = app.enqueue("/acme/x", b"1", {"Idempotency-Key": "k1"})
    others = [
        app(method, path, body, {**ASYNC, "Idempotency-Key": "k1"}).status
        for method, path, body in (
            ("POST", "/acme/x", b"2"),
            ("POST", "/acme/y", b"1"),
            ("PUT", "/acme/x", b"1"),
        )
    ]
    elsewhere = app.enqueue("/queried/x", b"2", {"Idempotency-Key": "k1"})

    assert first == second == third
    assert (others, elsewhere == first) == ([422, 422, 422], False)
    assert job["idempotency_key"] == "k1"
    assert provider.requests[0].values("Idempotency-Key") == ["k1"]
    assert len([request for request in provider.requests if request.target == "/x"]) == 1


def test_not_before(app: Caller, provider: FakeProvider) -> None:
    """Nothing is sent earlier."""
    job = app.job(app.enqueue("/acme/x", b"", {"Outrider-Not-Before": "0.4"}), wait=5)
    created, sent = job["created"], job["history"][0]["time"]

    assert job["state"] == "done"
    assert (float(sent[17:23]) - float(created[17:23])) % 60 >= 0.4


def test_expires(app: Caller) -> None:
    """What was not delivered by then has failed, and says why."""
    job = app.job(app.enqueue("/waiting/x", b"", {"Outrider-Expires": "0.3"}), wait=5)

    assert job["state"] == "failed"
    assert job["reason"].startswith("not delivered before it expired")
    assert job["response"] is None


def test_keep(app: Caller, provider: FakeProvider) -> None:
    """Attempts that find nobody are bounded by it alone."""
    provider.handler = lambda request: reply(501)
    location = app("POST", "/nobody/x", b"1").headers["Location"]

    assert app.job(location, wait=5)["state"] == "failed"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Outrider-Not-Before", "soon"),
        ("Outrider-Expires", "2020-01-01T00:00:00Z"),
        ("Outrider-Expires", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("Outrider-Priority", "urgent"),
        ("Outrider-Not-Before", "1795651200"),
        ("Outrider-Not-Before", "9999-12-31T23:59:59Z"),
        ("Outrider-Queue-Key", "k" * 256),
        ("Outrider-Queue-Key", b"\xff\xfe"),
        ("Idempotency-Key", b"\xff\xfe"),
    ],
)
def test_a_wish_that_cannot_be_read(
    app: Caller, provider: FakeProvider, name: str, value: str | bytes
) -> None:
    """400 that names the field; nothing is kept."""
    answer = app("POST", "/acme/x", b"", {**ASYNC, name: value})

    assert (answer.status, name in answer.json["detail"], provider.requests) == (400, True, [])


def test_what_cannot_be_stored_spoils_no_commit(app: Caller) -> None:
    """Calls that share a commit with one whose key is no text are accepted."""
    keys: list[str | bytes] = [b"\xff\xfe" if n % 5 == 0 else f"stored-{n}" for n in range(40)]

    def accept(key: str | bytes) -> int:
        return app("POST", "/waiting/x", b"", {**ASYNC, "Idempotency-Key": key}).status

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(accept, keys))

    assert statuses == [400 if isinstance(key, bytes) else 202 for key in keys]


def test_an_empty_key_is_none(app: Caller, provider: FakeProvider) -> None:
    """The job gets one of its own, and each delivery carries that."""
    job = app.job(app.enqueue("/acme/x", b"", {"Idempotency-Key": ""}), wait=5)

    assert provider.requests[0].values("Idempotency-Key") == [job["idempotency_key"]]
    assert len(job["idempotency_key"]) == 32


def test_an_app_that_gives_it_longer_than_keep(app: Caller) -> None:
    """It is given up when `keep` is over, and that is what its reason says."""
    location = app("POST", "/brief/x", b"", {**ASYNC, "Outrider-Expires": "9999-12-31T23:59:59Z"})
    job = app.job(location.headers["Location"], wait=5)

    assert (job["state"], job["reason"].partition(";")[0]) == ("failed", "not delivered within jobs.keep")


def test_order_is_kept_within_a_queue_key(app: Caller, provider: FakeProvider) -> None:
    """The second waits for the first, and not for the jobs of another key; a failed one lets the next go."""
    failures = {b"a1": [503, 503], b"a2": [400]}

    def handler(request: ReceivedRequest) -> Script:
        statuses = failures.get(request.body, [])
        return reply(statuses.pop(0) if statuses else 200)

    provider.handler = handler
    for body in (b"a1", b"b1", b"a2", b"a3"):
        last = app.enqueue("/acme/x", body, {"Outrider-Queue-Key": body[:1].decode()})
    app.job(last, wait=5)
    sent = [request.body for request in provider.requests]

    assert [body for body in sent if body[:1] == b"a"] == [b"a1", b"a1", b"a1", b"a2", b"a3"]
    assert sent.index(b"b1") < sent.index(b"a2")


def test_cancel(app: Caller) -> None:
    """A job that waits is cancelled, once; one that has ended is a 409, one that is not there a 404."""
    location = app.enqueue("/waiting/x")
    statuses = [app("DELETE", location).status for _ in range(2)]
    done = app.enqueue("/acme/x")
    app.job(done, wait=5)

    assert statuses == [200, 200]
    assert app.job(location)["state"] == "cancelled"
    assert app("GET", f"{location}/response").status == 410
    assert app("DELETE", done).status == 409
    assert [app("DELETE", "/_outrider/jobs/none").status, app("GET", "/_outrider/jobs/").status] == [404, 404]
    refused = app("PUT", done)
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, DELETE")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json["status"] == 405


def test_a_job_that_is_being_sent_can_be_cancelled(app: Caller, provider: FakeProvider) -> None:
    """Its delivery is broken off; the reason says that it may have taken effect."""
    provider.raw(Step.WAIT, Step.CLOSE)
    location = app.enqueue("/acme/x")
    provider.until(lambda: len(provider.requests) == 1)
    sending = app.job(location)["state"]
    cancelled = app("DELETE", location).json

    assert (sending, cancelled["state"]) == ("sending", "cancelled")
    assert "may have taken effect" in cancelled["reason"]
    provider.until(lambda: provider.is_closed(provider.requests[0].connection))
    assert len(provider.requests) == 1


def test_the_response_is_a_202_until_it_is_there(app: Caller) -> None:
    """And names the job."""
    location = app.enqueue("/waiting/x")
    answer = app("GET", f"{location}/response")
    app("DELETE", location)

    assert (answer.status, answer.headers["Location"]) == (202, location)


def test_the_database_is_whole(app: Caller) -> None:
    """After all of these; the counts that it keeps are true."""
    path = app.state_dir / "jobs.db"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        kept = dict(connection.execute("SELECT integration || state, n FROM counts WHERE n > 0"))
        counted = dict(
            connection.execute("SELECT integration || state, count(*) FROM jobs GROUP BY integration, state")
        )
    finally:
        connection.close()

    assert whole == "ok"
    assert kept == counted
