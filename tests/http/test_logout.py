"""POST /logout and /logout-all: 200 once the session is really gone."""

from __future__ import annotations

import pytest

from sentri import SentriError
from sentri.storage import Sessions
from tests.support import assert_error, data_of


@pytest.fixture
async def api(make_api, hooks):
    return await make_api(hooks=hooks)


async def logout(api, *, token=None, refresh_token=None):
    body = None if refresh_token is None else {"refreshToken": refresh_token}
    return await api.post("/auth/logout", body, token=token)


async def assert_gone(api, pair):
    await assert_error(await api.me(pair.access_token), 401, "UNAUTHORIZED")
    await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")


async def test_an_access_token_ends_its_session(api):
    pair = await api.session()
    assert await data_of(await logout(api, token=pair.access_token)) is None
    await assert_gone(api, pair)


async def test_a_refresh_token_in_the_body_ends_its_session(api):
    pair = await api.session()
    assert await data_of(await logout(api, refresh_token=pair.refresh_token)) is None
    await assert_gone(api, pair)


async def test_a_refresh_token_as_bearer_ends_its_session(api):
    """Any authentic token of the session."""
    pair = await api.session()
    await data_of(await logout(api, token=pair.refresh_token))
    await assert_gone(api, pair)


async def test_an_access_token_in_the_body_ends_its_session(api):
    pair = await api.session()
    await data_of(await logout(api, refresh_token=pair.access_token))
    await assert_gone(api, pair)


async def test_both_tokens_at_once_are_one_logout(api, told):
    pair = await api.session()
    await data_of(await logout(api, token=pair.access_token, refresh_token=pair.refresh_token))
    await assert_gone(api, pair)
    assert told == [("on_logout", pair.user.id)]


async def test_tokens_of_two_sessions_end_both(api):
    first, second = await api.session(), await api.session()
    await data_of(await logout(api, token=first.access_token, refresh_token=second.refresh_token))
    await assert_gone(api, first)
    await assert_gone(api, second)


async def test_an_expired_access_token_ends_its_session(api, clock):
    pair = await api.session()
    clock.advance(16 * 60)
    await data_of(await logout(api, token=pair.access_token))
    await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")


async def test_an_expired_refresh_token_is_a_logout(api, clock):
    pair = await api.session()
    clock.advance(8 * 86400)
    assert await data_of(await logout(api, refresh_token=pair.refresh_token)) is None


async def test_a_rotated_refresh_token_ends_the_session_and_is_no_theft(api, clock, told):
    pair = await api.session()
    data = await data_of(await api.refresh(pair.refresh_token))
    clock.advance(3600)
    await data_of(await logout(api, refresh_token=pair.refresh_token))
    await assert_error(await api.refresh(data["refreshToken"]), 401, "UNAUTHORIZED")
    assert [name for name, *_ in told] == ["on_logout"]


async def test_a_token_signed_outside_the_chain_ends_its_session(api):
    pair = await api.session()
    await data_of(await logout(api, refresh_token=api.auth.sign_refresh_token(pair.user.session_id)))
    await assert_gone(api, pair)


async def test_twice_is_200_and_told_once(api, told):
    pair = await api.session()
    await data_of(await logout(api, token=pair.access_token))
    assert await data_of(await logout(api, token=pair.access_token)) is None
    assert told == [("on_logout", pair.user.id)]


async def test_without_any_token_is_200(api, told):
    assert await data_of(await logout(api)) is None
    assert await data_of(await api.post("/auth/logout", {})) is None
    assert told == []


async def test_a_disabled_user_can_log_out(api):
    pair = await api.session()
    await api.disable(pair.user.id)
    await data_of(await logout(api, token=pair.access_token))
    assert not await Sessions(api.database, lambda: 0.0).end(pair.user.session_id)


@pytest.mark.parametrize("garbage", ["garbage", "a.b.c", ""])
@pytest.mark.usefixtures("in_bodies")
async def test_refuses_garbage_in_the_header(api, garbage):
    response = await logout(api, token=garbage)
    await assert_error(response, 401, "TOKEN_INVALID")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("garbage", ["garbage", "a.b.c", ""])
async def test_refuses_garbage_in_the_body(api, garbage):
    await assert_error(await logout(api, refresh_token=garbage), 401, "TOKEN_INVALID")


async def test_refuses_two_authorization_headers(api):
    pair = await api.session()
    headers = [("Authorization", f"Bearer {pair.access_token}"), ("Authorization", "Bearer garbage")]
    response = await api.client.post("/auth/logout", headers=headers)
    await assert_error(response, 401, "TOKEN_INVALID")
    await data_of(await api.me(pair.access_token))


async def test_garbage_beside_a_good_token_ends_nothing(api):
    """A refusal did nothing."""
    pair = await api.session()
    await assert_error(await logout(api, token=pair.access_token, refresh_token="garbage"), 401, "TOKEN_INVALID")
    await data_of(await api.me(pair.access_token))


@pytest.mark.usefixtures("in_bodies")
async def test_refuses_a_tampered_token(api):
    pair = await api.session()
    head, _, signature = pair.access_token.rpartition(".")
    await assert_error(await logout(api, token=f"{head}.{signature[::-1]}"), 401, "TOKEN_INVALID")
    await data_of(await api.me(pair.access_token))


@pytest.mark.parametrize(("path", "method"), [("/auth/logout", "end"), ("/auth/logout-all", "end_all")])
async def test_a_database_that_is_down_is_not_a_200(api, monkeypatch, told, path, method):
    async def down(*_):
        raise SentriError("SERVICE_UNAVAILABLE", "The database does not answer.", headers={"Retry-After": "1"})

    pair = await api.session()
    with monkeypatch.context() as patched:
        patched.setattr(Sessions, method, down)
        response = await api.post(path, token=pair.access_token)
        await assert_error(response, 503, "SERVICE_UNAVAILABLE")
    assert response.headers["Retry-After"] == "1"
    assert told == []
    await data_of(await api.me(pair.access_token))


# --- logout-all


async def test_logout_all_ends_every_session_of_this_user_only(api, told):
    user = await api.user()
    first, second, other = await api.session(user), await api.session(user), await api.session()
    assert await data_of(await api.post("/auth/logout-all", token=first.access_token)) is None
    await assert_gone(api, first)
    await assert_gone(api, second)
    await data_of(await api.me(other.access_token))
    assert told == [("on_logout", user.id)]


async def test_logout_all_needs_a_living_session(api):
    pair = await api.session()
    await assert_error(await api.post("/auth/logout-all"), 401, "UNAUTHORIZED")
    await data_of(await logout(api, token=pair.access_token))
    await assert_error(await api.post("/auth/logout-all", token=pair.access_token), 401, "UNAUTHORIZED")
