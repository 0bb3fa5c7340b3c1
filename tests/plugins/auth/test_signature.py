"""The auth type `hmac`, against a provider that checks the signature."""

import base64
import hashlib
import hmac
import http.client
import time
from collections.abc import Iterable

import pytest

from outrider.config import loads
from outrider.registry import load_plugins
from outrider.testing import FakeProvider, ReceivedRequest, Sidecar

CONFIG = """
[integrations.plain]
base_url = "{url}"
auth = {{ type = "hmac", secret = "env:KEY" }}
[integrations.full]
base_url = "{url}/base"
retry.base = "1ms"
[integrations.full.auth]
type = "hmac"
secret = "env:KEY"
header = "X-Acme-Signature"
algorithm = "sha512"
encoding = "base64"
format = "t={{timestamp}},v1={{signature}}"
payload = "{{timestamp}}.{{method}}.{{target}}.{{body}}"
timestamp_header = "X-Acme-Time"
"""
KEY = "signing-key"


def digest(payload: bytes, algorithm: str) -> bytes:
    return hmac.new(KEY.encode(), payload, getattr(hashlib, algorithm)).digest()


def post(sidecar: Sidecar, path: str, body: bytes | Iterable[bytes], **fields: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
    connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in fields.items()})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, said


def full(request: ReceivedRequest) -> str:
    """What the provider computes for `full`, of the request as it arrived."""
    stamp = request.header("X-Acme-Time")
    payload = f"{stamp}.{request.method}.{request.target}.".encode("latin-1") + request.body
    return f"t={stamp},v1={base64.b64encode(digest(payload, 'sha512')).decode()}"


def test_what_is_sent_is_signed() -> None:
    """Whole bodies and streams, escapes as they reach the provider, the app's own signature replaced."""
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url), env={"KEY": KEY}) as sidecar:
        statuses = [
            post(sidecar, "/plain/x", b"{}", X_Signature="forged")[0],
            post(sidecar, "/plain/x", b"")[0],
            post(sidecar, "/full/v1/a%2Fb?c=%20d&e", b"body", X_Acme_Time="0")[0],
            post(sidecar, "/full/v1/x", iter([b"a" * 50_000, b"b" * 50_000]))[0],
        ]

    assert statuses == [200] * 4
    one, empty, whole, streamed = provider.requests
    assert one.values("X-Signature") == [digest(b"{}", "sha256").hex()]
    assert empty.values("X-Signature") == [digest(b"", "sha256").hex()]
    assert whole.values("X-Acme-Signature") == [full(whole)]
    assert whole.target == "/base/v1/a%2Fb?c=%20d&e"
    assert abs(int(whole.values("X-Acme-Time")[0]) - time.time()) < 60
    assert streamed.body == b"a" * 50_000 + b"b" * 50_000
    assert streamed.values("X-Acme-Signature") == [full(streamed)]


def test_each_attempt_is_signed() -> None:
    """A retry is no replay of the first signature's request."""
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url), env={"KEY": KEY}) as sidecar:
        provider.reply(429)
        status, _ = post(sidecar, "/full/x", b"body")

    assert status == 200
    assert [request.values("X-Acme-Signature") for request in provider.requests] == [
        [full(request)] for request in provider.requests
    ]
    assert len(provider.requests) == 2


def test_a_body_that_is_too_long_to_be_kept_is_refused() -> None:
    """In words, and nothing of it is sent."""
    with FakeProvider() as provider, Sidecar(CONFIG.format(url=provider.url), env={"KEY": KEY}) as sidecar:
        status, said = post(sidecar, "/plain/x", b"x" * 600_000)

    assert (status, provider.requests) == (413, [])
    assert b"integration 'plain' signs bodies, and this one is too long to be kept" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            'payload = "{nonce}"',
            "payload: has a placeholder that is not known; known are {body}, {method}, {path}, {query}, {target}, {timestamp}",
        ),
        ('format = "v1"', 'format: must contain {signature} once, e.g. "sha256={signature}"'),
        ('header = "Host"', "header: this field belongs to the connection; a credential cannot stand in it"),
        (
            'payload = "{timestamp}{body}"',
            "payload has a {timestamp} that nobody is told; write timestamp_header, or put it in format",
        ),
    ],
)
def test_what_check_says(options: str, said: str) -> None:
    """A scheme that no provider could check is a problem."""
    text = f'[integrations.a]\nbase_url = "https://a.example"\nauth = {{ type = "hmac", secret = "env:K", {options} }}'

    problems = loads(text, load_plugins().vocabulary).problems

    assert [str(problem).partition("integrations.a.auth")[2].lstrip(".: ") for problem in problems] == [said]
