"""A limit, and what a store of attempts says of one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Attempts", "AttemptsUnavailable", "Limit", "Refused"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many attempts of one name within any so many seconds.

    Attributes:
        name: whose attempts count together: a digest, nothing that could be read.
        most: attempts.
        span: seconds after which an attempt counts no more.
        kind: of what is attempted. Where memory is full, a name makes room for names of its kind.
    """

    name: bytes
    most: int
    span: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt that was one too many, and was not counted.

    Attributes:
        wait: seconds until every limit has room again.
        full: the limits that have none now.
    """

    wait: float
    full: frozenset[Limit]


class AttemptsUnavailable(Exception):
    """The store cannot be asked. The text says why, without a secret."""


class Attempts(Protocol):
    """A store of attempts. All of its operations may be repeated."""

    async def count(self, attempt: bytes, limits: Sequence[Limit]) -> Refused | None:
        """Count the attempt in every limit, or in none where one is full: nobody gets between question and count."""

    async def give_back(self, attempt: bytes, limits: Collection[Limit]) -> None:
        """As if it had not been made."""

    async def reset(self, limits: Collection[Limit]) -> None:
        """As if there had been none."""

    async def close(self) -> None:
        """Let go of connections."""
