"""Where spans go: OpenTelemetry's own batches and exporter, in a thread of theirs."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from outrider import __version__


@dataclass(frozen=True)
class Place:
    """All that decides where spans go, and which."""

    endpoint: str
    headers: tuple[tuple[str, str], ...]
    sample: float
    service: str

    def __repr__(self) -> str:
        return f"<Place {self.endpoint}>"


class Export:
    """One place, and its tracer. What cannot be delivered is dropped by the exporter after its retries."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(place.sample)),
            resource=Resource.create({"service.name": place.service, "service.version": __version__}),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(place.endpoint, headers=dict(place.headers))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer = self._provider.get_tracer("outrider", __version__)

    def __repr__(self) -> str:
        return f"<Export to {self.place.endpoint}>"

    def close(self) -> None:
        """Deliver what is left. Blocks, for as long as the exporter tries."""
        self._provider.shutdown()
