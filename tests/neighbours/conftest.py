"""Telemetry and Sentry, set up for one test each."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import sentry_sdk
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

from tests.neighbours.observers import Sentry, Telemetry


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield Telemetry(exporter, provider)
    provider.shutdown()


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    kept = Sentry()
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=kept,
        data_collection={"user_info": True},
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(event_level=logging.ERROR), DedupeIntegration()],
    )
    yield kept
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)
