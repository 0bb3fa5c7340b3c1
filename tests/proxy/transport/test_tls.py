"""TLS with a provider: an own authority, a client certificate, and a certificate nobody trusts."""

import datetime
import http.client
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from outrider.testing import FakeProvider, Sidecar
from outrider.transport import tls_context
from outrider.transport.tls import TlsFiles


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed one for localhost, which is its own authority: certificate and key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_file, key_file


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
