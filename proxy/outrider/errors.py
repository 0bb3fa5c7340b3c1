"""What can go wrong, as the app is told of it.

OutriderError
├── Refused                 the request itself: never sent, never retried
│   ├── Malformed           400, 408, 413, 414, 431, 501
│   ├── Unauthorized        401: no client token, or a wrong one
│   ├── Forbidden           403: browser origin, client, endpoint
│   ├── NotFound            404: no such integration
│   ├── Misdirected         421: a Host that is not ours
│   └── UpgradeRequired     426: an Upgrade where `websocket` is off
├── AttemptFailed           an attempt that gave no response
│   ├── Unreachable         502: no connection, or it broke before a response
│   ├── Rubbish             502: what came is not HTTP as we accept it
│   └── TooSlow             504: a timeout of `timeout`
├── Limited                 429: our own limit
├── Looping                 502: the request came back to ourselves
├── PluginFailed            502: a plugin raised on the request path
└── Unavailable             503: draining, or no credential
    └── Open                503: the breaker of the target is open
BrokenBody                  a body broke off after its head: only an abort is left
StartError                  what ends the program with one line and exit code 2

Each knows its status and its error type of RFC 9209 section 2.3. Another attempt may help after an
AttemptFailed alone, and nobody but the retry layer says so. `problem.py` is the one place that makes a
response of them.
"""

from __future__ import annotations


class OutriderError(Exception):
    """Something that ends an exchange with an answer of Outrider's own."""

    status = 500
    kind = "internal-error"
    error_type = "proxy_internal_error"

    def __init__(
        self, detail: str, *, status: int = 0, error_type: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s
        if status:
            self.status = status
        if error_type:
            self.error_type = error_type


class Refused(OutriderError):
    """The request was refused before anything was sent."""

    status = 403
    kind = "refused"
    error_type = "http_request_denied"


class Malformed(Refused):
    """Not a request that we pass on. The connection is closed after the answer."""

    status = 400
    kind = "malformed-request"
    error_type = "http_request_error"


class Unauthorized(Refused):
    """No client token, or none that we know."""

    status = 401
    kind = "client-unknown"


class Forbidden(Refused):
    """Well-formed, and not allowed."""

    kind = "forbidden"


class NotFound(Refused):
    """No integration is meant by this request."""

    status = 404
    kind = "no-such-integration"
    error_type = "destination_not_found"


class Misdirected(Refused):
    """A Host that is not ours (RFC 9110 section 15.5.20): DNS rebinding looks like this."""

    status = 421
    kind = "host-not-ours"


class UpgradeRequired(Refused):
    """An upgrade was asked for where the integration does not allow one."""

    status = 426
    kind = "upgrade-refused"


class Limited(OutriderError):
    """Our own limit would make the call wait too long."""

    status = 429
    kind = "limited"
    error_type = "proxy_internal_response"
    narrow = False
    """Whether it is a limit of some endpoints only, and calls of others need not wait."""


class AttemptFailed(OutriderError):
    """An attempt that ended without a usable response.

    `written`: the provider may have got the request, so it may have taken effect.
    """

    written = True

    def __init__(self, detail: str, *, error_type: str = "", written: bool = True) -> None:
        super().__init__(detail, error_type=error_type)
        self.written = written
        self.stops: tuple[tuple[str, str], ...] = ()
        """Fields of the answer that tell the app's SDK not to try again."""


class Unreachable(AttemptFailed):
    """No connection, or it ended before a response."""

    status = 502
    kind = "unreachable"
    error_type = "destination_unavailable"


class Rubbish(AttemptFailed):
    """The provider answered something that is not passed on."""

    status = 502
    kind = "malformed-response"
    error_type = "http_protocol_error"


class TooSlow(AttemptFailed):
    """The provider did not answer in time."""

    status = 504
    kind = "timeout"
    error_type = "http_response_timeout"


class Looping(OutriderError):
    """The request has passed through an Outrider too often."""

    status = 502
    kind = "loop"
    error_type = "proxy_loop_detected"


class PluginFailed(OutriderError):
    """A plugin raised on the request path. The log has its traceback."""

    status = 502
    kind = "plugin-failed"

    def __init__(self, plugin: str) -> None:
        super().__init__(f"plugin '{plugin}' failed; the log of outrider says how")
        self.plugin = plugin


class Unavailable(OutriderError):
    """Nothing is sent for now: draining, or no credential."""

    status = 503
    kind = "unavailable"
    error_type = "proxy_internal_response"


class Open(Unavailable):
    """The target failed too often and is left alone until `retry_after_s` is over."""

    kind = "breaker-open"
    error_type = "destination_unavailable"


class BrokenBody(Exception):
    """A body broke off after its head was passed on, so the other side's connection must break too."""


class StartError(Exception):
    """A mistake of the user that ends the program: one line, exit code 2."""
