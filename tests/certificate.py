"""A certificate for tests."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOCALHOST = x509.SubjectAlternativeName([x509.DNSName("localhost")])
AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed one for localhost, which is its own authority: certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = _named("localhost", "localhost", key).add_extension(LOCALHOST, critical=False)
    return _write(folder, made.add_extension(AUTHORITY, critical=True).sign(key, hashes.SHA256()), key)


def make_careless_authority(folder: Path) -> tuple[Path, Path, Path]:
    """An authority below another one, which breaks RFC 5280 section 4.2.1.9; and a certificate and key of it."""
    own, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    above = ec.generate_private_key(ec.SECP256R1())
    authority = _named("Own", "Above", own).add_extension(AUTHORITY, critical=False)
    (folder / "ca.pem").write_bytes(
        authority.sign(above, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    made = _named("localhost", "Own", key).add_extension(LOCALHOST, critical=False)
    return folder / "ca.pem", *_write(folder, made.sign(own, hashes.SHA256()), key)


def _named(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


def _write(folder: Path, made: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_file, key_file
