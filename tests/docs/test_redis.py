"""docs/redis.md: what it says of TLS, of a restart and of the configuration, on a Redis of the test's own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from aiohttp import web

from sentri import create_idempotency_middleware
from tests.docs.certificates import Authority
from tests.docs.pages import blocks, executed
from tests.faults.service import free_port, program, until
from tests.support import serving

PAGE = "docs/redis.md"


class SecureRedis:
    """Takes TLS and a password, and writes each change down before it answers."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        certificate, key = self.authority.server()
        self._port = free_port()
        self._command = [
            *(program("redis-server"), "--port", "0", "--bind", "127.0.0.1", "--requirepass", "a-password"),
            *("--tls-port", str(self._port), "--tls-cert-file", certificate, "--tls-key-file", key),
            *("--tls-ca-cert-file", self.authority.certificate, "--tls-auth-clients", "no"),
            *("--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always"),
        ]
        self.start()

    def url(self, host: str = "localhost", scheme: str = "rediss", query: str = "") -> str:
        return f"{scheme}://:a-password@{host}:{self._port}/0{query}"

    @property
    def trusted(self) -> str:
        """Its URL for those who do not know its authority."""
        return self.url(query=f"?ssl_ca_certs={self.authority.certificate}")

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until(self._answers, "Redis answers")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.trusted) as client:
            try:
                return client.ping()
            except redis.ConnectionError:
                return False


@pytest.fixture
def server(tmp_path) -> Iterator[SecureRedis]:
    made = SecureRedis(tmp_path)
    yield made
    made.kill()


async def order(url: str, key: str = "one") -> tuple[int, bool]:
    """The status of an order that is sent with a key, and whether it was answered before."""

    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"at": time.time()}, status=201)

    idempotency = create_idempotency_middleware(redis_url=url, namespace="shop")
    app = web.Application(middlewares=[idempotency])
    app.on_shutdown.append(idempotency.close)
    app.router.add_post("/orders", handler)
    async with serving(app) as client:
        response = await client.post("/orders", headers={"Idempotency-Key": key})
        return response.status, "Idempotent-Replayed" in response.headers


def test_the_redis_of_the_guide_is_configured(monkeypatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL", "sqlite://:memory:")
    options = executed(blocks(PAGE)[0])["auth"].options
    assert (options.namespace, options.redis_url.shown) == ("shop", "redis://127.0.0.1:6379/0")


async def test_tls_trusts_whom_the_system_trusts_or_the_file_that_is_named(server, monkeypatch):
    assert await order(server.trusted) == (201, False)
    assert await order(server.url()) == (503, False), "nobody vouches for it"
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority.certificate))
    assert await order(server.url()) == (201, True)
    assert await order(server.url("127.0.0.1")) == (503, False), "the certificate is for another name"
    assert await order(server.url(scheme="redis")) == (503, False), "in clear"


async def test_answers_outlive_a_redis_that_writes_them_down(server):
    """Even one that is killed."""
    assert await order(server.trusted) == (201, False)
    server.kill()
    server.start()
    assert await order(server.trusted) == (201, True)
