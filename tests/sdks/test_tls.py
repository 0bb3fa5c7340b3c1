"""An SDK that insists on https, at a listener with a certificate: the other way of docs/sdks.md."""

from pathlib import Path

import pytest
import requests
from simple_salesforce import Salesforce

from certificate import make_certificate
from outrider.testing import FakeProvider, Sidecar

CONFIG = """
[server]
listen = "127.0.0.1:0"
tls = {{ cert = "{cert}", key = "{key}" }}

[integrations.salesforce]
provider = "salesforce"
base_url = "{url}"
listen = "127.0.0.1:0"
auth = {{ type = "bearer", token = "env:TOKEN" }}
"""


def test_simple_salesforce_at_a_tls_listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of the own listener is all that it needs, for the next page too."""
    cert, key = make_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cert))
    with FakeProvider() as provider, requests.Session() as session:
        config = CONFIG.format(cert=cert, key=key, url=provider.url)
        with Sidecar(config, env={"TOKEN": "the-real-token"}) as sidecar:
            port = sidecar.urls[1].rpartition(":")[2]
            client = Salesforce(instance=f"localhost:{port}", session_id="x", session=session)
            more = {"records": [], "done": False, "nextRecordsUrl": "/services/data/v59.0/query/01g-2"}
            provider.reply(200, {**more, "totalSize": 1})
            provider.reply(200, {"records": [{"Name": "A"}], "done": True, "totalSize": 1})
            found = client.query_all("SELECT Name FROM Account")

    assert [each["Name"] for each in found["records"]] == ["A"]
    assert [request.target.partition("?")[0] for request in provider.requests] == [
        "/services/data/v59.0/query/",
        "/services/data/v59.0/query/01g-2",
    ]
    assert {request.header("Authorization") for request in provider.requests} == {"Bearer the-real-token"}
