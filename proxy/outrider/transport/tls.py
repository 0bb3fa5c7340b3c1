"""The TLS context of a target."""

from __future__ import annotations

import ssl

from outrider.errors import StartError


def tls_context(ca: str | None, cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """Make the context of `tls = { ca, cert, key }`; None for the usual one. StartError names the file."""
    if ca is None and cert is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"tls.ca: {ca} cannot be used: {_reason(error)}") from error
    if cert is not None:
        try:
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise StartError(f"tls.cert: {cert} with key {key} cannot be used: {_reason(error)}") from error
    return context


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
