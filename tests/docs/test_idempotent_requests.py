"""docs/idempotent-requests.md: its table has every option, and the store of one's own keeps the contract."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiohttp import web

import sentri
from sentri.config.idempotency import IdempotencyOptions
from tests.docs.pages import ROOT, block, executed
from tests.support import serving

PAGE = "docs/idempotent-requests.md"

example = executed(block(PAGE, "class SQLiteStore"))
contract = executed(block(PAGE, "IdempotencyStoreContract"), **example)


class TestTheStoreOfOnesOwn(contract["TestSQLiteStore"]):
    """As the page has it."""


def test_the_table_has_every_option():
    named = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (ROOT / PAGE).read_text(), re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(named))) == set(IdempotencyOptions.__dataclass_fields__)


@pytest.fixture
def app(tmp_path, monkeypatch) -> web.Application:
    """The application of the page, with a route that counts."""
    monkeypatch.chdir(tmp_path)
    names = {"create_auth_server": sentri.create_auth_server, "web": web, **example}
    app = executed(block(PAGE, "store=SQLiteStore"), **names)["app"]
    runs = []

    async def order(request: web.Request) -> web.Response:
        runs.append(await request.read())
        await asyncio.sleep(0)
        return web.json_response({"run": len(runs)}, status=201)

    app.router.add_post("/orders", order)
    return app


async def never(request: web.Request) -> web.Response:
    pytest.fail("it ran again")


async def test_it_answers_repeats_at_once_and_after_a_restart(app, tmp_path):
    headers = {"Idempotency-Key": "one"}
    async with serving(app) as client:
        answers = await asyncio.gather(*(client.post("/orders", data=b"a book", headers=headers) for _ in range(10)))
        assert {(answer.status, await answer.text()) for answer in answers} == {(201, '{"run": 1}')}
        assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count("true") == 9
        assert (await client.post("/orders", data=b"two", headers=headers)).status == 422
    again = sentri.create_idempotency_middleware(store=example["SQLiteStore"]("idempotency.db"))
    assert (tmp_path / "idempotency.db").exists()
    app = web.Application(middlewares=[again])
    app.router.add_post("/orders", never)
    async with serving(app) as client:
        answer = await client.post("/orders", data=b"a book", headers=headers)
        assert (answer.status, await answer.json()) == (201, {"run": 1})
