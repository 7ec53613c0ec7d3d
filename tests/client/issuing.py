"""An auth server of another make: PyJWT signs its tokens and writes its key set, and it misbehaves on request."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import get_default_algorithms

from sentri.clock import system_clock
from tests.hostile_tokens import GONE, private_pem

Answer = Callable[[web.Request], Any]


class Issuer:
    """Publishes keys and signs tokens.

    Attributes:
        keys: what it publishes, by key id: the algorithm and the private key in PEM.
        signing: the key id that it signs with.
        extra: members of the key set that no key of its own made.
        answer: what answers in place of the key set, while set.
        headers: of the key set.
        requests: the headers of every request for the key set.
    """

    def __init__(self, algorithm: str = "RS256", number: int = 0) -> None:
        self.algorithm = algorithm
        self.number = number
        self.keys: dict[str, tuple[str, str]] = {}
        self.extra: list[Any] = []
        self.answer: Answer | None = None
        self.headers: dict[str, str] = {"Cache-Control": "public, max-age=300"}
        self.requests: list[dict[str, str]] = []
        self.server: TestServer | None = None
        self.claims: dict[str, Any] = {}
        self.rotate(keep=False)

    def rotate(self, *, keep: bool = True) -> str:
        """Sign with another key from now on; without `keep` the earlier ones are gone."""
        self.number += 1
        self.signing = f"key-{self.number}-of-{id(self) & 0xFFFF:x}"
        if not keep:
            self.keys.clear()
        self.keys[self.signing] = (self.algorithm, private_pem(self.algorithm, self.number))
        return self.signing

    def jwk(self, kid: str) -> dict[str, Any]:
        """The public half of one of its keys."""
        algorithm, pem = self.keys[kid]
        public = load_pem_private_key(pem.encode(), None).public_key()
        written = get_default_algorithms()[algorithm].to_jwk(public)
        return {**json.loads(written), "kid": kid, "use": "sig", "alg": algorithm}

    def key_set(self) -> dict[str, Any]:
        return {"keys": [*(self.jwk(kid) for kid in self.keys), *self.extra]}

    def token(
        self, *, kid: Any = None, typ: Any = "at+jwt", headers: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """A good token, with other claims where they are given."""
        now = system_clock()
        said = {
            "sub": str(uuid4()),
            "sid": str(uuid4()),
            "identifier": "ann",
            "roles": ["user"],
            "iat": int(now),
            "exp": int(now) + 900,
            "jti": "1",
            **self.claims,
            **claims,
        }
        said = {name: value for name, value in said.items() if value is not GONE}
        algorithm, pem = self.keys[self.signing]
        header = {"kid": self.signing if kid is None else kid, "typ": typ, **(headers or {})}
        return jwt.encode(said, pem, algorithm, {name: value for name, value in header.items() if value is not GONE})

    @property
    def key_uri(self) -> str:
        """Where its keys are, while it runs or after it ran."""
        return self._uri

    async def _keys(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(dict(request.headers))
        if self.answer is not None:
            answer = self.answer(request)
            answer = await answer if asyncio.iscoroutine(answer) else answer
            if not isinstance(answer, web.StreamResponse):
                raise TypeError(answer)
            return answer
        body = json.dumps(self.key_set()).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {**self.headers, "ETag": etag}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers, content_type="application/json")

    async def start(self, port: int | None = None) -> None:
        app = web.Application()
        app.router.add_get("/keys", self._keys)
        self.server = TestServer(app, port=port)
        await self.server.start_server(shutdown_timeout=0.1)
        self._port = self.server.port
        self._uri = str(self.server.make_url("/keys"))

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.close()

    async def go_down(self) -> None:
        await self.stop()

    async def come_back(self) -> None:
        """At the same address."""
        await self.start(self._port)


@asynccontextmanager
async def running(*issuers: Issuer) -> AsyncIterator[tuple[Issuer, ...]]:
    """Issuers that answer while the context lasts."""
    for issuer in issuers:
        await issuer.start()
    try:
        yield issuers
    finally:
        for issuer in issuers:
            await issuer.stop()
