"""Who opens it, how often, and when it closes again."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress

import pytest

from sentri import SentriError
from sentri.server.opening import Opening


class Thing:
    """Counts; `log` is what happened, in order."""

    def __init__(self):
        self.log = []
        self.errors = []
        self.opening = Opening(self._open, self._finish, self._close)

    async def _open(self):
        await asyncio.sleep(0)
        if self.errors:
            self.log.append("failed")
            raise self.errors.pop()
        self.log.append("open")

    async def _finish(self):
        """Whatever still runs may use it, and finds it open."""
        await self.opening.use()

    async def _close(self):
        await asyncio.sleep(0)
        if self.log and self.log[-1] == "open":
            self.log.append("close")


@pytest.fixture
def thing():
    return Thing()


async def test_is_open_while_somebody_holds_it(thing):
    await thing.opening.enter()
    await thing.opening.enter()
    await thing.opening.use()
    await thing.opening.leave()
    assert thing.log == ["open"]
    await thing.opening.leave()
    assert thing.log == ["open", "close"]


async def test_opens_again_after_it_was_closed(thing):
    for _ in range(2):
        await thing.opening.enter()
        await thing.opening.leave()
    assert thing.log == ["open", "close"] * 2


async def test_stays_open_when_it_is_used_after_it_was_closed(thing):
    """What was to close the first time with the loop is let go of then, and closes nothing that was opened since."""
    await thing.opening.enter()
    await thing.opening.leave()
    await thing.opening.use()
    gc.collect()
    for _ in range(10):
        await asyncio.sleep(0)
    assert thing.log == ["open", "close", "open"]


async def test_many_at_once_open_it_once(thing):
    await asyncio.gather(*(thing.opening.enter() for _ in range(5)), *(thing.opening.use() for _ in range(20)))
    assert thing.log == ["open"]
    for _ in range(5):
        await thing.opening.leave()
    assert thing.log == ["open", "close"]


def test_used_without_being_held_it_closes_with_the_event_loop(thing):
    async def script():
        await thing.opening.use()
        await thing.opening.use()
        assert thing.log == ["open"]

    asyncio.run(script())
    assert thing.log == ["open", "close"]


def test_serves_one_event_loop_after_another(thing):
    for _ in range(2):
        asyncio.run(thing.opening.use())
    assert thing.log == ["open", "close"] * 2


def test_the_last_holder_does_not_close_it_under_those_who_only_use_it(thing):
    async def script():
        await thing.opening.use()
        await thing.opening.enter()
        await thing.opening.leave()
        assert thing.log == ["open"]

    asyncio.run(script())
    assert thing.log == ["open", "close"]


def test_a_first_use_that_is_cancelled_leaves_nothing_open_behind(thing):
    """The opening goes on, and what it opened is closed with the event loop."""

    async def script():
        first = asyncio.create_task(thing.opening.use())
        await asyncio.sleep(0)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        await thing.opening.use()

    asyncio.run(script())
    assert thing.log == ["open", "close"]


async def test_what_failed_to_open_opens_at_the_next_try(thing):
    thing.errors = [OSError("down"), OSError("down")]
    for start in (thing.opening.use, thing.opening.enter):
        with pytest.raises(OSError, match="down"):
            await start()
    await thing.opening.enter()
    await thing.opening.leave()
    assert thing.log == ["failed", "failed", "open", "close"]


async def test_everybody_who_waits_is_told_of_the_failure(thing):
    thing.errors = [OSError("down")]
    ends = await asyncio.gather(*(thing.opening.use() for _ in range(3)), return_exceptions=True)
    assert [type(end) for end in ends] == [OSError] * 3


async def test_who_stops_waiting_does_not_stop_the_opening(thing):
    first = asyncio.create_task(thing.opening.enter())
    second = asyncio.create_task(thing.opening.enter())
    await asyncio.sleep(0)
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    await second
    assert thing.log == ["open"]
    await thing.opening.leave()
    assert thing.log == ["open", "close"]


async def test_refuses_a_second_event_loop_while_it_is_open(thing):
    await thing.opening.enter()
    with pytest.raises(SentriError, match="another event loop") as refused:
        await asyncio.to_thread(asyncio.run, thing.opening.use())
    assert refused.value.code == "CONFIGURATION_ERROR"
    await thing.opening.leave()
    assert thing.log == ["open", "close"]


async def test_cancelled_while_it_opens_alone_it_is_not_left_open_for_ever(thing):
    """The opening goes on by itself; the next holder gets what it opened, and closes it."""
    only = asyncio.create_task(thing.opening.enter())
    await asyncio.sleep(0)
    only.cancel()
    with suppress(asyncio.CancelledError):
        await only
    await thing.opening.enter()
    await thing.opening.leave()
    assert thing.log == ["open", "close"]
