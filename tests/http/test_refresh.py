"""POST /refresh: rotation, and what becomes of a session whose spent token comes back."""

from __future__ import annotations

import pytest

from tests.support import assert_error, data_of

LEEWAY = 60


async def rotated(api, refresh_token):
    """The successor of a refresh token."""
    return (await data_of(await api.refresh(refresh_token)))["refreshToken"]


async def assert_dead(api, *pairs):
    """None of the tokens opens anything."""
    for pair in pairs:
        await assert_error(await api.me(pair["accessToken"]), 401, "UNAUTHORIZED")
        await assert_error(await api.refresh(pair["refreshToken"]), 401, "UNAUTHORIZED")


def as_data(pair):
    return {"accessToken": pair.access_token, "refreshToken": pair.refresh_token}


async def test_answers_with_a_new_access_token_and_the_successor(api):
    pair = await api.session()
    data = await data_of(await api.refresh(pair.refresh_token))
    assert data.keys() == {"accessToken", "refreshToken"}
    assert data["refreshToken"] != pair.refresh_token
    assert data["accessToken"] != pair.access_token
    await data_of(await api.me(data["accessToken"]))


async def test_the_chain_goes_on(api, clock):
    token = (await api.session()).refresh_token
    seen = {token}
    for _ in range(5):
        clock.advance(LEEWAY * 2)
        token = await rotated(api, token)
        seen.add(token)
    assert len(seen) == 6


async def test_the_session_id_stays_the_same(api):
    pair = await api.session()
    data = await data_of(await api.refresh(pair.refresh_token))
    assert api.auth.verify_access_token(data["accessToken"]).session_id == pair.user.session_id
    assert api.auth.verify_refresh_token(data["refreshToken"]).session_id == pair.user.session_id


async def test_an_access_token_from_before_the_refresh_still_works(api):
    pair = await api.session()
    await rotated(api, pair.refresh_token)
    await data_of(await api.me(pair.access_token))


# --- the direct predecessor, within the leeway


@pytest.mark.parametrize("later", [0, 0.25, LEEWAY - 0.000001])
async def test_within_the_leeway_the_predecessor_gets_the_very_same_successor(api, clock, later):
    clock.advance(0.123457)
    pair = await api.session()
    successor = await rotated(api, pair.refresh_token)
    clock.advance(later)
    assert await rotated(api, pair.refresh_token) == successor
    assert await rotated(api, pair.refresh_token) == successor
    await rotated(api, successor)


async def test_a_retry_does_not_extend_the_leeway(api, clock):
    pair = await api.session()
    await rotated(api, pair.refresh_token)
    clock.advance(LEEWAY - 1)
    await rotated(api, pair.refresh_token)
    clock.advance(1)
    await assert_error(await api.refresh(pair.refresh_token), 401, "TOKEN_INVALID")


async def test_refresh_leeway_can_be_configured(make_api, clock):
    api = await make_api(refresh_leeway=5)
    pair = await api.session()
    successor = await rotated(api, pair.refresh_token)
    clock.advance(4)
    assert await rotated(api, pair.refresh_token) == successor
    clock.advance(1)
    await assert_error(await api.refresh(pair.refresh_token), 401, "TOKEN_INVALID")


# --- theft


@pytest.fixture
async def thief(make_api, hooks):
    """An application that tells its hooks."""
    return await make_api(hooks=hooks)


async def test_after_the_leeway_a_predecessor_is_theft(thief, clock, told):
    """The thief or the victim used it first; nobody can say who: both are logged out."""
    pair = await thief.session()
    data = await data_of(await thief.refresh(pair.refresh_token))
    clock.advance(LEEWAY)
    response = await thief.refresh(pair.refresh_token)
    await assert_error(response, 401, "TOKEN_INVALID")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert told == [("on_token_reuse", pair.user.id, pair.user.session_id, False)]
    await assert_dead(thief, as_data(pair), data)


async def test_an_older_token_is_theft_within_the_leeway_too(thief, told):
    """Its successor was used: that its holder never got the answer is no excuse."""
    pair = await thief.session()
    second = await data_of(await thief.refresh(pair.refresh_token))
    third = await data_of(await thief.refresh(second["refreshToken"]))
    await assert_error(await thief.refresh(pair.refresh_token), 401, "TOKEN_INVALID")
    assert told == [("on_token_reuse", pair.user.id, pair.user.session_id, True)]
    await assert_dead(thief, as_data(pair), second, third)


