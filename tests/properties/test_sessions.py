"""Accounts and sessions against a model of them: every answer, in any order of calls, is the one that the model has."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sentri import SentriError
from sentri.accounts.identifiers import clean_identifier, identifier_key
from sentri.randomness import new_id
from sentri.server.auth import server_of_options
from sentri_testing import ManualClock
from tests.support import SECRET

ACCESS, REFRESH, SESSION, LEEWAY = 900, 3600, 3 * 3600, 60
IDENTIFIERS = st.sampled_from(["ann", "Ann", " ANN ", "bob", "Bob", "eve"])
PASSWORDS = st.sampled_from(["password one", "password two"])
ROLES = st.sampled_from(["user", "editor", "admin"])
MOMENTS = st.sampled_from([0.5, 1, 59, 60, 61, 899.5, 900, 3599, 3600, 7200])
ANY = st.integers(0, 1_000_000)


class PlainHasher:
    """Stands in for bcrypt, with the same interface and no work."""

    async def hash(self, password: str) -> str:
        return f"{new_id()}:{password}"

    async def verify(self, password: str, hashed: str | None) -> bool:
        return hashed is not None and hashed.partition(":")[2] == password

    def needs_renewal(self, hashed: str) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class User:
    id: str
    identifier: str
    password: str
    roles: tuple[str, ...]
    disabled: bool = False


@dataclass
class Session:
    """`chain` holds the refresh tokens with their `exp`, the good one last."""

    id: str
    user: User
    created: float
    expires: float
    rotated: float
    chain: list[tuple[str, int]] = field(default_factory=list)
    there: bool = True


@dataclass
class Access:
    token: str
    session: Session
    exp: int


class Model(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.reuse: list[tuple[str, str, bool]] = []
        self.auth = server_of_options(
            {
                "db": "sqlite://:memory:",
                "secret": SECRET,
                "valid_roles": ["user", "editor", "admin"],
                "access_expires_in": ACCESS,
                "refresh_expires_in": REFRESH,
                "session_expires_in": SESSION,
                "refresh_leeway": LEEWAY,
                "hooks": {"on_token_reuse": lambda *what: self.reuse.append(what)},
            },
            clock=self.clock,
        )
        object.__setattr__(self.auth._context, "hasher", PlainHasher())  # noqa: SLF001 - bcrypt would take all the time
        self.run(self.auth.__aenter__())
        self.run(self.auth.migrate())
        self.users: list[User] = []
        self.sessions: list[Session] = []
        self.access: list[Access] = []

    def teardown(self) -> None:
        self.run(self.auth.__aexit__(None, None, None))
        self.runner.close()

    def run(self, work: Any) -> Any:
        """The result, or the code of the error."""
        try:
            return self.runner.run(work)
        except SentriError as error:
            return error.code

    # --- the model

    def owner(self, identifier: str) -> User | None:
        key = identifier_key(clean_identifier(identifier))
        return next((user for user in self.users if identifier_key(user.identifier) == key), None)

    def alive(self, session: Session) -> bool:
        return session.there and not session.user.disabled and self.clock() < session.expires

    def started(self, pair: Any, user: User) -> None:
        now = self.clock()
        session = Session(pair.user.session_id, user, now, now + min(REFRESH, SESSION), now)
        self.sessions.append(session)
        self.handed_out(pair, session)

    def handed_out(self, pair: Any, session: Session) -> None:
        """What a success says: the session's user, both tokens, and until when they are good."""
        user = session.user
        assert (pair.user.id, pair.user.identifier, pair.user.roles) == (user.id, user.identifier, user.roles)
        assert pair.user.session_id == session.id
        assert pair.refresh_expires_at == math.floor(session.expires)
        assert pair.access_expires_at == math.floor(min(self.clock() + ACCESS, session.expires))
        if (pair.refresh_token, pair.refresh_expires_at) not in session.chain:
            session.chain.append((pair.refresh_token, pair.refresh_expires_at))
        assert session.chain[-1][0] == pair.refresh_token
        self.access.append(Access(pair.access_token, session, pair.access_expires_at))

    def end_all(self, user: User) -> int:
        ended = [session for session in self.sessions if session.user is user and session.there]
        for session in ended:
            session.there = False
        return len(ended)

    # --- what happens

    @initialize()
    def somebody_is_logged_in(self) -> None:
        self.register("ann", "password one", "user")
        self.log_in("ann", "password one")
        self.refresh(0, 0, 0, 1)

    @rule(identifier=IDENTIFIERS, password=PASSWORDS, role=ROLES)
    def register(self, identifier: str, password: str, role: str) -> None:
        found = self.run(self.auth.accounts.register(identifier, password, [role, role]))
        if self.owner(identifier) is not None:
            assert found == "USER_ALREADY_EXISTS"
            return
        assert (found.identifier, found.roles, found.session_id) == (identifier.strip(), (role,), None)
        self.users.append(User(found.id, found.identifier, password, found.roles))

    @rule(identifier=IDENTIFIERS, password=PASSWORDS)
    def log_in(self, identifier: str, password: str) -> None:
        found = self.run(self.auth.accounts.login(identifier, password))
        user = self.owner(identifier)
        if user is None or user.disabled or user.password != password:
            assert found == "INVALID_CREDENTIALS"
        else:
            self.started(found, user)

    @precondition(lambda self: self.users)
    @rule(which=ANY)
    def start_a_session(self, which: int) -> None:
        user = self.users[which % len(self.users)]
        found = self.run(self.auth.accounts.start_session(user.id))
        if user.disabled:
            assert found == "FORBIDDEN"
        else:
            self.started(found, user)

    @precondition(lambda self: self.sessions)
    @rule(
        which=ANY, after=st.sampled_from([0, 0, 59.5, 60, 3599.5]), back=st.sampled_from([0, 0, 1, 1, 2]),
        times=st.sampled_from([1, 1, 3]),
    )  # fmt: skip
    def refresh(self, which: int, after: float, back: int, times: int) -> None:
        """With the good token, its predecessor or an older one, once or by several at the same moment."""
        self.clock.advance(after)
        session = self.sessions[which % len(self.sessions)]
        index = max(0, len(session.chain) - 1 - back)
        token, exp = session.chain[index]
        self.reuse.clear()

        async def at_once() -> list[Any]:
            calls = (self.auth.accounts.refresh(token) for _ in range(times))
            return await asyncio.gather(*calls, return_exceptions=True)

        answers = [answer.code if isinstance(answer, SentriError) else answer for answer in self.runner.run(at_once())]
        now, last = self.clock(), len(session.chain) - 1
        if now >= exp:
            assert answers == ["TOKEN_EXPIRED"] * times
        elif not self.alive(session):
            assert answers == ["UNAUTHORIZED"] * times
        elif index == last:
            session.expires, session.rotated = min(now + REFRESH, session.created + SESSION), now
            for pair in answers:
                self.handed_out(pair, session)
            assert len(session.chain) == last + 2, "exactly one successor"
        elif index == last - 1 and now < session.rotated + LEEWAY:
            for pair in answers:
                self.handed_out(pair, session)
            assert len(session.chain) == last + 1
        else:
            session.there = False
            assert "TOKEN_INVALID" in answers
            assert set(answers) <= {"TOKEN_INVALID", "UNAUTHORIZED"}
            assert self.reuse == [(session.user.id, session.id, index < last - 1)]
            return
        assert not self.reuse

    @precondition(lambda self: self.sessions)
    @rule(which=ANY)
    def refresh_outside_the_chain(self, which: int) -> None:
        """A token of `sign_refresh_token` refreshes nothing and ends nothing."""
        session = self.sessions[which % len(self.sessions)]
        assert self.run(self.auth.accounts.refresh(self.auth.sign_refresh_token(session.id))) == "TOKEN_INVALID"

    @precondition(lambda self: self.sessions)
    @rule(which=ANY)
    def log_out(self, which: int) -> None:
        session = self.sessions[which % len(self.sessions)]
        assert self.run(self.auth.accounts.logout(session.id)) is session.there
        session.there = False

    @precondition(lambda self: self.users)
    @rule(which=ANY)
    def log_out_everywhere(self, which: int) -> None:
        user = self.users[which % len(self.users)]
        assert self.run(self.auth.accounts.logout_all(user.id)) == self.end_all(user)

    @precondition(lambda self: self.users)
    @rule(which=ANY, current=PASSWORDS, new=PASSWORDS)
    def change_password(self, which: int, current: str, new: str) -> None:
        user = self.users[which % len(self.users)]
        found = self.run(self.auth.accounts.change_password(user.id, current, new))
        if current != user.password:
            assert found == "INVALID_CREDENTIALS"
            return
        assert found is None
        user.password = new
        self.end_all(user)

    @precondition(lambda self: self.users)
    @rule(which=ANY, identifier=IDENTIFIERS)
    def change_identifier(self, which: int, identifier: str) -> None:
        user = self.users[which % len(self.users)]
        found = self.run(self.auth.accounts.change_identifier(user.id, identifier))
        if self.owner(identifier) not in (None, user):
            assert found == "USER_ALREADY_EXISTS"
            return
        user.identifier = identifier.strip()
        assert (found.id, found.identifier, found.roles) == (user.id, user.identifier, user.roles)

    @precondition(lambda self: self.users)
    @rule(which=ANY, roles=st.lists(ROLES, max_size=3))
    def assign_roles(self, which: int, roles: list[str]) -> None:
        user = self.users[which % len(self.users)]
        user.roles = (*user.roles, *(role for role in dict.fromkeys(roles) if role not in user.roles))
        assert self.run(self.auth.accounts.assign_roles(user.id, roles)).roles == user.roles

    @precondition(lambda self: self.users)
    @rule(which=ANY, disabled=st.booleans())
    def disable(self, which: int, disabled: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.set_disabled(self.users[which % len(self.users)], disabled=disabled)

    def set_disabled(self, user: User, *, disabled: bool) -> None:
        moment = "'2020-01-01 00:00:00.000000+00:00'" if disabled else "NULL"

        async def work(session: Any) -> int:
            return await session.run(f"UPDATE sentri_users SET disabled_at = {moment} WHERE id = ?", user.id)

        self.run(self.auth._database.unit(work))  # noqa: SLF001 - no service disables
        user.disabled = disabled

    @precondition(lambda self: self.sessions)
    @rule(which=ANY, back=st.sampled_from([0, 1, 2]))
    def refresh_while_the_user_is_disabled(self, which: int, back: int) -> None:
        user = self.sessions[which % len(self.sessions)].user
        before = user.disabled
        self.set_disabled(user, disabled=True)
        self.refresh(which, 0, back, 1)
        self.set_disabled(user, disabled=before)

    @rule(seconds=MOMENTS)
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def ask_for_somebody_who_is_not_there(self) -> None:
        accounts, nobody = self.auth.accounts, new_id()
        assert self.run(accounts.start_session(nobody)) == "USER_NOT_FOUND"
        assert self.run(accounts.assign_roles(nobody, [])) == "USER_NOT_FOUND"
        assert self.run(accounts.change_identifier(nobody, "nobody at all")) == "USER_NOT_FOUND"
        assert self.run(accounts.change_password(nobody, "password one", "password two")) == "USER_NOT_FOUND"
        assert self.run(accounts.logout(nobody)) is False
        assert self.run(accounts.logout_all(nobody)) == 0

    @invariant()
    def access_tokens_authenticate_exactly_when_the_model_says_so(self) -> None:
        for access in self.access[-8:]:
            found = self.run(self.auth.authenticate(access.token))
            if self.clock() >= access.exp:
                assert found == "TOKEN_EXPIRED"
            elif not self.alive(access.session):
                assert found == "UNAUTHORIZED"
            else:
                user = access.session.user
                assert (found.id, found.identifier, found.roles) == (user.id, user.identifier, user.roles)
                assert found.session_id == access.session.id

    @invariant()
    def a_refresh_token_never_authenticates(self) -> None:
        for session in self.sessions[-1:]:
            assert self.run(self.auth.authenticate(session.chain[-1][0])) == "TOKEN_INVALID"


TestSessions = Model.TestCase
TestSessions.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
