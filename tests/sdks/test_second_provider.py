"""An SDK whose provider cannot, and another API that does it instead, without a word of the app's."""

from collections.abc import Iterator

import pytest
import resend
from postmarker.core import PostmarkClient

from outrider.testing import FakeProvider, Sidecar

CONFIG = """
[integrations.resend]
provider = "resend"
base_url = "{resend}"
auth = {{ token = "env:RESEND" }}
fallback = {{ targets = ["postmark"] }}

[integrations.postmark]
provider = "postmark"
base_url = "{postmark}"
auth = {{ value = "env:POSTMARK" }}
listen = "127.0.0.1:0"
{back}
"""
KEYS = {"RESEND": "resend-key", "POSTMARK": "postmark-key"}


@pytest.fixture
def first() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture
def second() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


def test_a_mail_of_resend_is_sent_by_postmark(first: FakeProvider, second: FakeProvider) -> None:
    """When its day is spent; the SDK gets an id as Resend gives one."""
    first.reply(429, {"statusCode": 429, "name": "daily_quota_exceeded", "message": "spent"})
    second.reply(200, {"To": "ada@a.example", "MessageID": "m1", "ErrorCode": 0, "Message": "OK"})
    config = CONFIG.format(resend=first.url, postmark=second.url, back="")
    with Sidecar(config, env=KEYS) as sidecar:
        resend.api_url = f"{sidecar.url}/resend"
        sent = resend.Emails.send(
            {"from": "shop@b.example", "to": ["ada@a.example"], "subject": "Hi", "html": "<p>Hi"}
        )

    (request,) = second.requests
    assert sent["id"] == "m1"
    assert request.target == "/email"
    assert request.header("X-Postmark-Server-Token") == "postmark-key"
    assert request.header("Authorization") is None
    assert request.json() == {
        "From": "shop@b.example",
        "To": "ada@a.example",
        "Subject": "Hi",
        "HtmlBody": "<p>Hi",
    }


def test_a_mail_of_postmark_is_sent_by_resend(first: FakeProvider, second: FakeProvider) -> None:
    """And the other way round."""
    second.reply(429, {"ErrorCode": 429, "Message": "slow down"})
    first.reply(200, {"id": "r1"})
    back = 'fallback = { targets = ["resend"] }\nretry = { attempts = 1 }'
    config = CONFIG.format(resend=first.url, postmark=second.url, back=back)
    config = config.replace('fallback = { targets = ["postmark"] }\n', "")
    with Sidecar(config, env=KEYS) as sidecar:
        client = PostmarkClient(server_token="x", root_api_url=f"{sidecar.urls[1]}/")
        sent = client.emails.send(From="a@b.example", To="ada@a.example", Subject="Hi", TextBody="Hi")

    (request,) = first.requests
    assert sent["MessageID"] == "r1"
    assert request.target == "/emails"
    assert request.header("Authorization") == "Bearer resend-key"
    assert request.json()["to"] == ["ada@a.example"]
