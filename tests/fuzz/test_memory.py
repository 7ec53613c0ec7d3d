"""Memory under hostile requests, in short: `make soak` sends ten times as many, and allows half of the growth."""

from __future__ import annotations

import sys

import pytest

from benchmarks.soaking import hostile

REQUESTS = 10_000
GROWTH = 8 * hostile.MIB  # 1 KiB a request: what the allocator does not give back at once is less

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the memory of a process")


@pytest.mark.parametrize("mode", ["server", "client"])
def test_stays_flat(mode):
    with hostile.serving(mode) as server:
        outcome = hostile.soak(server, f"{mode} mode", REQUESTS, hostile.SHARES[mode], growth=GROWTH)
    assert outcome.held, outcome.figures
    assert outcome.figures["requests"] == REQUESTS


def test_a_leak_is_noticed():
    with hostile.serving("server", leaks=4096) as server:
        outcome = hostile.soak(server, "a leak", REQUESTS // 2, hostile.SHARES["client"], growth=GROWTH)
    assert not outcome.held
