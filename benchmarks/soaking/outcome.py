"""What a part of `make soak` found: one line of figures, and whether the promise held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Outcome", "as_json", "as_markdown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One promise, put to the test.

    Attributes:
        part: its name on the command line.
        subject: what was tried, in a few words.
        held: whether the promise held.
        figures: name → value, in the order in which they are to be read.
    """

    part: str
    subject: str
    held: bool
    figures: Mapping[str, Any]


def as_markdown(outcome: Outcome) -> str:
    """A row of a table: part, subject, figures, whether it held."""
    figures = "; ".join(f"{name} {value}" for name, value in outcome.figures.items())
    return f"| {outcome.part} | {outcome.subject} | {figures} | {'held' if outcome.held else 'BROKEN'} |"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The same for machines."""
    return {"part": outcome.part, "subject": outcome.subject, "held": outcome.held, **outcome.figures}
