"""Metrics and traces, for hosts that collect them. Without the option `telemetry` nothing of this costs anything."""

from __future__ import annotations

from sentri.errors import ConfigurationError
from sentri.telemetry.off import OFF, Telemetry, error_type

__all__ = ["OFF", "Telemetry", "error_type", "telemetry_of"]


def telemetry_of(*, on: bool) -> Telemetry:
    """What measures. Raises `CONFIGURATION_ERROR` where OpenTelemetry's API is not installed."""
    if not on:
        return OFF
    try:
        from sentri.telemetry.otel import OpenTelemetry  # noqa: PLC0415 - an extra
    except ImportError:
        message = "telemetry is True, which needs opentelemetry-api: pip install 'sentri-auth[otel]'"
        raise ConfigurationError(message) from None
    return OpenTelemetry()
