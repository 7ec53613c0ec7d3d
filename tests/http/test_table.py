"""The table of endpoints: one frozen row is what is served, guarded and typed."""

from __future__ import annotations

import re
from typing import get_args, get_type_hints

import pytest
from aiohttp import web

from sentri import SENTRI_ERROR_STATUS
from sentri.web.endpoints.endpoint import BodyUse, Call, Needs
from sentri.web.endpoints.table import ENDPOINTS
from tests.support import assert_error

OPEN_PLACE = re.compile(r"\{(\w+)\}")
ID = "00000000-0000-4000-8000-000000000000"
ROWS = [pytest.param(row, id=row.name) for row in ENDPOINTS]
FOR_USERS = [pytest.param(row, id=row.name) for row in ENDPOINTS if row.needs in {Needs.USER, Needs.ADMIN}]
FOR_ADMINS = [pytest.param(row, id=row.name) for row in ENDPOINTS if row.needs is Needs.ADMIN]


def place_of(row) -> str:
    return "/auth" + OPEN_PLACE.sub(ID, row.path)


async def test_every_row_is_served_and_nothing_else_is(in_process, api):
    served = {
        (route.method, route.resource.canonical)
        for route in api.client.app.router.routes()
        if api.auth.owns(route) and route.method != "HEAD"
    }
    assert served == {(row.method, f"/auth{row.path}") for row in ENDPOINTS}


def test_a_row_cannot_be_changed():
    with pytest.raises(AttributeError):
        ENDPOINTS[0].needs = Needs.NOTHING


def test_names_are_told_apart():
    assert len({row.name for row in ENDPOINTS}) == len({(row.method, row.path) for row in ENDPOINTS}) == len(ENDPOINTS)


@pytest.mark.parametrize("row", ROWS)
def test_a_handler_takes_the_body_that_its_row_reads(row):
    (taken,) = get_args(get_type_hints(row.handler)["call"])
    read = type(None) if row.body is None else row.body
    assert get_type_hints(row.handler)["call"].__origin__ is Call
    assert taken == (read if row.body_use is BodyUse.ALWAYS else read | None)


@pytest.mark.parametrize("row", ROWS)
def test_open_places_of_a_path_have_types(row):
    named = {
        "".join(word if first == 0 else word.title() for first, word in enumerate(field.split("_")))
        for field in getattr(row.path_type, "__struct_fields__", ())
    }
    assert set(OPEN_PLACE.findall(row.path)) == named


@pytest.mark.parametrize("row", ROWS)
def test_codes_of_a_row_exist(row):
    assert set(row.errors) <= set(SENTRI_ERROR_STATUS)


@pytest.mark.parametrize("row", FOR_USERS)
async def test_what_needs_a_user_refuses_everybody_else_before_it_reads_a_word(row, api):
    response = await api.client.request(row.method, place_of(row), data=b"not read")
    await assert_error(response, 401, "UNAUTHORIZED")


@pytest.mark.parametrize("row", FOR_ADMINS)
async def test_what_needs_an_admin_refuses_users_before_it_reads_a_word(row, api):
    token = (await api.session()).access_token
    response = await api.call(row.method, place_of(row), {"not": "read"}, token=token)
    await assert_error(response, 403, "FORBIDDEN")


async def test_registration_can_be_left_out(in_process, make_api):
    api = await make_api(registration=False)
    served = {route.resource.canonical for route in api.client.app.router.routes() if api.auth.owns(route)}
    assert "/auth/register" not in served
    await assert_error(await api.post("/auth/register", {}), 404, "NOT_FOUND")


async def test_a_route_that_the_host_adds_is_not_ours(make_api):
    async def extra(_: web.Request) -> web.Response:
        return web.Response()

    api = await make_api()
    app = api.auth.app()
    route = app.router.add_get("/extra", extra)
    assert not api.auth.owns(route)
