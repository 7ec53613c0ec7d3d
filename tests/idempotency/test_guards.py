"""In front of the guards: each of them has its say first, once a request, and no answer gets to anybody else."""

from __future__ import annotations

import asyncio
import functools
from contextlib import AsyncExitStack

import pytest
from aiohttp import DummyCookieJar, web

import sentri
from tests.idempotency.application import new_key, refused, replayed
from tests.support import Api, serving


class Shop:
    """An application with an auth server, and a handler that counts its runs.

    Attributes:
        runs: the users for whom it ran.
        checks: the users of whom the permission check was asked.
        allowed: what the check answers.
    """

    def __init__(self, auth) -> None:
        self.auth = auth
        self.runs = []
        self.checks = []
        self.allowed = True
        self.api = None

    async def buy(self, request):
        user = request.get(sentri.USER)
        self.runs.append(user and user.id)
        return web.json_response({"run": len(self.runs)}, status=201)

    def check(self, request, user):
        self.checks.append(user.id)
        return self.allowed

    async def post(self, path, key, pair=None, json=None, **more):
        headers = {**more.pop("headers", {}), "Idempotency-Key": key}
        token = None if pair is None else pair.access_token
        response = await self.api.call(more.pop("method", "POST"), path, json, token=token, headers=headers)
        await response.read()
        return response


@pytest.fixture
async def shop(make_auth, database, backend, carriage):
    """A function that starts a shop; `wire(shop, app)` adds routes."""
    async with AsyncExitStack() as running:

        async def make(wire, *, middlewares=None, options=None, **given):
            cookies = {} if carriage == "bearer" else {"cookie": {}, "access_cookie": {}}
            shop = Shop(make_auth(**{**backend, **cookies, **given}))
            standard = [shop.auth.error_middleware(), shop.auth.idempotency_middleware(**options or {})]
            app = web.Application(middlewares=standard if middlewares is None else middlewares(shop))
            app.add_subapp("/auth", shop.auth.app())
            wire(shop, app)
            client = await running.enter_async_context(serving(app, DummyCookieJar()))
            shop.api = Api(shop.auth, client, database, carriage)
            return shop

        yield make


def guarded(guard):
    """Adds POST /buy behind `guard(shop)`."""

    def wire(shop, app):
        @guard(shop)
        async def handler(request):
            return await shop.buy(request)

        app.router.add_post("/buy", handler)

    return wire


def view_class(shop, app):
    @shop.auth.permit(shop.check)
    class View(web.View):
        async def post(self):
            return await shop.buy(self.request)

    class Inheriting(View):
        """Guarded like its base."""

    app.router.add_view("/buy", Inheriting)


def view_method(shop, app):
    class View(web.View):
        @shop.auth.protect
        @shop.auth.permit(shop.check)
        async def post(self):
            return await shop.buy(self.request)

    app.router.add_view("/buy", View)


def bound_method(shop, app):
    app.router.add_post("/buy", shop.auth.permit(shop.check)(shop.buy))


def in_a_decorator(shop, app):
    @shop.auth.permit(shop.check)
    async def handler(request):
        return await shop.buy(request)

    @functools.wraps(handler)
    async def decorated(request):
        return await handler(request)

    app.router.add_post("/buy", decorated)


def in_a_partial(shop, app):
    @shop.auth.permit(shop.check)
    async def handler(word, request):
        return await shop.buy(request)

    app.router.add_post("/buy", functools.partial(handler, "word"))


def imported(shop, app):
    @sentri.permit(shop.check)
    async def handler(request):
        return await shop.buy(request)

    app[sentri.AUTH] = shop.auth
    app.router.add_post("/buy", handler)


def in_a_sub_application(shop, app):
    inner = web.Application()
    inner.router.add_post("", shop.auth.permit(shop.check)(shop.buy))
    app.add_subapp("/buy", inner)


def behind_a_middleware(shop, app):
    inner = web.Application(middlewares=[shop.auth.protect_middleware()])
    inner.router.add_post("", shop.auth.permit(shop.check)(shop.buy))
    app.add_subapp("/buy", inner)


