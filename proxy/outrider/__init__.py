"""Outrider: the sidecar for applications that call third-party APIs.

Integration
    One section of `config.toml`: what the app calls, e.g. `stripe`.
Target
    One place an integration can send to: a base URL, a provider, a credential, limits.
Exchange
    One request of the app and its outcome.
Attempt
    One try of an exchange at one target, with fresh headers.
Response
    Status, headers and unread body, from an upstream or made by Outrider.
Provider
    What a plugin knows of one API.
Stage
    Where in the life of a request a layer stands; see `docs/life-of-a-request.md`.
Layer
    `wrap(send) -> send` at one stage; composed when the configuration is loaded.

The verb is `send`, from the server down to the socket.
"""

if __name__ != "outrider":
    # `proxy/` is a source root, not a package: a second copy of every class would not match the first.
    raise ImportError(f"import 'outrider', not {__name__!r}: 'proxy/' is a source root, not a package")

__version__ = "0.1.0"
