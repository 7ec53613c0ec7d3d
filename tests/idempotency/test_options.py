"""What the middleware and the server may be told, and what is said of mistakes."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

import sentri
from sentri import SentriError
from sentri.config.environment import read_environment
from sentri.config.idempotency import IdempotencyOptions
from sentri.config.options import ServerOptions
from sentri.idempotency.memory import MemoryStore
from tests.support import SECRET

SERVER = {"db": "sqlite://:memory:", "secret": SECRET, "valid_roles": ("user",)}
STORE = MemoryStore(ttl=60, lease=10, max_size=100, max_bytes=1 << 20)


class HalfAStore:
    """Its `complete` takes no answer."""

    async def begin(self, scope, fingerprint, owner): ...

    renew = complete = release = begin

    async def close(self): ...


def test_the_defaults_are_those_of_the_contract():
    options = IdempotencyOptions.read({})
    assert options == IdempotencyOptions(
        ttl=300,
        header=("X-Idempotency-Key", "Idempotency-Key"),
        methods=("POST", "PUT", "PATCH"),
        required=False,
        max_size=10_000,
        max_bytes=64 * 1024 * 1024,
        max_body=1024 * 1024,
        wait=10,
        redis_url=None,
        namespace="sentri",
        store=None,
        on_store_error="fail",
        caller=None,
        complete_on_disconnect=True,
        on_replay=None,
        on_conflict=None,
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tll": "5m"}, "tll: unknown option; did you mean ttl?"),
        ({"ttl": 0}, "ttl is 0"),
        ({"ttl": "soon"}, "ttl is 'soon'"),
        ({"wait": -1}, "wait is -1"),
        ({"header": "bad header"}, "header has 'bad header'"),
        ({"header": ()}, "header is ()"),
        ({"header": 7}, "header is 7"),
        ({"methods": ["POST", "GET"]}, "methods has GET"),
        ({"methods": "PO ST"}, "methods has 'PO ST'"),
        ({"required": "yes"}, "required is a str"),
        ({"required": lambda: True}, "required is a function that cannot be called with (request)"),
        ({"max_size": 0}, "max_size is 0"),
        ({"max_bytes": "64M"}, "max_bytes is '64M'"),
        ({"max_body": -1}, "max_body is -1"),
        ({"namespace": "two words"}, "namespace is 'two words'"),
        ({"namespace": ""}, "namespace is ''"),
        ({"on_store_error": "ignore"}, "on_store_error is 'ignore'; it must be 'fail' or 'bypass'"),
        ({"caller": "ann"}, "caller is a str"),
        ({"complete_on_disconnect": 1}, "complete_on_disconnect is 1"),
        ({"on_replay": lambda: None}, "on_replay is a function that cannot be called with (method, route, user_id)"),
        ({"on_conflict": lambda method: None}, "on_conflict is a function"),
        ({"redis_url": 6379}, "redis_url is a int"),
        ({"redis_url": "127.0.0.1:6379"}, "redis_url has no known scheme"),
        ({"redis_url": "http://host"}, "redis_url has the scheme 'http'"),
        ({"redis_url": "redis:///0"}, "redis_url names no host"),
        ({"redis_url": "unix://"}, "redis_url names no socket"),
        ({"redis_url": "redis://host/sentri"}, "redis_url names a database that is not a number"),
        ({"redis_url": "redis://host:port/0"}, "redis_url is not a URL"),
        ({"redis_url": "redis://host/0?socket_timeout=1"}, "redis_url has a query parameter"),
        ({"store": {}}, "store is a dict, which has no begin(scope, fingerprint, owner); see sentri.idempotency.Store"),
        ({"store": MemoryStore}, "store is the class MemoryStore; give an object of it"),
        ({"store": HalfAStore()}, "store is a HalfAStore, which has no complete(scope, fingerprint, owner, answer)"),
        ({"store": STORE, "redis_url": "redis://host"}, "store and redis_url are two places to keep keys"),
    ],
)
def test_mistakes_are_named(options, said):
    with pytest.raises(SentriError) as raised:
        sentri.create_idempotency_middleware(**options)
    assert raised.value.code == "CONFIGURATION_ERROR"
    assert said in raised.value.message


def test_all_mistakes_are_told_at_once():
    with pytest.raises(SentriError) as raised:
        sentri.create_auth(**SERVER).idempotency_middleware(ttl=0, wait="long", colour="red")
    assert [word for word in ("ttl", "wait", "colour") if word in raised.value.message] == ["ttl", "wait", "colour"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:swordfish@host:port/0",
        "redis://user:sword#fish@host/0",
        "redis://user:swordfish/@host/0",
        "http://user:swordfish@host/0",
        "redis://user:swordfish@host/zero?password=swordfish",
    ],
)
def test_no_mistake_shows_a_password(url):
    with pytest.raises(SentriError) as raised:
        sentri.create_idempotency_middleware(redis_url=url)
    assert "fish" not in str(raised.value)
    assert "user" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:swordfish@host:7000/3", "redis://host:7000/3"),
        ("redis://:swordfish@host", "redis://host:6379/0"),
        ("rediss://host/1?ssl_ca_certs=/swordfish", "rediss://host:6379/1"),
        ("unix://user:swordfish@/run/redis.sock?db=2", "unix:///run/redis.sock"),
    ],
)
def test_a_server_is_shown_without_user_information_and_query(url, shown):
    options = ServerOptions.read({**SERVER, "redis_url": url, "namespace": "shop"})
    assert options.redis_url.shown == shown
    assert options.redis_url.url == url
    assert shown in repr(options)
    assert "swordfish" not in repr(options)
    assert "swordfish" not in repr(IdempotencyOptions.read({"redis_url": options.redis_url}))


def test_the_server_names_redis_and_namespace_for_the_middleware():
    auth = sentri.create_auth(**SERVER, redis_url="redis://host/3", namespace="shop")
    assert repr(auth.idempotency_middleware()) == "<IdempotencyMiddleware <RedisStore namespace=shop>>"
    assert "namespace=own" in repr(auth.idempotency_middleware(namespace="own"))
    assert "Memory" in repr(auth.idempotency_middleware(redis_url=None))


def test_a_store_of_ones_own_takes_the_place_of_memory_and_of_the_servers_redis():
    auth = sentri.create_auth(**SERVER, redis_url="redis://host/3")
    for make in (auth.idempotency_middleware, sentri.create_idempotency_middleware):
        assert repr(make(store=STORE)) == f"<IdempotencyMiddleware {STORE!r}>"
        assert repr(make(store=STORE, redis_url=None)) == f"<IdempotencyMiddleware {STORE!r}>"
    assert "RedisStore" in repr(auth.idempotency_middleware(store=None))
    with pytest.raises(SentriError, match="store and redis_url are two places"):
        auth.idempotency_middleware(store=STORE, redis_url="redis://host/3")


def test_the_options_do_not_show_a_store():
    """Its repr is somebody else's, and may hold anything."""
    assert "MemoryStore" not in repr(IdempotencyOptions.read({"store": STORE}))


def test_redis_loads_with_its_url_alone():
    program = (
        "import sys, asyncio, sentri\n"
        "sentri.create_idempotency_middleware()\n"
        "assert 'redis' not in sys.modules\n"
        "middleware = sentri.create_idempotency_middleware(redis_url='redis://127.0.0.1:1')\n"
        "assert 'redis' in sys.modules\n"
        "asyncio.run(middleware.close())\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_it_can_be_closed_before_it_was_used_and_again():
    middleware = sentri.create_idempotency_middleware(redis_url="redis://127.0.0.1:1")

    async def close():
        await middleware.close()
        await middleware.close()

    asyncio.run(close())
    asyncio.run(close())


def test_the_environment_names_redis_and_the_namespace():
    settings = read_environment({"SENTRI_REDIS_URL": "redis://:swordfish@host", "SENTRI_NAMESPACE": "shop"})
    assert settings.findings == ()
    assert (settings.options["redis_url"], settings.options["namespace"]) == ("redis://:swordfish@host", "shop")
    assert "swordfish" not in repr(settings)
