"""How it is told: no hook, no handler of a log and no client that goes away is in the way of anything."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.handlers
import pickle
from types import MappingProxyType

import pytest

from sentri import Event
from sentri.digests import Digests
from sentri.events import NOTHING
from sentri.hooks import HookRunner
from sentri.telling import Events, Source
from tests.events.provoking import WRONG
from tests.events.watching import Watch
from tests.support import assert_error, data_of

ANN = "8d3f0b8e-0c2d-4a51-9c53-2f5f6a1f6c11"


@pytest.fixture(params=["sqlite"])
def dialect(request):
    """The database has no say here."""
    return request.param


@pytest.fixture
def events(watch, clock) -> Events:
    return events_of(watch, clock)


def events_of(watch: Watch, clock, secret: bytes = b"a secret") -> Events:
    logger = watch.options["logger"]
    return Events(HookRunner(watch.options["hooks"], timeout=1, logger=logger), Digests([secret]), clock, logger)


# --- what is told


async def test_an_event_says_only_what_is_known(events, watch, clock):
    await events.tell("user.disabled", user_id=ANN)
    [event] = watch.events
    assert event == Event(name="user.disabled", at=clock(), user_id=ANN)
    assert event.to_dict() == {"event": "user.disabled", "at": clock(), "user_id": ANN}
    assert str(event) == f"user.disabled user_id={ANN}"
    assert event.details is NOTHING


async def test_a_session_and_an_address_are_digests_of_this_server_s_secret(events, watch, clock):
    other = events_of(watch, clock, b"another secret")
    for told in (events, events, other):
        await told.tell("session.revoked", session_id=ANN, source=Source("POST /x", "192.0.2.1"))
    first, second, third = watch.events
    assert (first.session, first.client) == (second.session, second.client)
    assert third.session != first.session
    assert third.client != first.client
    for digest in (first.session, first.client, events.digest("identifier", ANN)):
        assert len(digest) == 24
    assert len({first.session, events.digest("client", ANN), events.digest("identifier", ANN)}) == 3
    assert ANN not in f"{watch.records[0].__dict__} {first!r}"
    assert "192.0.2.1" not in f"{watch.records[0].__dict__} {first!r}"


async def test_who_did_it_is_told_where_it_was_somebody_else(events, watch):
    with events.coming_from(lambda: Source("POST /x", "192.0.2.1")):
        events.acting("the admin")
        await events.tell("user.disabled", user_id=ANN)
        await events.tell("user.disabled", user_id="the admin")
        await events.tell("user.disabled", user_id=ANN, actor_id="somebody else")
        events.tell_soon("key.retired", kid="k")
    await events.tell("user.disabled", user_id=ANN)
    assert [event.actor_id for event in watch.named("user.disabled")] == ["the admin", None, "somebody else", None]
    assert [event.request for event in watch.named("user.disabled")] == ["POST /x"] * 3 + [None]
    [by_itself] = watch.records_of("key.retired")
    assert by_itself.sentri == {"event": "key.retired", "at": by_itself.sentri["at"], "details": {"kid": "k"}}


async def test_two_servers_of_one_process_tell_each_their_own(events, watch, clock):
    other = events_of(watch, clock)
    with events.coming_from(lambda: Source("POST /x", "192.0.2.1")):
        other.acting("nobody")
        await other.tell("user.enabled", user_id=ANN)
        await events.tell("user.disabled", user_id=ANN)
    first, second = watch.events
    assert (first.request, first.actor_id) == (None, None)
    assert (second.request, second.actor_id) == ("POST /x", None)


async def test_a_record_is_ready_for_json_and_for_other_processes(events, watch):
    await events.tell("roles.changed", user_id=ANN, before=(), after=("user", "the boss"))
    [record] = watch.records
    assert json.loads(json.dumps(record.sentri)) == record.sentri
    assert record.sentri["details"] == {"before": [], "after": ["user", "the boss"]}
    assert record.getMessage() == f'roles.changed user_id={ANN} before=[] after=["user", "the boss"]'
    copied = pickle.loads(pickle.dumps(logging.handlers.QueueHandler(None).prepare(record)))
    assert (copied.sentri, copied.getMessage()) == (record.sentri, record.getMessage())


# --- what is in nobody's way


async def test_a_level_that_is_off_keeps_the_log_quiet_and_not_the_hooks(events, watch):
    watch.options["logger"].setLevel(logging.WARNING)
    await events.tell("user.disabled", user_id=ANN)
    await events.tell("token.reused", user_id=ANN)
    assert [record.sentri["event"] for record in watch.records] == ["token.reused"]
    assert [event.name for event in watch.events] == ["user.disabled", "token.reused"]


async def test_a_handler_of_the_log_that_raises_changes_nothing(start, watch):
    class Broken(logging.Handler):
        def handle(self, record):
            raise OSError("no space left")

    world = await start()
    await world.api.user("Ann")
    watch.options["logger"].getChild("events").addHandler(Broken())
    await data_of(await world.api.login("Ann"))
    assert [event.name for event in watch.events] == ["login.succeeded"]


@pytest.mark.parametrize("hook", ["on_event", "on_permission_denied"])
async def test_a_hook_that_raises_changes_nothing(start, watch, hook):
    def broken(event):
        raise LookupError(f"no room for {event.user_id}")

    world = await start(hooks={hook: broken})
    pair = await world.api.session()
    await assert_error(await world.api.call("GET", "/editors", token=pair.access_token), 403, "FORBIDDEN")
    errors = [record.getMessage() for record in watch.records if record.levelname == "ERROR"]
    assert errors
    for message in errors:
        assert message.startswith(f"The hook {hook} raised LookupError")
        assert pair.user.id not in message


async def test_hooks_that_never_end_are_waited_for_once(start):
    """The two of an event at the same time, and no longer than `hook_timeout`."""
    begun = []

    async def endless(event):
        begun.append(event.name)
        await asyncio.Event().wait()

    world = await start(hooks={"on_event": endless, "on_permission_denied": endless}, hook_timeout=0.01)
    pair = await world.api.session()
    await assert_error(await world.api.call("GET", "/editors", token=pair.access_token), 403, "FORBIDDEN")
    assert begun == ["login.succeeded", "permission.denied", "permission.denied"]


async def test_hooks_hear_of_what_a_client_did_who_went_away(start):
    begun, let_go, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hook(_):
        begun.set()
        await let_go.wait()
        finished.set()

    world = await start(hooks={"on_event": hook})
    attempt = asyncio.create_task(world.api.login("Ann", WRONG))
    await begun.wait()
    attempt.cancel()
    await asyncio.gather(attempt, return_exceptions=True)
    let_go.set()
    await finished.wait()


async def test_a_hook_may_call_the_services(start):
    """What it does is told in its turn."""
    world = None

    async def end_all(event):
        await world.api.auth.accounts.logout_all(event.user_id)

    world = await start(hooks={"on_reauthentication": end_all})
    pair = await world.api.session()
    body = {"currentPassword": WRONG, "newPassword": "battery staple"}
    await assert_error(
        await world.api.call("PATCH", "/auth/me/password", body, token=pair.access_token), 401, "INVALID_CREDENTIALS"
    )
    assert [record.sentri["reason"] for record in world.watch.records_of("session.revoked")] == ["logout_all"]
    await assert_error(await world.api.me(pair.access_token), 401, "UNAUTHORIZED")


def test_an_event_can_be_sent_to_another_process():
    event = Event(name="roles.changed", at=1.5, user_id="u", details=MappingProxyType({"after": ("admin",)}))
    sent = pickle.loads(pickle.dumps(event))
    assert sent == event
    assert sent.to_dict() == event.to_dict()
    with pytest.raises(TypeError):
        sent.details["after"] = ()
