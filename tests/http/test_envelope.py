"""The envelope around everything that the sub-application answers."""

from __future__ import annotations

import logging

import pytest

from tests.support import assert_error, data_of

METHODS = {
    "/auth/register": {"POST"},
    "/auth/login": {"POST"},
    "/auth/refresh": {"POST"},
    "/auth/logout": {"POST"},
    "/auth/logout-all": {"POST"},
    "/auth/me": {"GET", "HEAD"},
    "/auth/me/identifier": {"PATCH"},
    "/auth/me/password": {"PATCH"},
    "/auth/users/1/roles": {"POST"},
    "/auth/keys": {"GET", "HEAD"},
}


@pytest.mark.parametrize(
    "path", ["/auth", "/auth/", "/auth/nothing", "/auth/me/", "/auth/ME", "/auth/users", "/auth//me", "/auth/%6de/x"]
)
async def test_an_unknown_path_is_404(api, path):
    error = await assert_error(await api.call("GET", path), 404, "NOT_FOUND")
    assert error["message"] == "Not Found."


async def test_a_path_outside_the_mount_point_is_the_hosts(api):
    response = await api.call("GET", "/authentic")
    assert (response.status, response.content_type) == (404, "text/plain")


@pytest.mark.parametrize("path", METHODS)
async def test_another_method_is_405_and_says_which_are_allowed(api, path):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - METHODS[path]:
        response = await api.call(method, path)
        await assert_error(response, 405, "METHOD_NOT_ALLOWED")
        assert set(response.headers["Allow"].split(",")) == METHODS[path]


async def test_an_unknown_method_is_405(api):
    await assert_error(await api.call("PROPFIND", "/auth/me"), 405, "METHOD_NOT_ALLOWED")


async def test_head_has_the_headers_of_get_and_no_body(api):
    pair = await api.session()
    response = await api.call("HEAD", "/auth/me", token=pair.access_token)
    assert (response.status, response.headers["Cache-Control"], await response.read()) == (200, "no-store", b"")
    refused = await api.call("HEAD", "/auth/me")
    assert (refused.status, refused.headers["WWW-Authenticate"], await refused.read()) == (401, "Bearer", b"")


async def test_a_client_that_expects_100_continue_gets_the_envelope_too(api):
    body = {"identifier": "Ann", "password": "wrong horse"}
    response = await api.client.post("/auth/login", json=body, expect100=True)
    await assert_error(response, 401, "INVALID_CREDENTIALS")


async def test_a_success_says_so(api):
    pair = await api.session()
    response = await api.me(pair.access_token)
    await data_of(response)
    assert list(await response.json()) == ["error", "statusCode", "message", "data"]


async def test_keys_are_404_where_a_secret_signs(api):
    await assert_error(await api.call("GET", "/auth/keys"), 404, "NOT_FOUND")


# --- surprises


@pytest.fixture
async def broken(make_api):
    """An application whose login raises what nobody expects."""

    async def login(identifier, password):
        raise RuntimeError(f"lost the {len(password)} characters of a secret")

    return await make_api(router={"login": login})


async def test_an_unexpected_exception_is_a_500_that_says_nothing_of_it(broken):
    response = await broken.login("Ann")
    error = await assert_error(response, 500, "INTERNAL_ERROR")
    assert error["message"] == "Something went wrong on the server."
    for word in ("RuntimeError", "lost", "Traceback", "login"):
        assert word not in await response.text()


async def test_its_traceback_is_in_the_log(broken, caplog):
    with caplog.at_level(logging.ERROR, logger="sentri"):
        await broken.login("Ann")
    [record] = [record for record in caplog.records if record.name == "sentri"]
    assert record.levelname == "ERROR"
    assert record.getMessage() == "Unhandled exception in POST /auth/login"
    assert "RuntimeError: lost the" in caplog.text


async def test_the_configured_logger_is_used(make_api, caplog):
    async def login(identifier, password):
        raise RuntimeError

    api = await make_api(router={"login": login}, logger=logging.getLogger("of.the.host"))
    await assert_error(await api.login("Ann"), 500, "INTERNAL_ERROR")
    assert {record.name for record in caplog.records if record.levelname == "ERROR"} == {"of.the.host"}
