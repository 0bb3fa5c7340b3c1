"""SDKs of mail while their provider cannot, and another that sends it instead."""

import email.message
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
import sendgrid
from mailgun.client import Client
from mailgun.config import RetryPolicy
from sendgrid.helpers.mail import Attachment, FileContent, FileName, FileType, Mail

from outrider.testing import FakeProvider, Sidecar

CONFIG = """
[integrations.sendgrid]
provider = "sendgrid"
base_url = "{sendgrid}"
auth = {{ token = "env:KEY" }}
retry = {{ attempts = 1 }}
fallback = {{ targets = ["mailgun-behind"] }}

[integrations.mailgun]
provider = "mailgun"
base_url = "{mailgun}"
auth = {{ password = "env:KEY" }}
retry = {{ attempts = 1 }}
fallback = {{ targets = ["sendgrid-behind"] }}

[integrations.sendgrid-behind]
provider = "sendgrid"
base_url = "{sendgrid}"
auth = {{ token = "env:KEY" }}

[integrations.mailgun-behind]
provider = "mailgun"
base_url = "{mailgun}"
auth = {{ password = "env:KEY" }}
"""


@pytest.fixture(scope="module")
def sendgrids() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def mailguns() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


@pytest.fixture(scope="module")
def sidecar(sendgrids: FakeProvider, mailguns: FakeProvider) -> Iterator[Sidecar]:
    config = CONFIG.format(sendgrid=sendgrids.url, mailgun=mailguns.url)
    with Sidecar(config, env={"KEY": "real-key", "NO_PROXY": "127.0.0.1,localhost"}) as started:
        yield started


def test_a_mail_of_sendgrid_is_sent_by_mailgun(
    sidecar: Sidecar, sendgrids: FakeProvider, mailguns: FakeProvider
) -> None:
    """With an attachment; the SDK gets the id as SendGrid gives one."""
    sendgrids.reply(429, {"errors": [{"message": "slow down"}]})
    mailguns.reply(200, {"id": "<m1>", "message": "Queued. Thank you."})
    mail = Mail("shop@b.example", "ada@a.example", "Hello", "Hi", "<p>Hi")
    mail.add_attachment(Attachment(FileContent("aGVsbG8="), FileName("notes.txt"), FileType("text/plain")))
    sent = sendgrid.SendGridAPIClient("x", host=f"{sidecar.url}/sendgrid").send(mail)

    (request,) = mailguns.requests
    assert (sent.status_code, sent.headers["X-Message-Id"]) == (202, "m1")
    assert request.target == "/v3/b.example/messages"
    head = f"Content-Type: {request.header('Content-Type')}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + request.body).get_payload()
    given = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts
    }
    assert given == {
        "from": b"shop@b.example",
        "to": b"ada@a.example",
        "subject": b"Hello",
        "text": b"Hi",
        "html": b"<p>Hi",
        "attachment": b"hello",
    }


def test_a_mail_of_mailgun_is_sent_by_sendgrid(
    sidecar: Sidecar, sendgrids: FakeProvider, mailguns: FakeProvider
) -> None:
    """And the other way round."""
    sendgrids.clear()
    mailguns.clear()
    mailguns.reply(429, {"message": "slow down"})
    sendgrids.reply(202, b"", {"X-Message-Id": "s1"})
    client = Client(
        auth=("api", "x"), api_url=f"{sidecar.url}/mailgun", retry_policy=RetryPolicy(max_retries=0)
    )
    mail = {"from": "shop@b.example", "to": "ada@a.example", "subject": "Hello", "text": "Hi"}
    sent = client.messages.create(data=mail, domain="b.example")

    (asked,) = mailguns.requests
    (request,) = sendgrids.requests
    assert parse_qs(asked.body.decode())["subject"] == ["Hello"]
    assert sent.json()["id"] == "<s1>"
    assert request.header("Authorization") == "Bearer real-key"
    assert request.json() == {
        "personalizations": [{"to": [{"email": "ada@a.example"}]}],
        "from": {"email": "shop@b.example"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hi"}],
    }
