"""Limits, retries, breaker, failover and the error table, through the real program."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar, Step

AUTH = 'auth = { type = "none" }'
FAST = 'retry = { attempts = 3, base = "1ms", cap = "2ms" }'


def config(provider: FakeProvider, more: str = FAST, tables: str = "") -> str:
    return f'[integrations.api]\nbase_url = "{provider.url}"\n{AUTH}\n{more}\n{tables}\n'


def ask(sidecar: Sidecar, method: str = "GET", path: str = "/api/x", fields: str = "", body: str = ""):
    framing = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
    with Wire(sidecar.port) as wire:
        wire.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}{framing}\r\n{body}".encode())
        return wire.answer()


def test_a_get_is_tried_again_after_a_5xx() -> None:
    """It ends well, and says how many attempts that took."""
    with FakeProvider() as provider, Sidecar(config(provider)) as sidecar:
        provider.reply(503)
        provider.reply(200, b"fine")
        answer = ask(sidecar)
        retries = sidecar.metric("outrider_retries_total", integration="api", reason="503")

    assert (answer.status, answer.body, answer.header("Outrider-Attempts")) == (200, b"fine", "2")
    assert retries == 1


def test_the_last_answer_stops_the_sdk() -> None:
    """When attempts are used up the provider's answer is passed on, with `x-should-retry: false`."""
    with FakeProvider() as provider, Sidecar(config(provider)) as sidecar:
        for number in range(3):
            provider.reply(500, f"broken {number}")
        answer = ask(sidecar)

    assert (answer.status, answer.body) == (500, b"broken 2")
    assert answer.header("x-should-retry") == "false"
    assert len(provider.requests) == 3


@pytest.mark.parametrize(
    ("method", "fields", "status", "requests"),
    [
        ("POST", "", 500, 1),  # may have taken effect
        ("POST", "Idempotency-Key: k1\r\n", 500, 3),  # the provider tells a second time from a first
        ("POST", "", 429, 3),  # was not executed
        ("PUT", "", 502, 3),  # idempotent by its method
        ("GET", "", 404, 1),  # an answer
        ("GET", "", 501, 1),  # will not change
    ],
)
def test_what_is_sent_again(method: str, fields: str, status: int, requests: int) -> None:
    """By method, key and status."""
    with FakeProvider() as provider, Sidecar(config(provider)) as sidecar:
        for _ in range(3):
            provider.reply(status)
        answer = ask(sidecar, method, fields=fields)

    assert (answer.status, len(provider.requests)) == (status, requests)


def test_a_post_whose_connection_drops_is_sent_once() -> None:
    """The app is told that the outcome is unknown."""
    with FakeProvider() as provider, Sidecar(config(provider)) as sidecar:
        provider.raw(Step.CLOSE)
        answer = ask(sidecar, "POST", body="{}")

    assert (answer.status, len(provider.requests)) == (502, 1)
    assert "outcome is unknown" in json.loads(answer.body)["detail"]


def test_nothing_listens_and_a_post_is_tried_again() -> None:
    """Nothing was written, so any method may."""
    with FakeProvider() as provider:
        text = config(provider)
    with Sidecar(text) as sidecar:
        answer = ask(sidecar, "POST", body="{}")

    assert (answer.status, answer.header("Outrider-Attempts")) == (502, "3")


@pytest.mark.parametrize(
    ("word", "status", "requests"),
    [
        ("x-should-retry: true", 400, 2),
        ("x-should-retry: false", 503, 1),
        ("Stripe-Should-Retry: false", 429, 1),
    ],
)
def test_the_providers_word_overrides(word: str, status: int, requests: int) -> None:
    """Both ways, from any provider."""
    name, _, value = word.partition(": ")
    with FakeProvider() as provider, Sidecar(config(provider)) as sidecar:
        provider.reply(status, b"", {name: value})
        provider.reply(200)
        ask(sidecar)

    assert len(provider.requests) == requests


