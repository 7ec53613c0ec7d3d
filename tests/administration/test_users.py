"""`auth.users`: callers are trusted, input is not."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from sentri import SentriError, UserInfo
from sentri.randomness import new_id
from tests.support import PASSWORD

NEW_PASSWORD = "a password that nobody had"
MALFORMED = ["", "1", "\x00", "6F1C1A52-7E0A-4C1E-9B7E-0D2F3A4B5C6D", None, 7]
ABOUT_A_USER = {
    "get": (),
    "set_password": (NEW_PASSWORD,),
    "set_roles": (["user"],),
    "add_roles": (["user"],),
    "remove_roles": (["user"],),
    "disable": (),
    "enable": (),
    "delete": (),
}


async def refused(code, work):
    with pytest.raises(SentriError) as raised:
        await work
    assert raised.value.code == code
    return raised.value.message


async def test_made_listed_found_and_deleted(auth, clock):
    ann = await auth.users.create("Ann", PASSWORD, ["user", "editor"])
    assert ann == UserInfo(ann.id, "Ann", ("user", "editor"), clock(), None)
    bob = await auth.users.create("bob", PASSWORD)
    assert (await auth.users.list()).items == (ann, bob)
    assert (await auth.users.list(search="B")).items == (bob,)
    assert await auth.users.get(ann.id) == ann == await auth.users.by_identifier(" ANN ")
    assert await auth.users.delete(ann.id) is None
    await refused("USER_NOT_FOUND", auth.users.by_identifier("ann"))
    assert (await auth.users.list()).items == (bob,)


async def test_the_first_call_opens_the_auth_object(make_auth):
    auth = make_auth()
    assert (await auth.users.list()).items == ()
    await refused("USER_NOT_FOUND", auth.sessions.list(new_id()))
    async with auth:
        pass


async def test_cursors_lead_through_all_users(auth):
    for name in ("c", "a", "é", "B", "\U0001f600"):
        await auth.users.create(name, PASSWORD)
    seen, cursor = [], None
    while True:
        page = await auth.users.list(limit=2, cursor=cursor)
        seen += [user.identifier for user in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["a", "B", "c", "é", "\U0001f600"]


async def test_a_page_that_looks_for_few_among_many_goes_on_behind_those_it_has_seen(auth, monkeypatch):
    monkeypatch.setattr("sentri.storage.user_pages._LOOKED_AT", 3)
    for number in range(8):
        await auth.users.create(f"user {number}", PASSWORD, ["editor"] if number in {0, 7} else [])
    pages = [await auth.users.list(role="editor")]
    while pages[-1].next_cursor is not None:
        pages.append(await auth.users.list(role="editor", cursor=pages[-1].next_cursor))
    assert [[user.identifier for user in page.items] for page in pages] == [["user 0"], [], ["user 7"]]


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 101}, {"limit": True}, {"limit": "5"}, {"cursor": 5}])
async def test_refuses_a_page_that_is_none(auth, wrong):
    await refused("VALIDATION_ERROR", auth.users.list(**wrong))


@pytest.mark.parametrize("wrong", [{"search": ""}, {"search": 5}, {"contains": "\u200b"}, {"disabled": "yes"}])
async def test_refuses_a_search_that_is_none(auth, wrong):
    await refused("VALIDATION_ERROR", auth.users.list(**wrong))


async def test_refuses_a_role_that_does_not_exist(auth):
    ann = await auth.users.create("ann", PASSWORD)
    await refused("INVALID_ROLE", auth.users.list(role="boss"))
    await refused("INVALID_ROLE", auth.users.create("x", PASSWORD, ["boss"]))
    for change in (auth.users.set_roles, auth.users.add_roles, auth.users.remove_roles):
        await refused("INVALID_ROLE", change(ann.id, ["boss"]))


@pytest.mark.parametrize("name", ABOUT_A_USER)
async def test_refuses_what_names_nobody(auth, name):
    function = getattr(auth.users, name)
    await refused("USER_NOT_FOUND", function(new_id(), *ABOUT_A_USER[name]))
    for user_id in MALFORMED:
        assert (await refused("VALIDATION_ERROR", function(user_id, *ABOUT_A_USER[name]))).startswith("userId: ")


async def test_the_password_policy_applies_to_admins_too(make_auth):
    async with make_auth(password_policy="nist", password_validator=lambda password: "banana" not in password) as auth:
        ann = await auth.users.create("ann", "fifteen letters and more")
        for password in ("short", "fourteen chars", "banana banana banana", 5, "x" * 73):
            await refused("VALIDATION_ERROR", auth.users.create("bob", password))
            await refused("VALIDATION_ERROR", auth.users.set_password(ann.id, password))
        await auth.accounts.login("ann", "fifteen letters and more")


async def test_every_change_is_told_with_who_did_it(auth, events):
    boss = await auth.users.create("boss", PASSWORD, ["admin"])
    ann = await auth.users.create("ann", PASSWORD, actor_id=boss.id)
    session = (await auth.accounts.start_session(ann.id)).user.session_id
    await auth.users.set_password(ann.id, NEW_PASSWORD, actor_id=boss.id)
    await auth.users.set_roles(ann.id, ["user"], actor_id=boss.id)
    await auth.users.add_roles(ann.id, ["editor"], actor_id=boss.id)
    await auth.users.remove_roles(ann.id, ["user"], actor_id=boss.id)
    session = (await auth.accounts.start_session(ann.id)).user.session_id
    await auth.sessions.revoke(session, actor_id=boss.id)
    await auth.accounts.start_session(ann.id)
    await auth.sessions.revoke_all(ann.id, actor_id=boss.id)
    await auth.users.disable(ann.id, actor_id=boss.id)
    await auth.users.enable(ann.id, actor_id=boss.id)
    await auth.users.delete(ann.id, actor_id=boss.id)
    told = [(event.name, event.reason) for event in events if event.actor_id == boss.id and event.user_id == ann.id]
    assert told == [
        ("user.created", None),
        ("password.changed", "admin"),
        ("session.revoked", "password_changed"),
        ("roles.changed", None),
        ("roles.changed", None),
        ("roles.changed", None),
        ("session.revoked", "admin"),
        ("session.revoked", "admin"),
        ("user.disabled", None),
        ("session.revoked", "user_disabled"),
        ("user.enabled", None),
        ("user.deleted", None),
        ("session.revoked", "user_deleted"),
    ]


async def test_what_changes_nothing_is_not_told(auth, events):
    ann = await auth.users.create("ann", PASSWORD, ["user"])
    await auth.users.disable(ann.id)
    del events[:]
    await auth.users.disable(ann.id)
    await auth.users.set_roles(ann.id, ["user"])
    await auth.users.remove_roles(ann.id, ["editor"])
    await auth.sessions.revoke_all(ann.id)
    assert events == []


async def test_in_python_everything_goes(auth):
    """A script may take the last admin's role, disable them and delete them, by their own id."""
    boss = await auth.users.create("boss", PASSWORD, ["admin"])
    await auth.users.set_roles(boss.id, [], actor_id=boss.id)
    await auth.users.disable(boss.id, actor_id=boss.id)
    await auth.users.delete(boss.id, actor_id=boss.id)
    assert (await auth.users.list()).items == ()


