"""C: logins as a part of what the processors can hash, and how long a cheap GET takes meanwhile."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing import get_context
from multiprocessing.connection import Connection
from os import sched_setaffinity
from time import perf_counter, sleep
from typing import Any, Final, Self

import bcrypt

from benchmarks.checking import ask, check_login
from benchmarks.credentials import PASSWORD, owners
from benchmarks.loading import Outcome, drive, percentile
from benchmarks.processes import ALL_CORES, ServerProcess
from benchmarks.stage import Stage
from benchmarks.traffic import InTurn, post

__all__ = ["LIMIT", "LoginMeasurement", "measure_logins", "names"]

LIMIT: Final = "C.limit"
PROBES: Final = 50
"""A second: a GET is due every 20 ms, whether the one before was answered or not."""
_spawn = get_context("spawn")


@dataclass(frozen=True, slots=True)
class Contender:
    server: str
    settings: Callable[[Stage], dict[str, Any]]


CONTENDERS: Final[Mapping[str, Contender]] = {
    "by-hand": Contender("accounts_by_hand", lambda stage: stage.by_hand_options("HS256")),
    "sentri": Contender("server_sentri", lambda stage: {"auth": stage.server_options("postgres", "HS256")}),
}


@dataclass(frozen=True, slots=True)
class LoginMeasurement:
    """One contender with so many logins waiting, in one round.

    Attributes:
        per_second: logins.
        of_limit: as a part of the hashes that the processors manage when they do nothing else.
        login_p50, login_p99: milliseconds.
        get_p50, get_p99, get_max: milliseconds of the cheap GET, from when it was due.
        requests: logins that were answered.
        wrong: how many of them without a token.
    """

    per_second: float
    of_limit: float
    login_p50: float
    login_p99: float
    get_p50: float
    get_p99: float
    get_max: float
    requests: int
    wrong: int


def names(stage: Stage) -> list[str]:
    """Every case."""
    return ["C.bare", *(f"C.{waiting}.{name}" for waiting in stage.sizes.waiting for name in CONTENDERS)]


def measure_logins(chosen: list[str], stage: Stage) -> dict[str, list[LoginMeasurement]]:
    """Each chosen case's measurements, one a round; under `LIMIT` what the processors can."""
    seconds = stage.sizes.login_seconds
    found: dict[str, list[LoginMeasurement]] = {name: [] for name in (LIMIT, *chosen)}
    for number in range(stage.sizes.rounds):
        limit = _limit(stage.password_hash, seconds)
        found[LIMIT].append(_only_hashing(limit))
        for name in chosen:
            measured = _bare(seconds) if name == "C.bare" else _logins(name, stage, limit, seconds)
            found[name].append(measured)
            print(f"round {number + 1}  {name:32} {measured.of_limit:.2f} of the limit", file=sys.stderr, flush=True)
    return found


def _logins(name: str, stage: Stage, limit: float, seconds: float) -> LoginMeasurement:
    _, waiting, contender = name.split(".")
    program = CONTENDERS[contender]
    # A process for each: what waits at the end of one measurement is not to be hashed in the next.
    with ServerProcess(program.server, program.settings(stage), cores=ALL_CORES) as process:
        check_login(process.port, stage)
        logins = InTurn(
            post("/auth/login", {"identifier": owner.identifier, "password": PASSWORD})
            for owner in owners(stage.sizes.tokens)
        )
        # The same number for every core, so that none is idle while another does the last one.
        answers = max(2, round(limit * seconds / len(ALL_CORES))) * len(ALL_CORES)
        with Probe(process.port) as probe:
            outcome = drive(process.port, logins, connections=int(waiting), answers=answers)
        return _measurement(outcome, limit, probe.latencies)


def _bare(seconds: float) -> LoginMeasurement:
    """The cheap GET, while nobody logs in."""
    with ServerProcess("bare", {}, cores=ALL_CORES) as process:
        ask(process.port, "GET", "/health")
        with Probe(process.port) as probe:
            sleep(seconds)
    return _measurement(Outcome(0, 0, seconds, 0.0, 0.0), 1.0, probe.latencies)


def _only_hashing(limit: float) -> LoginMeasurement:
    return LoginMeasurement(limit, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0)


def _measurement(outcome: Outcome, limit: float, latencies: list[float]) -> LoginMeasurement:
    per_second = outcome.requests / outcome.seconds
    return LoginMeasurement(
        per_second=per_second,
        of_limit=per_second / limit,
        login_p50=outcome.p50 * 1e3,
        login_p99=outcome.p99 * 1e3,
        get_p50=statistics.median(latencies) * 1e3,
        get_p99=percentile(latencies, 0.99) * 1e3,
        get_max=max(latencies) * 1e3,
        requests=outcome.requests,
        wrong=outcome.wrong,
    )


class Probe:
    """Asks the cheap GET on a fixed schedule, from a process of its own, while the context lasts.

    Attributes:
        latencies: seconds, each from when the request was due: a server that stands still is seen in full.
    """

    def __init__(self, port: int) -> None:
        self._ours, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_probe, args=(port, theirs), daemon=True)
        self.latencies: list[float] = []

    def __enter__(self) -> Self:
        self._process.start()
        self._ours.recv()  # it has begun
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.send(None)
        self.latencies = self._ours.recv()
        self._process.join()


def _probe(port: int, asked: Connection) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    latencies: list[float] = []
    asked.send(None)
    due = perf_counter()
    while not asked.poll():
        connection.request("GET", "/health")
        connection.getresponse().read()
        latencies.append(perf_counter() - due)
        due += 1 / PROBES
        sleep(max(0.0, due - perf_counter()))
    asked.send(latencies)


def _limit(hashed: str, seconds: float) -> float:
    """Passwords that the processors check a second, one process each, with nothing else to do."""
    with _spawn.Pool(len(ALL_CORES)) as pool:
        return sum(pool.starmap(_hash, [(core, hashed, seconds) for core in ALL_CORES], chunksize=1))


def _hash(core: int, hashed: str, seconds: float) -> float:
    sched_setaffinity(0, {core})
    done, begun = 0, perf_counter()
    while perf_counter() - begun < seconds:
        bcrypt.checkpw(PASSWORD.encode(), hashed.encode())
        done += 1
    return done / (perf_counter() - begun)
