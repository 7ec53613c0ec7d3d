"""What `sentri.accounts.stores.UserStore` promises, as tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NoReturn

import pytest

from sentri.accounts.stores import Change, SessionStore, UserStore
from sentri.randomness import new_id
from sentri_testing.contracts.administration import AdministeredUsers
from sentri_testing.contracts.records import HASH, NOW, RENEWED, a_session, a_user

__all__ = ["UserStoreContract"]

LOOKALIKES: Final = (
    "cafe",
    "café",
    "CAFE",
    "cafe ",
    " cafe",
    "case",
    "CASE",
    "straße",
    "strasse",
    "cafe\u0301",
    "ꜳ",
    "i",
    "İ",
)
ALL_OF_UNICODE: Final = "\U0001f600 \U00020000 é Ω %s ? {} $1 ' \" \\ `; --"


class UserStoreContract(AdministeredUsers):
    """The promises of a store of users. Subclass it in a test module and give it two fixtures.

    `users`: an empty store.

    `sessions`: the store of sessions beside it, whose clock says `sentri_testing.contracts.records.NOW`.
    """

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def users(self) -> UserStore:
        """To be overridden."""
        raise NotImplementedError("give the fixture `users`: the store that is tested")

    @pytest.fixture
    def sessions(self) -> SessionStore:
        """To be overridden."""
        raise NotImplementedError("give the fixture `sessions`: the store of sessions beside it")

    async def test_reads_what_was_added(self, users: UserStore) -> None:
        user = a_user(ALL_OF_UNICODE, roles=("admin", "rôle", "\U0001f600", "%s"), disabled_at=1_795_422_844.860_814)
        assert await users.add(user)
        assert await users.by_id(user.id) == user
        assert await users.by_key(user.identifier_key) == user

    async def test_keeps_no_roles_apart_from_some(self, users: UserStore) -> None:
        user = a_user(roles=())
        await users.add(user)
        assert await users.by_id(user.id) == user

    async def test_answers_none_for_strangers(self, users: UserStore) -> None:
        assert await users.by_id(new_id()) is None
        assert await users.by_key("nobody") is None

    async def test_keys_compare_by_bytes(self, users: UserStore) -> None:
        """Case, accents and trailing spaces are not folded."""
        added = [a_user(key) for key in LOOKALIKES]
        for user in added:
            assert await users.add(user), user.identifier_key
        for user in added:
            assert await users.by_key(user.identifier_key) == user
        assert await users.by_key("Cafe") is None
        assert await users.by_key("café ") is None

    @pytest.mark.parametrize("key", ["é" * 255, "\U0001f600" * 255, "a" * 255])
    async def test_holds_keys_of_255_characters(self, users: UserStore, key: str) -> None:
        user = a_user(key, identifier=key)
        assert await users.add(user)
        assert not await users.add(a_user(key))
        assert await users.by_key(key) == user

    async def test_one_key_belongs_to_one_user(self, users: UserStore) -> None:
        first, second = a_user("taken"), a_user("taken")
        assert await users.add(first)
        assert not await users.add(second)
        assert await users.by_key("taken") == first
        assert await users.by_id(second.id) is None

    @pytest.mark.parametrize("now", [0.0, NOW, 1_700_000_000.000001, 1_700_000_000.999999, 4_102_444_799.123457])
    async def test_instants_come_back_exactly(self, users: UserStore, now: float) -> None:
        user = a_user(created_at=now, disabled_at=now)
        await users.add(user)
        assert await users.by_id(user.id) == user

    @pytest.mark.parametrize("name", ["", "1", "not-a-uuid", "' OR 1=1 --", "A" * 36, "\U0001f600"])
    async def test_what_is_no_id_names_nobody(self, users: UserStore, name: str) -> None:
        assert await users.by_id(name) is None
        assert not await users.renew_hash(name, verified=HASH, renewed="x")
        assert not await users.change_password(name, verified=HASH, renewed="x")
        assert await users.change_identifier(name, identifier="x", identifier_key="x") is Change.MISSING
        assert await users.change_roles(name, lambda roles: roles) is None

    async def test_renews_a_hash_only_over_the_one_that_was_verified(self, users: UserStore) -> None:
        user = a_user()
        await users.add(user)
        assert not await users.renew_hash(user.id, verified=HASH.swapcase(), renewed=RENEWED)
        assert not await users.renew_hash(user.id, verified=HASH + " x", renewed=RENEWED)
        assert await users.renew_hash(user.id, verified=HASH, renewed=RENEWED)
        assert not await users.renew_hash(user.id, verified=HASH, renewed="newer")
        assert await users.by_id(user.id) == replace(user, password_hash=RENEWED)

    async def test_renewing_a_hash_ends_no_session(self, users: UserStore, sessions: SessionStore) -> None:
        user = a_user()
        session = a_session(user)
        await users.add(user)
        await sessions.start(session, verified_hash=None)
        await users.renew_hash(user.id, verified=HASH, renewed=RENEWED)
        assert await sessions.find_active(session.id)

    async def test_a_new_password_ends_every_session_of_the_user_and_no_other(
        self, users: UserStore, sessions: SessionStore
    ) -> None:
        user, other = a_user("one"), a_user("two")
        mine, theirs = [a_session(user), a_session(user)], a_session(other)
        for somebody in (user, other):
            await users.add(somebody)
        for session in (*mine, theirs):
            assert await sessions.start(session, verified_hash=HASH)
        assert await users.change_password(user.id, verified=HASH, renewed=RENEWED)
        assert [await sessions.read(session.id) for session in mine] == [None, None]
        assert await sessions.find_active(theirs.id)
        assert await users.by_id(user.id) == replace(user, password_hash=RENEWED)

    async def test_a_password_that_changed_meanwhile_changes_nothing(
        self, users: UserStore, sessions: SessionStore
    ) -> None:
        user = a_user()
        session = a_session(user)
        await users.add(user)
        await sessions.start(session, verified_hash=HASH)
        assert not await users.change_password(user.id, verified=HASH.lower(), renewed=RENEWED)
        assert await sessions.find_active(session.id)
        assert await users.by_id(user.id) == user

    async def test_changes_the_identifier(self, users: UserStore) -> None:
        user = a_user("old")
        await users.add(user)
        change = await users.change_identifier(user.id, identifier="New \U0001f600", identifier_key="new \U0001f600")
        assert change is Change.DONE
        changed = replace(user, identifier="New \U0001f600", identifier_key="new \U0001f600")
        assert await users.by_key("new \U0001f600") == changed
        assert await users.by_key("old") is None
        assert await users.add(a_user("old"))

    async def test_the_same_identifier_again_is_done_not_missing(self, users: UserStore) -> None:
        """A database that counts rows which changed would say otherwise."""
        user = a_user("same", identifier="Same")
        await users.add(user)
        assert await users.change_identifier(user.id, identifier="Same", identifier_key="same") is Change.DONE
        assert await users.change_identifier(user.id, identifier="SAME", identifier_key="same") is Change.DONE

    async def test_another_users_identifier_is_taken(self, users: UserStore) -> None:
        user, other = a_user("one"), a_user("two")
        await users.add(user)
        await users.add(other)
        assert await users.change_identifier(user.id, identifier="two", identifier_key="two") is Change.TAKEN
        assert await users.by_id(user.id) == user
        assert await users.change_identifier(new_id(), identifier="x", identifier_key="x") is Change.MISSING

    async def test_changes_roles(self, users: UserStore) -> None:
        user = a_user(roles=("user",))
        await users.add(user)
        changed = await users.change_roles(user.id, lambda roles: (*roles, "admin"))
        assert changed == replace(user, roles=("user", "admin")) == await users.by_id(user.id)
        assert await users.change_roles(user.id, lambda roles: roles) == changed
        assert await users.change_roles(new_id(), lambda roles: roles) is None

    async def test_a_decision_that_raises_changes_nothing(self, users: UserStore) -> None:
        user = a_user()
        await users.add(user)

        def refuse(_: tuple[str, ...]) -> NoReturn:
            raise LookupError("no such role")

        with pytest.raises(LookupError, match="no such role"):
            await users.change_roles(user.id, refuse)
        assert await users.by_id(user.id) == user
        assert await users.change_roles(user.id, lambda _: ("admin",)) == replace(user, roles=("admin",))

    async def test_concurrent_adds_of_one_key_have_one_winner(self, users: UserStore) -> None:
        answers = await asyncio.gather(*(users.add(a_user("one")) for _ in range(20)))
        assert sum(answers) == 1

    async def test_concurrent_changes_to_one_identifier_have_one_winner(self, users: UserStore) -> None:
        everybody = [a_user(f"user {number}") for number in range(10)]
        for user in everybody:
            await users.add(user)
        changes = await asyncio.gather(
            *(users.change_identifier(user.id, identifier="One", identifier_key="one") for user in everybody)
        )
        assert sorted(change.value for change in changes) == ["done"] + ["taken"] * 9

    async def test_no_concurrent_change_of_roles_is_lost(self, users: UserStore) -> None:
        user = a_user(roles=())
        await users.add(user)
        names = [f"r{number}" for number in range(20)]
        await asyncio.gather(*(users.change_roles(user.id, _adding(name)) for name in names))
        found = await users.by_id(user.id)
        assert sorted(found.roles if found else ()) == sorted(names)

    async def test_concurrent_new_passwords_have_one_winner(self, users: UserStore) -> None:
        user = a_user()
        await users.add(user)
        answers = await asyncio.gather(
            *(users.change_password(user.id, verified=HASH, renewed=f"new {n}") for n in range(10))
        )
        assert sum(answers) == 1
        assert await users.by_id(user.id) == replace(user, password_hash=f"new {answers.index(True)}")


def _adding(role: str) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    return lambda roles: (*roles, role)
