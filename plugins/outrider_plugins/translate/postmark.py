"""E-mail in the words of Postmark: POST /email.

Source: https://postmarkapp.com/developer/api/email-api, from memory in November 2026.
"""

from __future__ import annotations

import json
from typing import Any

from outrider.operation import Answer, Operation, Request

from .mail import (
    Attachment,
    Mail,
    address,
    addresses,
    decoded,
    joined,
    json_body,
    json_request,
    one_tag,
    only,
)

_KNOWN = (
    "From",
    "To",
    "Cc",
    "Bcc",
    "ReplyTo",
    "Subject",
    "TextBody",
    "HtmlBody",
    "Headers",
    "Tag",
    "Attachments",
)


class PostmarkMail(Operation[Mail]):
    """A template, metadata, tracking or a stream of its own is not translated."""

    calls = ("POST /email",)
    example = Request(
        "POST",
        "/email",
        b'{"From": "shop@b.example", "To": "Ada <ada@a.example>", "Subject": "Hello", "TextBody": "Hi"}',
    )

    def read(self, request: Request) -> Mail:
        """Read it."""
        body = json_body(request)
        # The stream that everybody has, and what is off, say nothing.
        usual = {"MessageStream": "outbound", "TrackOpens": False, "TrackLinks": "None"}
        only((name for name in body if body[name] != usual.get(name, ...)), _KNOWN)
        return Mail(
            sender=address(body["From"]),
            to=addresses(body.get("To")),
            cc=addresses(body.get("Cc")),
            bcc=addresses(body.get("Bcc")),
            reply_to=addresses(body.get("ReplyTo")),
            subject=body.get("Subject") or "",
            text=body.get("TextBody") or "",
            html=body.get("HtmlBody") or "",
            headers=tuple((one["Name"], one["Value"]) for one in body.get("Headers") or ()),
            tags=(body["Tag"],) if body.get("Tag") else (),
            attachments=tuple(_attachment(one) for one in body.get("Attachments") or ()),
        )

    def write(self, meant: Mail) -> Request:
        """Write it."""
        return json_request(
            "/email",
            {
                "From": str(meant.sender),
                "To": joined(meant.to),
                "Cc": joined(meant.cc),
                "Bcc": joined(meant.bcc),
                "ReplyTo": joined(meant.reply_to),
                "Subject": meant.subject,
                "TextBody": meant.text,
                "HtmlBody": meant.html,
                "Headers": [{"Name": name, "Value": value} for name, value in meant.headers],
                "Tag": one_tag(meant),
                "Attachments": [_file(one) for one in meant.attachments],
            },
        )

    def result(self, answer: Answer) -> str:
        """Give the id of the message."""
        return str(json.loads(answer.body)["MessageID"])

    def answer(self, result: Any) -> Answer:
        """Say that it was accepted."""
        said = {"ErrorCode": 0, "Message": "OK", "MessageID": str(result or "")}
        return Answer(200, json.dumps(said).encode())


def _attachment(given: dict[str, str]) -> Attachment:
    only(given, ("Name", "Content", "ContentType", "ContentID"), "Attachments.")
    content_id = (given.get("ContentID") or "").removeprefix("cid:")
    return Attachment(given["Name"], decoded(given["Content"]), given["ContentType"], content_id)


def _file(one: Attachment) -> dict[str, str]:
    made = {"Name": one.name, "Content": one.base64, "ContentType": one.content_type}
    return {**made, "ContentID": f"cid:{one.content_id}"} if one.content_id else made
