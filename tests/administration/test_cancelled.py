"""Whoever asked for a change and is cancelled in the middle of it: what was written is told all the same."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from sentri.storage import Sessions, Users
from tests.support import PASSWORD, PASSWORD_HASH, held_after

NEW_PASSWORD = "a password that nobody had"


def changes_of(auth, pair):
    """Every change, by name: what asks for it, what writes it, and what is told then."""
    user, session = pair.user.id, pair.user.session_id
    users, sessions, accounts = auth.users, auth.sessions, auth.accounts
    rows = [{"identifier": "new", "password_hash": PASSWORD_HASH}]
    return {
        "create": (partial(users.create, "new", PASSWORD), (Users, "add"), "user.created"),
        "import": (partial(users.import_many, rows), (Users, "add_all"), "user.imported"),
        "password": (partial(users.set_password, user, NEW_PASSWORD), (Users, "replace_password"), "session.revoked"),
        "roles": (partial(users.add_roles, user, ["admin"]), (Users, "change_roles"), "roles.changed"),
        "disable": (partial(users.disable, user), (Users, "set_disabled"), "session.revoked"),
        "delete": (partial(users.delete, user), (Users, "delete"), "session.revoked"),
        "revoke": (partial(sessions.revoke, session), (Sessions, "end"), "session.revoked"),
        "revoke all": (partial(sessions.revoke_all, user), (Sessions, "end_all"), "session.revoked"),
        "register": (partial(accounts.register, "new", PASSWORD), (Users, "add"), "user.registered"),
        "logout": (partial(accounts.logout, session), (Sessions, "end"), "session.revoked"),
        "logout all": (partial(accounts.logout_all, user), (Sessions, "end_all"), "session.revoked"),
        "assigned": (partial(accounts.assign_roles, user, ["admin"]), (Users, "change_roles"), "roles.changed"),
        "renamed": (
            partial(accounts.change_identifier, user, "new"),
            (Users, "change_identifier"),
            "identifier.changed",
        ),
        "own password": (
            partial(accounts.change_password, user, PASSWORD, NEW_PASSWORD),
            (Users, "change_password"),
            "session.revoked",
        ),
    }


CHANGES = (
    *("create", "import", "password", "roles", "disable", "delete", "revoke", "revoke all"),
    *("register", "logout", "logout all", "assigned", "renamed", "own password"),
)


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_told_though_whoever_asked_for_it_is_cancelled(make_auth, events, monkeypatch, name):
    async with make_auth(hooks={"on_event": events.append}) as auth:
        ann = await auth.users.create("ann", PASSWORD)
        ask, (store, method), told = changes_of(auth, await auth.accounts.start_session(ann.id))[name]
        done, go_on = held_after(monkeypatch, store, method)
        asking = asyncio.create_task(ask())
        await done.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled()
        go_on.set()
    assert events[-1].name == told, "at the latest when the server is closed"


async def test_who_is_cancelled_while_a_password_is_hashed_leaves_the_line(auth, events, monkeypatch):
    hashing = asyncio.Event()

    async def endless(_, __):
        hashing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("sentri.passwords.hashing.PasswordHasher.hash", endless)
    for ask in (partial(auth.users.create, "new", PASSWORD), partial(auth.accounts.register, "new", PASSWORD)):
        hashing.clear()
        asking = asyncio.create_task(ask())
        await hashing.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert (await auth.users.list()).items == ()
    assert events == []
