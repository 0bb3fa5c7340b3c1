"""A fallback that is another API, asked in its own words, through the real program."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from end_to_end.plugin import installed
from end_to_end.raw import Wire
from outrider.testing import FakeProvider, Sidecar, Step, sse

PLUGIN = """
from outrider.plugin import Provider, hookimpl
from outrider_plugins.translate.chat import CHAT, AzureChat, MistralChat, OpenAIChat
from outrider_plugins.translate.mail import SEND_EMAIL
from outrider_plugins.translate.mailgun import MailgunMail
from outrider_plugins.translate.postmark import PostmarkMail
from outrider_plugins.translate.resend import ResendMail
from outrider_plugins.translate.sendgrid import SendGridMail

def of(title, operation, say):
    return type(title, (Provider,), {"name": title.lower(), "operations": {operation: say},
                                     "error": {"from": title, "text": "{detail}"},
                                     "required_headers": {"X-Wants": title}})

@hookimpl
def outrider_providers():
    return [of("MailOne", SEND_EMAIL, SendGridMail()), of("MailTwo", SEND_EMAIL, PostmarkMail()),
            of("MailThree", SEND_EMAIL, ResendMail()), of("MailFour", SEND_EMAIL, MailgunMail()),
            of("ChatOne", CHAT, OpenAIChat()), of("ChatTwo", CHAT, MistralChat()), of("ChatThree", CHAT, AzureChat())]
"""
MAIL = {
    "personalizations": [{"to": [{"email": "ada@a.example", "name": "Ada, of A"}]}],
    "from": {"email": "shop@b.example", "name": "Shop"},
    "subject": "Hällo",
    "content": [{"type": "text/plain", "value": "Hi"}, {"type": "text/html", "value": "<p>Hi"}],
}
CHAT = {
    "model": "gpt-4o",
    "messages": [{"role": "developer", "content": "x"}],
    "seed": 3,
    "max_completion_tokens": 9,
}


def config(first: FakeProvider, second: FakeProvider, one: str, two: str, more: str = "") -> str:
    return f"""
        [integrations.one]
        provider = "{one}"
        base_url = "{first.url}"
        auth = {{ type = "bearer", token = "env:ONE" }}
        retry = {{ attempts = 1 }}
        fallback = {{ targets = ["two"] {more} }}
        [integrations.two]
        provider = "{two}"
        base_url = "{second.url}"
        auth = {{ type = "bearer", token = "env:TWO" }}
    """


def run(tmp_path: Path, *args: Any, **named: Any) -> Sidecar:
    return Sidecar(
        config(*args, **named), env={**installed(tmp_path, PLUGIN), "ONE": "first-key", "TWO": "second-key"}
    )


def post(sidecar: Sidecar, path: str, body: object, fields: str = ""):
    data = json.dumps(body).encode()
    with Wire(sidecar.port) as wire:
        head = f"POST /one{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{fields}"
        wire.send(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        return wire.answer()


def test_an_email_is_sent_by_another_provider(tmp_path: Path) -> None:
    """In its words, with its credential, and nothing of the first one's; the answer is the first one's kind."""
    with (
        FakeProvider() as first,
        FakeProvider() as second,
        run(tmp_path, first, second, "mailone", "mailtwo") as sidecar,
    ):
        first.reply(429)
        second.reply(200, {"ErrorCode": 0, "Message": "OK", "MessageID": "m-7"})
        answer = post(sidecar, "/v3/mail/send", MAIL, "On-Behalf-Of: sub\r\nAuthorization: Bearer dummy\r\n")

    (request,) = second.requests
    assert (request.method, request.target) == ("POST", "/email")
    assert request.json() == {
        "From": "Shop <shop@b.example>",
        "To": '"Ada, of A" <ada@a.example>',
        "Subject": "Hällo",
        "TextBody": "Hi",
        "HtmlBody": "<p>Hi",
    }
    assert request.values("Authorization") == ["Bearer second-key"]
    assert request.values("On-Behalf-Of") == []
    assert request.values("X-Wants") == ["MailTwo"]
    assert (answer.status, answer.body, answer.header("X-Message-Id")) == (202, b"", "m-7")


def test_a_body_that_comes_later_is_translated_too(tmp_path: Path) -> None:
    """Most clients write head and body apart."""
    data = json.dumps(MAIL).encode()
    with (
        FakeProvider() as first,
        FakeProvider() as second,
        run(tmp_path, first, second, "mailone", "mailtwo") as sidecar,
    ):
        first.reply(429)
        head = f"POST /one/v3/mail/send HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        with Wire(sidecar.port) as wire:
            wire.send(head.encode())
            first.until(lambda: len(first.requests) == 1)
            wire.send(data)
            answer = wire.answer()

    assert second.requests[0].json()["Subject"] == "Hällo"
    assert answer.status == 202


def test_a_form_is_written_where_the_api_wants_one(tmp_path: Path) -> None:
    """To the domain of the sender."""
    with (
        FakeProvider() as first,
        FakeProvider() as second,
        run(tmp_path, first, second, "mailone", "mailfour") as sidecar,
    ):
        first.reply(429)
        second.reply(200, {"id": "<m-8@b.example>", "message": "Queued. Thank you."})
        answer = post(sidecar, "/v3/mail/send", MAIL)

    (request,) = second.requests
    assert request.target == "/v3/b.example/messages"
    assert parse_qs(request.body.decode())["to"] == ['"Ada, of A" <ada@a.example>']
    assert answer.header("X-Message-Id") == "m-8@b.example"


@pytest.mark.parametrize(
    ("status", "moved"), [(429, 1), (401, 0), (500, 0), (503, 0)], ids=lambda value: str(value)
)
def test_what_may_have_been_sent_is_not_sent_again(tmp_path: Path, status: int, moved: int) -> None:
    """After a 5xx nobody knows; no key of the first API means anything to the second."""
    with (
        FakeProvider() as first,
        FakeProvider() as second,
        run(tmp_path, first, second, "mailone", "mailtwo") as sidecar,
    ):
        first.reply(status)
        post(sidecar, "/v3/mail/send", MAIL, "Idempotency-Key: k1\r\n")

    assert len(second.requests) == moved


def test_an_earlier_attempt_that_may_have_sent_it_counts(tmp_path: Path) -> None:
    """A 429 says that its own attempt did nothing; the 500 before it says nothing of the kind."""
    with FakeProvider() as first, FakeProvider() as second:
        text = config(first, second, "mailone", "mailtwo")
        text = text.replace("attempts = 1", 'attempts = 2, base = "1ms", cap = "2ms"')
        with Sidecar(text, env={**installed(tmp_path, PLUGIN), "ONE": "k", "TWO": "k"}) as sidecar:
            first.reply(500)
            first.reply(429)
            answer = post(sidecar, "/v3/mail/send", MAIL, "Idempotency-Key: k1\r\n")

    assert (answer.status, len(first.requests), len(second.requests)) == (429, 2, 0)


def test_what_cannot_be_said_is_not_sent(tmp_path: Path) -> None:
    """The log says what, and the first one's answer is passed on; so it is for a call without a like."""
    with (
        FakeProvider() as first,
        FakeProvider() as second,
        run(tmp_path, first, second, "mailone", "mailtwo") as sidecar,
    ):
        first.reply(429, b"slow down")
        first.reply(429, b"slow down")
        answers = [
            post(sidecar, "/v3/mail/send", {**MAIL, "template_id": "d-1"}),
            post(sidecar, "/v3/contacts", {}),
        ]
        sidecar.until_said("'two' cannot be told 'template_id'")
        sidecar.until_said("'two' cannot be told this call has no like there")

    assert [(answer.status, answer.body) for answer in answers] == [(429, b"slow down")] * 2
    assert second.requests == []


