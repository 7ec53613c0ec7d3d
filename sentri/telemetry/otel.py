"""OpenTelemetry, through its API alone: without an SDK in the host, all of it does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from opentelemetry import metrics, trace

from sentri.errors import SentriError
from sentri.telemetry.metrics import METRICS, Metric
from sentri.telemetry.off import Attributes, Telemetry, error_type

__all__ = ["OpenTelemetry"]

_NAME: Final = "sentri"
_NONE: Final[Attributes] = MappingProxyType({})


class OpenTelemetry(Telemetry):
    """Gives what is measured to the host's meter and tracer providers."""

    on = True

    def __init__(self) -> None:
        meter = metrics.get_meter(_NAME)
        self._tracer = trace.get_tracer(_NAME)
        self._instruments: Mapping[str, Any] = {name: _instrument(meter, name, METRICS[name]) for name in METRICS}

    def add(self, metric: str, value: int = 1, attributes: Attributes = _NONE) -> None:
        self._instruments[metric].add(value, attributes)

    def record(self, metric: str, value: float, attributes: Attributes = _NONE) -> None:
        self._instruments[metric].record(value, attributes)

    @contextmanager
    def span(self, name: str, attributes: Attributes = _NONE, *, calls_database: bool = False) -> Iterator[None]:
        kind = trace.SpanKind.CLIENT if calls_database else trace.SpanKind.INTERNAL
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", error_type(error))
                if not isinstance(error, SentriError) or error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    span.set_status(trace.StatusCode.ERROR)
                raise


def _instrument(meter: metrics.Meter, name: str, metric: Metric) -> Any:
    match metric.kind:
        case "counter":
            return meter.create_counter(name, metric.unit, metric.meaning)
        case "updowncounter":
            return meter.create_up_down_counter(name, metric.unit, metric.meaning)
        case "histogram":
            buckets = list(metric.buckets)
            return meter.create_histogram(
                name, metric.unit, metric.meaning, explicit_bucket_boundaries_advisory=buckets
            )
