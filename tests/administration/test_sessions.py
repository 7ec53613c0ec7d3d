"""`auth.sessions`: looking at sessions and revoking them."""

from __future__ import annotations

import pytest

from sentri import SentriError, SessionInfo
from sentri.randomness import new_id
from tests.support import PASSWORD


async def refused(code, work):
    with pytest.raises(SentriError) as raised:
        await work
    assert raised.value.code == code


async def test_sessions_are_listed_with_where_they_come_from(auth, clock):
    ann = await auth.users.create("ann", PASSWORD)
    login = await auth.accounts.login("ann", PASSWORD, device="a\nbrowser", address="::ffff:192.0.2.1")
    clock.advance(5)
    link = await auth.accounts.start_session(ann.id, device="curl/8", address="not an address")
    page = await auth.sessions.list(ann.id)
    assert page.items == (
        SessionInfo(link.user.session_id, ann.id, clock(), clock(), clock() + 7 * 86400, "curl/8", None),
        SessionInfo(
            login.user.session_id,
            ann.id,
            clock() - 5,
            clock() - 5,
            clock() - 5 + 7 * 86400,
            "a browser",
            "192.0.2.1",
        ),
    )
    assert page.next_cursor is None
    assert await auth.sessions.get(link.user.session_id) == page.items[0]


async def test_revoked_sessions_are_gone_for_the_next_request(auth):
    ann = await auth.users.create("ann", PASSWORD)
    pairs = [await auth.accounts.start_session(ann.id) for _ in range(3)]
    await auth.sessions.revoke(pairs[0].user.session_id)
    await refused("UNAUTHORIZED", auth.authenticate(pairs[0].access_token))
    await refused("NOT_FOUND", auth.sessions.get(pairs[0].user.session_id))
    await refused("NOT_FOUND", auth.sessions.revoke(pairs[0].user.session_id))
    await auth.authenticate(pairs[1].access_token)
    assert await auth.sessions.revoke_all(ann.id) == 2
    assert (await auth.sessions.list(ann.id)).items == ()
    await refused("UNAUTHORIZED", auth.authenticate(pairs[1].access_token))


async def test_an_expired_session_is_none(auth, clock):
    ann = await auth.users.create("ann", PASSWORD)
    pair = await auth.accounts.start_session(ann.id)
    clock.advance("7d")
    assert (await auth.sessions.list(ann.id)).items == ()
    await refused("NOT_FOUND", auth.sessions.get(pair.user.session_id))


async def test_refuses_what_names_nothing(auth):
    await refused("USER_NOT_FOUND", auth.sessions.list(new_id()))
    await refused("USER_NOT_FOUND", auth.sessions.revoke_all(new_id()))
    await refused("NOT_FOUND", auth.sessions.get(new_id()))
    await refused("NOT_FOUND", auth.sessions.revoke(new_id()))
    for function in (auth.sessions.list, auth.sessions.revoke_all, auth.sessions.get, auth.sessions.revoke):
        for malformed in ("", "x", "\x00", None, 5):
            await refused("VALIDATION_ERROR", function(malformed))


@pytest.mark.parametrize(
    "cursor", ["", "x", "YQ", 5, "MS4x", "OTk5OTk5OTk5OTk5OTk5OTk5OS42ZjFjMWE1Mi03ZTBhLTRjMWUtOWI3ZS0wZDJmM2E0YjVjNmQ"]
)
async def test_refuses_a_cursor_that_is_none(auth, cursor):
    ann = await auth.users.create("ann", PASSWORD)
    await refused("VALIDATION_ERROR", auth.sessions.list(ann.id, cursor=cursor))


async def crowd(database, user_id, clock, count):
    """Sessions of the user's, as many as somebody has who logs in for every request."""
    values, columns = database.driver.values, "id, user_id, created_at, expires_at, jti, rotated_at"
    row = (user_id, values.time(clock()), values.time(clock() + 1000), "jti", values.time(clock() - 1))
    insert = database.driver.sql(
        f"INSERT INTO sentri_sessions ({columns}) VALUES " + ", ".join(["(?, ?, ?, ?, ?, ?)"] * 100)
    )

    async def fill(session):
        for _ in range(count // 100):
            await session.run(insert, *(value for _ in range(100) for value in (new_id(), *row)))

    await database.unit(fill)


async def test_who_has_thousands_of_sessions_when_a_maximum_comes_can_log_in(make_auth, database, events, clock):
    async with make_auth(hooks={"on_event": events.append}, max_sessions=2) as auth:
        ann = await auth.users.create("ann", PASSWORD)
        await crowd(database, ann.id, clock, 1200)
        statements, run = [], type(database.driver.session(None)).run
        with pytest.MonkeyPatch.context() as patching:
            patching.setattr(
                type(database.driver.session(None)),
                "run",
                lambda session, sql, *values: statements.append(sql) or run(session, sql, *values),
            )
            await auth.accounts.login("ann", PASSWORD)
        assert len([sql for sql in statements if sql.startswith("DELETE")]) == 3
        assert len((await auth.sessions.list(ann.id)).items) == 2
    told = [event for event in events if event.name == "session.revoked"]
    assert [(event.session, event.reason, event.details) for event in told] == [
        (None, "max_sessions", {"sessions": 1199})
    ]