def test_our_own_answer_says_what_could_not_be_said(tmp_path: Path) -> None:
    """Where there is no provider's response to pass on."""
    with FakeProvider() as second:
        nobody = FakeProvider(port=9)  # not started: nothing listens there
        with run(tmp_path, nobody, second, "mailone", "mailtwo") as sidecar:
            answer = post(sidecar, "/v3/mail/send", {**MAIL, "send_at": 1})

    assert "fallback 'two' cannot be told 'send_at'" in json.loads(answer.body)["text"]


def test_the_second_one_s_error_is_told_in_the_first_one_s_words(tmp_path: Path) -> None:
    """Its status stays; its text would mean nothing to the app's SDK."""
    with (
        FakeProvider() as first,
        FakeProvider() as second,
        run(tmp_path, first, second, "mailone", "mailtwo") as sidecar,
    ):
        first.reply(429)
        second.reply(422, {"ErrorCode": 300})
        answer = post(sidecar, "/v3/mail/send", MAIL)

    assert answer.status == 422
    assert json.loads(answer.body) == {"from": "MailOne", "text": "the fallback 'two' answered 422"}


def test_a_chat_goes_to_another_model(tmp_path: Path) -> None:
    """Even after a 5xx; with the name of the model there, and the fields by their names there."""
    models = ', models = { "gpt-4o" = "mistral-large-latest" }'
    with (
        FakeProvider() as first,
        FakeProvider() as second,
        run(tmp_path, first, second, "chatone", "chattwo", models) as sidecar,
    ):
        first.reply(503)
        second.reply(200, {"id": "c1", "choices": []}, {"X-Own": "kept"})
        answer = post(sidecar, "/v1/chat/completions", {**CHAT, "user": "u1", "store": False})

    (request,) = second.requests
    assert request.target == "/v1/chat/completions"
    assert request.json() == {
        "model": "mistral-large-latest",
        "messages": [{"role": "system", "content": "x"}],
        "random_seed": 3,
        "max_tokens": 9,
    }
    assert json.loads(answer.body) == {"id": "c1", "choices": []}
    assert answer.header("X-Own") == "kept"


def test_a_stream_of_another_provider_passes_as_it_comes(tmp_path: Path) -> None:
    """Each event while the provider still writes."""
    with (
        FakeProvider() as first,
        FakeProvider() as second,
        run(tmp_path, first, second, "chatone", "chatthree") as sidecar,
    ):
        first.reply(500)
        second.stream(sse('{"n":1}'), Step.WAIT, sse("[DONE]"))
        data = json.dumps({**CHAT, "stream": True}).encode()
        with Wire(sidecar.port) as wire:
            head = (
                "POST /one/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
            )
            wire.send(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            answer = wire.answer(on_head=second.release)

    (request,) = second.requests
    assert (answer.status, answer.body) == (200, sse('{"n":1}') + sse("[DONE]"))
    assert request.target == "/openai/v1/chat/completions"
    assert request.values("Accept") == ["text/event-stream"]
    assert request.json()["max_completion_tokens"] == 9