def test_a_retry_after_beyond_the_deadline_is_not_slept() -> None:
    """The exchange ends at once with the provider's answer, and the next call is held back."""
    with FakeProvider() as provider, Sidecar(config(provider)) as sidecar:
        provider.reply(429, b"slow down", {"Retry-After": "3600"})
        began = time.monotonic()
        first, second = ask(sidecar), ask(sidecar)

    assert (first.status, first.body) == (429, b"slow down")
    assert (second.status, len(provider.requests)) == (429, 1)
    assert int(second.header("Retry-After") or 0) > 3000
    assert time.monotonic() - began < 5


def test_retry_after_is_kept() -> None:
    """The next attempt comes after the time that was asked for."""
    with FakeProvider() as provider, Sidecar(config(provider)) as sidecar:
        provider.reply(429, b"", {"retry-after-ms": "300"})
        provider.reply(200)
        began = time.monotonic()
        answer = ask(sidecar)

    assert answer.status == 200
    assert time.monotonic() - began >= 0.3


def test_an_idempotency_key_is_put_on_and_kept() -> None:
    """Stripe takes them: a POST without one has the same on every attempt, and the app's own stays."""
    text = '[integrations.api]\nprovider = "stripe"\nbase_url = "{url}"\n' + f"{AUTH}\n{FAST}\n"
    with FakeProvider() as provider, Sidecar(text.replace("{url}", provider.url)) as sidecar:
        provider.reply(500)
        provider.reply(200)
        ask(sidecar, "POST", body="{}")
        ask(sidecar, "POST", fields="Idempotency-Key: mine\r\n", body="{}")
        keys = [request.header("idempotency-key") for request in provider.requests]

    assert keys[0] == keys[1]
    assert len(keys[0]) == 32
    assert keys[2] == "mine"


def test_a_breaker_opens_and_probes() -> None:
    """After so many failures the provider is left alone; the app is told when to come back."""
    more = 'retry = { attempts = 1 }\nbreaker = { failures = 2, open = "30s" }'
    with FakeProvider() as provider, Sidecar(config(provider, more)) as sidecar:
        for _ in range(2):
            provider.reply(500)
        statuses = [ask(sidecar).status for _ in range(3)]
        refused = ask(sidecar)
        shown = sidecar.metric("outrider_breaker_open", integration="api", target="api")

    assert (statuses, len(provider.requests)) == ([500, 500, 503], 2)
    assert 1 <= int(refused.header("Retry-After") or 0) <= 30
    assert shown == 1


def test_a_limit_refuses_what_would_wait_too_long() -> None:
    """429 with a truthful Retry-After, and nothing is sent; it names the limit that refused, and no other."""
    limit = '[[integrations.api.limits]]\nrate = "1/m"\nburst = 1\nwait = "100ms"\n'
    with FakeProvider() as provider, Sidecar(config(provider, FAST, limit)) as sidecar:
        statuses = [ask(sidecar).status for _ in range(2)]
        answer = ask(sidecar)

    assert (statuses, len(provider.requests)) == ([200, 429], 1)
    assert 50 <= int(answer.header("Retry-After") or 0) <= 60
    assert b"no turn within 0.1 s (1/m)" in answer.body
    assert answer.header("x-should-retry") is None  # its SDK may come back


def test_a_call_waits_as_long_as_its_own_limits_say() -> None:
    """A limit of another endpoint has no word in it, though it waits for nothing."""
    limits = """
        [[integrations.api.limits]]
        rate = "5/s"
        burst = 1
        wait = "10s"
        [[integrations.api.limits]]
        rate = "1/m"
        burst = 1
        wait = 0
        endpoints = ["POST /charges"]
    """
    with FakeProvider() as provider, Sidecar(config(provider, FAST, limits)) as sidecar:
        charges = [ask(sidecar, "POST", "/api/charges").status for _ in range(2)]
        others = [ask(sidecar).status for _ in range(3)]

    assert charges == [200, 429]
    assert others == [200, 200, 200]


