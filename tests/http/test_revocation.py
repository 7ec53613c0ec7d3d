"""`is_token_revoked`: the host's word on a session, asked each time; no clear answer is no pass."""

from __future__ import annotations

import asyncio

import pytest

from tests.support import assert_error, data_of


class Revoked:
    """An answer that can be changed, and who was asked for."""

    def __init__(self) -> None:
        self.answer = False
        self.asked: list[str] = []

    def plain(self, session_id):
        self.asked.append(session_id)
        return self.answer

    async def later(self, session_id):
        return self.plain(session_id)


@pytest.fixture
def revoked():
    return Revoked()


@pytest.fixture(params=["plain", "later"])
async def api(make_api, revoked, request):
    """Whose `is_token_revoked` is plain, then async."""
    return await make_api(is_token_revoked=getattr(revoked, request.param))


async def test_it_is_asked_for_the_session_of_every_protected_request(api, revoked):
    pair = await api.session()
    await data_of(await api.me(pair.access_token))
    assert (await api.call("GET", "/profile", token=pair.access_token)).status == 200
    assert revoked.asked == [pair.user.session_id] * 2


async def test_it_is_asked_at_a_refresh(api, revoked):
    pair = await api.session()
    await data_of(await api.refresh(pair.refresh_token))
    assert revoked.asked == [pair.user.session_id]


async def test_true_is_401(api, revoked):
    pair = await api.session()
    revoked.answer = True
    for response in (
        await api.me(pair.access_token),
        await api.call("GET", "/profile", token=pair.access_token),
        await api.refresh(pair.refresh_token),
    ):
        await assert_error(response, 401, "UNAUTHORIZED")
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_a_refusal_spends_no_refresh_token(api, revoked):
    pair = await api.session()
    revoked.answer = True
    await assert_error(await api.refresh(pair.refresh_token), 401, "UNAUTHORIZED")
    revoked.answer = False
    await data_of(await api.refresh(pair.refresh_token))


async def test_it_is_not_asked_without_a_good_token(api, revoked):
    await assert_error(await api.call("GET", "/auth/me"), 401, "UNAUTHORIZED")
    await assert_error(await api.me("garbage"), 401, "TOKEN_INVALID")
    assert revoked.asked == []


async def test_a_revoked_session_can_log_out(api, revoked):
    pair = await api.session()
    revoked.answer = True
    await data_of(await api.post("/auth/logout", token=pair.access_token))


def breaks(_):
    raise RuntimeError("the list is lost")


async def breaks_later(_):
    raise RuntimeError("the list is lost")


async def never(_):
    await asyncio.Event().wait()


async def nonsense(_):
    return "no"


@pytest.mark.parametrize(
    "answer",
    [breaks, breaks_later, never, nonsense, lambda _: None, lambda _: 0, lambda _: 1, lambda _: [], lambda _: ""],
)
async def test_no_clear_answer_is_503(make_api, answer):
    """An exception, a time-out, anything but a bool; for a request and for a refresh, which spends nothing."""
    api = await make_api(is_token_revoked=answer, hook_timeout=0.02)
    pair = await api.session()
    for response in (
        await api.me(pair.access_token),
        await api.call("GET", "/profile", token=pair.access_token),
        await api.refresh(pair.refresh_token),
    ):
        error = await assert_error(response, 503, "SERVICE_UNAVAILABLE")
        assert "list" not in error["message"]
