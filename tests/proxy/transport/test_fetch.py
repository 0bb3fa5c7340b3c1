"""Fetch: one request of Outrider's own, and its whole answer or a reason in words."""

import pytest

from outrider.config import BaseUrl
from outrider.errors import OutriderError
from outrider.testing import FakeProvider, Step
from outrider.transport import fetch


async def test_what_is_asked_and_answered() -> None:
    """The path, the fields and the body arrive; status, fields and body come back."""
    with FakeProvider() as provider:
        provider.reply(201, {"made": 1}, {"X-Kind": "test"})

        fetched = await fetch(
            "POST", BaseUrl.parse(f"{provider.url}/oauth"), "/token?a=b", headers=[(b"X-A", b"1")], body=b"hi"
        )

        (request,) = provider.requests
    assert (request.method, request.target, request.body) == ("POST", "/oauth/token?a=b", b"hi")
    assert (fetched.status, fetched.headers.get("X-Kind"), fetched.body) == (201, "test", b'{"made": 1}')


async def test_a_redirect_is_an_answer() -> None:
    """It is not followed: what was sent once does not go elsewhere."""
    with FakeProvider() as provider, FakeProvider() as elsewhere:
        provider.reply(307, b"", {"Location": elsewhere.url})

        fetched = await fetch("POST", BaseUrl.parse(provider.url), body=b"secret")

    assert (fetched.status, len(elsewhere.requests)) == (307, 0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((b"SSH-2.0-OpenSSH\r\n",), "the provider's answer is not HTTP"),
        (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", b"x" * 70000),
            "the answer is longer than 65536 bytes",
        ),
        (
            (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",),
            "the answer has status 101",
        ),
        ((Step.CLOSE,), "the provider closed the connection before it answered"),
        ((Step.WAIT,), "{where} did not answer within 0.2 s"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", Step.CLOSE), "{where} broke off its answer"),
    ],
)
async def test_no_answer(answer: tuple[bytes | Step, ...], said: str) -> None:
    """The reason is in words, and names no more of the URL than its host."""
    with FakeProvider() as provider:
        provider.raw(*answer)
        base = BaseUrl.parse(provider.url)

        with pytest.raises(OutriderError) as raised:
            await fetch("GET", base, "/secret", timeout_s=0.2)

    assert str(raised.value).startswith(said.format(where=base.authority))
    assert "secret" not in str(raised.value)
