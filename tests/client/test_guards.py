"""Guards of an application without a database: the token says it all."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest
from aiohttp import web

import sentri
from sentri import SentriError
from sentri.clock import system_clock
from tests.client.conftest import profile
from tests.support import assert_error, serving


async def test_protect_lets_the_token_of_the_auth_server_in(service, issuer):
    user_id, session_id = str(uuid4()), str(uuid4())
    response = await service.get(issuer.token(sub=user_id, sid=session_id, roles=["user", "editor"]))
    assert response.status == 200
    assert await response.json() == {
        "id": user_id,
        "identifier": "ann",
        "roles": ["user", "editor"],
        "session_id": session_id,
        "issuer": None,
    }


async def test_no_token_is_401_with_a_challenge(service):
    response = await service.get()
    await assert_error(response, 401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_authorize_asks_for_a_role(service, issuer):
    await assert_error(await service.get(issuer.token(), "/admin"), 403, "FORBIDDEN")
    assert (await service.get(issuer.token(roles=["admin"]), "/admin")).status == 200


async def test_an_expired_token_says_so(service, issuer):
    response = await service.get(issuer.token(exp=int(system_clock()) - 6))
    await assert_error(response, 401, "TOKEN_EXPIRED")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_a_token_is_good_for_the_leeway_beyond_its_exp(service, issuer):
    assert (await service.get(issuer.token(exp=int(system_clock()) - 3))).status == 200


async def test_leeway_can_be_none_at_all(start, issuer):
    service = await start(leeway=0)
    await assert_error(await service.get(issuer.token(exp=int(system_clock()) - 1)), 401, "TOKEN_EXPIRED")


async def test_permit_asks_the_check(start, issuer):
    def app(auth):
        made = web.Application()
        auth.setup(made)
        made.router.add_get("/of/{owner}", auth.permit(lambda r, u: r.match_info["owner"] == u.identifier)(profile))
        made.router.add_get("/or/admin", auth.permit(roles=["admin"], check=lambda r, u: False)(profile))
        return made

    service = await start(app)
    assert (await service.get(issuer.token(identifier="ann"), "/of/ann")).status == 200
    await assert_error(await service.get(issuer.token(identifier="bob"), "/of/ann"), 403, "FORBIDDEN")
    assert (await service.get(issuer.token(roles=["admin"]), "/or/admin")).status == 200
    await assert_error(await service.get(issuer.token(), "/or/admin"), 403, "FORBIDDEN")


async def test_protect_middleware_closes_the_whole_application(issuer, make_auth):
    auth = make_auth()

    @auth.public
    async def health(request: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application(middlewares=[auth.error_middleware(), auth.protect_middleware(exclude=["/open/*"])])
    app.router.add_get("/health", health)
    app.router.add_get("/open/{name}", health.__wrapped__ if hasattr(health, "__wrapped__") else health)
    app.router.add_get("/profile", profile)
    async with serving(app) as client:
        assert (await client.get("/health")).status == 200
        assert (await client.get("/open/door")).status == 200
        await assert_error(await client.get("/profile"), 401, "UNAUTHORIZED")
        await assert_error(await client.get("/nowhere"), 401, "UNAUTHORIZED")
        token = {"Authorization": f"Bearer {issuer.token()}"}
        assert (await client.get("/profile", headers=token)).status == 200
        assert (await client.get("/nowhere", headers=token)).status == 404


async def test_setup_finds_an_exclusion_that_no_route_has_at_the_start(issuer, make_auth):
    auth = make_auth()
    app = web.Application(middlewares=[auth.protect_middleware(exclude=["/opne"])])
    auth.setup(app)
    runner = web.AppRunner(app)
    with pytest.raises(SentriError, match="opne"):
        await runner.setup()
    await runner.cleanup()


async def test_imported_guards_find_the_auth_object(start, issuer):
    def app(auth):
        made = web.Application()
        auth.setup(made)
        made.router.add_get("/late", sentri.authorize("admin")(profile))
        return made

    service = await start(app)
    assert service.client.app[sentri.AUTH] is service.auth
    assert (await service.get(issuer.token(roles=["admin"]), "/late")).status == 200
    await assert_error(await service.get(issuer.token(), "/late"), 403, "FORBIDDEN")


async def test_the_explicit_form_needs_no_setup(issuer, make_auth):
    auth = make_auth()
    app = web.Application(middlewares=[auth.error_middleware()])
    app.router.add_get("/profile", auth.protect(profile))
    async with serving(app) as client:
        response = await client.get("/profile", headers={"Authorization": f"bearer {issuer.token()}"})
        assert response.status == 200
        await assert_error(await client.get("/profile"), 401, "UNAUTHORIZED")


async def test_user_serves_pages_that_are_open_to_all(start, issuer):
    async def page(request: web.Request) -> web.Response:
        user = await request.config_dict[sentri.AUTH].user(request)
        return web.json_response(None if user is None else user.identifier)

    def app(auth):
        made = web.Application()
        auth.setup(made)
        made.router.add_get("/page", page)
        return made

    service = await start(app)
    assert await (await service.get(None, "/page")).json() is None
    assert await (await service.get("rubbish", "/page")).json() is None
    assert await (await service.get(issuer.token(identifier="eve"), "/page")).json() == "eve"


async def test_authenticate_does_all_that_protect_does(make_auth, issuer):
    auth = make_auth(is_token_revoked=lambda session_id: session_id == revoked)
    revoked = str(uuid4())
    assert (await auth.authenticate(issuer.token(identifier="ann"))).identifier == "ann"
    for token, code in (
        ("rubbish", "TOKEN_INVALID"),
        (issuer.token(exp=1), "TOKEN_EXPIRED"),
        (issuer.token(sid=revoked), "UNAUTHORIZED"),
    ):
        with pytest.raises(SentriError) as refused:
            await auth.authenticate(token)
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("kind", "answer"),
    [(kind, answer) for kind in ("plain", "async") for answer in (None, 1, "no", RuntimeError("down"))]
    + [("async", "late")],
)
async def test_no_answer_about_revocation_is_no_pass(start, issuer, answer, kind):
    async def later(session_id: str) -> object:
        if answer == "late":
            await asyncio.Event().wait()
        return plain(session_id)

    def plain(session_id: str) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    service = await start(is_token_revoked=later if kind == "async" else plain, hook_timeout=0.05)
    await assert_error(await service.get(issuer.token()), 503, "SERVICE_UNAVAILABLE")


async def test_an_answer_that_comes_after_the_time_limit_is_none(start, issuer):
    """A function that swallows its cancellation and answers nevertheless."""

    async def stubborn(*_: object) -> bool:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return False

    service = await start(is_token_revoked=stubborn, hook_timeout=0.05)
    await assert_error(await service.get(issuer.token()), 503, "SERVICE_UNAVAILABLE")


async def test_recheck_ends_a_stream_with_its_token(start, issuer, timer):
    """No session is known here, so the token's own end is the end."""

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        auth = request.config_dict[sentri.AUTH]
        async for _ in socket:
            try:
                await socket.send_str((await auth.recheck(request)).identifier)
            except SentriError as error:
                await socket.send_str(error.code)
        return socket

    def app(auth):
        made = web.Application()
        auth.setup(made)
        made.router.add_get("/stream", auth.protect(stream))
        return made

    revoked: set[str] = set()
    service = await start(app, is_token_revoked=revoked.__contains__, leeway=0)
    session_id = str(uuid4())
    token = issuer.token(sid=session_id)
    async with service.client.ws_connect("/stream", headers={"Authorization": f"Bearer {token}"}) as socket:
        await socket.send_str("?")
        assert await socket.receive_str() == "ann"
        revoked.add(session_id)
        await socket.send_str("?")
        assert await socket.receive_str() == "UNAUTHORIZED"
        revoked.clear()
        issuer.rotate(keep=False)
        timer.advance(3600)
        await socket.send_str("?")
        assert await socket.receive_str() == "TOKEN_INVALID"


