"""Callbacks: an app is told when its job has ended, signed, and told again until it hears."""

import json
import urllib.request

import pytest
from standardwebhooks import Webhook

from outrider.config import Url
from outrider.testing import FakeProvider, Gate, Sidecar, raw
from outrider_plugins.jobs.callback import allowed
from plugins.jobs.conftest import ASYNC, Caller

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONFIG = """
[integrations.acme]
base_url = "{url}"
auth = {{ type = "none" }}
jobs = {{ base = "5ms", cap = "20ms", callbacks = ["{app}/hooks"], callback_secret = "env:HOOK" }}
"""


def test_an_app_is_told(provider: FakeProvider) -> None:
    """With the job, under the same id until a 2xx takes it; the signature is one of Standard Webhooks."""
    with FakeProvider() as hooks:
        hooks.reply(500)
        with Sidecar(CONFIG.format(url=provider.url, app=hooks.url), env={"HOOK": SECRET}) as sidecar:
            app = Caller(sidecar)
            provider.reply(201)
            location = app.enqueue("/acme/x", b"", {"Outrider-Callback": f"{hooks.url}/hooks/done"})
            hooks.until(lambda: len(hooks.requests) == 2 and hooks.requests[1].complete)
            hooks.until(lambda: app.job(location)["callback"]["result"] == "done")
            told = app.job(location)["callback"]
            provider.reply(400)
            app.enqueue("/acme/x", b"", {"Outrider-Callback": f"{hooks.url}/hooks"})
            hooks.until(lambda: len(hooks.requests) == 3 and hooks.requests[2].complete)
            elsewhere = app("POST", "/acme/x", b"", {**ASYNC, "Outrider-Callback": f"{hooks.url}/admin"})
        first, second, failed = hooks.requests

    heard = [
        Webhook(SECRET).verify(request.body, {name.lower(): value for name, value in request.headers})
        for request in (first, second, failed)
    ]
    assert first.values("webhook-id") == second.values("webhook-id") != failed.values("webhook-id")
    assert heard[1]["type"] == "job.done"
    assert heard[1]["data"]["id"] == location.rpartition("/")[2]
    assert heard[1]["data"]["response"]["status"] == 201
    assert heard[2]["type"] == "job.failed"
    assert (first.method, first.target) == ("POST", "/hooks/done")
    assert (told["attempts"], told["waits"]) == (2, False)
    assert elsewhere.status == 403
    assert json.loads(elsewhere.body)["detail"].endswith("integrations.acme.jobs.callbacks")
    assert SECRET not in sidecar.stderr


def test_each_end_is_a_message_of_its_own(provider: FakeProvider) -> None:
    """Who remembers ids must not take the end of a retried job for the one that it knows."""
    with FakeProvider() as hooks:
        with Sidecar(CONFIG.format(url=provider.url, app=hooks.url), env={"HOOK": SECRET}) as sidecar:
            app = Caller(sidecar)
            provider.reply(400)
            location = app.enqueue("/acme/x", b"", {"Outrider-Callback": f"{hooks.url}/hooks"})
            hooks.until(lambda: len(hooks.requests) == 1 and hooks.requests[0].complete)
            retried = ask_admin(sidecar, f"/api/jobs/{location.rpartition('/')[2]}/retry")
            hooks.until(lambda: len(hooks.requests) == 2 and hooks.requests[1].complete)
        failed, done = hooks.requests

    assert retried == 200
    assert [json.loads(request.body)["type"] for request in (failed, done)] == ["job.failed", "job.done"]
    assert failed.values("webhook-id") != done.values("webhook-id")


def test_an_app_that_hangs_holds_up_no_other(provider: FakeProvider) -> None:
    """However many jobs it is to be told of."""
    with FakeProvider() as hanging, FakeProvider() as hooks:
        gate = Gate()
        hanging.handler = lambda request: raw(gate, b"HTTP/1.1 204 No Content\r\n\r\n")
        text = CONFIG.format(url=provider.url, app=hooks.url).replace(
            "callbacks = [", f'callbacks = ["{hanging.url}/hooks", '
        )
        with Sidecar(text, env={"HOOK": SECRET}) as sidecar:
            app = Caller(sidecar)
            for _ in range(20):
                app.enqueue("/acme/x", b"", {"Outrider-Callback": f"{hanging.url}/hooks"})
            hanging.until(lambda: len(hanging.requests) == 8)
            app.enqueue("/acme/x", b"", {"Outrider-Callback": f"{hooks.url}/hooks"})
            hooks.until(lambda: len(hooks.requests) == 1)
            at_once = len(hanging.requests)
            gate.open()
            hanging.until(lambda: len(hanging.requests) == 20)

    assert at_once == 8
    assert len({request.values("webhook-id")[0] for request in hanging.requests}) == 20


def ask_admin(sidecar: Sidecar, path: str) -> int:
    """Change something through the admin listener, and give the status."""
    token = (sidecar.config_path.parent / ".outrider" / "admin-token").read_text()
    request = urllib.request.Request(
        f"{sidecar.admin_url}{path}", method="POST", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return int(response.status)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("http://127.0.0.1:9000/hooks", True),
        ("http://127.0.0.1:9000/hooks/a/b", True),
        ("HTTP://127.0.0.1:9000/hooks/", True),
        ("http://127.0.0.1:9000/hooksmore", False),
        ("http://127.0.0.1:9000/", False),
        ("http://127.0.0.1:9001/hooks", False),
        ("https://127.0.0.1:9000/hooks", False),
        ("http://localhost:9000/hooks", False),
        ("http://127.0.0.1:9000@evil.example/hooks", False),
        ("http://127.0.0.1:9000/hooks/../admin", False),
        ("http://127.0.0.1:9000/hooks/%2e%2e/admin", False),
        ("http://127.0.0.1:9000/hooks/%2F../admin", False),
        ("http://127.0.0.1:9000/hooks/..%5cadmin", False),
        ("http://127.0.0.1:9000/hooks/a%2Fb", True),
        ("http://127.0.0.1:9000/hooks?x=1", False),
        ("file:///hooks", False),
        ("", False),
    ],
)
def test_where_a_callback_may_go(url: str, may: bool) -> None:
    """The URLs of the file and what is below them, however it is written."""
    assert allowed(url, [Url.parse("http://127.0.0.1:9000/hooks")]) is may
