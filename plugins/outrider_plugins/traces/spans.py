"""Spans of one configuration: an exchange, its attempts, and what it waited for.

A span of the exchange begins when the request came and ends with the last byte. An attempt is its child, up
to the head of the provider's response, and so is each wait. The app's own trace goes on (W3C Trace Context);
where it sends none, or one that is malformed or twice there, a trace begins here.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time_ns

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from outrider.logs import REDACTOR
from outrider.plugin import (
    Attempt,
    AttemptSend,
    Exchange,
    ExchangeDone,
    ExchangeSend,
    LimitWaited,
    OutriderError,
    Response,
    Retrying,
    field,
)

SPAN = "outrider.traces.span"
"""The note of an exchange under which its span is."""
WAIT = "outrider.traces.wait"
"""Likewise a wait for the next attempt, which ends when that begins."""

_W3C = TraceContextTextMapPropagator()
#: What carries a trace. To a provider it goes only where the integration says so: it tells of our inside.
_CARRIERS = frozenset((b"traceparent", b"tracestate", b"baggage"))
_BAGGAGE = b"baggage"


class Spans:
    """Makes the spans of one configuration; `tracer` gives where they go, None while nowhere."""

    def __init__(self, tracer: Callable[[], Tracer | None]) -> None:
        self._tracer = tracer

    def traced(self, send: ExchangeSend) -> ExchangeSend:
        """Give the `send` that begins the span of an exchange; its last event ends it."""

        async def traced(exchange: Exchange) -> Response:
            tracer = self._tracer()
            if tracer is not None:
                exchange.notes[SPAN] = tracer.start_span(
                    f"{exchange.method} {exchange.integration.name}",
                    context=_parent(exchange),
                    kind=SpanKind.SERVER,
                    start_time=_wall_ns(exchange.started),
                    attributes={
                        "http.request.method": exchange.method,
                        "url.path": REDACTOR.clean(exchange.path),
                        "outrider.integration": exchange.integration.name,
                        "outrider.id": exchange.id,
                    },
                )
            return await send(exchange)

        return traced

    def spanned(self, send: AttemptSend, *, propagate: bool) -> AttemptSend:
        """Give the `send` that makes a span of an attempt, and tells the provider no more than it may."""

        async def spanned(attempt: Attempt) -> Response:
            exchange, tracer = attempt.exchange, self._tracer()
            parent: Span | None = exchange.noted(SPAN)
            kept = [one for one in attempt.fields if one[0].lower() not in _CARRIERS]
            if tracer is None or parent is None:
                attempt.fields = attempt.fields if propagate else kept
                return await send(attempt)
            _end_wait(exchange)
            span = tracer.start_span(
                f"{attempt.method} {attempt.to.base.host}",
                context=set_span_in_context(parent),
                kind=SpanKind.CLIENT,
                attributes={
                    "http.request.method": attempt.method,
                    "http.request.resend_count": attempt.number - 1,
                    "server.address": attempt.to.base.host,
                    "server.port": attempt.to.base.port,
                    "outrider.target": attempt.to.name,
                },
            )
            if propagate:
                carrier: dict[str, str] = {}
                _W3C.inject(carrier, set_span_in_context(span))
                kept += [one for one in attempt.fields if one[0].lower() == _BAGGAGE]
                kept += [field(name, value) for name, value in carrier.items()]
            attempt.fields = kept
            try:
                response = await send(attempt)
            except BaseException as error:
                kind = error.kind if isinstance(error, OutriderError) else type(error).__name__
                span.set_attribute("error.type", kind)
                span.set_status(StatusCode.ERROR)
                raise
            else:
                _answered(span, response.status, bad_from=400)
                return response
            finally:
                span.end()

        return spanned

    def done(self, event: ExchangeDone) -> None:
        """End the span of an exchange."""
        exchange = event.exchange
        span: Span | None = exchange.noted(SPAN)
        if span is None:
            return
        _end_wait(exchange)
        span.set_attribute("outrider.attempts", exchange.attempts)
        if event.status:
            _answered(span, event.status, bad_from=500)
        if event.broken:
            span.set_attribute("error.type", "broken" if event.status else "left")
            span.set_status(StatusCode.ERROR)
        span.end()

    def retrying(self, event: Retrying) -> None:
        """Begin the wait before a further attempt."""
        self._begin(event.exchange, "wait before a retry", event.reason)

    def waited(self, event: LimitWaited) -> None:
        """Tell a wait for a turn, which is over."""
        span = self._begin(event.attempt.exchange, "wait for a turn", "limit", event.seconds)
        if span is not None:
            span.set_attribute("outrider.refused", event.refused)
            _end_wait(event.attempt.exchange)

    def _begin(self, exchange: Exchange, name: str, reason: str, ago_s: float = 0.0) -> Span | None:
        tracer, parent = self._tracer(), exchange.noted(SPAN)
        if tracer is None or parent is None:
            return None
        _end_wait(exchange)
        span = tracer.start_span(
            name,
            context=set_span_in_context(parent),
            start_time=time_ns() - round(ago_s * 1e9),
            attributes={"outrider.reason": reason},
        )
        exchange.notes[WAIT] = span
        return span


def _end_wait(exchange: Exchange) -> None:
    span: Span | None = exchange.noted(WAIT)
    if span is not None:
        span.end()
        exchange.notes[WAIT] = None


def _answered(span: Span, status: int, *, bad_from: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= bad_from:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def _parent(exchange: Exchange) -> Context:
    """Read the app's trace: exactly one `traceparent`, and `tracestate` in one or several fields."""
    headers = exchange.headers
    if len(headers.getall("traceparent", ())) != 1:
        return Context()
    carrier = {"traceparent": headers["traceparent"]}
    if "tracestate" in headers:
        carrier["tracestate"] = ",".join(headers.getall("tracestate"))
    return _W3C.extract(carrier, Context())


def _wall_ns(moment: float) -> int:
    """Give a moment of the monotonic clock as nanoseconds since the epoch."""
    return time_ns() - round((monotonic() - moment) * 1e9)
