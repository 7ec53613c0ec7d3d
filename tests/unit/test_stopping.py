"""Stopping, and event loops that end: nobody waits for what will not come."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from sentri import SentriError
from sentri.coalescing import Coalescer
from sentri.passwords.hashing import PasswordHasher
from sentri.passwords.schemes import Bcrypt


async def test_a_hash_that_waits_when_the_pool_closes_is_a_503(monkeypatch):
    """Not a `CancelledError`, which nobody sent."""
    hasher = PasswordHasher(Bcrypt(10), threads=1)
    gate = threading.Event()
    monkeypatch.setattr("bcrypt.hashpw", lambda *_: gate.wait(10) and b"hash")
    tasks = [asyncio.create_task(hasher.hash("password")) for _ in range(3)]
    await asyncio.sleep(0.05)
    hasher.close()
    gate.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert ends[0] == "hash"
    assert [end.code for end in ends[1:] if isinstance(end, SentriError)] == ["SERVICE_UNAVAILABLE"] * 2


async def test_a_cancelled_wait_for_a_hash_leaves_the_queue(monkeypatch):
    hasher = PasswordHasher(Bcrypt(10), threads=1)
    gate = threading.Event()
    hashed = []
    monkeypatch.setattr("bcrypt.hashpw", lambda password, _: (gate.wait(10), hashed.append(password), b"hash")[2])
    first, second = (asyncio.create_task(hasher.hash(name)) for name in ("first", "second"))
    await asyncio.sleep(0.05)
    second.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await second
    gate.set()
    await first
    await hasher.hash("third")
    hasher.close()
    assert hashed == [b"first", b"third"]


def test_look_ups_of_an_event_loop_that_was_closed_do_not_block_the_next():
    """Closed by hand, with look-ups under way: notebooks and test harnesses do that."""

    async def fetch(keys):
        if stuck:
            await asyncio.Event().wait()
        return dict.fromkeys(keys, "found")

    coalescer = Coalescer(fetch, failure=lambda error: error, lanes=2, timeout=30)
    stuck = True
    for _ in range(3):
        loop = asyncio.new_event_loop()
        task = loop.create_task(coalescer.get("key"))
        loop.run_until_complete(asyncio.sleep(0.01))
        for left in asyncio.all_tasks(loop):
            left._log_destroy_pending = False  # noqa: SLF001 - their end is what this is about
        loop.close()
        del task
    stuck = False
    assert asyncio.run(coalescer.get("key")) == "found"


async def test_a_look_up_waits_no_longer_than_the_time_out_behind_batches_that_hang():
    hung = asyncio.Event()

    async def fetch(keys):
        await hung.wait()
        return {}

    coalescer = Coalescer(fetch, failure=lambda _: SentriError("SERVICE_UNAVAILABLE", "late"), lanes=1, timeout=0.05)
    first = asyncio.create_task(coalescer.get("first"))
    await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    waits = [asyncio.create_task(coalescer.get(f"{number}")) for number in range(5)]
    began = loop.time()
    ends = await asyncio.gather(first, *waits, return_exceptions=True)
    assert {getattr(end, "code", end) for end in ends} == {"SERVICE_UNAVAILABLE"}
    assert loop.time() - began < 5
