"""What guards said ahead of their turn counts once, for this very request, and for nothing else."""

from __future__ import annotations

import functools
import warnings

import pytest
from aiohttp import web

import sentri
from sentri.idempotency.memory import MemoryStore
from sentri.idempotency.record import Begun, StoreUnavailable
from tests.idempotency.application import Counter, new_key, refused, replayed, sharing, until
from tests.support import Api, serving


@pytest.fixture
async def serve(make_auth, database):
    """A function that serves an application of an auth server; POST with a key."""
    clients = []

    async def make(wire, *between):
        auth = make_auth()
        app = web.Application(middlewares=[auth.error_middleware(), auth.idempotency_middleware(), *between])
        app.add_subapp("/auth", auth.app())
        wire(auth, app)
        clients.append(serving(app))
        await clients[-1].start_server()
        return Api(auth, clients[-1], database)

    yield make
    for client in clients:
        await client.close()


async def test_a_clone_with_another_token_is_asked_again(serve):
    """A middleware behind us that changes who asks opens nothing."""

    @web.middleware
    async def without_token(request, handler):
        return await handler(request.clone(headers={}))

    ran = []

    def wire(auth, app):
        @auth.protect
        async def handler(request):
            ran.append(request)
            return web.Response()

        app.router.add_post("/", handler)

    api = await serve(wire, without_token)
    pair = await api.session()
    response = await api.post("/", token=pair.access_token, headers={"Idempotency-Key": new_key()})
    await refused(response, 401, "UNAUTHORIZED")
    assert ran == []


async def test_a_guard_that_is_passed_again_is_asked_again(serve):
    """The first pass was given ahead; what the handler did since may have changed the answer."""
    asked, steps = [], []

    def only_once(request, user):
        asked.append(user.id)
        return len(asked) == 1

    def wire(auth, app):
        @auth.permit(only_once)
        async def step(request):
            steps.append(request)
            return await step(request) if len(steps) == 1 else web.Response()

        app.router.add_post("/", step)

    api = await serve(wire)
    pair = await api.session()
    response = await api.post("/", token=pair.access_token, headers={"Idempotency-Key": new_key()})
    await refused(response, 403, "FORBIDDEN")
    assert (len(asked), len(steps)) == (2, 1)


class Deaf(MemoryStore):
    """Takes the first key, and its answer gets lost on the way."""

    lost = 0

    async def begin(self, scope, fingerprint, owner):
        found = await super().begin(scope, fingerprint, owner)
        if not self.lost and found == Begun():
            self.lost += 1
            raise StoreUnavailable
        return found


async def test_a_key_that_was_taken_unheard_is_given_back():
    handler, key = Counter(), new_key()
    store = Deaf(ttl=60, lease=1000, max_size=100, max_bytes=1 << 20)
    async with sharing(store, handler, lease=1000, wait=0) as running:
        await refused(await running.post("/", key), 503, "SERVICE_UNAVAILABLE")
        await until(lambda: len(store) == 0)
        assert (await running.post("/", key)).status == 201
        assert replayed(await running.post("/", key))
    assert len(handler.runs) == 1


@pytest.mark.parametrize("somebody_else", [True, False])
async def test_the_answer_to_a_clone_for_somebody_else_is_not_kept(serve, somebody_else):
    """It is that user's, and the key is the first one's."""
    tokens, runs = [], []

    @web.middleware
    async def as_another(request, handler):
        return await handler(request.clone(headers={"Authorization": f"Bearer {tokens[somebody_else]}"}))

    def wire(auth, app):
        @auth.protect
        async def handler(request):
            runs.append(request)
            return web.Response()

        app.router.add_post("/", handler)

    api = await serve(wire, as_another)
    tokens += [(await api.session()).access_token for _ in range(2)]
    key = {"Idempotency-Key": new_key()}
    assert (await api.post("/", token=tokens[0], headers=key)).status == 200
    repeat = await api.post("/", token=tokens[0], headers=key)
    if somebody_else:
        await refused(repeat, 409, "IDEMPOTENCY_CONFLICT")
    else:
        assert replayed(repeat)
    assert len(runs) == 1


async def test_a_request_that_is_refused_ahead_and_runs_all_the_same_is_logged(serve, caplog):
    def wire(auth, app):
        @auth.authorize("admin")
        async def first_version(request):
            return web.Response()

        @auth.protect
        async def second_version(request):
            return web.Response(text="second")

        @functools.wraps(first_version)
        async def by_version(request):
            return await second_version(request)

        app.router.add_post("/", by_version)

    api = await serve(wire)
    pair = await api.session()
    response = await api.post("/", token=pair.access_token, headers={"Idempotency-Key": new_key()})
    assert (response.status, await response.text()) == (200, "second")
    assert "POST / was carried out, though one of its guards refuses" in caplog.text


async def test_the_user_of_a_guard_is_there_in_its_turn_whatever_was_written_since(serve):
    """Anybody can write `request["user"]`; the innermost guard writes it last, with a key as without."""

    @web.middleware
    async def legacy(request, handler):
        if request.path == "/who":
            assert "user" not in request, "no guard has had its turn yet"
            with warnings.catch_warnings(action="ignore", category=web.NotAppKeyWarning):
                request["user"] = request.headers["X-Legacy"]
        return await handler(request)

    def wire(auth, app):
        @auth.protect
        async def who(request):
            return web.json_response([request["user"].id, request[sentri.USER].id])

        app.router.add_post("/who", who)

    api = await serve(wire, legacy)
    pair = await api.session()
    for key in ({}, {"Idempotency-Key": new_key()}):
        response = await api.post("/who", token=pair.access_token, headers={"X-Legacy": "root", **key})
        assert await response.json() == [pair.user.id, pair.user.id]