PLACES = [
    view_class,
    view_method,
    bound_method,
    in_a_decorator,
    in_a_partial,
    imported,
    in_a_sub_application,
    behind_a_middleware,
]


@pytest.fixture
def count_look_ups(monkeypatch):
    """Starts to count how often an auth object authenticates."""

    def count(auth):
        seen = []
        authenticate = auth.authenticate

        async def counted(token):
            seen.append(token)
            return await authenticate(token)

        monkeypatch.setattr(auth, "authenticate", counted)
        return seen

    return count


@pytest.mark.parametrize("place", PLACES)
async def test_each_guard_has_its_say_once_a_request(shop, place, count_look_ups):
    shop = await shop(place)
    ann, key = await shop.api.session(), new_key()
    seen = count_look_ups(shop.auth)
    for number, expected in enumerate([False, True, True], 1):
        response = await shop.post("/buy", key, ann)
        assert (response.status, replayed(response)) == (201, expected)
        assert (len(seen), len(shop.checks)) == (number, number)
    assert shop.runs == [ann.user.id], "and the handler knows its user"
    shop.allowed = False
    await refused(await shop.post("/buy", key, ann), 403, "FORBIDDEN")
    assert (len(seen), len(shop.checks)) == (4, 4), "a refusal is not asked for a second time either"


