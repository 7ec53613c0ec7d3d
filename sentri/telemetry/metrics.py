"""The metrics, by name. A name here is a promise: dashboards and alarms are built on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["METRICS", "Metric"]

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured.

    Attributes:
        kind: a counter grows, an updowncounter says how many there are, a histogram how large.
        unit: as UCUM writes it.
        meaning: in a sentence.
        attributes: the keys that a measurement may have.
        buckets: advice for histograms: the upper bounds.
    """

    kind: Literal["counter", "updowncounter", "histogram"]
    unit: str
    meaning: str
    attributes: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        "sentri.events": Metric(
            "counter",
            "{event}",
            "Events, by name and reason: logins and failed logins, attempts over a limit, refused permissions.",
            ("sentri.event.name", "sentri.event.reason"),
        ),
        "sentri.flow.duration": Metric(
            "histogram",
            "s",
            "How long a flow took, such as `login` or `refresh`, and with which code it failed.",
            ("sentri.flow.name", "error.type"),
            _SECONDS,
        ),
        "sentri.authentication.failures": Metric(
            "counter",
            "{request}",
            "Requests that no guard could authenticate, by the code of the refusal.",
            ("error.type",),
        ),
        "sentri.password.duration": Metric(
            "histogram",
            "s",
            "How long hashing or checking a password took, without the wait.",
            ("sentri.password.operation",),
            _SECONDS,
        ),
        "sentri.password.wait": Metric(
            "histogram", "s", "How long a password waited for a thread.", ("sentri.password.operation",), _SECONDS
        ),
        "sentri.password.queue": Metric("updowncounter", "{password}", "Passwords that are being hashed, or wait."),
        "sentri.session.lookup.duration": Metric(
            "histogram", "s", "How long a query for sessions took.", ("db.system.name", "error.type"), _SECONDS
        ),
        "sentri.session.lookup.size": Metric(
            "histogram",
            "{session}",
            "For how many sessions a query asked.",
            ("db.system.name",),
            (1, 2, 5, 10, 20, 50, 100, 200),
        ),
        "sentri.database.work": Metric(
            "updowncounter",
            "{work}",
            "Statements and transactions that run, or wait for a connection.",
            ("db.system.name",),
        ),
    }
)
"""Metric → what it means."""
