"""What OpenTelemetry's SDK collects, in memory. Its providers are the process's, and are set once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.databases import chosen
from tests.events.conftest import start, watch

__all__ = ["start", "watch"]


@pytest.fixture(params=["sqlite"])
def dialect(request) -> str:
    """SQLite, unless the test is parametrised otherwise."""
    return chosen(request.param)


class Collected:
    """What was measured since the last test."""

    def __init__(self) -> None:
        delta = dict.fromkeys((Counter, Histogram, UpDownCounter), AggregationTemporality.DELTA)
        self._reader = InMemoryMetricReader(preferred_temporality=delta)
        self._exporter = InMemorySpanExporter()
        metrics.set_meter_provider(MeterProvider([self._reader], shutdown_on_exit=False))
        tracer = TracerProvider(shutdown_on_exit=False)
        tracer.add_span_processor(SimpleSpanProcessor(self._exporter))
        trace.set_tracer_provider(tracer)

    def clear(self) -> None:
        self._reader.get_metrics_data()
        self._exporter.clear()

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """Those of this name, in the order in which they ended."""
        return [span for span in self._exporter.get_finished_spans() if name in {None, span.name}]

    def points(self) -> dict[str, list[Any]]:
        """Metric → its data points; each has `attributes`, and a `value`, or `count` and `sum`. Taken once."""
        data = self._reader.get_metrics_data()
        found: dict[str, list[Any]] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                assert scope.scope.name == "sentri"
                for metric in scope.metrics:
                    found.setdefault(metric.name, []).extend(metric.data.data_points)
        return found


@pytest.fixture(scope="session")
def _collected() -> Collected:
    return Collected()


@pytest.fixture
def collected(_collected) -> Iterator[Collected]:
    """What is measured in this test."""
    _collected.clear()
    yield _collected
    _collected.clear()