def test_a_limit_that_is_long_to_wait_for_stops_the_sdk() -> None:
    """An SDK would sleep through an hour, or come back at once: it is told to leave it, and the app how long."""
    with FakeProvider() as provider, Sidecar(config(provider)) as sidecar:
        provider.reply(429, headers=[("Retry-After", "3600")])
        ask(sidecar)
        answer = ask(sidecar)

    assert (answer.status, len(provider.requests)) == (429, 1)
    assert answer.header("x-should-retry") == "false"
    assert 3590 <= int(answer.header("Retry-After") or 0) <= 3600


def test_a_providers_error_does_not_become_our_429() -> None:
    """The retry would have to wait for its turn too long: the app gets what the provider said."""
    limit = '[[integrations.api.limits]]\nrate = "1/m"\nburst = 1\nwait = "100ms"\n'
    with FakeProvider() as provider, Sidecar(config(provider, FAST, limit)) as sidecar:
        provider.reply(503, b"out of order")
        answer = ask(sidecar)

    assert (answer.status, answer.body, len(provider.requests)) == (503, b"out of order", 1)
    assert (answer.header("x-should-retry"), answer.header("Retry-After")) == ("false", None)


def test_an_error_whose_body_stalls_is_not_waited_for() -> None:
    """Neither before a retry, nor beyond the deadline where the provider's plugin wants to read it."""
    stalled = b"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\n"
    text = config(FakeProvider()).replace("[integrations.api]", '[integrations.api]\nprovider = "openai"')
    with FakeProvider() as provider:
        with Sidecar(config(provider)) as sidecar:
            provider.raw(stalled, Step.WAIT)
            began = time.monotonic()
            answer = ask(sidecar)
            took_s = time.monotonic() - began
        provider.clear()
        with Sidecar(text.replace("127.0.0.1:0", f"127.0.0.1:{provider.port}")) as sidecar:
            provider.raw(stalled, Step.WAIT, b"it is out")
            with Wire(sidecar.port) as wire:
                wire.send(b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nOutrider-Timeout: 500ms\r\n\r\n")
                late = wire.answer(on_head=provider.release)

    assert (answer.status, took_s < 3) == (200, True)
    assert (late.status, late.body) == (503, b"it is out")


def test_what_is_configured_and_what_was_told_stand_side_by_side() -> None:
    """At `/api/integrations`: an observed limit stops nothing and counts, and the provider's own holds the next call."""
    limits = (
        'limits = [{ rate = "1/m", burst = 1, observe = true }, { concurrency = 9, endpoints = ["POST /y"] }]'
    )
    told = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "6m0s",
    }
    with FakeProvider() as provider, Sidecar(config(provider, FAST, limits)) as sidecar:
        statuses = [ask(sidecar).status for _ in range(2)]
        provider.reply(200, b"", told)
        statuses += [ask(sidecar).status for _ in range(3)]
        page = f"{sidecar.admin_url}/api/integrations"
        with urllib.request.urlopen(page) as answer:
            shown = json.load(answer)["integrations"][0]["limits"]

    assert statuses == [200, 200, 200, 200, 429]  # the one that was left, and then none
    assert [(one["limit"], one["observe"], one["would_have_limited"]) for one in shown["configured"]] == [
        ("1/m", True, 3),
        ("concurrency 9", False, 0),
    ]
    (learned,) = shown["learned"]
    assert (learned["name"], learned["limit"], learned["remaining"]) == ("requests", 60, 0)
    assert 350 < learned["resets_s"] <= 360


