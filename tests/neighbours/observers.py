"""What watches the failures and the spans of others, and sends nothing anywhere."""

from __future__ import annotations

from typing import Any

from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from wsgikit import Layer


class Telemetry:
    """A Layer of theirs, and the spans that have ended."""

    def __init__(self, exporter: InMemorySpanExporter, provider: TracerProvider) -> None:
        self._exporter = exporter
        self.layer = Layer(OpenTelemetryMiddleware, tracer_provider=provider, meter_provider=MeterProvider())

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    @property
    def span(self) -> ReadableSpan:
        """The one that there has to be."""
        (span,) = self.spans
        return span


class Sentry(Transport):
    """A transport that sends nothing, and what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.items += [item.payload.json for item in envelope.items if item.payload.json]

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [item for item in self.items if "exception" in item]
