"""The built-in plugins through the real program: credentials, endpoints, metrics, a layer that raises, the log."""

import base64
import http.client
import json

import pytest

from outrider.testing import FakeProvider, Sidecar


def get(
    sidecar: Sidecar, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=5)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("auth", "field", "value"),
    [
        ('type = "bearer", token = "env:KEY"', "Authorization", "Bearer s3cret"),
        (
            'type = "basic", username = "me", password = "env:KEY"',
            "Authorization",
            "Basic " + base64.b64encode(b"me:s3cret").decode(),
        ),
        (
            'type = "basic", username = "env:KEY"',
            "Authorization",
            "Basic " + base64.b64encode(b"s3cret:").decode(),
        ),
        (
            'type = "header", name = "X-Key", value = "env:KEY", format = "Token {secret}"',
            "X-Key",
            "Token s3cret",
        ),
        ('type = "none"', "Authorization", None),
        ('type = "pass"', "Authorization", "Bearer mine"),
    ],
)
def test_credentials(auth: str, field: str, value: str | None) -> None:
    """The one that is configured goes out, and what the app sent in its place does not."""
    with FakeProvider() as provider:
        config = f'[integrations.a]\nbase_url = "{provider.url}"\nauth = {{ {auth} }}\n'
        with Sidecar(config, env={"KEY": "s3cret"}) as sidecar:
            sent = {"Authorization": "Bearer mine", "X-Key": "mine"}
            assert get(sidecar, "/a/x", sent)[0] == 200

    assert provider.requests[0].values(field) == ([] if value is None else [value])


def test_a_key_in_the_query() -> None:
    """The app's own is taken off however it is escaped; the other parameters stay byte for byte."""
    with FakeProvider() as provider:
        config = f'[integrations.a]\nbase_url = "{provider.url}"\nauth = {{ type = "query", name = "key", value = "env:KEY" }}\n'
        with Sidecar(config, env={"KEY": "s3c&ret"}) as sidecar:
            get(sidecar, "/a/x?a=%2F&%6bey=mine&b=+")

    assert provider.requests[0].target == "/x?a=%2F&b=+&key=s3c%26ret"


def test_endpoints_only() -> None:
    """What is not listed is a 403 and reaches nobody."""
    with FakeProvider() as provider:
        config = (
            f'[integrations.a]\nbase_url = "{provider.url}"\nendpoints_only = true\nauth = {{ type = "none" }}\n'
            'endpoints = [{ call = "GET /v1/things/{id}" }]\n'
        )
        with Sidecar(config) as sidecar:
            statuses = [
                get(sidecar, "/a/v1/things/1?x=y")[0],
                get(sidecar, "/a/v1/things/1/2")[0],
                get(sidecar, "/a/v1/things/1", method="DELETE")[0],
                get(sidecar, "/a/v1/things/1", {"x-http-method-override": "DELETE"})[0],
            ]

    assert statuses == [200, 403, 403, 403]
    assert len(provider.requests) == 1


def test_metrics_and_log() -> None:
    """Every outcome is counted once, refusals too, and logged without its query."""
    with FakeProvider() as provider:
        config = f'[integrations.a]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
        with Sidecar(config) as sidecar:
            provider.reply(401, {})
            for path, headers in (
                ("/a/x?q=hidden", {}),
                ("/a/x", {}),
                ("/b/x", {}),
                ("/a/x", {"Origin": "http://evil.example"}),
            ):
                get(sidecar, path, headers)
            counted = {
                (name, status): sidecar.metric(
                    "outrider_requests_total", integration=name, method="GET", status=status
                )
                for name, status in (("a", "2xx"), ("a", "401"), ("a", "4xx"), ("_outrider", "4xx"))
            }
            attempts = sidecar.metric("outrider_attempts_total", integration="a", target="a")
            seconds = sidecar.metric("outrider_request_seconds_count", integration="a")
            in_flight = sidecar.metric("outrider_in_flight", integration="a")
        lines = [json.loads(line) for line in sidecar.stderr.splitlines() if '"status"' in line]

    assert counted == {("a", "2xx"): 1, ("a", "401"): 1, ("a", "4xx"): 1, ("_outrider", "4xx"): 1}
    assert (attempts, seconds, in_flight) == (2, 3, 0)
    assert [line["status"] for line in lines] == [401, 200, 404, 403]
    assert "hidden" not in sidecar.stderr


def test_a_layer_that_raises_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """502 in words, a traceback in the log, a metric by its name; other integrations do not notice."""
    (tmp_path / "broken.py").write_text(
        "from outrider.plugin import Layer, Stage, hookimpl\n\n"
        "@hookimpl\ndef outrider_target_layers(target):\n"
        "    def wrap(send):\n"
        "        async def failing(attempt):\n            raise RuntimeError('oops')\n"
        "        return failing\n"
        "    return [Layer(stage=Stage.LIMIT, wrap=wrap)] if target.name == 'a' else []\n"
    )
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[outrider]\nbroken = broken\n")
    with FakeProvider() as provider:
        config = "".join(
            f'[integrations.{name}]\nbase_url = "{provider.url}"\nauth = {{ type = "none" }}\n'
            for name in "ab"
        )
        with Sidecar(config, env={"PYTHONPATH": str(tmp_path)}) as sidecar:
            status, body = get(sidecar, "/a/x")
            other, _ = get(sidecar, "/b/x")
            errors = sidecar.metric("outrider_plugin_errors_total", plugin="broken")

    assert (status, other, errors) == (502, 200, 1)
    assert "plugin 'broken' failed" in json.loads(body)["detail"]
    assert "RuntimeError: oops" in sidecar.stderr
