"""What client mode tells: refusals, and what becomes of the keys."""

from __future__ import annotations

import pytest
from aiohttp import web

import sentri
from sentri.config.client_options import CLIENT_HOOKS
from sentri.happenings import HAPPENINGS
from tests.client.conftest import profile
from tests.events.watching import Watch
from tests.keys.test_kept_keys import eventually
from tests.support import assert_error

ELSEWHERE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
ANN, SESSION = "8d3f0b8e-0c2d-4a51-9c53-2f5f6a1f6c11", "1c0e7a52-6f4b-4a0e-8a54-9f1b7e1f2d33"
REFUSED = {
    "GET /admin": {"reason": "roles", "details": {"roles": ["admin"]}},
    "GET /late": {"reason": "roles", "details": {"roles": ["admin"]}},
    "POST /owner": {"reason": "check"},
}
"""Request → what is told of it."""
EVENTS = {"permission.denied", "keys.changed", "keys.unreachable", "keys.reachable"}
"""What client mode tells; tests/events/test_table.py counts on it."""


@pytest.fixture
def watch() -> Watch:
    return Watch(tuple(CLIENT_HOOKS))


def application(auth) -> web.Application:
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/admin", auth.authorize("admin")(profile))
    app.router.add_get("/late", sentri.authorize("admin")(profile))
    app.router.add_post("/owner", auth.permit(lambda *_: False)(profile))
    app.router.add_post("/form", auth.protect(profile))
    return app


def came(service, request: str) -> dict[str, str]:
    return {"request": request, "client": service.auth._events.digest("client", "127.0.0.1")}  # noqa: SLF001


async def only(watch: Watch, name: str):
    async def told():
        return watch.named(name)

    await eventually(told)
    [event] = watch.named(name)
    watch.assert_told_once(event)
    return event


@pytest.mark.parametrize("request_line", REFUSED)
@pytest.mark.parametrize("known", [False, True])
async def test_who_is_refused_is_told(start, issuer, watch, request_line, known):
    """Alike for a token that was verified before, which waits for nobody."""
    service = await start(application, **watch.options)
    token = issuer.token(sub=ANN, sid=SESSION)
    if known:
        assert (await service.call("POST", "/form", token)).status == 200
    await assert_error(await service.call(*request_line.split(), token), 403, "FORBIDDEN")
    event = await only(watch, "permission.denied")
    session = service.auth._events.digest("session", SESSION)  # noqa: SLF001
    expected = {"user_id": ANN, "session": session, **came(service, request_line), **REFUSED[request_line]}
    assert event.to_dict() == {"event": "permission.denied", "at": event.at, **expected}


async def test_a_request_of_another_site_is_told(start, issuer, watch):
    service = await start(application, access_cookie={}, **watch.options)
    cookie = {"Cookie": f"access_token={issuer.token()}"}
    await assert_error(await service.call("POST", "/form", **ELSEWHERE, **cookie), 403, "FORBIDDEN")
    event = await only(watch, "permission.denied")
    expected = {"reason": "cross_site", **came(service, "POST /form")}
    assert event.to_dict() == {"event": "permission.denied", "at": event.at, **expected}


async def test_other_keys_of_the_server_are_told(start, issuer, watch):
    service = await start(application, **watch.options)
    before = service.auth.keys.status().key_ids
    issuer.rotate()
    assert (await service.call("POST", "/form", issuer.token())).status == 200
    event = await only(watch, "keys.changed")
    after = service.auth.keys.status().key_ids
    details = {
        "key_uri": issuer.key_uri,
        "added": [kid for kid in after if kid not in before],
        "removed": [kid for kid in before if kid not in after],
    }
    assert event.to_dict() == {"event": "keys.changed", "at": event.at, "details": details}


async def test_an_outage_of_the_keys_is_told_and_its_end(start, issuer, watch, timer):
    service = await start(application, **watch.options)
    issuer.answer = lambda _: web.Response(status=500)
    timer.advance(3601)
    await service.call("POST", "/form", issuer.token())
    event = await only(watch, "keys.unreachable")
    details = {"key_uri": issuer.key_uri, "error": "the answer has status 500"}
    assert event.to_dict() == {"event": "keys.unreachable", "at": event.at, "details": details}
    issuer.answer = None
    timer.advance(61)
    await service.call("POST", "/form", issuer.token())
    event = await only(watch, "keys.reachable")
    assert event.to_dict() == {"event": "keys.reachable", "at": event.at, "details": {"key_uri": issuer.key_uri}}


def test_the_hooks_are_those_of_the_events():
    assert set(CLIENT_HOOKS) == {"on_event", *(HAPPENINGS[name].hook for name in EVENTS)}
