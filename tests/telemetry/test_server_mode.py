"""What is measured of a server, as an SDK collects it."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.semconv.attributes import db_attributes, error_attributes
from opentelemetry.trace import SpanKind, StatusCode

from sentri.passwords.queue import HashQueue
from sentri.storage import Users
from tests.support import PASSWORD, assert_error, data_of

WRONG = "wrong horse"
SYSTEMS = {"sqlite": "sqlite", "postgres": "postgresql", "mysql": "mysql"}
IDENTIFIER = "quittengelee"


def values(points, name):
    """Attributes and value of every point of a counter."""
    return {tuple(sorted(point.attributes.items())): point.value for point in points[name]}


def counts(points, name):
    """Attributes and number of measurements of every point of a histogram."""
    return {tuple(sorted(point.attributes.items())): point.count for point in points[name]}


async def test_events_are_counted_by_name_and_reason(start, collected):
    world = await start(telemetry=True, rate_limit={"max_login_attempts": 2})
    await world.api.user("Ann")
    await data_of(await world.api.login("Ann"))
    for _ in range(2):
        await assert_error(await world.api.login("Ann", WRONG), 401, "INVALID_CREDENTIALS")
    await assert_error(await world.api.login("Ann", WRONG), 429, "RATE_LIMITED")
    pair = await world.api.session()
    await assert_error(await world.api.call("GET", "/editors", token=pair.access_token), 403, "FORBIDDEN")
    name, reason = "sentri.event.name", "sentri.event.reason"
    assert values(collected.points(), "sentri.events") == {
        ((name, "login.succeeded"),): 2,
        ((name, "login.failed"), (reason, "wrong_password")): 2,
        ((name, "rate_limit.exceeded"), (reason, "login")): 1,
        ((name, "permission.denied"), (reason, "roles")): 1,
    }


async def test_flows_are_spans_and_durations(start, collected):
    world = await start(telemetry=True)
    await data_of(await world.api.post("/auth/register", {"identifier": IDENTIFIER, "password": PASSWORD}), 201)
    tokens = await data_of(await world.api.login(IDENTIFIER))
    tokens = await data_of(await world.api.refresh(tokens["refreshToken"]))
    await assert_error(await world.api.login(IDENTIFIER, WRONG), 401, "INVALID_CREDENTIALS")
    await data_of(await world.api.post("/auth/logout", token=tokens["accessToken"]))
    flow, error = "sentri.flow.name", error_attributes.ERROR_TYPE
    assert counts(collected.points(), "sentri.flow.duration") == {
        ((flow, "register"),): 1,
        ((flow, "login"),): 1,
        ((error, "INVALID_CREDENTIALS"), (flow, "login")): 1,
        ((flow, "refresh"),): 1,
        ((flow, "logout"),): 1,
    }
    spans = [span for span in collected.spans() if flow in span.attributes]
    assert [span.name for span in spans] == [
        f"sentri.{name}" for name in ("register", "login", "refresh", "login", "logout")
    ]
    assert [span.attributes.get(error) for span in spans] == [None, None, None, "INVALID_CREDENTIALS", None]
    assert {span.kind for span in spans} == {SpanKind.INTERNAL}
    assert {span.status.status_code for span in spans} == {StatusCode.UNSET}, "a wrong password is no fault of ours"


async def test_passwords_are_measured_inside_their_flow(start, collected):
    world = await start(telemetry=True)
    await data_of(await world.api.post("/auth/register", {"identifier": IDENTIFIER, "password": PASSWORD}), 201)
    await data_of(await world.api.login(IDENTIFIER))
    points, operation = collected.points(), "sentri.password.operation"
    for name in ("sentri.password.duration", "sentri.password.wait"):
        assert counts(points, name) == {((operation, "hash"),): 1, ((operation, "verify"),): 1}
    assert all(point.sum > 0 for point in points["sentri.password.duration"])
    assert values(points, "sentri.password.queue") == {(): 0}
    (register,), (login,) = collected.spans("sentri.register"), collected.spans("sentri.login")
    parents = [span.parent.span_id for span in collected.spans("sentri.password")]
    assert parents == [register.context.span_id, login.context.span_id]


async def test_the_line_of_passwords_is_as_long_as_it_is(start, collected):
    world = await start(telemetry=True)
    hasher = world.api.auth._context.hasher  # noqa: SLF001
    under_way = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(3)]
    await asyncio.sleep(0)
    assert values(collected.points(), "sentri.password.queue") == {(): 3}
    await asyncio.gather(*under_way)
    await asyncio.sleep(0)
    assert values(collected.points(), "sentri.password.queue") == {(): -3}


async def test_a_full_line_is_an_error_of_the_server(start, collected, monkeypatch):
    world = await start(telemetry=True)
    monkeypatch.setattr(HashQueue, "expected_wait", 99.0)
    await assert_error(await world.api.login("Ann"), 503, "SERVICE_UNAVAILABLE")
    [span] = collected.spans("sentri.login")
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize("dialect", SYSTEMS, indirect=True)
async def test_look_ups_of_sessions_are_queries(start, collected, dialect):
    world = await start(telemetry=True)
    pairs = [await world.api.session() for _ in range(3)]
    collected.clear()
    check = world.api.auth.authenticate
    await check(pairs[0].access_token)
    await asyncio.gather(*(check(pair.access_token) for pair in pairs))
    points, system = collected.points(), ((db_attributes.DB_SYSTEM_NAME, SYSTEMS[dialect]),)
    assert counts(points, "sentri.session.lookup.duration") == {system: 2}
    [sizes] = points["sentri.session.lookup.size"]
    assert (sizes.count, sizes.sum) == (2, 4)
    assert values(points, "sentri.database.work") == {system: 0}
    alone, together = collected.spans("SELECT sentri_sessions")
    assert (alone.kind, alone.parent) == (SpanKind.CLIENT, None)
    query = {
        **dict(system),
        db_attributes.DB_OPERATION_NAME: "SELECT",
        db_attributes.DB_COLLECTION_NAME: "sentri_sessions",
    }
    assert dict(alone.attributes) == query
    assert dict(together.attributes) == query | {db_attributes.DB_OPERATION_BATCH_SIZE: 3}


async def test_requests_that_nobody_could_authenticate_are_counted_by_code(start, collected, clock):
    world = await start(telemetry=True)
    pair, ended = await world.api.session(), await world.api.session()
    await world.api.auth.accounts.logout(ended.user.session_id)
    sent = [("no token", 401), (ended.access_token, 401), (None, 401), (pair.access_token, 200)]
    for token, status in sent:
        assert (await world.api.call("GET", "/profile", token=token)).status == status
    clock.advance(3600)
    assert (await world.api.call("GET", "/profile", token=pair.access_token)).status == 401
    assert values(collected.points(), "sentri.authentication.failures") == {
        (("error.type", "TOKEN_INVALID"),): 1,
        (("error.type", "UNAUTHORIZED"),): 2,
        (("error.type", "TOKEN_EXPIRED"),): 1,
    }


async def test_the_text_of_an_exception_is_nowhere(start, collected, monkeypatch):
    async def by_key(self, key):
        raise LookupError(f"no room for {key}")

    world = await start(telemetry=True)
    monkeypatch.setattr(Users, "by_key", by_key)
    await assert_error(await world.api.login(IDENTIFIER), 500, "INTERNAL_ERROR")
    [span] = collected.spans("sentri.login")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert (span.attributes["error.type"], span.events) == ("LookupError", ())
    assert IDENTIFIER not in span.to_json()


async def test_nothing_secret_is_measured(start, collected):
    world = await start(telemetry=True)
    given = {"identifier": IDENTIFIER, "password": PASSWORD}
    await data_of(await world.api.post("/auth/register", given), 201)
    tokens = await data_of(await world.api.login(IDENTIFIER))
    await data_of(await world.api.me(tokens["accessToken"]))
    user = world.api.auth.verify_access_token(tokens["accessToken"])
    measured = f"{[span.to_json() for span in collected.spans()]} {collected.points()}"
    assert "sentri.login" in measured
    for secret in (IDENTIFIER, PASSWORD, user.id, user.session_id, tokens["accessToken"].rpartition(".")[2]):
        assert secret not in measured


async def test_two_servers_of_one_process_are_measured_together(start, collected):
    """An instrument is the process's: the second server's is the same, not another of its name."""
    one, two = await start(telemetry=True), await start(telemetry=True)
    await one.api.session()
    await two.api.session()
    assert counts(collected.points(), "sentri.flow.duration") == {(("sentri.flow.name", "start_session"),): 2}


async def test_without_the_option_nothing_is_measured(start, collected):
    world = await start()
    await data_of(await world.api.post("/auth/register", {"identifier": IDENTIFIER, "password": PASSWORD}), 201)
    await assert_error(await world.api.me("no token"), 401, "TOKEN_INVALID")
    assert collected.spans() == []
    assert collected.points() == {}
