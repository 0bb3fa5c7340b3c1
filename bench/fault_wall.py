"""Run the real program against a provider that fails in every way, and count what came of it.

    python bench/fault_wall.py [--seconds 30] [--seed 1]

The provider resets, stalls, truncates, answers 429, 500 and 503 with every form of Retry-After, flaps,
and goes away. It remembers each effect by the name the app gave it. The table at the end says what must
be nought, and what it cost.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from email.utils import formatdate

from outrider.testing import Sidecar

CONFIG = """
[integrations.api]
base_url = "http://127.0.0.1:{port}"
timeout = {{ connect = "1s", response = "500ms", idle = "500ms", total = "5s" }}
retry = {{ attempts = 4, base = "10ms", cap = "200ms", budget = 0.2 }}
auth = {{ type = "none" }}
"""
BODY = b"x" * 2048
RETRY_AFTERS = ("0", "1", "-1", "soon", "99999999999999999999", "", "date", "past")


class Provider:
    """Fails by a script of its own; `effects` counts what each request that may change something did."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.effects: Counter[str] = Counter()
        self.requests = 0
        self.away = False
        self.in_outage = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                await reader.readexactly(int(fields.get("content-length", "0")))
                self.requests += 1
                self.in_outage += self.away
                if not await self._answer(head.split(" ", 1)[0], fields, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other side left, or the run is over
        finally:
            writer.close()

    async def _answer(self, method: str, fields: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        """Answer one request, or fail it; whether the connection goes on."""
        name = fields.get("x-name", "")
        draw = self.random.random()
        if self.away:
            writer.write(b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n")
            return True
        if draw < 0.60:
            self._take_effect(method, name, fields)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
            await writer.drain()
            return True
        if draw < 0.66:
            writer.transport.abort()  # type: ignore[attr-defined]
            return False
        if draw < 0.70:
            self._take_effect(method, name, fields)  # done, and the answer is lost
            writer.transport.abort()  # type: ignore[attr-defined]
            return False
        if draw < 0.74:
            self._take_effect(method, name, fields)
            await asyncio.sleep(0.7)
            return False
        if draw < 0.80:
            self._take_effect(method, name, fields)
            chunked = b"Transfer-Encoding: chunked\r\n\r\n400\r\n" + BODY[:1024] + b"\r\n"
            fixed = b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[:1024]
            writer.write(b"HTTP/1.1 200 OK\r\n" + self.random.choice((chunked, fixed)))
            await writer.drain()
            return False
        status = self.random.choice((429, 500, 503))
        asked = self.random.choice(RETRY_AFTERS)
        now = time.time()
        asked = {"date": formatdate(now + 1, usegmt=True), "past": formatdate(now - 9, usegmt=True)}.get(
            asked, asked
        )
        # A refusal executed nothing; a 500 may have.
        if status == 500 and self.random.random() < 0.5:
            self._take_effect(method, name, fields)
        writer.write(f"HTTP/1.1 {status} No\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n".encode())
        return True

    def _take_effect(self, method: str, name: str, fields: dict[str, str]) -> None:
        if method == "POST":
            key = fields.get("idempotency-key")
            self.effects[name] = 1 if key else self.effects[name] + 1


async def call(port: int, name: str, method: str, *, keyed: bool) -> tuple[int, bool, bool]:
    """Make one call: its status (0: none), whether what came looks complete, and whether it is whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = f"Idempotency-Key: {name}\r\n" if keyed else ""
    length = "Content-Length: 2\r\n" if method == "POST" else ""
    body = "{}" if method == "POST" else ""
    fields = f"Host: localhost\r\nX-Name: {name}\r\n{key}{length}Connection: close\r\n"
    writer.write(f"{method} /api/x HTTP/1.1\r\n{fields}\r\n{body}".encode())
    broken, data = False, b""
    try:
        while piece := await reader.read(65536):
            data += piece
    except ConnectionError:
        broken = True
    writer.close()
    head, _, rest = data.partition(b"\r\n\r\n")
    if not head:
        return 0, False, False
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        complete = not broken and rest.endswith(b"0\r\n\r\n")
    else:
        length_at = lower.partition(b"content-length: ")[2].split(b"\r\n")[0]
        complete = not broken and length_at.isdigit() and len(rest) == int(length_at)
    status = int(head.split(b" ", 2)[1])
    return status, complete, complete and (status != 200 or BODY in rest)


async def run(seconds: float, seed: int) -> int:
    """Load it for so long, a third of that with the provider away; print the table; the exit code."""
    provider = Provider(seed)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    statuses: Counter[str] = Counter()
    feigned = cut = offered_in_outage = repeatable = missed = 0
    with Sidecar(CONFIG.format(port=port)) as sidecar:
        began, number = time.monotonic(), 0
        while (at := time.monotonic() - began) < seconds:
            provider.away = seconds / 3 <= at < 2 * seconds / 3
            kinds = [("GET", False), ("POST", False), ("POST", True), ("GET", False)] * 3
            offered_in_outage += len(kinds) * provider.away
            made = await asyncio.gather(
                *(
                    call(sidecar.port, f"n{number + index}", method, keyed=keyed)
                    for index, (method, keyed) in enumerate(kinds)
                )
            )
            number += len(kinds)
            for (method, keyed), (status, complete, whole) in zip(kinds, made, strict=True):
                cut += status == 200 and not complete
                feigned += complete and not whole
                if not provider.away:
                    statuses[str(status) if status else "none"] += 1
                    repeatable += method == "GET" or keyed
                    missed += (method == "GET" or keyed) and status != 200
    server.close()
    doubled = sum(count > 1 for count in provider.effects.values())
    extra = provider.in_outage / offered_in_outage if offered_in_outage else 0.0
    print(f"{number} calls in {seconds:g} s, seed {seed}\n")
    print("| what | count |\n| --- | --- |")
    print(f"| effects doubled | {doubled} |")
    print(f"| bodies that looked complete and were not | {feigned} |")
    print(f"| bodies that the provider broke off, broken at the app too | {cut} |")
    print(f"| load on the provider while it was away, by what was offered | {extra:.2f} |")
    print(f"| answers while it was there | {', '.join(f'{s}: {n}' for s, n in sorted(statuses.items()))} |")
    print(f"| of {repeatable} calls that may be repeated, while it was there, failed | {missed} |")
    return int(doubled > 0 or feigned > 0 or extra > 1.25)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    return asyncio.run(run(args.seconds, args.seed))


if __name__ == "__main__":
    sys.exit(main())
