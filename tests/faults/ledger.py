"""What a server acknowledged, and whether it was the truth."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import bcrypt

from sentri.storage import Database


@dataclass(frozen=True)
class Answer:
    """One answer of the server.

    Attributes:
        phase: what was going on: "healthy", or the fault's name.
        what: what was asked for.
        status: the HTTP status; 0 where there was no answer, or half of one.
        seconds: how long it took.
    """

    phase: str
    what: str
    status: int
    seconds: float


@dataclass
class Account:
    """What is known of one user, from acknowledgements alone.

    Attributes:
        exists: acknowledged. A registration that was answered with 503 may have happened.
        passwords: those that may be the right one now.
        roles: those that were acknowledged; `perhaps` has those that were asked for.
        living, ended: sessions that must be there, with the refresh tokens that may be the current one, and that must
            not be there.
        unheard: logins that were answered with 503: as many sessions may be there that nobody knows of.
    """

    identifier: str
    password: str
    exists: bool = False
    passwords: set[str] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)
    perhaps: set[str] = field(default_factory=set)
    living: dict[str, set[str] | None] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    unheard: int = 0


@dataclass
class Ledger:
    """Everything that was asked for, and what came back."""

    answers: list[Answer] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    verified: dict[str, str] = field(default_factory=dict)  # which password a hash is of: to compare again is slow

    def during(self, phase: str) -> list[Answer]:
        return [answer for answer in self.answers if answer.phase == phase]

    def statuses(self, phase: str) -> Counter[int]:
        return Counter(answer.status for answer in self.during(phase))

    def slowest(self, phase: str) -> Answer:
        return max(self.during(phase), key=lambda answer: answer.seconds)

    @property
    def acknowledged(self) -> int:
        """Writes that were answered with 2xx."""
        writes = {"register", "login", "refresh", "logout", "roles", "password", "order"}
        return sum(200 <= answer.status < 300 and answer.what in writes for answer in self.answers)

    async def compare(self, database: Database) -> list[str]:
        """Where the database differs from what was acknowledged. Row by row."""

        async def read(session: Any) -> tuple[Any, Any]:
            users = await session.rows("SELECT id, identifier, password_hash, roles FROM sentri_users")
            return users, await session.rows("SELECT id, user_id, jti FROM sentri_sessions")

        users, sessions = await database.call(read, within=30)
        by_name = {row["identifier"]: row for row in users}
        found: dict[str, dict[str, str]] = {}
        for row in sessions:
            found.setdefault(str(row["user_id"]), {})[str(row["id"])] = row["jti"]
        wrong = [f"{name} is there and was never asked for" for name in by_name.keys() - self.accounts.keys()]
        for account in self.accounts.values():
            row = by_name.get(account.identifier)
            if row is None:
                wrong += [f"{account.identifier} was acknowledged and is lost"] if account.exists else []
                continue
            if self._password(account, row["password_hash"]) not in account.passwords:
                wrong.append(f"{account.identifier} has none of the passwords that it may have")
            wrong += _differences(
                account,
                roles=set(database.driver.values.read_roles(row["roles"])),
                sessions=found.get(str(row["id"]), {}),
            )
        return wrong

    def _password(self, account: Account, hashed: str) -> str | None:
        if hashed not in self.verified:
            right = (one for one in account.passwords if bcrypt.checkpw(one.encode(), hashed.encode()))
            self.verified[hashed] = next(right, "")
        return self.verified[hashed]


def _differences(account: Account, *, roles: set[str], sessions: dict[str, str]) -> list[str]:
    name, wrong = account.identifier, []
    if not account.roles <= roles <= account.roles | account.perhaps:
        wrong.append(f"{name} has the roles {roles}, acknowledged were {account.roles}, asked for {account.perhaps}")
    for session, tokens in account.living.items():
        if session not in sessions:
            wrong.append(f"{name}: session {session} was acknowledged and is lost")
        elif tokens is not None and sessions[session] not in tokens:
            wrong.append(f"{name}: the refresh token of session {session} that was acknowledged is not the current one")
    wrong += [f"{name}: session {one} was ended and is there" for one in account.ended & sessions.keys()]
    unknown = sessions.keys() - account.living.keys() - account.ended - account.doubtful
    if len(unknown) > account.unheard:
        wrong.append(f"{name} has {len(unknown)} sessions that nobody was told of, of {account.unheard} failed logins")
    return wrong


def claims(token: str) -> dict[str, Any]:
    """What a token says."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
