"""Two services under steady load, while the keys are rotated twice and the auth server goes through everything."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from sentri.clock import system_clock
from tests.hostile_tokens import decoded, encoded, mint_of, private_pem
from tests.support import PASSWORD

LEAST_FETCH = 0.75 * 3  # rule 4 of RemoteKeys: a share of the key set's max-age


class Load:
    """Asks both services all the time, with tokens that are good and tokens that are not."""

    def __init__(self, landscape, user_id: str) -> None:
        self._landscape = landscape
        self._user_id = user_id
        self.answers: Counter[tuple[str, int]] = Counter()
        self.wrong: list[Any] = []
        self.kids: set[str] = set()
        self.longest = 0.0

    async def run(self, end: asyncio.Event) -> None:
        turn = 0
        while not end.is_set():
            pair = await self._landscape.auth.accounts.start_session(self._user_id)
            self.kids.add(json.loads(decoded(pair.access_token.split(".")[0]))["kid"])
            turn += 1
            for client in self._landscape.clients:
                await self._ask(client, "good", pair.access_token, {200})
                await self._ask(client, *_bad(pair.access_token, turn))
            await asyncio.sleep(0.05)

    async def _ask(self, client, kind: str, token: str | None, allowed: set[int]) -> None:
        began = system_clock()
        status = await self._landscape.status(client, token)
        self.longest = max(self.longest, system_clock() - began)
        self.answers[kind, status] += 1
        if status not in allowed:
            self.wrong.append((kind, status, began))


def _bad(good: str, turn: int) -> tuple[str, str | None, set[int]]:
    """Another kind of bad token each turn. An invented key id may be 503 while nobody can be asked."""
    mint = mint_of(good, private_pem("RS256", 999), "RS256", system_clock())
    header, payload, signature = good.split(".")
    kinds: list[tuple[str, str | None, set[int]]] = [
        ("none", None, {401}),
        ("wrong key", mint.token(), {401}),
        (
            "tampered",
            f"{header}.{encoded(json.dumps({**mint.claims, 'roles': ['admin']}).encode())}.{signature}",
            {401},
        ),
        ("invented kid", mint.token({"kid": f"invented-{turn}"}), {401, 503}),
        ("expired", mint.token(exp=1), {401}),
        ("alg none", encoded(b'{"alg":"none","typ":"at+jwt"}') + f".{payload}.", {401}),
    ]
    return kinds[turn % len(kinds)]


async def test_no_valid_token_is_refused_and_no_invalid_one_passes(landscape):
    user = await landscape.auth.accounts.register("ann", PASSWORD, ["user"])
    load, end = Load(landscape, user.id), asyncio.Event()
    running = asyncio.create_task(load.run(end))
    began = system_clock()
    first = await landscape.auth.keys.rotate()  # signs after 30 seconds
    await asyncio.sleep(2)
    landscape.server.kill()
    await asyncio.sleep(10)
    await landscape.server.start()
    await _until(lambda: first.kid in load.kids, within=40)
    second = await landscape.auth.keys.rotate()
    await asyncio.sleep(5)  # every service has seen it by then, as it has in 15 minutes
    for how in ("garbage", "redirect", "500", "hang"):
        landscape.misbehave(how)
        await asyncio.sleep(4)
    landscape.misbehave("")
    await _until(lambda: second.kid in load.kids, within=40)
    await asyncio.sleep(3)
    end.set()
    await running
    lasted = system_clock() - began
    assert load.wrong == []
    assert len(load.kids) == 3, "two rotations, three keys"
    assert load.answers["good", 200] > 200
    assert {kind for kind, _ in load.answers} == {"good", "none", "wrong key", "tampered", "invented kid", "expired",
                                                  "alg none"}  # fmt: skip
    for moments in landscape.fetches().values():
        assert len(moments) <= _most_fetches(lasted), "more fetches than documented"


def _most_fetches(lasted: float) -> float:
    """Refreshes ahead of time, a fetch for unknown key ids in 30 seconds, and a retry after 1, 2, 4… s in each of the
    two outages, of which the jitter may take half.
    """
    refreshes = lasted / LEAST_FETCH + 1
    unknown_kids = lasted / 30 + 1
    retries = 2 * 6
    return refreshes + unknown_kids + retries


async def _until(condition, *, within: float) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.1)