def test_a_reload_forgets_nothing() -> None:
    """Neither what a limit has let pass, nor a halt that the provider asked for, nor that it is left alone."""
    limit = 'limits = [{ rate = "1/m", burst = 3, wait = 0 }]'
    with FakeProvider() as provider:
        text = "".join(
            f'[integrations.{name}]\nbase_url = "{provider.url}"\n{AUTH}\nretry = {{ attempts = 1 }}\n{more}\n'
            for name, more in (
                ("limited", limit),
                ("told", ""),
                ("broken", 'breaker = { failures = 1, open = "60s" }'),
            )
        )
        with Sidecar(text) as sidecar:
            before = [ask(sidecar, path="/limited/x").status for _ in range(4)]
            provider.reply(429, b"", {"Retry-After": "60"})
            before.append(ask(sidecar, path="/told/x").status)
            provider.reply(500)
            before.append(ask(sidecar, path="/broken/x").status)
            seen = len(provider.requests)
            sidecar.signal(signal.SIGHUP)
            sidecar.until_said("the configuration was reloaded: limited, told, broken")
            after = [ask(sidecar, path=f"/{name}/x").status for name in ("limited", "told", "broken")]
            shown = sidecar.metric("outrider_breaker_open", integration="broken", target="broken")
            elsewhere = f'[integrations.broken]\nbase_url = "{provider.url}/v2"\nbreaker = {{}}\n{AUTH}\n'
            sidecar.write(elsewhere)
            sidecar.until_said("the configuration was reloaded: broken")
            anew = ask(sidecar, path="/broken/x").status
            shown_anew = sidecar.metric("outrider_breaker_open", integration="broken", target="broken")

    assert before == [200, 200, 200, 429, 429, 500]
    assert (after, len(provider.requests)) == ([429, 429, 503], seen + 1)
    assert (shown, anew, shown_anew) == (1, 200, 0)


def fallback(first: FakeProvider, second: FakeProvider, on: str = "", more: str = "") -> str:
    return (
        config(first, f'{FAST}\nfallback = {{ targets = ["spare"]{more} }}', on)
        + f'[integrations.spare]\nbase_url = "{second.url}"\nretry = {{ attempts = 1 }}\n'
        + 'auth = { type = "bearer", token = "cmd:echo spare-key" }\n'
    )


def test_a_fallback_takes_over() -> None:
    """With its own credential; the metrics tell of it."""
    with FakeProvider() as first, FakeProvider() as second, Sidecar(fallback(first, second)) as sidecar:
        for _ in range(3):
            first.reply(503)
        second.reply(200, b"spare")
        answer = ask(sidecar)
        counted = sidecar.metric(
            "outrider_failovers_total", integration="api", **{"from": "api", "to": "spare"}
        )

    assert (answer.status, answer.body, counted) == (200, b"spare", 1)
    assert second.requests[0].header("authorization") == "Bearer spare-key"
    assert first.requests[0].header("authorization") is None


