"""What an app, a page in a browser or an attacker may send, byte by byte, as rows of tables.

Each row has its name, the bytes (`{host}` is the sidecar's own host and port), what must come back or
arrive, and the reason.
"""

from dataclasses import dataclass

from outrider.testing import ReceivedRequest, Script, Sidecar, reply

PATH = b"/stripe/v1/x"


def get(target: bytes, *fields: bytes, host: bytes = b"{host}", method: bytes = b"GET") -> bytes:
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), b"Host: " + host, *fields, b"", b""])


def fields(*lines: bytes) -> bytes:
    return get(PATH, *lines)


def line(request_line: bytes) -> bytes:
    return request_line + b"\r\nHost: {host}\r\n\r\n"


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return get(PATH, *lines, method=b"POST") + body


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


def host(value: bytes, target: bytes = PATH) -> bytes:
    return get(target, host=value)


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider hears nothing; the answer is Outrider's own and has one of these statuses."""

    id: str
    sent: bytes
    statuses: int | tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Passed:
    """The provider gets exactly this target."""

    id: str
    sent: bytes
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider gets exactly these values of these fields (none: the field is absent), and this body."""

    id: str
    sent: bytes
    seen: dict[str, list[str]]
    reason: str
    body: bytes = b""


def ids_of(table: list[Refused] | list[Passed] | list[Delivered]) -> list[str]:
    ids = [row.id for row in table]
    assert len(set(ids)) == len(ids)
    return ids


def bytes_of(sent: bytes, sidecar: Sidecar) -> bytes:
    return sent.replace(b"{host}", b"127.0.0.1:%d" % sidecar.port)


def statuses_of(row: Refused) -> tuple[int, ...]:
    return (row.statuses,) if isinstance(row.statuses, int) else row.statuses


def say_target(request: ReceivedRequest) -> Script:
    """Answer with the target that was asked for."""
    return reply(200, request.target)