@pytest.mark.parametrize("action", ["", "ON DELETE NO ACTION", "ON DELETE RESTRICT"])
async def test_a_user_whom_a_row_of_the_hosts_points_at_is_not_deleted(auth, database, action):
    ann = await auth.users.create("ann", PASSWORD)
    pair = await auth.accounts.start_session(ann.id)
    async with notes_of_the_host(database, action) as write:
        await write(ann.id)
        await refused("USER_IN_USE", auth.users.delete(ann.id))
        assert await auth.users.get(ann.id) == ann
        assert await auth.authenticate(pair.access_token), "and their sessions are still there"
    await auth.users.delete(ann.id)


@asynccontextmanager
async def notes_of_the_host(database, action):
    """A table that points at users; writes a row for one."""
    kind = {"sqlite": "CHAR(36)", "postgres": "UUID", "mysql": "CHAR(36)"}[database.dialect]
    key = f"FOREIGN KEY (author) REFERENCES sentri_users (id) {action}"
    note = database.driver.sql("INSERT INTO host_notes (author) VALUES (?)")
    await database.call(lambda session: session.run(f"CREATE TABLE host_notes (author {kind} NOT NULL, {key})"))
    try:
        yield lambda user_id: database.call(lambda session: session.run(note, user_id))
    finally:
        await database.call(lambda session: session.run("DROP TABLE host_notes"))
