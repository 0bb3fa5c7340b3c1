"""What an e-mail is, in no API's words, and what the APIs' words for it have in common."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.utils import getaddresses, quote
from typing import Any

from outrider.operation import Request, Untranslatable

_SPECIALS = re.compile(r'[][()<>@,:;".\\]')
#: The name of the operation in `operations`.
SEND_EMAIL = "send-email"


@dataclass(frozen=True, slots=True)
class Address:
    """Somebody who sends or gets mail."""

    email: str
    name: str = ""

    def __str__(self) -> str:
        # These APIs take names as they are; quoted where a character means something (RFC 5322, 3.2.3).
        name = f'"{quote(self.name)}"' if _SPECIALS.search(self.name) else self.name
        return f"{name} <{self.email}>" if name else self.email

    @property
    def domain(self) -> str:
        """What follows the @."""
        return self.email.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file; `content_id` where the HTML shows it."""

    name: str
    data: bytes
    content_type: str = "application/octet-stream"
    content_id: str = ""

    @property
    def base64(self) -> str:
        """Its bytes as the JSON APIs want them."""
        return base64.b64encode(self.data).decode()


@dataclass(frozen=True, slots=True)
class Mail:
    """One e-mail, as every API of the operation can send it."""

    sender: Address
    to: tuple[Address, ...]
    subject: str
    text: str = ""
    html: str = ""
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        if not self.to or not (self.text or self.html):
            raise ValueError("an e-mail needs somebody who gets it, and a text")


def json_body(request: Request) -> dict[str, Any]:
    """Read a JSON object, without its nulls: SDKs write what was not said so. ValueError where it is none."""
    body = json.loads(request.body)
    if not isinstance(body, dict):
        raise ValueError("not an object")
    return {name: value for name, value in body.items() if value is not None}


def json_request(target: str, body: Mapping[str, Any]) -> Request:
    """Write a POST of JSON; what is empty is left out."""
    kept = {name: value for name, value in body.items() if value not in ("", (), [], {}, None)}
    return Request("POST", target, json.dumps(kept).encode())


def only(given: Iterable[str], known: Iterable[str], where: str = "") -> None:
    """Untranslatable for the first key that has no meaning elsewhere: better not sent than sent otherwise."""
    for name in sorted(set(given) - set(known)):
        raise Untranslatable(f"'{where}{name}'")


def addresses(given: Any) -> tuple[Address, ...]:
    """Read addresses as mail has them: a text with commas, or a list of texts."""
    texts = [given] if isinstance(given, str) else list(given or ())
    found = tuple(
        Address(email, str(make_header(decode_header(name)))) for name, email in getaddresses(texts)
    )
    if any("@" not in address.email for address in found):
        raise ValueError("not an address")
    return found


def address(given: Any) -> Address:
    """Read exactly one address."""
    (found,) = addresses(given)
    return found


def joined(several: Iterable[Address]) -> str:
    """Write addresses as one text."""
    return ", ".join(str(one) for one in several)


def one_tag(mail: Mail) -> str:
    """Give the tag of a mail, for an API that has one at most."""
    if len(mail.tags) > 1:
        raise Untranslatable("more than one tag")
    return mail.tags[0] if mail.tags else ""


def decoded(content: Any) -> bytes:
    """Read the bytes of an attachment."""
    return base64.b64decode(content, validate=True)
