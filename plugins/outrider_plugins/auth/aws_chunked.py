"""aws-chunked: what SDKs put around an upload to sign each chunk of it.

Source: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks",
Amazon S3 API reference. A chunk is `SIZE;chunk-signature=...`, CRLF, the data, CRLF; the last has size 0,
and trailers may follow it.
"""

from __future__ import annotations

from outrider.plugin import Malformed

#: What announces such a body in x-amz-content-sha256, where each chunk is signed with the app's own key.
SIGNED = "STREAMING-AWS4-"
#: Likewise, and nothing is signed: it can go on as it is.
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_LONGEST_LINE = 1024


class Unchunked:
    """Takes the chunks of a body apart: feed it pieces, it gives the data. The signatures are dropped.

    `length` bytes come of it, neither more nor fewer, or the request behind it would be another one.
    """

    def __init__(self, length: int) -> None:
        self._missing = length
        self._held = b""
        self._left = 0
        """Bytes of the chunk under way, its closing CRLF included."""
        self._over = False

    def __call__(self, piece: bytes) -> bytes:
        """Give the data of this piece; b"" for the end of the body. Malformed where it is no such body."""
        if not piece:
            if not self._over or self._missing:
                raise Malformed("the body ends before its last aws-chunked chunk")
            return b""
        found = []
        rest = self._held + piece
        while rest and not self._over:
            if self._left:
                data, rest = rest[: self._left], rest[self._left :]
                closing = max(0, 2 - (self._left - len(data)))
                found.append(data[:-closing] if closing else data)
                self._left -= len(data)
                continue
            line, end, after = rest.partition(b"\r\n")
            if not end:
                break
            rest = after
            size = _size(line)
            self._over = size == 0
            self._left = size + 2 if size else 0
        self._held = b"" if self._over else rest
        if not self._left and len(self._held) > _LONGEST_LINE:
            raise _not_chunked()
        made = b"".join(found)
        self._missing -= len(made)
        if self._missing < 0:
            raise _not_chunked()
        return made


def _size(line: bytes) -> int:
    digits = line.partition(b";")[0]
    try:
        if not 1 <= len(digits) <= 16 or not digits.isalnum():
            raise ValueError
        return int(digits, 16)
    except ValueError:
        raise _not_chunked() from None


def _not_chunked() -> Malformed:
    return Malformed("the body is not aws-chunked, as its x-amz-content-sha256 says")
