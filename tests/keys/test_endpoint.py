"""GET /keys: cached, revalidated, readable by every origin, and there while the database is not."""

from __future__ import annotations

import aiohttp_cors
import pytest
from aiohttp import web

from tests.keys.test_kept_keys import kid_of, session_of
from tests.support import host_application, serving

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.fixture
async def auth(make_kept):
    return make_kept()


@pytest.fixture
async def client(auth):
    async with serving(host_application(auth)) as client:
        yield client


async def get(client, **headers):
    return await client.get("/auth/keys", headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_is_the_bare_set_with_how_long_it_may_be_kept(client, auth):
    response = await get(client)
    (key,) = (await response.json())["keys"]
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert key["kid"] == (await auth.keys.list())[0].kid
    assert (key["kty"], key["use"], key["alg"]) == ("EC", "sig", "ES256")
    assert not PRIVATE & key.keys()


async def test_every_stage_of_a_rotation_and_nothing_private(client, auth, clock):
    async def kids():
        keys = (await (await get(client)).json())["keys"]
        assert not any(PRIVATE & key.keys() for key in keys)
        return [key["kid"] for key in keys]

    first = (await auth.keys.list())[0].kid
    second = (await auth.keys.rotate()).kid
    assert await kids() == [first, second]
    clock.advance(900)
    assert await kids() == [second, first]
    clock.advance(960)
    assert await kids() == [second]
    await auth.keys.retire(now=True)
    (third,) = await kids()
    assert third not in {first, second}


async def test_the_tag_changes_with_the_set_and_with_nothing_else(client, auth):
    tags = [(await get(client)).headers["ETag"] for _ in range(2)]
    await auth.keys.rotate()
    tags.append((await get(client)).headers["ETag"])
    assert tags[0] == tags[1] != tags[2]
    assert tags[0][0] == tags[0][-1] == '"'


async def test_any_process_gives_the_same_tag(client, make_kept):
    async with serving(host_application(make_kept())) as other:
        assert (await get(client)).headers["ETag"] == (await get(other)).headers["ETag"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', ' W/"other" , W/{},"third"', "*"])
async def test_who_has_it_is_told_so_without_a_body(client, form):
    tag = (await get(client)).headers["ETag"]
    response = await get(client, If_None_Match=form.format(tag))
    assert response.status == 304
    assert await response.read() == b""
    assert response.headers["ETag"] == tag
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("form", ['"other"', "", "other", "W/", '"'])
async def test_who_has_another_one_gets_it(client, form):
    response = await get(client, If_None_Match=form)
    assert response.status == 200
    assert (await response.json())["keys"]


async def test_head_is_get_without_the_body(client):
    got, head = await get(client), await client.head("/auth/keys")
    assert head.status == 200
    assert await head.read() == b""
    for name in ("ETag", "Cache-Control", "Content-Type", "Content-Length"):
        assert head.headers[name] == got.headers[name]


async def test_scripts_of_every_origin_may_read_it(client):
    response = await get(client, Origin="https://anywhere.example")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Expose-Headers"] == "ETag"
    assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_host_that_answers_preflights_tells_for_itself_who_may_read_it(make_kept):
    """aiohttp-cors, as docs/browser-apps.md pairs it with sentri, takes no answer that has its headers already."""
    mine = "https://www.example.com"
    allowed = {mine: aiohttp_cors.ResourceOptions(allow_credentials=True)}
    app, endpoints = web.Application(), make_kept().app()
    cors = aiohttp_cors.setup(endpoints, defaults=allowed)
    for route in list(endpoints.router.routes()):
        cors.add(route)
    app.add_subapp("/auth", endpoints)
    async with serving(app) as client:
        assert (await get(client, Origin=mine)).headers["Access-Control-Allow-Origin"] == mine
        assert "Access-Control-Allow-Origin" not in (await get(client, Origin="https://other.example")).headers


async def test_is_there_while_the_database_is_not(client, auth, database):
    pair = await session_of(auth, database)
    await auth._database.close()  # noqa: SLF001
    keys = (await (await get(client)).json())["keys"]
    assert [key["kid"] for key in keys] == [kid_of(pair)]
