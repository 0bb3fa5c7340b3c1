"""TLS with a provider: an own authority, a client certificate, and a certificate nobody trusts; with the app."""

import http.client
import signal
import ssl
import urllib.request
from pathlib import Path

import pytest

from certificate import make_careless_authority, make_certificate
from outrider.compile import Compiler
from outrider.registry import load_plugins
from outrider.testing import FakeProvider, Sidecar, reply
from outrider.tls import TlsFiles, tls_context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def ask(certificate: tuple[Path, Path], tls: str, *, wants_client: bool = False) -> tuple[int, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate[0])
    with FakeProvider(ssl_context=context) as provider:
        config = f'[integrations.a]\nbase_url = "https://localhost:{provider.port}"\nauth = {{ type = "none" }}\n{tls}\n'
        with Sidecar(config) as sidecar:
            connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=5)
            connection.request("GET", "/a/x")
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status, answer.getheader("Proxy-Status") or ""


def test_an_own_authority(certificate: tuple[Path, Path]) -> None:
    """`tls.ca` makes the certificate good."""
    assert ask(certificate, f'tls = {{ ca = "{certificate[0]}" }}') == (200, "")


def test_an_own_authority_is_judged_alike_by_every_python(tmp_path: Path) -> None:
    """Python 3.13 turned strict, and took one below another, which `tls.ca` does not have; 3.12 did neither."""
    authority, *certificate = make_careless_authority(tmp_path)

    assert ask((certificate[0], certificate[1]), f'tls = {{ ca = "{authority}" }}') == (200, "")


def test_nobody_vouches_for_it(certificate: tuple[Path, Path]) -> None:
    """A certificate that is not trusted is a 502 that says so; nothing was sent."""
    status, why = ask(certificate, "")

    assert status == 502
    assert "tls_certificate_error" in why


def test_a_client_certificate(certificate: tuple[Path, Path]) -> None:
    """`tls.cert` and `tls.key` are shown to the provider that wants them."""
    cert, key = certificate

    assert (
        ask(certificate, f'tls = {{ ca = "{cert}", cert = "{cert}", key = "{key}" }}', wants_client=True)[0]
        == 200
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """At load, in one line."""
    with pytest.raises(TlsFiles, match=r"tls.ca: .*nope.pem cannot be used"):
        tls_context(str(tmp_path / "nope.pem"), None, None)


def test_the_listeners_speak_tls(tmp_path: Path) -> None:
    """`server.tls`: Location leads back to https, a new certificate is taken at a reload, HTTP is refused."""
    cert, key = make_certificate(tmp_path)
    with FakeProvider(lambda _: reply(302, b"", {"Location": f"{provider.url}/v1/next"})) as provider:
        config = f"""
            [server]
            listen = "127.0.0.1:0"
            admin = "127.0.0.1:0"
            tls = {{ cert = "{cert}", key = "{key}" }}
            [integrations.a]
            base_url = "{provider.url}"
        """
        with Sidecar(config) as sidecar:
            port = sidecar.port
            assert sidecar.url == f"https://127.0.0.1:{sidecar.port}"
            status, location, shown = get(sidecar.port, cert)
            old = ssl.PEM_cert_to_DER_cert(cert.read_text())
            make_certificate(tmp_path)
            sidecar.signal(signal.SIGHUP)
            sidecar.until_said("the configuration was reloaded")
            renewed = get(sidecar.port, cert)[2]
            with pytest.raises((ConnectionError, http.client.HTTPException)):
                urllib.request.urlopen(f"http://127.0.0.1:{sidecar.port}/a/x", timeout=5)

    assert (status, location) == (302, f"https://localhost:{port}/a/v1/next")
    assert shown == old
    assert renewed == ssl.PEM_cert_to_DER_cert(cert.read_text()) != old


def get(port: int, cert: Path) -> tuple[int, str, bytes]:
    """Status, Location, and the certificate that was shown."""
    context = ssl.create_default_context(cafile=str(cert))
    connection = http.client.HTTPSConnection("localhost", port, timeout=5, context=context)
    connection.request("GET", "/a/v1/x")
    shown = connection.sock.getpeercert(binary_form=True)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Location") or "", shown


def test_a_certificate_of_the_listeners_that_is_not_there_is_named(tmp_path: Path) -> None:
    """At load, at its key."""
    (tmp_path / "config.toml").write_text('[server]\ntls = { cert = "a.pem", key = "b.pem" }\n')

    compiled = Compiler(tmp_path / "config.toml", load_plugins()).compile()

    said = f"{tmp_path}/a.pem with key {tmp_path}/b.pem cannot be used: no such file or directory"
    assert [(one.line, one.where, one.text) for one in compiled.problems] == [(2, "server.tls.cert", said)]
