"""Sessions that have expired go away, and a user has no more of them than the server says."""

from __future__ import annotations

import asyncio

from sentri import SentriError
from tests.support import assert_error, data_of

DAY = 86400


async def count(api):
    rows = await api.database.call(lambda session: session.rows("SELECT COUNT(*) AS n FROM sentri_sessions"))
    return rows[0]["n"]


async def deleted(api):
    """What the last login deletes beside its answer is deleted now."""
    await asyncio.gather(*api.auth._context.purging._running)  # noqa: SLF001 - nobody else knows of it


async def test_a_login_takes_expired_sessions_along_a_day_later(api, clock, in_process):
    user = await api.user("Ann")
    for _ in range(3):
        await api.session(user)
    clock.advance(8 * DAY - 1)
    await api.session(user)
    await deleted(api)
    assert await count(api) == 4
    clock.advance(601)
    await data_of(await api.login("Ann"))
    await deleted(api)
    assert await count(api) == 2


async def test_purging_deletes_what_has_expired_and_nothing_else(api, clock):
    user = await api.user()
    for _ in range(3):
        await api.session(user)
    clock.advance(3 * DAY)
    living = await api.session(user)
    clock.advance(4 * DAY)
    assert await api.auth.accounts.purge_sessions() == 3
    assert await api.auth.accounts.purge_sessions() == 0
    await data_of(await api.refresh(living.refresh_token))


async def test_a_login_stands_where_nothing_could_be_deleted(api, clock, caplog, monkeypatch):
    async def fail(*_, **__):
        raise SentriError("SERVICE_UNAVAILABLE", "Later.")

    user = await api.user("Ann")
    clock.advance(601)
    monkeypatch.setattr(type(api.auth._context.sessions), "purge", fail)  # noqa: SLF001
    await data_of(await api.login(user.identifier))
    await deleted(api)
    assert "Expired sessions were not deleted: SentriError" in caplog.text


async def test_with_a_maximum_the_oldest_session_ends(make_api, carriage):
    api = await make_api(max_sessions=2)
    user = await api.user("Ann")
    first, second = await api.session(user), await api.session(user)
    third = await data_of(await api.login("Ann"))
    assert await count(api) == 2
    ended = [first.access_token, second.access_token]
    statuses = [(await api.me(token)).status for token in ended]
    assert sorted(statuses) == [200, 401]
    await data_of(await api.me(third["accessToken"]))
    for pair, status in zip((first, second), statuses, strict=True):
        if status == 401:
            await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
