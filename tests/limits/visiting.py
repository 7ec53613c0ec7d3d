"""Visitors from many addresses."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from aiohttp import ClientResponse

from tests.support import PASSWORD, Api, assert_error

HERE, THERE = "203.0.113.7", "198.51.100.9"
WRONG = "wrong horse"


class Visitors:
    """Sends requests as from different addresses.

    Attributes:
        api: the application.
    """

    def __init__(self, api: Api) -> None:
        self.api = api

    async def send(
        self, path: str, body: Any, address: str = HERE, *, method: str = "POST", **more: Any
    ) -> ClientResponse:
        headers = {"X-Forwarded-For": address, **more.pop("headers", {})}
        return await self.api.call(method, path, body, headers=headers, **more)

    async def login(self, identifier: str, password: str = PASSWORD, address: str = HERE) -> ClientResponse:
        return await self.send("/auth/login", {"identifier": identifier, "password": password}, address)

    async def fail(self, identifier: str, times: int, address: str = HERE) -> None:
        """So many wrong passwords, each of which is answered as one."""
        for _ in range(times):
            await assert_error(await self.login(identifier, WRONG, address), 401, "INVALID_CREDENTIALS")

    async def at_once(self, identifier: str, times: int, address: str = HERE) -> Counter[int]:
        """How often which status answers wrong passwords that are sent at the same time."""
        answers = await asyncio.gather(*(self.login(identifier, WRONG, address) for _ in range(times)))
        return Counter(answer.status for answer in answers)

    async def register(self, identifier: str, address: str = HERE, **more: Any) -> ClientResponse:
        return await self.send("/auth/register", {"identifier": identifier, "password": PASSWORD}, address, **more)


async def assert_limited(response: ClientResponse) -> int:
    """429 with its code; the seconds that it says to wait."""
    await assert_error(response, 429, "RATE_LIMITED")
    return int(response.headers["Retry-After"])