@pytest.mark.parametrize("place", PLACES)
async def test_nobody_else_gets_the_answer(shop, place):
    shop = await shop(place)
    ann, bob, key = await shop.api.session(), await shop.api.session(), new_key()
    assert not replayed(await shop.post("/buy", key, ann))
    assert not replayed(await shop.post("/buy", key, bob))
    response = await shop.post("/buy", key)
    await refused(response, 401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert shop.runs == [ann.user.id, bob.user.id]


async def test_another_session_of_the_same_user_gets_it(shop):
    shop = await shop(guarded(lambda shop: shop.auth.protect))
    user = await shop.api.user()
    key = new_key()
    answers = [await shop.post("/buy", key, await shop.api.session(user)) for _ in range(2)]
    assert [replayed(each) for each in answers] == [False, True]


async def test_not_after_a_logout(shop):
    shop = await shop(guarded(lambda shop: shop.auth.protect))
    ann, key = await shop.api.session(), new_key()
    await shop.post("/buy", key, ann)
    await shop.auth.accounts.logout(session_id=ann.user.session_id)
    await refused(await shop.post("/buy", key, ann), 401, "UNAUTHORIZED")
    assert len(shop.runs) == 1


async def test_not_with_an_expired_token(shop, clock):
    shop = await shop(guarded(lambda shop: shop.auth.protect))
    ann, key = await shop.api.session(), new_key()
    await shop.post("/buy", key, ann)
    clock.advance(16 * 60)
    await refused(await shop.post("/buy", key, ann), 401, "TOKEN_EXPIRED")


async def test_not_when_the_token_was_revoked(shop):
    revoked = set()
    shop = await shop(guarded(lambda shop: shop.auth.protect), is_token_revoked=lambda session: session in revoked)
    ann, key = await shop.api.session(), new_key()
    await shop.post("/buy", key, ann)
    revoked.add(ann.user.session_id)
    await refused(await shop.post("/buy", key, ann), 401, "UNAUTHORIZED")


async def test_not_to_a_caller_who_has_lost_the_role(shop):
    shop = await shop(guarded(lambda shop: shop.auth.authorize("editor")))
    user = await shop.api.user(roles=("user", "editor"))
    ann, key = await shop.api.session(user), new_key()
    assert (await shop.post("/buy", key, ann)).status == 201

    async def lose(session):
        marks = {"sqlite": ("?", "?"), "postgres": ("$1", "$2"), "mysql": ("%s", "%s")}[shop.api.database.dialect]
        await session.run(f"UPDATE sentri_users SET roles = {marks[0]} WHERE id = {marks[1]}", '["user"]', user.id)

    await shop.api.database.unit(lose)
    await refused(await shop.post("/buy", key, ann), 403, "FORBIDDEN")
    assert len(shop.runs) == 1


async def test_a_refused_request_is_not_kept_and_its_body_not_read(shop):
    shop = await shop(guarded(lambda shop: shop.auth.permit(shop.check)))
    ann, key = await shop.api.session(), new_key()
    shop.allowed = False
    await refused(await shop.post("/buy", key, ann, {"a": 1}), 403, "FORBIDDEN")
    shop.allowed = True
    assert not replayed(await shop.post("/buy", key, ann, {"a": 2}))


async def test_a_check_that_fails_is_a_500_that_runs_nothing(shop):
    def broken(request, user):
        raise LookupError

    shop = await shop(guarded(lambda shop: shop.auth.permit(broken)))
    await refused(await shop.post("/buy", new_key(), await shop.api.session()), 500, "INTERNAL_ERROR")
    assert shop.runs == []


async def test_a_malformed_key_is_told_to_those_alone_whom_the_guards_let_in(shop):
    shop = await shop(guarded(lambda shop: shop.auth.protect))
    await refused(await shop.post("/buy", "", None), 401, "UNAUTHORIZED")
    await refused(await shop.post("/buy", "", await shop.api.session()), 400, "VALIDATION_ERROR")


async def test_a_guard_that_cannot_be_seen_keeps_no_answer(shop, caplog):
    def wire(shop, app):
        @shop.auth.permit(shop.check)
        async def handler(request):
            return await shop.buy(request)

        async def hiding(request):
            return await handler(request)

        app.router.add_post("/buy", hiding)

    shop = await shop(wire)
    ann, key = await shop.api.session(), new_key()
    assert (await shop.post("/buy", key, ann)).status == 201
    await refused(await shop.post("/buy", key, ann), 409, "IDEMPOTENCY_CONFLICT")
    assert len(shop.runs) == 1
    assert "functools.wraps" in caplog.text


async def test_open_handlers_know_the_user_too(shop):
    def wire(shop, app):
        app.router.add_post("/buy", shop.buy)

    shop = await shop(wire)
    user = await shop.api.user()
    key = new_key()
    answers = [await shop.post("/buy", key, await shop.api.session(user)) for _ in range(2)]
    assert [replayed(each) for each in answers] == [False, True], "two tokens, one user"
    for pair in (await shop.api.session(), None):
        assert [replayed(await shop.post("/buy", key, pair)) for _ in range(2)] == [False, True]
    for token in ("Bearer rubbish", "Basic YTpi"):
        headers = {"Authorization": token}
        assert [replayed(await shop.post("/buy", key, headers=headers)) for _ in range(2)] == [False, True]
    assert len(shop.runs) == 5


async def test_whom_nobody_can_tell_at_this_moment_is_told_to_come_back(shop, monkeypatch):
    async def down(token):
        raise sentri.SentriError("SERVICE_UNAVAILABLE", "The database does not answer.")

    def wire(shop, app):
        app.router.add_post("/open", shop.buy)
        app.router.add_post("/guarded", shop.auth.protect(shop.buy))

    shop = await shop(wire)
    ann, key = await shop.api.session(), new_key()
    with monkeypatch.context() as patch:
        patch.setattr(shop.auth, "authenticate", down)
        for path in ("/open", "/guarded"):
            await refused(await shop.post(path, key, ann), 503, "SERVICE_UNAVAILABLE")
    assert shop.runs == []
    assert (await shop.post("/open", key, ann)).status == 201


async def test_the_protecting_middleware_may_stand_on_either_side(shop):
    def before(shop):
        return [
            shop.auth.error_middleware(),
            shop.auth.protect_middleware(),
            shop.auth.idempotency_middleware(),
        ]

    def after(shop):
        return [
            shop.auth.error_middleware(),
            shop.auth.idempotency_middleware(),
            shop.auth.protect_middleware(),
        ]

    def wire(shop, app):
        app.router.add_post("/buy", shop.buy)

    for middlewares in (before, after):
        one = await shop(wire, middlewares=middlewares)
        ann, key = await one.api.session(), new_key()
        assert [replayed(await one.post("/buy", key, ann)) for _ in range(2)] == [False, True]
        await refused(await one.post("/buy", key), 401, "UNAUTHORIZED")
        assert one.runs == [ann.user.id]


async def test_it_may_stand_inside_a_sub_application(shop):
    def wire(shop, app):
        inner = web.Application(middlewares=[shop.auth.idempotency_middleware()])
        inner.router.add_post("", shop.auth.permit(shop.check)(shop.buy))
        app.add_subapp("/buy", inner)

    shop = await shop(wire)  # and one in the host, too: the first counts
    ann, key = await shop.api.session(), new_key()
    assert [replayed(await shop.post("/buy", key, ann)) for _ in range(2)] == [False, True]
    assert (len(shop.runs), len(shop.checks)) == (1, 2)


async def test_without_an_auth_object_of_its_own_it_asks_the_guards_all_the_same(shop, backend):
    standalone = sentri.create_idempotency_middleware(**backend)
    shop = await shop(
        guarded(lambda shop: shop.auth.permit(shop.check)),
        middlewares=lambda shop: [shop.auth.error_middleware(), standalone],
    )
    user = await shop.api.user()
    key = new_key()
    answers = [await shop.post("/buy", key, await shop.api.session(user)) for _ in range(2)]
    assert [replayed(each) for each in answers] == [False, True], "two tokens, one user"
    await refused(await shop.post("/buy", key), 401, "UNAUTHORIZED")
    assert len(shop.checks) == 2
    await standalone.close()


async def test_hooks_are_told_the_user(shop):
    told = []
    shop = await shop(guarded(lambda shop: shop.auth.protect), options={"on_replay": lambda *what: told.append(what)})
    ann, key = await shop.api.session(), new_key()
    for _ in range(2):
        await shop.post("/buy", key, ann)
    assert told == [("POST", "/buy", ann.user.id)]


async def test_twenty_at_once_authenticate_once_each(shop, count_look_ups):
    shop = await shop(guarded(lambda shop: shop.auth.permit(shop.check)))
    ann, key = await shop.api.session(), new_key()
    seen = count_look_ups(shop.auth)
    answers = await asyncio.gather(*(shop.post("/buy", key, ann) for _ in range(20)))
    assert {each.status for each in answers} == {201}
    assert (len(shop.runs), len(seen), len(shop.checks)) == (1, 20, 20)


# --- cookies


@pytest.mark.parametrize("carriage", ["cookie"])
async def test_another_site_is_refused_before_the_key_is_looked_up(shop, carriage):
    shop = await shop(guarded(lambda shop: shop.auth.protect))
    ann, key = await shop.api.session(), new_key()
    assert (await shop.post("/buy", key, ann)).status == 201
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    await refused(await shop.post("/buy", key, ann, headers=headers), 403, "FORBIDDEN")
    await refused(await shop.post("/auth/register", key, headers=headers), 403, "FORBIDDEN")
    assert len(shop.runs) == 1


@pytest.mark.parametrize("carriage", ["cookie"])
async def test_a_silent_refresh_leaves_with_the_response_and_not_with_the_answer(shop, carriage, clock, backend):
    shop = await shop(guarded(lambda shop: shop.auth.protect))
    ann, key = await shop.api.session(), new_key()
    clock.advance(16 * 60)
    cookies = {"Cookie": f"access_token={ann.access_token}; refresh_token={ann.refresh_token}"}
    first = await shop.post("/buy", key, headers=cookies)
    assert (first.status, first.headers["Cache-Control"]) == (201, "no-store")
    assert set(first.cookies) == {"access_token", "refresh_token"}
    fresh = {"Cookie": f"access_token={first.cookies['access_token'].value}"}
    replay = await shop.post("/buy", key, headers=fresh)
    assert replayed(replay)
    assert "Set-Cookie" not in replay.headers
    assert "Cache-Control" not in replay.headers
    refreshed = await shop.post("/buy", key, headers=cookies)
    assert replayed(refreshed)
    assert set(refreshed.cookies) == {"access_token", "refresh_token"}, "a replay is refreshed like any"
    assert len(shop.runs) == 1


# --- sentri's own endpoints


def nothing(shop, app):
    pass


async def test_registering_is_kept_like_any(shop):
    shop, key = await shop(nothing), new_key()
    body = {"identifier": "ann", "password": "correct horse"}
    first, second = [await shop.post("/auth/register", key, json=body) for _ in range(2)]
    assert (first.status, second.status, replayed(second)) == (201, 201, True)
    assert await first.read() == await second.read()
    await refused(await shop.post("/auth/register", new_key(), json=body), 409, "USER_ALREADY_EXISTS")


async def test_the_api_key_is_asked_for_first(shop):
    api_key = "k" * 32
    shop, key = await shop(nothing, api_key=api_key), new_key()
    body = {"identifier": "ann", "password": "correct horse"}
    assert (await shop.post("/auth/register", key, json=body, headers={"X-Api-Key": api_key})).status == 201
    await refused(await shop.post("/auth/register", key, json=body), 401, "UNAUTHORIZED")


async def test_roles_are_given_once_and_the_answer_is_for_admins(shop):
    shop, key = await shop(nothing), new_key()
    admin, ann = await shop.api.session(roles=("admin",)), await shop.api.session()
    path = f"/auth/users/{ann.user.id}/roles"
    answers = [await shop.post(path, key, admin, {"roles": ["editor"]}) for _ in range(2)]
    assert [(each.status, replayed(each)) for each in answers] == [(200, False), (200, True)]
    await refused(await shop.post(path, key, ann, {"roles": ["editor"]}), 403, "FORBIDDEN")
    await refused(await shop.post(path, key, None, {"roles": ["editor"]}), 401, "UNAUTHORIZED")


async def test_changing_the_identifier_is_kept(shop):
    shop, key = await shop(nothing), new_key()
    ann = await shop.api.session()
    answers = [
        await shop.post("/auth/me/identifier", key, ann, {"identifier": "anna"}, method="PATCH") for _ in range(2)
    ]
    assert [(each.status, replayed(each)) for each in answers] == [(200, False), (200, True)]


async def test_token_endpoints_ignore_the_key(shop):
    shop, key = await shop(nothing), new_key()
    user = await shop.api.user("ann")
    login = {"identifier": "ann", "password": "correct horse"}
    answers = [await shop.post("/auth/login", key, json=login) for _ in range(2)]
    assert [(each.status, replayed(each)) for each in answers] == [(200, False)] * 2
    tokens = [(await each.json())["data"]["accessToken"] for each in answers]
    assert tokens[0] != tokens[1]
    pair = await shop.api.session(user)
    for _ in range(2):
        response = await shop.post("/auth/refresh", key, json={"refreshToken": pair.refresh_token})
        assert (response.status, replayed(response)) == (200, False)
    for path, status in (("/auth/logout", 200), ("/auth/logout", 200), ("/auth/logout-all", 401)):
        response = await shop.post(path, key, pair)
        assert (response.status, replayed(response)) == (status, False), path
    pair = await shop.api.session(user)
    change = {"currentPassword": "correct horse", "newPassword": "another horse"}
    for status in (200, 401):
        response = await shop.post("/auth/me/password", key, pair, change, method="PATCH")
        assert (response.status, replayed(response)) == (status, False)


async def test_required_is_not_asked_of_token_endpoints(shop):
    shop = await shop(nothing, options={"required": True})
    await shop.api.user("ann")
    assert (await shop.api.login("ann")).status == 200
    response = await shop.api.post("/auth/register", {"identifier": "bob", "password": "correct horse"})
    await refused(response, 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
async def test_redis_is_shown_no_token_password_or_identifier_of_a_request(shop, namespace, redis_client):
    shop = await shop(guarded(lambda shop: shop.auth.protect))
    ann = await shop.api.session()
    body = {"identifier": "the-identifier", "password": "the password"}
    assert (await shop.post("/buy", "the-key-of-ann", ann, body)).status == 201
    assert (await shop.post("/auth/register", "the-key-of-nobody", json=body)).status == 201
    keys = list(redis_client.scan_iter(f"{namespace}:*"))
    assert len(keys) == 2
    told = b"".join(keys) + b"".join(redis_client.get(key) for key in keys)
    for secret in (b"the password", b"the-key-of", b"/auth/register", ann.access_token.encode(), ann.user.id.encode()):
        assert secret not in told
    assert b"the-identifier" not in b"".join(keys)
