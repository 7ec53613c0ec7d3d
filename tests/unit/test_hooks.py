"""Hooks: told after the fact, waited for a little, and never in the way."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sentri.hooks import HookRunner

LOGGER = logging.getLogger("tests.hooks")
MARKER = "marker-ann@example.org"


def runner(timeout=5.0, **hooks):
    return HookRunner(hooks, timeout=timeout, logger=LOGGER)


async def test_tells_plain_and_async_hooks_what_happened():
    heard = []

    async def later(*what):
        await asyncio.sleep(0)
        heard.append(what)

    hooks = runner(on_login=lambda *what: heard.append(what), on_logout=later)
    await hooks.tell("on_login", "user")
    await hooks.tell("on_logout", "user", 1)
    await hooks.tell("on_register", "nobody listens")
    assert heard == [("user",), ("user", 1)]


async def _raises(what):
    raise RuntimeError(what)


def _raises_at_once(what):
    raise RuntimeError(what)


@pytest.mark.parametrize("hook", [_raises, _raises_at_once, lambda: None])
async def test_an_exception_in_a_hook_is_logged_without_its_text(hook, caplog):
    await runner(on_failed_login=hook).tell("on_failed_login", MARKER)
    assert "The hook on_failed_login raised" in caplog.text
    assert MARKER not in caplog.text
    assert "test_hooks.py" in caplog.text or "hooks.py" in caplog.text


async def test_a_cancelled_hook_does_not_cancel_the_request():
    async def gives_up(_):
        raise asyncio.CancelledError

    await runner(on_login=gives_up).tell("on_login", "user")


async def test_a_slow_hook_is_left_behind_and_finishes():
    go, done = asyncio.Event(), []

    async def slow(_):
        await go.wait()
        done.append(True)

    hooks = runner(timeout=0.001, on_login=slow)
    await hooks.tell("on_login", "user")
    assert not done
    go.set()
    await hooks.close()
    assert done


async def test_who_stops_waiting_does_not_stop_the_hook():
    started, go, done = asyncio.Event(), asyncio.Event(), []

    async def slow(_):
        started.set()
        await go.wait()
        done.append(True)

    hooks = runner(on_login=slow)
    telling = asyncio.create_task(hooks.tell("on_login", "user"))
    await started.wait()
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    go.set()
    await hooks.close()
    assert done


async def test_closing_waits_no_longer_than_the_timeout():
    ended = []

    async def never(_):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    hooks = runner(timeout=0.001, on_login=never)
    await hooks.tell("on_login", "user")
    await hooks.close()
    assert ended
    await hooks.close()


async def test_a_hook_may_tell_another():
    heard = []

    async def first(what):
        await hooks.tell("on_logout", what)

    hooks = runner(on_login=first, on_logout=heard.append)
    await hooks.tell("on_login", "user")
    assert heard == ["user"]
