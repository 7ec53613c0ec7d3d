"""Login and refresh by hand on PostgreSQL: bcrypt in a pool of threads, one transaction for a rotation."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import bcrypt
import jwt
from aiohttp import web

from benchmarks.credentials import AUDIENCE, ISSUER
from benchmarks.servers.connecting import POOL
from benchmarks.servers.handlers import health
from benchmarks.servers.serving import SETTINGS, serve, unauthorized

ALGORITHM = SETTINGS["algorithm"]
KEY = jwt.get_algorithm_by_name(ALGORITHM).prepare_key(SETTINGS["secret"])
DATABASE = web.AppKey("database", asyncpg.Pool)
WEEK = timedelta(days=7)
hashing = ThreadPoolExecutor(len(os.sched_getaffinity(0)))


async def opened(app: web.Application) -> AsyncIterator[None]:
    async with asyncpg.create_pool(SETTINGS["db"], min_size=POOL, max_size=POOL) as app[DATABASE]:
        yield


def new_token() -> tuple[str, bytes]:
    """A refresh token, and what is kept of it."""
    token = secrets.token_urlsafe(32)
    return token, digest(token)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def access_token(user_id: object, session_id: object) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": str(user_id), "sid": str(session_id),
        "roles": ["user"], "jti": secrets.token_hex(16), "iat": now, "exp": now + 900,
    }  # fmt: skip
    return jwt.encode(claims, KEY, algorithm=ALGORITHM, headers={"typ": "at+jwt"})


async def login(request: web.Request) -> web.Response:
    asked = await request.json()
    database = request.app[DATABASE]
    user = await database.fetchrow(
        "SELECT id, password_hash FROM bench_users WHERE email = $1 AND is_active", asked["identifier"]
    )
    if user is None:
        raise unauthorized()
    password, hashed = asked["password"].encode(), user["password_hash"].encode()
    if not await asyncio.get_running_loop().run_in_executor(hashing, bcrypt.checkpw, password, hashed):
        raise unauthorized()
    session_id, (token, kept) = uuid.uuid4(), new_token()
    expires_at = datetime.now(UTC) + WEEK
    async with database.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO bench_sessions (id, user_id, expires_at) VALUES ($1, $2, $3)",
            session_id, user["id"], expires_at,
        )  # fmt: skip
        await connection.execute("INSERT INTO bench_refresh VALUES ($1, $2, $3)", kept, session_id, expires_at)
    return web.json_response({"accessToken": access_token(user["id"], session_id), "refreshToken": token})


async def refresh(request: web.Request) -> web.Response:
    spent = digest((await request.json())["refreshToken"])
    token, kept = new_token()
    now = datetime.now(UTC)
    async with request.app[DATABASE].acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            "SELECT r.session_id, r.expires_at, s.user_id FROM bench_refresh r"
            " JOIN bench_sessions s ON s.id = r.session_id JOIN bench_users u ON u.id = s.user_id"
            " WHERE r.token_hash = $1 AND s.revoked_at IS NULL AND u.is_active FOR UPDATE OF r",
            spent,
        )
        if row is None or row["expires_at"] <= now:
            raise unauthorized()
        await connection.execute("DELETE FROM bench_refresh WHERE token_hash = $1", spent)
        await connection.execute("INSERT INTO bench_refresh VALUES ($1, $2, $3)", kept, row["session_id"], now + WEEK)
    return web.json_response({"accessToken": access_token(row["user_id"], row["session_id"]), "refreshToken": token})


app = web.Application()
app.cleanup_ctx.append(opened)
app.router.add_post("/auth/login", login)
app.router.add_post("/auth/refresh", refresh)
app.router.add_get("/health", health)
serve(app)
