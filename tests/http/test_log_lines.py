"""No request writes into the log what it likes."""

from __future__ import annotations

import logging
from urllib.parse import quote

from aiohttp import web

from tests.support import assert_error


async def test_nobody_writes_lines_of_their_own_into_the_log(make_api, caplog):
    """Not with the path of a request that fails, with an identifier, with a header or with a token's `kid`."""
    line = "2026-01-01 00:00:00 CRITICAL sentri: all is well"
    forged = f"x\n{line}"

    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError

    def app(auth):
        made = web.Application(middlewares=[auth.error_middleware()])
        made.router.add_get("/broken/{name}", broken)
        made.add_subapp("/auth", auth.app())
        return made

    api = await make_api(app=app)
    with caplog.at_level(logging.DEBUG, logger="sentri"):
        await assert_error(await api.call("GET", f"/broken/{quote(forged)}"), 500, "INTERNAL_ERROR")
        await assert_error(await api.call("GET", f"/auth/{quote(forged)}"), 404, "NOT_FOUND")
        await assert_error(await api.login(forged), 400, "VALIDATION_ERROR")
        await assert_error(await api.login(line), 401, "INVALID_CREDENTIALS")
        await assert_error(await api.call("GET", "/auth/me", token=quote(forged)), 401, "TOKEN_INVALID")
    told = "\n".join(record.getMessage() for record in caplog.records if record.name == "sentri")
    assert "GET /broken/{name}" in told
    assert line not in told
    assert "CRITICAL" not in told
