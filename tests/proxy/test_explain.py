"""What `outrider explain` says, of each kind of integration."""

from pathlib import Path

import pytest

from outrider.compile import Compiler
from outrider.errors import Malformed, NotFound
from outrider.explain import explain
from outrider.registry import load_plugins

CONFIG = """
[integrations.plain]
base_url = "https://plain.example/base"
[integrations.strict]
base_url = "https://strict.example"
auth = { type = "query", name = "key", value = "env:NOT_SET" }
endpoints_only = true
limits = [{ rate = "5/s", endpoints = ["GET /x/{id}"] }, { concurrency = 3, observe = true }]
breaker = { failures = 3, rate = 0.5 }
retry = { attempts = 1 }
fallback = { targets = ["plain"], message = { status = 500 } }
[[integrations.strict.endpoints]]
call = "GET /x/{id}"
purpose = "To look"
[integrations.inside]
provider = "sandbox"
auth = { type = "none" }
[integrations.later]
base_url = "https://later.example"
status = "draft"
auth = { type = "bearer", token = "env:NOT_SET" }
[integrations.through]
base_url = "https://through.example"
auth = { type = "pass" }
[integrations.pooled]
base_url = "https://pooled.example"
auth = { type = "bearer", token = ["env:K1", "env:K2", "env:K3"] }
limits = [{ rate = "25/s", scope = "key" }]
[integrations.pay]
provider = "paypal"
auth = { client_id = "x", client_secret = "env:NOT_SET" }
[integrations.apart]
base_url = "https://apart.example"
hosts = { files = "https://files.apart.example/v1" }
"""


def said(tmp_path: Path, method: str, path: str) -> dict[str, str]:
    """Explain a call, as a dictionary."""
    (tmp_path / "config.toml").write_text(CONFIG)
    compiled = Compiler(tmp_path / "config.toml", load_plugins(), secrets=False).compile()
    assert compiled.table is not None, compiled.problems
    return dict(explain(compiled.table, method, path))


@pytest.mark.parametrize(
    ("call", "line", "words"),
    [
        ("GET /plain/x?a=1", "sends", "GET https://plain.example/base/x?a=1"),
        ("GET /pooled/x", "credential", "bearer, a pool of 3 keys that take turns: env:K1, env:K2, env:K3"),
        ("GET /pooled/x", "limits", "25/s, for each key, waits up to 5 s"),
        (
            "POST /pay/v1/oauth2/token",
            "answered",
            "here, with a token that means nothing; a user's authorization code is sent on",
        ),
        ("GET /plain", "sends", "GET https://plain.example/base/"),
        ("GET /plain/x", "credential", "none configured: the app's own is stripped"),
        ("GET /plain/x", "limits", "none configured; what the provider tells is kept"),
        ("GET /plain/x", "retry", "up to 4 attempts"),
        ("GET /plain/x", "breaker", "none"),
        ("GET /plain/x", "on 5xx", "retry, failover, message"),
        ("GET /strict/x/1?key=mine&a=1", "sends", "GET https://strict.example/x/1?a=1"),
        ("GET /strict/x/1", "credential", "query from env:NOT_SET"),
        ("GET /strict/x/1", "endpoint", "GET /x/{id}: To look"),
        ("POST /strict/x/1", "endpoint", "not listed, so refused with 403"),
        ("GET /strict/x/1", "limits", "5/s, waits up to 5 s; 3 at once, observed only"),
        ("GET /strict/y", "limits", "3 at once, observed only"),
        ("GET /strict/x/1", "retry", "never"),
        (
            "GET /strict/x/1",
            "breaker",
            "after 3 failures in a row, or 50% of at least 20 requests in 10 s, left alone for 30 s",
        ),
        ("GET /strict/x/1", "fallback", "plain: https://plain.example/base"),
        ("GET /strict/x/1", "message", "status 500"),
        ("GET /inside/v1/charges", "sends", "GET /v1/charges, inside outrider"),
        ("GET /later/x", "status", "draft: a 404 until its secret is set"),
        ("GET /through/x", "credential", "the app's own goes through"),
        ("GET /apart/x", "sends", "GET https://apart.example/x"),
        ("GET /apart/_hosts/files/x", "sends", "GET https://files.apart.example/v1/x"),
        (
            "GET /_outrider/jobs/1",
            "answered",
            "by Outrider itself: what is below /_outrider/ goes to no provider",
        ),
    ],
)
def test_a_call_is_explained(tmp_path: Path, call: str, line: str, words: str) -> None:
    """Where it goes, with which credential, and what is done on its way."""
    method, path = call.split()

    assert said(tmp_path, method, path)[line] == words


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("GET", "/nobody/x", NotFound),
        ("FETCH", "/plain/x", Malformed),
        ("GET", "plain/x", Malformed),
        ("GET", "http://127.0.0.1:8080/plain/x", Malformed),
        ("GET", "/plain/../x", Malformed),
    ],
)
def test_what_would_be_refused_is_refused(
    tmp_path: Path, method: str, path: str, error: type[Exception]
) -> None:
    """As the app would be."""
    with pytest.raises(error):
        said(tmp_path, method, path)
