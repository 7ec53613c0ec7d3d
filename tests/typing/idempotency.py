"""The idempotency middleware as a type checker sees it. See guards.py."""

from __future__ import annotations

from typing import assert_type

from aiohttp import web

from sentri import IDEMPOTENCY_KEY, create_auth_server, create_idempotency_middleware
from sentri.idempotency import Answer, Begun, Found, Scope
from sentri.web.idempotency import IdempotencyMiddleware

auth = create_auth_server(
    valid_roles=("user",), db="sqlite://:memory:", redis_url="redis://localhost", namespace="shop"
)


async def tenant(request: web.Request) -> str:
    return request.headers["X-Tenant"]


def is_payment(request: web.Request) -> bool:
    return request.path == "/pay"


def replayed(method: str, route: str, user_id: str | None) -> None: ...


async def conflicted(method: str, route: str, user_id: str | None, reason: str) -> None: ...


assert_type(
    auth.idempotency_middleware(
        ttl="10m", header="Idempotency-Key", methods=["POST"], required=is_payment, wait=5, caller=tenant
    ),
    IdempotencyMiddleware,
)
middleware = create_idempotency_middleware(
    redis_url=None,
    namespace="shop",
    required=True,
    max_size=1,
    max_bytes=1024,
    max_body=1024,
    on_store_error="bypass",
    complete_on_disconnect=False,
    on_replay=replayed,
    on_conflict=conflicted,
)
app = web.Application(middlewares=[auth.error_middleware(), middleware])
app.on_shutdown.append(middleware.close)
auth.setup(app, idempotency=False)


async def handler(request: web.Request) -> web.Response:
    assert_type(request[IDEMPOTENCY_KEY], str)
    return web.Response()


class OwnStore:
    async def begin(self, scope: Scope, fingerprint: bytes, owner: bytes) -> Found:
        return Begun()

    async def renew(self, scope: Scope, fingerprint: bytes, owner: bytes) -> bool:
        return True

    async def complete(self, scope: Scope, fingerprint: bytes, owner: bytes, answer: Answer | None) -> bool:
        return True

    async def release(self, scope: Scope, fingerprint: bytes, owner: bytes) -> None: ...

    async def close(self) -> None: ...


class HalfAStore:
    async def close(self) -> None: ...


create_idempotency_middleware(store=OwnStore())
auth.idempotency_middleware(store=None)
auth.idempotency_middleware(store=HalfAStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
create_idempotency_middleware(tll="5m")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
create_idempotency_middleware(ttl=[5])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
create_idempotency_middleware(on_store_error="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
auth.idempotency_middleware(max_size="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