async def test_get_current_access_token_gives_the_token(start, issuer):
    async def which(request: web.Request) -> web.Response:
        return web.Response(text=request.config_dict[sentri.AUTH].get_current_access_token(request))

    def app(auth):
        made = web.Application()
        auth.setup(made)
        made.router.add_get("/which", auth.protect(which))
        return made

    service = await start(app)
    token = issuer.token()
    assert await (await service.get(token, "/which")).text() == token


async def test_a_second_auth_object_in_one_application_is_refused(make_auth):
    app = web.Application()
    make_auth().setup(app)
    with pytest.raises(SentriError, match="has an auth object already"):
        make_auth().setup(app)


async def test_one_auth_object_serves_one_application(make_auth):
    auth = make_auth()
    one, two = web.Application(), web.Application()
    auth.setup(one, prefix="/auth")
    auth.setup(two)
    first, second = web.AppRunner(one), web.AppRunner(two)
    await first.setup()
    with pytest.raises(SentriError, match="serves one"):
        await second.setup()
    await second.cleanup()
    await first.cleanup()
    third = web.AppRunner(_set_up(auth))
    await third.setup()
    await third.cleanup()


def _set_up(auth) -> web.Application:
    app = web.Application()
    auth.setup(app)
    return app


async def test_an_auth_server_that_is_down_keeps_nothing_from_starting(start, issuer, caplog):
    await issuer.go_down()
    service = await start()
    await assert_error(await service.get(), 401, "UNAUTHORIZED")
    assert f"keys.unreachable key_uri={issuer.key_uri}" in caplog.text


async def test_two_clients_in_one_process_do_not_share_what_they_found(make_auth, issuer):
    """One is for tokens of any age, the other is not: what the first lets through is none of the second's business."""
    patient, strict = make_auth(leeway="1h"), make_auth(leeway=0)

    @patient.protect
    @strict.protect
    async def both(request: web.Request) -> web.Response:
        raise AssertionError

    app = web.Application(middlewares=[patient.error_middleware()])
    app.router.add_get("/both", both)
    async with serving(app) as client:
        token = issuer.token(exp=int(system_clock()) - 10)
        await assert_error(
            await client.get("/both", headers={"Authorization": f"Bearer {token}"}), 401, "TOKEN_EXPIRED"
        )
