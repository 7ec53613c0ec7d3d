"""Sessions that have expired go away, and a user has no more of them than the server says."""

from __future__ import annotations

import asyncio

from sentri import SentriError
from sentri.accounts.limits import Client
from sentri.accounts.purging import Purged
from tests.support import assert_error, data_of

DAY = 86400


async def count(api, table="sentri_sessions"):
    rows = await api.database.call(lambda session: session.rows(f"SELECT COUNT(*) AS n FROM {table}"))
    return rows[0]["n"]


async def seen(api, user, address):
    """A login from there, without the login."""
    await api.auth._limits.logged_in(Client(address, address, None), user.id)  # noqa: SLF001 - hashing takes its time


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


# --- addresses of logins


async def test_purging_deletes_addresses_that_were_last_seen_90_days_ago(api, clock):
    ann, bob = await api.user("Ann"), await api.user("Bob")
    for user in (ann, bob):
        await seen(api, user, "203.0.113.1")
    clock.advance(45 * DAY)
    await seen(api, bob, "203.0.113.1")
    await seen(api, ann, "203.0.113.2")
    clock.advance(45 * DAY)
    assert await api.auth.accounts.purge() == Purged(sessions=0, addresses=1)
    assert await count(api, "sentri_known_addresses") == 2
    clock.advance(45 * DAY)
    assert await api.auth.accounts.purge() == Purged(sessions=0, addresses=2)


async def test_logins_of_others_take_the_addresses_along_of_users_that_never_come_back(api, clock):
    for number in range(12):
        await seen(api, await api.user(), f"203.0.113.{number}")
    clock.advance(90 * DAY)
    assert await count(api, "sentri_known_addresses") == 12
    ann = await api.user("Ann")
    for _ in range(2):  # the walk begins anywhere, so one step may be behind some of them
        clock.advance(601)
        await api.session(ann)
        await deleted(api)
    assert await count(api, "sentri_known_addresses") == 0


async def test_sessions_go_where_the_table_of_addresses_is_not_there_yet(api, clock, caplog, monkeypatch):
    async def fail(*_, **__):
        raise SentriError("SERVICE_UNAVAILABLE", "Later.")

    ann = await api.user()
    await api.session(ann)
    clock.advance(9 * DAY)
    monkeypatch.setattr("sentri.storage.known_addresses.KnownAddresses.purge", fail)
    await api.session(ann)
    await deleted(api)
    assert await count(api) == 1
    assert "Old addresses of logins were not deleted: SentriError" in caplog.text


async def test_a_user_who_is_deleted_takes_sessions_and_addresses_along(api):
    ann, bob = await api.user("Ann"), await api.user("Bob")
    for user in (ann, bob):
        await api.session(user)
        await seen(api, user, "203.0.113.1")
    sql = api.database.driver.sql("DELETE FROM sentri_users WHERE id = ?")
    assert await api.database.call(lambda session: session.run(sql, ann.id)) == 1
    assert (await count(api), await count(api, "sentri_known_addresses")) == (1, 1)
