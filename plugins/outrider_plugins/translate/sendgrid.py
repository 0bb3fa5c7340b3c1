"""E-mail in the words of SendGrid: POST /v3/mail/send.

Source: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send, from memory in November 2026.
"""

from __future__ import annotations

from typing import Any

from outrider.operation import Answer, Operation, Request, Untranslatable

from .mail import Address, Attachment, Mail, decoded, json_body, json_request, only

_KNOWN = (
    "personalizations",
    "from",
    "reply_to",
    "reply_to_list",
    "subject",
    "content",
    "attachments",
    "headers",
    "categories",
)


class SendGridMail(Operation[Mail]):
    """One personalization; a template, a schedule or a setting of its own is not translated."""

    calls = ("POST /v3/mail/send",)
    example = Request(
        "POST",
        "/v3/mail/send",
        b'{"personalizations": [{"to": [{"email": "ada@a.example", "name": "Ada"}]}], "from": '
        b'{"email": "shop@b.example"}, "subject": "Hello", '
        b'"content": [{"type": "text/plain", "value": "Hi"}]}',
    )

    def read(self, request: Request) -> Mail:
        """Read it."""
        body = json_body(request)
        only(body, _KNOWN)
        if len(body["personalizations"]) > 1:
            raise Untranslatable("more than one personalization")
        (person,) = body["personalizations"]
        only(person, ("to", "cc", "bcc", "subject", "headers"), "personalizations.")
        texts = {one["type"]: one["value"] for one in body["content"]}
        only(texts, ("text/plain", "text/html"), "content of type ")
        reply_to = body.get("reply_to_list") or ([body["reply_to"]] if body.get("reply_to") else [])
        return Mail(
            sender=_address(body["from"]),
            to=_addresses(person.get("to")),
            cc=_addresses(person.get("cc")),
            bcc=_addresses(person.get("bcc")),
            reply_to=_addresses(reply_to),
            subject=person.get("subject") or body["subject"],
            text=texts.get("text/plain", ""),
            html=texts.get("text/html", ""),
            headers=tuple({**(body.get("headers") or {}), **(person.get("headers") or {})}.items()),
            tags=tuple(body.get("categories") or ()),
            attachments=tuple(_attachment(one) for one in body.get("attachments") or ()),
        )

    def write(self, meant: Mail) -> Request:
        """Write it."""
        person = {"to": _written(meant.to), "cc": _written(meant.cc), "bcc": _written(meant.bcc)}
        texts = (("text/plain", meant.text), ("text/html", meant.html))
        return json_request(
            "/v3/mail/send",
            {
                "personalizations": [{name: several for name, several in person.items() if several}],
                "from": _written((meant.sender,))[0],
                "reply_to_list": _written(meant.reply_to),
                "subject": meant.subject,
                "content": [{"type": kind, "value": text} for kind, text in texts if text],
                "headers": dict(meant.headers),
                "categories": list(meant.tags),
                "attachments": [_file(one) for one in meant.attachments],
            },
        )

    def result(self, answer: Answer) -> str:
        """Give the id of the message."""
        return next((value for name, value in answer.fields if name.lower() == "x-message-id"), "")

    def answer(self, result: Any) -> Answer:
        """Say that it was accepted."""
        return Answer(202, fields=(("X-Message-Id", str(result or "")),))


def _address(given: dict[str, str]) -> Address:
    only(given, ("email", "name"), "address ")
    return Address(given["email"], given.get("name") or "")


def _addresses(given: list[dict[str, str]] | None) -> tuple[Address, ...]:
    return tuple(_address(one) for one in given or ())


def _written(several: tuple[Address, ...]) -> list[dict[str, str]]:
    return [{"email": one.email, **({"name": one.name} if one.name else {})} for one in several]


def _attachment(given: dict[str, str]) -> Attachment:
    only(given, ("content", "type", "filename", "disposition", "content_id"), "attachments.")
    kind = given.get("type") or "application/octet-stream"
    return Attachment(given["filename"], decoded(given["content"]), kind, given.get("content_id") or "")


def _file(one: Attachment) -> dict[str, str]:
    made = {"content": one.base64, "type": one.content_type, "filename": one.name}
    return {**made, "disposition": "inline", "content_id": one.content_id} if one.content_id else made
