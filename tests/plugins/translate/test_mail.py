"""One e-mail in the words of four APIs."""

import json
from itertools import permutations
from typing import Any

import pytest

from outrider.operation import Answer, Operation, Request, Untranslatable
from outrider_plugins.translate.mail import Address, Attachment, Mail
from outrider_plugins.translate.mailgun import MailgunMail
from outrider_plugins.translate.postmark import PostmarkMail
from outrider_plugins.translate.resend import ResendMail
from outrider_plugins.translate.sendgrid import SendGridMail

APIS: list[Operation[Mail]] = [SendGridMail(), PostmarkMail(), ResendMail(), MailgunMail()]
NAMES = [type(api).__name__ for api in APIS]
FULL = Mail(
    sender=Address("shop@b.example", "Shop, of B"),
    to=(Address("ada@a.example", "Ada Ü."), Address("bob@a.example")),
    cc=(Address("cy@a.example"),),
    bcc=(Address("di@a.example", "Di"),),
    reply_to=(Address("help@b.example"),),
    subject="Hällo & <welcome>",
    text="Hi\r\nthere",
    html="<p>Hi</p>",
    headers=(("X-Order", "42"),),
    tags=("welcome",),
    attachments=(
        Attachment("a b.pdf", bytes(range(256)), "application/pdf"),
        Attachment("logo.png", b"\x89PNG\r\n--x", "image/png", "logo.png"),
    ),
)


@pytest.mark.parametrize("api", APIS, ids=NAMES)
def test_all_of_a_mail_can_be_said(api: Operation[Mail]) -> None:
    """What is written means what was meant, to the last byte."""
    assert api.read(api.write(FULL)) == FULL


@pytest.mark.parametrize(("one", "other"), list(permutations(APIS, 2)))
def test_each_example_means_the_same_everywhere(one: Operation[Mail], other: Operation[Mail]) -> None:
    """Each of the four can stand in for each other."""
    meant = one.read(one.example)

    assert other.read(other.write(meant)) == meant


@pytest.mark.parametrize(("one", "other"), list(permutations(APIS, 2)))
def test_the_id_of_the_message_is_handed_on(one: Operation[Mail], other: Operation[Mail]) -> None:
    """And without one the app is still told that it was sent."""
    given = one.answer("m-1")
    assert given is not None
    told = other.answer(one.result(given))
    assert told is not None

    assert other.result(told) == "m-1"
    assert isinstance(other.answer(None), Answer)


def _with(api: Operation[Mail], **more: Any) -> Request:
    body = {**json.loads(api.example.body), **more}
    return Request("POST", api.example.target, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("api", "request_", "said"),
    [
        (APIS[0], _with(APIS[0], template_id="d-1"), "'template_id'"),
        (APIS[0], _with(APIS[0], mail_settings={"sandbox_mode": {"enable": True}}), "'mail_settings'"),
        (APIS[0], _with(APIS[0], personalizations=[{}, {}]), "more than one personalization"),
        (
            APIS[0],
            _with(APIS[0], content=[{"type": "text/x-amp", "value": ""}]),
            "'content of type text/x-amp'",
        ),
        (APIS[1], _with(APIS[1], MessageStream="broadcast"), "'MessageStream'"),
        (APIS[1], _with(APIS[1], TrackOpens=True), "'TrackOpens'"),
        (APIS[2], _with(APIS[2], scheduled_at="tomorrow"), "'scheduled_at'"),
        (APIS[2], _with(APIS[2], tags=[{"name": "a", "value": "b"}]), "tags with names"),
        (APIS[2], _with(APIS[2], attachments=[{"path": "https://x", "filename": "x"}]), "'attachments.path'"),
        (
            APIS[3],
            Request(
                "POST", "/v3/d/messages", b"o%3Atestmode=yes&from=a", "application/x-www-form-urlencoded"
            ),
            "'o:testmode'",
        ),
        (APIS[3], Request("POST", "/v3/d/messages", b"{}"), "a body of type application/json"),
    ],
)
def test_what_means_nothing_elsewhere_is_not_sent(api: Operation[Mail], request_: Request, said: str) -> None:
    """A sandbox's mail is never really sent, a scheduled one not now."""
    with pytest.raises(Untranslatable) as caught:
        api.read(request_)

    assert str(caught.value) == said


def test_usual_settings_say_nothing() -> None:
    """Postmark's SDKs write them, or null for what was not said."""
    plain = _with(APIS[1], MessageStream="outbound", TrackOpens=False, TrackLinks="None", Metadata=None)

    assert APIS[1].read(plain) == APIS[1].read(APIS[1].example)


@pytest.mark.parametrize("api", APIS[1:3], ids=NAMES[1:3])
def test_several_tags_are_more_than_some_have(api: Operation[Mail]) -> None:
    """They are told, not dropped."""
    meant = Mail(Address("a@b.example"), (Address("c@d.example"),), "s", "t", tags=("one", "two"))

    with pytest.raises(Untranslatable, match="more than one tag"):
        api.write(meant)


@pytest.mark.parametrize("api", APIS, ids=NAMES)
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff", b"from=&to="])
def test_rubbish_raises_nothing_unexpected(api: Operation[Mail], body: bytes) -> None:
    """Whatever the app sent, the failover goes on to what it has."""
    with pytest.raises((Untranslatable, ValueError, TypeError, KeyError, AttributeError)):
        api.read(Request("POST", api.example.target, body, api.example.content_type))


def test_a_header_cannot_split_the_form() -> None:
    """A name with a quote or a line break would end its part early."""
    sly = Mail(
        Address("a@b.example"),
        (Address("c@d.example"),),
        "s",
        "t",
        headers=(('X"\r\n', "v"),),
        attachments=(Attachment("a", b"b"),),
    )

    with pytest.raises(Untranslatable):
        APIS[3].write(sly)
