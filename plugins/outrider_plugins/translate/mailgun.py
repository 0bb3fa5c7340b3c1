"""E-mail in the words of Mailgun: POST /v3/DOMAIN/messages, a form.

The domain is that of the sender's address. Source:
https://documentation.mailgun.com/docs/mailgun/api-reference, from memory in November 2026.
"""

from __future__ import annotations

import json
import secrets
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from outrider.operation import Answer, Operation, Request, Untranslatable

from .mail import Attachment, Mail, address, addresses, only

_KNOWN = ("from", "to", "cc", "bcc", "subject", "text", "html", "o:tag", "attachment", "inline")
_REPLY_TO = "h:Reply-To"


class MailgunMail(Operation[Mail]):
    """A template, a variable, a schedule or another option is not translated."""

    calls = ("POST /v3/{domain}/messages",)
    example = Request(
        "POST",
        "/v3/b.example/messages",
        b"from=shop%40b.example&to=Ada+%3Cada%40a.example%3E&subject=Hello&text=Hi",
        "application/x-www-form-urlencoded",
    )

    def read(self, request: Request) -> Mail:
        """Read it."""
        pairs, files = _form(request)
        only((name for name, _ in pairs if not name.startswith("h:")), _KNOWN)

        def every(name: str) -> list[str]:
            return [value for each, value in pairs if each == name]

        def one(name: str) -> str:
            return next(iter(every(name)), "")

        own = {_REPLY_TO.lower()}
        return Mail(
            sender=address(one("from")),
            to=addresses(every("to")),
            cc=addresses(every("cc")),
            bcc=addresses(every("bcc")),
            reply_to=addresses([value for name, value in pairs if name.lower() in own]),
            subject=one("subject"),
            text=one("text"),
            html=one("html"),
            headers=tuple(
                (name[2:], value) for name, value in pairs if name[:2] == "h:" and name.lower() not in own
            ),
            tags=tuple(every("o:tag")),
            attachments=tuple(files),
        )

    def write(self, meant: Mail) -> Request:
        """Write it; with files as multipart."""
        pairs = [("from", str(meant.sender)), ("subject", meant.subject)]
        for name, several in (("to", meant.to), ("cc", meant.cc), ("bcc", meant.bcc)):
            pairs += [(name, str(one)) for one in several]
        pairs += [(name, text) for name, text in (("text", meant.text), ("html", meant.html)) if text]
        pairs += [(f"h:{name}", value) for name, value in meant.headers]
        if meant.reply_to:
            pairs.append((_REPLY_TO, ", ".join(str(one) for one in meant.reply_to)))
        pairs += [("o:tag", tag) for tag in meant.tags]
        target = f"/v3/{quote(meant.sender.domain, safe='')}/messages"
        if not meant.attachments:
            return Request("POST", target, urlencode(pairs).encode(), "application/x-www-form-urlencoded")
        boundary = f"outrider-{secrets.token_hex(16)}"
        body = _multipart(pairs, meant.attachments, boundary)
        return Request("POST", target, body, f"multipart/form-data; boundary={boundary}")

    def result(self, answer: Answer) -> str:
        """Give the id of the message."""
        return str(json.loads(answer.body)["id"]).strip("<>")

    def answer(self, result: Any) -> Answer:
        """Say that it was accepted."""
        said = {"id": f"<{result}>" if result else "", "message": "Queued. Thank you."}
        return Answer(200, json.dumps(said).encode())


def _form(request: Request) -> tuple[list[tuple[str, str]], list[Attachment]]:
    kind = request.content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        text = request.body.decode()
        return parse_qsl(text, keep_blank_values=True, strict_parsing=True), []
    if kind != "multipart/form-data":
        raise Untranslatable(f"a body of type {kind}")
    head = f"Content-Type: {request.content_type}\r\n\r\n".encode()
    message = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + request.body)
    pairs, files = [], []
    for part in message.iter_parts():
        name = str(part.get_param("name", "", "content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        filename = part.get_filename()
        if filename is None:
            pairs.append((name, data.decode()))
        else:
            only((name,), ("attachment", "inline"), "file ")
            content_id = filename if name == "inline" else ""
            files.append(Attachment(filename, data, part.get_content_type(), content_id))
    return pairs, files


def _multipart(pairs: list[tuple[str, str]], files: tuple[Attachment, ...], boundary: str) -> bytes:
    if any(char in name for name, _ in pairs for char in '\r\n"'):
        raise Untranslatable("a header with a quote or a line break in its name")
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in pairs]
    for one in files:
        name = "inline" if one.content_id else "attachment"
        # An inline file is shown by its name.
        filename = quote(one.content_id or one.name, safe=" ()+,;=@!#$&'[]{}~^`")
        head = f'name="{name}"; filename="{filename}"\r\nContent-Type: {one.content_type}\r\n\r\n'
        parts.append(head.encode() + one.data)
    begin = f"--{boundary}\r\nContent-Disposition: form-data; ".encode()
    return b"".join([begin + part + b"\r\n" for part in parts]) + f"--{boundary}--\r\n".encode()
