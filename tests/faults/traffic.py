"""People who use a server while it is in trouble: each knows what the right answer is."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Self

import aiohttp

from tests.faults.ledger import Account, Answer, Ledger, claims

NO_ANSWER = 0
LONGEST = 20.0  # seconds after which nobody believes any more that an answer will come
PASSWORDS = ("correct horse battery", "staple correct horse")


class Traffic:
    """So many people at once, for as long as they are let.

    Args:
        url: the application, with the auth server under /auth.
        ledger: where everything is written down.
        hostile: tokens that the server must refuse, by name.
        people: how many.
        keyed: whether they order something, with idempotency keys.
    """

    def __init__(
        self, url: str, ledger: Ledger, *, hostile: Mapping[str, str], people: int = 6, keyed: bool = False
    ) -> None:
        self.url = url
        self.ledger = ledger
        self.phase = "healthy"
        self.keyed = keyed
        self.admin = ""
        self.forgets = False
        self.hostile = hostile
        self._people = people
        self._dead: list[str] = []
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=LONGEST), connector=aiohttp.TCPConnector(limit=0)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.end()
        finally:
            await self._client.close()

    def begin(self) -> None:
        self._stopping = False
        self._tasks = [asyncio.create_task(self._live()) for _ in range(self._people)]
        self._tasks.append(asyncio.create_task(self._intrude()))

    async def end(self) -> None:
        """Let everybody finish what they are at; what failed is over, so that is soon."""
        self._stopping = True
        for task in self._tasks:
            await task
        self._tasks = []

    async def answers(self, number: int, *, within: float, status: int | None = None) -> None:
        """Wait until there were so many more answers, of one status."""
        seen = len(self.ledger.answers)

        def enough() -> bool:
            new = self.ledger.answers[seen:]
            return sum(status is None or answer.status == status for answer in new) >= number

        end = time.monotonic() + within
        while not enough():
            assert time.monotonic() < end, f"not {number} answers {status or ''} in {within:g} s: {self._tail()}"
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)

    async def ask(
        self, what: str, method: str, path: str, json: Any = None, token: str | None = None, **more: Any
    ) -> tuple[int, Any]:
        """One request; its status and `data`."""
        phase, began = self.phase, time.monotonic()
        headers = more.pop("headers", {}) | ({} if token is None else {"Authorization": f"Bearer {token}"})
        try:
            response = await self._client.request(method, self.url + path, json=json, headers=headers, **more)
            body = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._mistake(f"{phase}: {what} was not answered: {type(error).__name__} {error}")
            status, data = NO_ANSWER, None
        else:
            status, data = response.status, body.get("data", body) if isinstance(body, dict) else body
        # What began before a fault and ended within it belongs to it.
        belongs = self.phase if phase == "healthy" else phase
        self.ledger.answers.append(Answer(belongs, what, status, time.monotonic() - began))
        return status, data

    # --- people

    async def _live(self) -> None:
        while not self._stopping:
            account = Account(f"user-{secrets.token_hex(6)}", PASSWORDS[0])
            with suppress(_Stopped):
                await self._one_life(account)

    async def _one_life(self, account: Account) -> None:
        user_id = await self._register(account)
        pair = await self._login(account)
        await self._me(pair)
        pair = await self._refresh(account, pair)
        if self.keyed:
            await self._order(pair)
        await self._assign_role(account, user_id)
        await self._me(pair)
        await self._change_password(account, pair)
        first, second = await self._login(account), await self._login(account)
        await self._logout(account, first)
        await self._refresh(account, second)
        await self._me(second)

    async def _register(self, account: Account) -> str:
        self.ledger.accounts[account.identifier] = account
        account.passwords = {account.password}
        account.perhaps = {"user"}
        body = {"identifier": account.identifier, "password": account.password, "roles": ["user"]}
        maybe = False
        async for status, data in self._tries("register", "POST", "/auth/register", body):
            if status == 201:
                account.exists, account.roles = True, {"user"}
                return data["user"]["id"]
            if status == 409 and maybe:  # it was done, and the answer was lost
                account.exists, account.roles = True, {"user"}
                raise _Stopped
            maybe = True
            self._expect("register", status, 503)
        raise _Stopped

    async def _login(self, account: Account) -> dict[str, str]:
        body = {"identifier": account.identifier, "password": account.password}
        async for status, data in self._tries("login", "POST", "/auth/login", body):
            if status == 200:
                access, refresh = claims(data["accessToken"]), claims(data["refreshToken"])
                account.living[access["sid"]] = {refresh["jti"]}
                return {"access": data["accessToken"], "refresh": data["refreshToken"], "session": access["sid"]}
            account.unheard += 1
            self._expect("login", status, 503)
        raise _Stopped

    async def _me(self, pair: dict[str, str]) -> None:
        for path in ("/auth/me", "/profile"):
            async for status, _ in self._tries("protected", "GET", path, token=pair["access"]):
                if status == 200:
                    break
                self._expect(path, status, 503)

    async def _refresh(self, account: Account, pair: dict[str, str]) -> dict[str, str]:
        account.living[pair["session"]] = None  # while it is not decided
        async for status, data in self._tries("refresh", "POST", "/auth/refresh", {"refreshToken": pair["refresh"]}):
            if status == 200:
                account.living[pair["session"]] = {claims(data["refreshToken"])["jti"]}
                return pair | {"access": data["accessToken"], "refresh": data["refreshToken"]}
            self._expect("refresh", status, 503)
        raise _Stopped

    async def _assign_role(self, account: Account, user_id: str) -> None:
        account.perhaps = {"user", "editor"}
        path = f"/auth/users/{user_id}/roles"
        async for status, data in self._tries("roles", "POST", path, {"roles": ["editor"]}, self.admin):
            if status == 200:
                account.roles = {"user", "editor"}
                if set(data["user"]["roles"]) != account.roles:
                    self._mistake(f"the roles {data['user']['roles']} were answered")
                return
            self._expect("roles", status, 503)
        raise _Stopped

    async def _change_password(self, account: Account, pair: dict[str, str]) -> None:
        new = PASSWORDS[1]
        account.passwords.add(new)
        body = {"currentPassword": account.password, "newPassword": new}
        maybe = False
        account.doubtful |= account.living.keys()
        account.living = {}
        async for status, _ in self._tries("password", "PATCH", "/auth/me/password", body, pair["access"]):
            if status == 200 or (status == 401 and maybe):  # the session is gone: it was done, and the answer was lost
                account.password, account.passwords = new, {new}
                account.ended |= account.doubtful
                account.doubtful = set()
                self._dead.append(pair["access"])
                return
            maybe = True
            self._expect("password", status, 503)
        raise _Stopped

    async def _logout(self, account: Account, pair: dict[str, str]) -> None:
        del account.living[pair["session"]]
        account.doubtful.add(pair["session"])
        async for status, _ in self._tries("logout", "POST", "/auth/logout", token=pair["access"]):
            if status == 200:
                account.ended.add(pair["session"])
                account.doubtful.discard(pair["session"])
                self._dead.append(pair["access"])
                return
            self._expect("logout", status, 503)
        raise _Stopped

    async def _order(self, pair: dict[str, str]) -> None:
        """Once, however often it is sent."""
        name, answers = secrets.token_hex(8), []
        headers = {"Idempotency-Key": name}
        for _ in range(3):
            async for status, data in self._tries("order", "POST", "/orders", name, pair["access"], headers=headers):
                if status == 200:
                    answers.append(data["run"])
                    break
                self._expect("order", status, 503, 409)
        if len(set(answers)) > 1 and not self.forgets:
            self._mistake(f"an order ran {max(answers)} times")

    async def _tries(self, *asked: Any, **more: Any) -> AsyncIterator[tuple[int, Any]]:
        """Ask until there is no 503, which says that it may be asked again, or until everybody stops."""
        while True:
            if self._stopping:
                raise _Stopped
            status, data = await self.ask(*asked, **more)
            yield status, data
            await asyncio.sleep(0.05)

    # --- and others

    async def _intrude(self) -> None:
        """Sessions that were ended, and tokens that nobody signed: no state of the server opens a route to them."""
        while not self._stopping:
            ended = {f"of a session that was ended ({number})": token for number, token in enumerate(self._dead[-3:])}
            for name, token in (ended | self.hostile).items():
                status, _ = await self.ask("intrusion", "GET", "/profile", token=token)
                with suppress(_Stopped):
                    self._expect(f"a token {name}", status, 401, 503)
                await asyncio.sleep(0.01)

    def _expect(self, what: str, status: int, *allowed: int) -> None:
        if status not in allowed and status != NO_ANSWER:
            self._mistake(f"{self.phase}: {what} was answered with {status}, not with {allowed}")
        if status not in allowed:
            raise _Stopped

    def _mistake(self, what: str) -> None:
        self.ledger.mistakes.append(what)

    def _tail(self) -> str:
        return f"{dict(self.ledger.statuses(self.phase))}, {self.ledger.mistakes[-3:]}"


class _Stopped(Exception):
    """This life is over."""
