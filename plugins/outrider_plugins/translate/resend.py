"""E-mail in the words of Resend: POST /emails.

Source: https://resend.com/docs/api-reference/emails/send-email, from memory in November 2026.
"""

from __future__ import annotations

import json
from typing import Any

from outrider.operation import Answer, Operation, Request, Untranslatable

from .mail import Attachment, Mail, address, addresses, decoded, json_body, json_request, one_tag, only

_KNOWN = (
    "from",
    "to",
    "cc",
    "bcc",
    "reply_to",
    "subject",
    "text",
    "html",
    "headers",
    "tags",
    "attachments",
)
#: Its tags are pairs; others' tags have no name, and get this one.
_TAG = "category"


class ResendMail(Operation[Mail]):
    """A template, a schedule, or an attachment by URL is not translated."""

    calls = ("POST /emails",)
    example = Request(
        "POST",
        "/emails",
        b'{"from": "shop@b.example", "to": ["Ada <ada@a.example>"], "subject": "Hello", "text": "Hi"}',
    )

    def read(self, request: Request) -> Mail:
        """Read it."""
        body = json_body(request)
        only(body, _KNOWN)
        tags = body.get("tags") or ()
        if any(tag["name"] != _TAG for tag in tags):
            raise Untranslatable("tags with names")
        return Mail(
            sender=address(body["from"]),
            to=addresses(body["to"]),
            cc=addresses(body.get("cc")),
            bcc=addresses(body.get("bcc")),
            reply_to=addresses(body.get("reply_to")),
            subject=body["subject"],
            text=body.get("text") or "",
            html=body.get("html") or "",
            headers=tuple((body.get("headers") or {}).items()),
            tags=tuple(tag["value"] for tag in tags),
            attachments=tuple(_attachment(one) for one in body.get("attachments") or ()),
        )

    def write(self, meant: Mail) -> Request:
        """Write it."""
        tag = one_tag(meant)
        return json_request(
            "/emails",
            {
                "from": str(meant.sender),
                "to": [str(one) for one in meant.to],
                "cc": [str(one) for one in meant.cc],
                "bcc": [str(one) for one in meant.bcc],
                "reply_to": [str(one) for one in meant.reply_to],
                "subject": meant.subject,
                "text": meant.text,
                "html": meant.html,
                "headers": dict(meant.headers),
                "tags": [{"name": _TAG, "value": tag}] if tag else [],
                "attachments": [_file(one) for one in meant.attachments],
            },
        )

    def result(self, answer: Answer) -> str:
        """Give the id of the message."""
        return str(json.loads(answer.body)["id"])

    def answer(self, result: Any) -> Answer:
        """Say that it was accepted."""
        return Answer(200, json.dumps({"id": str(result or "")}).encode())


def _attachment(given: dict[str, Any]) -> Attachment:
    only(given, ("filename", "content", "content_type", "content_id"), "attachments.")
    kind = given.get("content_type") or "application/octet-stream"
    content = given["content"]
    data = bytes(content) if isinstance(content, list) else decoded(content)
    return Attachment(given["filename"], data, kind, given.get("content_id") or "")


def _file(one: Attachment) -> dict[str, str]:
    made = {"filename": one.name, "content": one.base64, "content_type": one.content_type}
    return {**made, "content_id": one.content_id} if one.content_id else made
