"""The main job, from registration to logout, as a client sees it."""

from __future__ import annotations

from tests.support import PASSWORD, assert_error, data_of


async def test_a_user_registers_logs_in_is_let_in_refreshes_and_logs_out(api):
    """The whole life of a session over HTTP."""
    given = {"identifier": "Ann", "password": PASSWORD, "roles": ["user"]}
    user = (await data_of(await api.post("/auth/register", given), 201))["user"]
    assert user == {"id": user["id"], "identifier": "Ann", "roles": ["user"]}

    login = await data_of(await api.login("ann"))
    assert login["user"] == user
    assert await data_of(await api.me(login["accessToken"])) == user
    shown = await api.call("GET", "/profile", token=login["accessToken"])
    assert (shown.status, await shown.json()) == (200, user)

    renewed = await data_of(await api.refresh(login["refreshToken"]))
    assert renewed.keys() == {"accessToken", "refreshToken"}
    assert renewed["refreshToken"] != login["refreshToken"]
    assert await data_of(await api.me(renewed["accessToken"])) == user

    assert await data_of(await api.post("/auth/logout", token=renewed["accessToken"])) is None
    await assert_error(await api.me(login["accessToken"]), 401, "UNAUTHORIZED")
    await assert_error(await api.me(renewed["accessToken"]), 401, "UNAUTHORIZED")
    await assert_error(await api.refresh(renewed["refreshToken"]), 401, "UNAUTHORIZED")
