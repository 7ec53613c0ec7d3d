"""D: rotating refresh tokens on PostgreSQL, with access tokens that are signed with a secret or with RSA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.cases import Case
from benchmarks.checking import check_bare, check_rotation
from benchmarks.stage import Stage
from benchmarks.traffic import Rotating, Traffic

__all__ = ["CASES"]

PATH: Final = "/auth/refresh"


def _cases() -> Iterator[Case]:
    yield Case(
        name="D.bare",
        server="bare",
        settings=lambda _: {},
        process="D.bare",
        traffic=lambda stage: Rotating(PATH, [f"token-{number}" for number in range(stage.sizes.chains)]),
        check=check_bare,
    )
    for algorithm in ("HS256", "RS256"):
        yield _by_hand(algorithm)
        yield _sentri(algorithm)


def _by_hand(algorithm: str) -> Case:
    return Case(
        name=f"D.{algorithm}.by-hand",
        server="accounts_by_hand",
        settings=lambda stage: stage.by_hand_options(algorithm),
        process=f"D.{algorithm}.by-hand",
        traffic=_by_hand_traffic,
        check=check_rotation,
        needs=("postgres",),
        bare="D.bare",
    )


def _by_hand_traffic(stage: Stage) -> Traffic:
    return Rotating(PATH, stage.sessions_by_hand())


def _sentri(algorithm: str) -> Case:
    return Case(
        name=f"D.{algorithm}.sentri",
        server="server_sentri",
        settings=lambda stage: {"auth": stage.server_options("postgres", algorithm)},
        process=f"D.{algorithm}.sentri",
        traffic=lambda stage: Rotating(PATH, stage.sessions("postgres", algorithm)),
        check=check_rotation,
        needs=("postgres",),
        bare="D.bare",
        by_hand=f"D.{algorithm}.by-hand",
    )


CASES: Final = tuple(_cases())