def test_a_fallback_takes_over_an_upload_that_is_under_way() -> None:
    """The first has answered early: what has come of the body, and what is still to come, goes to the second."""
    with FakeProvider() as first, FakeProvider() as second:
        text = fallback(first, second).replace(FAST, "retry = { attempts = 1 }")
        with Sidecar(text) as sidecar, Wire(sidecar.port) as wire:
            first.raw(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", Step.WAIT, reads_body=False)
            wire.send(b"PUT /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello")
            second.until(lambda: bool(second.requests))
            wire.send(b"world")
            answer = wire.answer()

    assert (answer.status, second.requests[0].body) == (200, b"helloworld")
    assert "crashed" not in sidecar.stderr


@pytest.mark.parametrize(("method", "status", "taken"), [("POST", 503, 0), ("POST", 429, 1), ("GET", 401, 0)])
def test_what_is_not_handed_on(method: str, status: int, taken: int) -> None:
    """What may have taken effect stays with the first; a 401 does not fail over by default."""
    with FakeProvider() as first, FakeProvider() as second, Sidecar(fallback(first, second)) as sidecar:
        for _ in range(3):
            first.reply(status)
        ask(sidecar, method)

    assert len(second.requests) == taken


def test_a_fallback_that_takes_no_keys_is_sent_a_post_once() -> None:
    """A key of ours for the first provider says nothing to the second."""
    with FakeProvider() as first, FakeProvider() as second:
        text = fallback(first, second).replace("retry = { attempts = 1 }", FAST)
        text = text.replace("[integrations.api]", '[integrations.api]\nprovider = "stripe"')
        with Sidecar(text) as sidecar:
            for _ in range(3):
                first.reply(503)
                second.reply(503)
            ask(sidecar, "POST", body="{}")

    assert (len(first.requests), len(second.requests)) == (3, 1)


def test_a_message_is_the_last_resort() -> None:
    """Nobody listens anywhere: the app gets what the configuration says."""
    message = ', message = { status = 503, body = { error = "sorry" }, headers = { X-Why = "down" } }'
    with FakeProvider() as first, FakeProvider() as second:
        text = fallback(first, second, more=message)
    with Sidecar(text) as sidecar:
        answer = ask(sidecar)

    assert (answer.status, json.loads(answer.body)) == (503, {"error": "sorry"})
    assert answer.header("X-Why") == "down"


def test_the_app_may_shorten_its_deadline() -> None:
    """`Outrider-Timeout` bounds everything; nonsense in it is a 400."""
    with FakeProvider() as provider, Sidecar(config(provider)) as sidecar:
        provider.raw(Step.WAIT)
        late = ask(sidecar, fields="Outrider-Timeout: 200ms\r\n")
        wrong = ask(sidecar, fields="Outrider-Timeout: soon\r\n")

    assert (late.status, wrong.status) == (504, 400)


def test_an_alert_is_said_once() -> None:
    """One line that names the integration for a run of the same trouble."""
    on = '[integrations.api.on]\n"401" = ["alert"]\n'
    with FakeProvider() as provider, Sidecar(config(provider, FAST, on)) as sidecar:
        for _ in range(3):
            provider.reply(401)
            ask(sidecar)
        ask(sidecar)
        sidecar.until_said("answers again")

    assert sidecar.stderr.count("integration 'api': failed: 401") == 1


def test_explain_says_what_would_happen(tmp_path: Path) -> None:
    """Target, credential by its reference, limits, retry class, fallbacks and the table; no secret is needed."""
    (tmp_path / "config.toml").write_text(
        """
[integrations.pay]
provider = "stripe"
auth = { type = "bearer", token = "env:NOT_SET" }
limits = [{ rate = "25/s", burst = 25 }]
fallback = { targets = ["spare"] }
[integrations.spare]
base_url = "https://spare.example"
auth = { type = "none" }
"""
    )
    command = [sys.executable, "-m", "outrider", "explain", "POST", "/pay/v1/charges?x=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in done.stdout.splitlines()}

    assert (done.returncode, done.stderr) == (0, "")
    assert said["sends"] == "POST https://api.stripe.com/v1/charges?x=1"
    assert said["credential"] == "bearer from env:NOT_SET"
    assert said["limits"] == "25/s, burst 25, waits up to 5 s"
    assert said["retry"] == "up to 4 attempts, with an idempotency key"
    assert said["fallback"] == "spare: https://spare.example"
    assert said["on 429"] == "retry, failover"


@pytest.mark.parametrize(
    ("on", "said"),
    [
        ('"5xx" = ["pass", "retry"]', "'retry' is never reached after 'pass'; write it before"),
        ('"5xx" = ["failover", "retry"]', "'retry' is never reached after 'failover'; write it before"),
        ('"5xx" = ["retry", "retry"]', "'retry' is named twice; name it once"),
        ('limited = ["retry"]', "'retry' does not help against our own limit; leave it out"),
        ('unreachable = ["refresh"]', "'refresh' is for a refusal, and here nobody answered; leave it out"),
        ('"5xx" = ["rety"]', "did you mean"),
    ],
)
def test_a_table_that_cannot_work_is_refused(tmp_path: Path, on: str, said: str) -> None:
    """With exit code 2 and the line of the key."""
    text = f'[integrations.a]\nbase_url = "https://a.example"\nauth = {{ type = "none" }}\n[integrations.a.on]\n{on}\n'
    (tmp_path / "config.toml").write_text(text)
    command = [sys.executable, "-m", "outrider", "check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stdout.startswith("config.toml:5: integrations.a.on.")
    assert said in done.stdout
