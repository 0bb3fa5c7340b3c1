"""Why there is no response, in our words: aiohttp's own can hold the whole URL, keys included."""

from __future__ import annotations

from aiohttp.client_exceptions import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
)

from outrider.errors import Unreachable


class Prohibited(OSError):
    """A name that resolves to where nothing may be sent."""


def unreachable(error: ClientError | OSError, where: str) -> Unreachable:
    """Say why there is no connection; nothing was written."""
    cause = error.os_error if isinstance(error, ClientConnectorError) else error
    if isinstance(cause, Prohibited):
        return Unreachable(cause.args[1], error_type="destination_ip_prohibited", written=False)
    if isinstance(error, ClientConnectorDNSError):
        return Unreachable(f"the name of {where} does not resolve", error_type="dns_error", written=False)
    if isinstance(error, ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "it is not trusted"
        return Unreachable(
            f"the certificate of {where} is refused: {reason}",
            error_type="tls_certificate_error",
            written=False,
        )
    if isinstance(error, ClientConnectorSSLError):
        return Unreachable(f"TLS with {where} failed", error_type="tls_protocol_error", written=False)
    if isinstance(cause, ConnectionRefusedError):
        return Unreachable(f"{where} refuses connections", error_type="connection_refused", written=False)
    reason = (getattr(cause, "strerror", None) or type(cause).__name__).lower()
    return Unreachable(f"{where} cannot be reached: {reason}", written=False)
