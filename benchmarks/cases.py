"""A case: one contender under one load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.stage import Stage
from benchmarks.traffic import Traffic

__all__ = ["Case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured, and beside what. All of it comes true on a stage.

    Attributes:
        name: the subject's letter first; the parts between the dots can be asked for.
        server: the program, below `benchmarks.servers`.
        settings: what it is told.
        process: cases with one name here share a server process.
        traffic: what it is sent.
        check: raises unless the server on this port answers right; no case is fast for what it leaves out.
        alone: whether one connection sends everything, and nothing can be joined.
        needs: services and packages without which the case is left out.
        bare: the case of the bare framework.
        by_hand: the case that one writes by hand.
    """

    name: str
    server: str
    settings: Callable[[Stage], dict[str, Any]]
    process: str
    traffic: Callable[[Stage], Traffic]
    check: Callable[[int, Stage], None]
    alone: bool = False
    needs: tuple[str, ...] = ()
    bare: str | None = None
    by_hand: str | None = None