async def test_theft_is_told_once(thief, clock, told):
    pair = await thief.session()
    await rotated(thief, pair.refresh_token)
    clock.advance(LEEWAY)
    await assert_error(await thief.refresh(pair.refresh_token), 401, "TOKEN_INVALID")
    await assert_error(await thief.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
    assert len(told) == 1


async def test_theft_ends_no_other_session_of_the_user(api, clock):
    user = await api.user()
    stolen, other = await api.session(user), await api.session(user)
    await rotated(api, stolen.refresh_token)
    clock.advance(LEEWAY)
    await assert_error(await api.refresh(stolen.refresh_token), 401, "TOKEN_INVALID")
    await data_of(await api.me(other.access_token))


# --- the end of tokens and sessions


async def test_an_expired_refresh_token_is_refused(make_api, clock):
    api = await make_api(refresh_expires_in="1h")
    pair = await api.session()
    clock.advance(3600)
    await assert_error(await api.refresh(pair.refresh_token), 401, "TOKEN_EXPIRED")


async def test_a_refresh_token_is_good_until_then(make_api, clock):
    api = await make_api(refresh_expires_in="1h")
    pair = await api.session()
    clock.advance(3599)
    await rotated(api, pair.refresh_token)


async def test_no_rotation_carries_a_session_past_session_expires_in(make_api, clock):
    api = await make_api(refresh_expires_in="1h", session_expires_in="2h", access_expires_in="15m")
    pair = await api.session()
    token = pair.refresh_token
    for _ in range(3):
        clock.advance(40 * 60 - 1)
        data = await data_of(await api.refresh(token))
        token = data["refreshToken"]
        assert api.auth.verify_refresh_token(token).expires_at <= int(clock.now) + 3600
    clock.advance(3)
    await assert_error(await api.refresh(token), 401, "TOKEN_EXPIRED")
    await assert_error(await api.me(data["accessToken"]), 401, "TOKEN_EXPIRED")


async def test_an_access_token_never_outlives_the_session(make_api, clock):
    api = await make_api(access_expires_in="1h", refresh_expires_in="1m")
    pair = await api.session()
    assert pair.access_expires_at == pair.refresh_expires_at == int(clock.now) + 60
    clock.advance(60)
    await assert_error(await api.me(pair.access_token), 401, "TOKEN_EXPIRED")


async def test_an_access_token_expires_in_the_second_that_it_names(api, clock):
    pair = await api.session()
    clock.advance(15 * 60 - 1)
    await data_of(await api.me(pair.access_token))
    clock.advance(1)
    response = await api.me(pair.access_token)
    await assert_error(response, 401, "TOKEN_EXPIRED")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_the_refresh_token_of_a_disabled_user_is_refused(api):
    pair = await api.session()
    await api.disable(pair.user.id)
    await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
    await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")


async def test_after_a_logout_the_token_is_refused_and_nothing_was_stolen(make_api, hooks, told):
    api = await make_api(hooks=hooks)
    pair = await api.session()
    await data_of(await api.post("/auth/logout", token=pair.access_token))
    await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
    assert [name for name, *_ in told] == ["on_logout"]


# --- what is no refresh token


async def test_refuses_an_access_token_as_a_refresh_token(api):
    pair = await api.session()
    response = await api.refresh(pair.access_token)
    await assert_error(response, 401, "TOKEN_INVALID")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    await rotated(api, pair.refresh_token)


async def test_refuses_a_refresh_token_as_an_access_token(api):
    pair = await api.session()
    await assert_error(await api.me(pair.refresh_token), 401, "TOKEN_INVALID")
    await assert_error(await api.call("GET", "/profile", token=pair.refresh_token), 401, "TOKEN_INVALID")


@pytest.mark.parametrize("garbage", ["", "x", "a.b.c", "...", "é", "\0", "x" * 10_000], ids=lambda g: ascii(g[:5]))
@pytest.mark.usefixtures("in_bodies")
async def test_refuses_garbage(api, garbage):
    await assert_error(await api.refresh(garbage), 401, "TOKEN_INVALID")


@pytest.mark.parametrize("part", [0, 1, 2])
async def test_refuses_a_tampered_token_and_leaves_the_session_alone(api, part):
    pair = await api.session()
    parts = pair.refresh_token.split(".")
    middle = len(parts[part]) // 2
    replacement = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + replacement + parts[part][middle + 1 :]
    await assert_error(await api.refresh(".".join(parts)), 401, "TOKEN_INVALID")
    await rotated(api, pair.refresh_token)


async def test_refuses_the_token_of_another_server(api, make_auth):
    other = make_auth(secret="another secret, of more than thirty-two bytes")
    pair = await api.session()
    await assert_error(await api.refresh(other.sign_refresh_token(pair.user.session_id)), 401, "TOKEN_INVALID")
    await assert_error(await api.me(other.sign_access_token(pair.user)), 401, "TOKEN_INVALID")


async def test_a_signed_refresh_token_outside_the_chain_is_refused_and_the_session_lives(make_api, hooks, told):
    api = await make_api(hooks=hooks)
    pair = await api.session()
    outside = api.auth.sign_refresh_token(pair.user.session_id)
    assert api.auth.verify_refresh_token(outside).session_id == pair.user.session_id
    await assert_error(await api.refresh(outside), 401, "TOKEN_INVALID")
    await data_of(await api.me(pair.access_token))
    await rotated(api, pair.refresh_token)
    assert told == []


async def test_the_database_holds_no_token(api):
    pair = await api.session()
    data = await data_of(await api.refresh(pair.refresh_token))
    rows = []
    for table in ("sentri_users", "sentri_sessions"):
        rows += await api.database.call(lambda session, table=table: session.rows(f"SELECT * FROM {table}"))
    kept = repr([dict(row) for row in rows])
    for token in (pair.access_token, pair.refresh_token, *data.values()):
        assert token not in kept
        assert token.rpartition(".")[2] not in kept


async def test_a_spent_token_is_theft_even_when_it_has_expired(make_api, clock, told, hooks):
    """Its session may live on, and whoever shows the old token is not the one who renewed it."""
    api = await make_api(refresh_expires_in="1h", hooks=hooks)
    pair = await api.session()
    first = pair.refresh_token
    for _ in range(3):
        clock.advance(1800)
        pair = await api.auth.accounts.refresh(pair.refresh_token)
    await assert_error(await api.refresh(first), 401, "TOKEN_EXPIRED")
    await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")
    assert told == [("on_token_reuse", pair.user.id, pair.user.session_id, True)]
