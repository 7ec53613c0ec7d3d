"""No log record holds a password, a token or an identifier."""

from __future__ import annotations

import logging

from tests.support import assert_error, data_of

IDENTIFIER = "quittengelee@example.com"
PASSWORD = "pfefferkuchen und milch"
NEW_PASSWORD = "zimtsterne und kakao"
WRONG_PASSWORD = "ein falsches kennwort"


async def test_a_whole_session_leaves_nothing_secret_in_the_log(make_api, caplog, clock):
    """At DEBUG, of every logger: sentri's, aiohttp's, the database drivers'."""
    caplog.set_level(logging.DEBUG)
    events = []
    api = await make_api(hooks={"on_event": events.append})
    given = {"identifier": IDENTIFIER, "password": PASSWORD}
    await data_of(await api.post("/auth/register", given), 201)
    await assert_error(await api.post("/auth/register", given), 409, "USER_ALREADY_EXISTS")
    await assert_error(await api.login(IDENTIFIER, WRONG_PASSWORD), 401, "INVALID_CREDENTIALS")
    first = await data_of(await api.login(IDENTIFIER, PASSWORD))
    second = await data_of(await api.refresh(first["refreshToken"]))
    await data_of(await api.me(second["accessToken"]))
    assert (await api.call("GET", "/profile", token=second["accessToken"])).status == 200
    change = {"identifier": f"new-{IDENTIFIER}", "currentPassword": PASSWORD}
    await data_of(await api.call("PATCH", "/auth/me/identifier", change, token=first["accessToken"]))
    await data_of(await api.post("/auth/logout", token=second["accessToken"]))
    await assert_error(await api.me(second["accessToken"]), 401, "UNAUTHORIZED")

    third = await data_of(await api.login(f"new-{IDENTIFIER}", PASSWORD))
    change = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    await data_of(await api.call("PATCH", "/auth/me/password", change, token=third["accessToken"]))
    fourth = await data_of(await api.login(f"new-{IDENTIFIER}", NEW_PASSWORD))
    fifth = await data_of(await api.refresh(fourth["refreshToken"]))
    clock.advance(3600)
    await assert_error(await api.refresh(fourth["refreshToken"]), 401, "TOKEN_INVALID")

    written = "\n".join(f"{record.getMessage()} {vars(record)!r}" for record in caplog.records)
    heard = "\n".join(f"{event} {event!r} {event.to_dict()}" for event in events)
    assert {event.name for event in events} >= {"login.failed", "login.succeeded", "token.reused", "session.revoked"}
    assert "token.reused user_id=" in written
    for tokens in (first, second, third, fourth, fifth):
        for name in ("accessToken", "refreshToken"):
            assert tokens[name].rpartition(".")[2] not in written + heard
        session_id = api.auth._context.access.verify(tokens["accessToken"], expired_too=True).user.session_id  # noqa: SLF001
        assert session_id not in written + heard
    for secret in (IDENTIFIER, PASSWORD, NEW_PASSWORD, WRONG_PASSWORD, "$2b$"):
        assert secret not in written + heard
    assert "127.0.0.1" not in heard
