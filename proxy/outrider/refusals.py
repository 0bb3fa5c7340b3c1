"""Refusals of a head: what the parser or a limit found wrong with it, in our words and with its status.

Used by the proxy's listeners and the admin's, so that both say the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp.http_exceptions import LineTooLong

from .errors import Malformed

if TYPE_CHECKING:
    from aiohttp.http import RawRequestMessage

#: Limits of a request's head: bytes of a line or field, bytes in all, fields.
MAX_LINE = 16 * 1024
MAX_HEAD = 32 * 1024
MAX_FIELDS = 100

_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} \S+ HTTP/1\.[01]\r?\n")


def has_request_line(data: bytes) -> bool:
    """Whether bytes begin with what may be a request of HTTP/1, whatever its method."""
    return _REQUEST_LINE.match(data) is not None


def unknown_method() -> Malformed:
    """Give the refusal of a method that is none of HTTP's."""
    return Malformed("the method is not one that is passed on", status=501)


def refusal_of(cause: BaseException) -> Malformed:
    """Word what aiohttp's parser found; its line limit is MAX_LINE - 1, that of a field MAX_LINE."""
    if isinstance(cause, LineTooLong):
        return line_too_long() if cause.args[1] < MAX_LINE else too_large()
    if "Too many headers" in str(cause):
        return too_large()
    return not_http()


def not_http() -> Malformed:
    """Give the refusal of what is no request."""
    return Malformed("the request is not well-formed HTTP/1.1")


def is_too_large(message: RawRequestMessage) -> bool:
    """Whether a head is longer than all of one may be."""
    fields = sum(len(name) + len(value) + 4 for name, value in message.raw_headers)
    return len(message.path) + fields > MAX_HEAD


def line_too_long() -> Malformed:
    """Give the refusal of a request line that is too long."""
    return Malformed("the request line is too long", status=414)


def too_large() -> Malformed:
    """Give the refusal of a head that is too large, in a field or in all."""
    return Malformed(
        f"the request's head is too large: at most {MAX_FIELDS} fields, {MAX_LINE // 1024} KiB each, "
        f"{MAX_HEAD // 1024} KiB in all",
        status=431,
    )
