"""TLS contexts: of a target, and of the listeners."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import Config


class TlsFiles(Exception):
    """Files of `tls` that cannot be used: the reason for each key."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(f"tls.{key}: {reason}" for key, reason in reasons.items()))
        self.reasons = reasons


def tls_context(ca: str | None, cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """Make the context of `tls = { ca, cert, key }`; None for the usual one. TlsFiles names what is wrong.

    An own authority is judged alike by every Python: the default of 3.13 refuses one that breaks a rule of
    RFC 5280 about extensions, as many do; that of 3.12 one below another authority, which is not in `ca`.
    """
    if ca is None and cert is None:
        return None
    reasons = {}
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context = ssl.create_default_context(cafile=ca)
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        except (OSError, ssl.SSLError) as error:
            reasons["ca"] = f"{ca} cannot be used: {_reason(error)}"
    if cert is not None:
        try:
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            reasons["cert"] = f"{cert} with key {key} cannot be used: {_reason(error)}"
    if reasons:
        raise TlsFiles(reasons)
    return context


def listening_context(config: Config, renew: ssl.SSLContext | None = None) -> ssl.SSLContext | None:
    """Make the context of `server.tls`, None without; or put its files into one that is in use already.

    TlsFiles names what is wrong; a context in use then stays as it is.
    """
    tls = config.server.tls
    if tls is None:
        return None
    cert, key = str(config.folder / tls.cert), str(config.folder / tls.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key)
        if renew is not None:
            renew.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise TlsFiles({"cert": f"{cert} with key {key} cannot be used: {_reason(error)}"}) from None
    return context if renew is None else renew


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
