"""B: a protected GET that reads its session from the database. Many connections at once, and one alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.cases import Case
from benchmarks.checking import check_bare, check_protected
from benchmarks.stage import Stage
from benchmarks.traffic import InTurn, Traffic, get

__all__ = ["CASES"]

DATABASES: Final = {"postgres": (), "sqlite": (), "mysql": ("asyncmy",)}


def _traffic(stage: Stage) -> Traffic:
    return InTurn([get("/profile", token) for token in stage.tokens])


def _cases() -> Iterator[Case]:
    for load in ("many", "alone"):
        yield Case(
            name=f"B.{load}.bare",
            server="bare",
            settings=lambda _: {},
            process="B.bare",
            traffic=_traffic,
            check=check_bare,
            alone=load == "alone",
        )
        for dialect in DATABASES:
            yield _by_hand(load, dialect)
            yield _sentri(load, dialect)


def _by_hand(load: str, dialect: str) -> Case:
    return Case(
        name=f"B.{load}.{dialect}.by-hand",
        server="session_by_hand",
        settings=lambda stage: {"db": stage.database_url(dialect), "key": stage.key.published["keys"][0]},
        process=f"B.{dialect}.by-hand",
        traffic=_traffic,
        check=check_protected,
        alone=load == "alone",
        needs=(*DATABASES[dialect], dialect),
        bare=f"B.{load}.bare",
    )


def _sentri(load: str, dialect: str) -> Case:
    return Case(
        name=f"B.{load}.{dialect}.sentri",
        server="server_sentri",
        settings=lambda stage: {"auth": stage.server_options(dialect, "RS256")},
        process=f"B.{dialect}.sentri",
        traffic=_traffic,
        check=check_protected,
        alone=load == "alone",
        needs=(*DATABASES[dialect], dialect),
        bare=f"B.{load}.bare",
        by_hand=f"B.{load}.{dialect}.by-hand",
    )


CASES: Final = tuple(_cases())
