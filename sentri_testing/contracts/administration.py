"""What `UserStore` promises to those who administer users: the part of its contract that is about all of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import pytest

from sentri.accounts.stores import SessionRecord, SessionStore, UserFilter, UserRecord, UserStore
from sentri.randomness import new_id
from sentri_testing.contracts.records import HASH, NOW, RENEWED, a_session, a_user

__all__ = ["AdministeredUsers"]

SOME_ID: Final = "6f1c1a52-7e0a-4c1e-9b7e-0d2f3a4b5c6d"


class AdministeredUsers:
    """A part of `UserStoreContract`, with its fixtures."""

    async def test_adds_all(self, users: UserStore) -> None:
        many = [
            a_user(f"user {number} \u00e9\U0001f600", roles=("a", "é") if number % 2 else (), disabled_at=NOW)
            for number in range(250)
        ]
        assert await users.add_all(many) == {}
        assert [await users.by_id(user.id) for user in many] == many
        assert await users.add_all([]) == {}

    async def test_adds_none_where_somebody_is_in_the_way(self, users: UserStore) -> None:
        there, same_id = a_user("there"), a_user("same id")
        assert await users.add(there)
        assert await users.add(same_id)
        new = [a_user(f"user {number}") for number in range(210)]
        many = [*new, a_user("there"), a_user("other", id=same_id.id), replace(there)]
        assert await users.in_the_way(many) == {210: "identifier", 211: "id", 212: "identifier"}
        assert await users.in_the_way(new) == {}
        assert await users.add_all(many) == {210: "identifier", 211: "id", 212: "identifier"}
        assert [await users.by_key(user.identifier_key) for user in (*new, many[211])] == [None] * 211
        assert await users.by_id(there.id) == there
        assert await users.by_id(same_id.id) == same_id

    async def test_of_many_that_add_the_same_at_once_one_does(self, users: UserStore) -> None:
        def everybody() -> list[UserRecord]:
            return [a_user(f"user {number}") for number in range(20)]

        answers = await asyncio.gather(*(users.add_all(everybody()) for _ in range(6)))
        in_the_way = dict.fromkeys(range(20), "identifier")
        assert sorted(answers, key=len) == [{}] + [in_the_way] * 5

    async def test_pages_come_in_the_order_of_the_keys_bytes(self, users: UserStore) -> None:
        keys = ["b", "a b", "a", "ä", "a!", "a-b", "ab", "\U0001f600", "\uffee", "z", "é"]
        for key in keys:
            assert await users.add(a_user(key))
        assert await _keys_of(users, UserFilter(), most=3) == sorted(keys)
        found, following = await users.page(UserFilter(), after=None, most=100)
        assert (len(found), following) == (len(keys), None)

    async def test_nobody_comes_twice_or_is_missed_whoever_comes_and_goes(self, users: UserStore) -> None:
        for number in range(0, 20, 2):
            assert await users.add(a_user(f"user {number:02}"))
        first, after = await users.page(UserFilter(), after=None, most=5)
        assert await users.add(a_user("user 03"))
        assert await users.add(a_user("user 11"))
        assert await users.delete(first[-1].id)
        second, after = await users.page(UserFilter(), after=after, most=20)
        assert [user.identifier_key for user in second] == [f"user {n:02}" for n in (10, 11, 12, 14, 16, 18)]
        assert after is None

    @pytest.mark.parametrize(
        ("prefix", "found"),
        [
            ("", 9),
            ("a", 5),
            ("ab", 2),
            ("A", 0),
            ("a_", 1),
            ("%", 0),
            ("é", 1),
            ("\U0010ffff", 1),
            ("\ud7ff", 1),
            ("zz", 0),
        ],
    )
    async def test_finds_by_the_beginning(self, users: UserStore, prefix: str, found: int) -> None:
        keys = ["a", "ab", "abc", "a_b", "a\U0010ffff", "b", "é", "\U0010ffffx", "\ud7ff"]
        for key in keys:
            assert await users.add(a_user(key))
        expected = sorted(key for key in keys if key.startswith(prefix))
        assert len(expected) == found
        assert await _keys_of(users, UserFilter(prefix=prefix), most=2) == expected

    async def test_finds_by_a_part_by_a_role_and_by_being_disabled(self, users: UserStore) -> None:
        people = [
            a_user("ann", roles=("user", "admin")),
            a_user("anna", roles=("user",), disabled_at=NOW),
            a_user("hanna", roles=("administrator", "rôle")),
            a_user("joe_%", roles=('"admin', "a,b")),
        ]
        for user in people:
            assert await users.add(user)
        wanted = {
            UserFilter(part="nna"): ["anna", "hanna"],
            UserFilter(part="_%"): ["joe_%"],
            UserFilter(part="ANN"): [],
            UserFilter(prefix="a", part="n"): ["ann", "anna"],
            UserFilter(role="admin"): ["ann"],
            UserFilter(role="rôle"): ["hanna"],
            UserFilter(role='"admin'): ["joe_%"],
            UserFilter(role="a"): [],
            UserFilter(disabled=True): ["anna"],
            UserFilter(disabled=False): ["ann", "hanna", "joe_%"],
            UserFilter(prefix="a", part="nn", role="user", disabled=False): ["ann"],
        }
        assert {each: await _keys_of(users, each, most=1) for each in wanted} == wanted

    async def test_replaces_the_password_and_ends_every_session(self, users: UserStore, sessions: SessionStore) -> None:
        user, mine = await _logged_in(users, sessions, "ann@example.com")
        _, theirs = await _logged_in(users, sessions, "bob")
        assert await users.replace_password(user.id, renewed=RENEWED)
        assert await users.by_id(user.id) == replace(user, password_hash=RENEWED)
        assert await users.replace_password(user.id, renewed=RENEWED)
        assert await sessions.read(mine.id) is None
        assert await sessions.find_active(theirs.id)
        assert not await users.replace_password(new_id(), renewed=RENEWED)

    async def test_disables_ends_every_session_and_enables(self, users: UserStore, sessions: SessionStore) -> None:
        user, mine = await _logged_in(users, sessions, "ann@example.com")
        _, theirs = await _logged_in(users, sessions, "bob")
        assert await users.set_disabled(user.id, at=NOW) == user
        assert await sessions.read(mine.id) is None
        assert await sessions.find_active(theirs.id)
        assert not await sessions.start(a_session(user), verified_hash=HASH)
        assert await users.set_disabled(user.id, at=NOW + 1) == replace(user, disabled_at=NOW)
        assert await users.by_id(user.id) == replace(user, disabled_at=NOW)
        assert await users.set_disabled(user.id, at=None) == replace(user, disabled_at=NOW)
        assert await users.by_id(user.id) == user
        assert await users.set_disabled(user.id, at=None) == user
        assert await sessions.start(a_session(user), verified_hash=HASH)
        assert await users.set_disabled(new_id(), at=NOW) is None

    async def test_deletes_with_all_that_belongs_to_them(self, users: UserStore, sessions: SessionStore) -> None:
        user, mine = await _logged_in(users, sessions, "ann@example.com")
        _, theirs = await _logged_in(users, sessions, "bob")
        assert await users.delete(user.id) == user
        assert await users.by_id(user.id) is None
        assert await sessions.read(mine.id) is None
        assert await sessions.find_active(theirs.id)
        assert await users.delete(user.id) is None
        assert await users.add(a_user())

    async def test_of_many_that_delete_at_once_one_does(self, users: UserStore) -> None:
        user = a_user()
        await users.add(user)
        answers = await asyncio.gather(*(users.delete(user.id) for _ in range(8)))
        assert [answer for answer in answers if answer is not None] == [user]

    @pytest.mark.parametrize("malformed", ["", "x", "'", "\x00", f"{SOME_ID} ", SOME_ID.upper()])
    async def test_what_is_no_id_names_nobody_to_administer(self, users: UserStore, malformed: str) -> None:
        assert not await users.replace_password(malformed, renewed=RENEWED)
        assert await users.set_disabled(malformed, at=NOW) is None
        assert await users.delete(malformed) is None


async def _logged_in(users: UserStore, sessions: SessionStore, key: str) -> tuple[UserRecord, SessionRecord]:
    user = a_user(key)
    assert await users.add(user)
    session = a_session(user)
    assert await sessions.start(session, verified_hash=None)
    return user, session


async def _keys_of(users: UserStore, wanted: UserFilter, *, most: int) -> list[str]:
    """The keys of all pages."""
    keys: list[str] = []
    after: str | None = None
    while True:
        found, after = await users.page(wanted, after=after, most=most)
        assert len(found) <= most
        keys.extend(user.identifier_key for user in found)
        if after is None:
            return keys
