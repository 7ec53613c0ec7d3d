"""Wrong passwords: as many as are allowed, from wherever they come, whoever they are for."""

from __future__ import annotations

import asyncio
import functools

import pytest

from sentri import SentriError
from sentri.limits import MemoryAttempts
from sentri.server import wiring
from sentri.storage.database import Database
from sentri.storage.failures import Fault, Nature, StorageError
from sentri.storage.known_addresses import KnownAddresses
from tests.limits.visiting import HERE, THERE, WRONG, Visitors, assert_limited
from tests.support import PASSWORD, assert_error, data_of

TWENTY_MINUTES = 20 * 60


@pytest.mark.parametrize("identifier", ["Ann", "nobody"])
async def test_the_sixth_attempt_is_not_looked_at(visit, identifier):
    """Not even with the right password; and an unknown identifier is no different."""
    visitors = await visit()
    await visitors.api.user("Ann")
    await visitors.fail(identifier, 5)
    for password in (WRONG, PASSWORD):
        assert TWENTY_MINUTES - 5 <= await assert_limited(await visitors.login(identifier, password)) <= TWENTY_MINUTES


async def test_each_attempt_counts_for_as_long_as_the_duration(visit, clock):
    visitors = await visit({"max_login_attempts": 2, "duration": "10m"})
    await visitors.api.user("Ann")
    await visitors.fail("Ann", 1)
    clock.advance(400)
    await visitors.fail("Ann", 1)
    assert await assert_limited(await visitors.login("Ann")) == 200
    clock.advance(199)
    assert await assert_limited(await visitors.login("Ann")) == 1
    clock.advance(1)
    await visitors.fail("Ann", 1)
    assert await assert_limited(await visitors.login("Ann")) == 400
    clock.advance(400)
    await data_of(await visitors.login("Ann"))


async def test_what_is_refused_does_not_count(visit, clock):
    visitors = await visit({"max_login_attempts": 1, "duration": "1m"})
    await visitors.api.user("Ann")
    await visitors.fail("Ann", 1)
    for _ in range(6):
        clock.advance(9)
        await assert_limited(await visitors.login("Ann"))
    clock.advance(6)
    await data_of(await visitors.login("Ann"))


@pytest.mark.parametrize("spelling", ["ANN", " ann ", "\uff21\uff4e\uff4e"])
async def test_spellings_of_one_identifier_count_together(visit, spelling):
    visitors = await visit({"max_login_attempts": 1})
    await visitors.fail("Ann", 1)
    await assert_limited(await visitors.login(spelling))


async def test_of_fifty_at_once_five_are_looked_at(visit):
    visitors = await visit()
    await visitors.api.user("Ann")
    assert await visitors.at_once("Ann", 50) == {401: 5, 429: 45}


async def test_processes_with_one_redis_count_together(visit, make_api, backend):
    if not backend:
        pytest.skip("memory is each process's own")
    one, other = await visit(), await visit()
    found = await asyncio.gather(one.at_once("nobody", 20), other.at_once("nobody", 20))
    assert found[0] + found[1] == {401: 5, 429: 35}


async def test_a_success_is_given_back_and_frees_the_identifier_from_there(visit):
    visitors = await visit()
    await visitors.api.user("Ann")
    for _ in range(3):
        await visitors.fail("Ann", 4)
        await data_of(await visitors.login("Ann"))


async def test_a_success_frees_neither_another_address_nor_the_identifier(visit):
    visitors = await visit({"max_login_attempts": 2, "max_identifier_attempts": 4})
    await visitors.api.user("Ann")
    await visitors.fail("Ann", 2, THERE)
    await visitors.fail("Ann", 1)
    await data_of(await visitors.login("Ann"))
    await assert_limited(await visitors.login("Ann", address=THERE))
    await visitors.fail("Ann", 1, "192.0.2.1")
    await assert_limited(await visitors.login("Ann", address="192.0.2.2"))


async def test_an_identifier_is_limited_from_all_addresses_together(visit):
    visitors = await visit({"max_identifier_attempts": 3})
    await visitors.api.user("Ann")
    for number in range(3):
        await visitors.fail("Ann", 1, f"192.0.2.{number}")
    await assert_limited(await visitors.login("Ann", address="192.0.2.9"))
    await data_of(await visitors.login((await visitors.api.user("Bob")).identifier, address="192.0.2.9"))


async def test_the_owner_comes_in_from_where_they_were_before(visit, clock):
    visitors = await visit({"max_identifier_attempts": 3})
    await visitors.api.user("Ann")
    await data_of(await visitors.login("Ann"))
    for number in range(3):
        await visitors.fail("Ann", 1, f"192.0.2.{number}")
    await assert_limited(await visitors.login("Ann", address="192.0.2.9"))
    await visitors.fail("Ann", 4)  # from here it counts for here alone
    await data_of(await visitors.login("Ann"))
    clock.advance(91 * 86400)
    for number in range(3):
        await visitors.fail("Ann", 1, f"192.0.2.{number}")
    await assert_limited(await visitors.login("Ann"))


async def test_the_table_of_addresses_says_nothing_of_anybody(visit):
    """The same address of two users has two digests: nobody who reads the table learns that they live together."""
    visitors = await visit()
    for name in ("Ann", "Bob"):
        await visitors.api.user(name)
        await data_of(await visitors.login(name))
    rows = await visitors.api.database.call(lambda session: session.rows("SELECT * FROM sentri_known_addresses"))
    assert len({row["digest"] for row in rows}) == 2
    kept = repr([dict(row) for row in rows])
    assert HERE not in kept
    assert bytes(map(int, HERE.split("."))).hex() not in kept


async def test_an_identifier_that_is_full_takes_the_same_look_ups_whether_somebody_has_it_or_not(visit, monkeypatch):
    """Refusals do not count, so they can be timed as often as anybody likes."""
    visitors = await visit({"max_identifier_attempts": 1})
    await visitors.api.user("Ann")
    asked = []
    call = Database.call

    async def counted(self, work, **more):
        asked.append(self)
        return await call(self, work, **more)

    monkeypatch.setattr(Database, "call", counted)
    found = []
    for identifier in ("Ann", "nobody"):
        await visitors.fail(identifier, 1, THERE)
        asked.clear()
        await assert_limited(await visitors.login(identifier))
        found.append(len(asked))
    assert found[0] == found[1] > 0


async def test_what_costs_nothing_pushes_no_identifier_out(visit, backend, monkeypatch):
    """Memory is bounded, and a wrong API key or a name that is taken is tried from many addresses in no time."""
    if backend:
        pytest.skip("Redis is bounded by its own memory")
    monkeypatch.setattr(wiring, "MemoryAttempts", functools.partial(MemoryAttempts, most_names=10))
    visitors = await visit({"max_identifier_attempts": 1})
    await visitors.api.user("Ann")
    await visitors.fail("Ann", 1, THERE)
    for number in range(20):
        await assert_error(await visitors.register("Ann", f"192.0.2.{number}"), 409, "USER_ALREADY_EXISTS")
    await assert_limited(await visitors.login("Ann"))


async def test_another_user_of_the_same_address_is_no_owner(visit):
    visitors = await visit({"max_identifier_attempts": 1})
    await visitors.api.user("Ann")
    await visitors.api.user("Bob")
    await data_of(await visitors.login("Bob"))
    await visitors.fail("Ann", 1, THERE)
    await assert_limited(await visitors.login("Ann"))


async def test_an_address_is_limited_with_all_identifiers_together(visit):
    visitors = await visit({"max_address_attempts": 3})
    await visitors.api.user("Ann")
    for number in range(3):
        await visitors.fail(f"nobody-{number}", 1)
    await assert_limited(await visitors.login("Ann"))
    await data_of(await visitors.login("Ann", address=THERE))


async def test_an_address_of_ipv6_is_a_network(visit):
    visitors = await visit({"max_address_attempts": 2})
    for number in range(2):
        await visitors.fail(f"nobody-{number}", 1, f"2001:db8:1:2::{number}")
    await assert_limited(await visitors.login("nobody", address="2001:db8:1:2:ffff::9"))
    for number in range(18):
        await visitors.fail(f"nobody-{number}", 1, f"2001:db8:1:{number + 10:x}::1")
    await assert_limited(await visitors.login("nobody", address="2001:db8:1:ffff::1"))
    await visitors.fail("nobody", 1, "2001:db8:2::1")


@pytest.mark.parametrize("code", ["SERVICE_UNAVAILABLE", "VALIDATION_ERROR"])
async def test_what_was_not_decided_does_not_count(visit, code):
    failing = True

    async def login(identifier, password):
        raise SentriError(code if failing else "INVALID_CREDENTIALS", "No.")

    visitors = await visit({"max_login_attempts": 1}, router={"login": login})
    for _ in range(3):
        assert (await visitors.login("Ann")).status in {400, 503}
    failing = False
    await visitors.fail("Ann", 1)
    await assert_limited(await visitors.login("Ann"))


async def test_limits_stay_around_a_replaced_service_whatever_it_raises(visit):
    async def login(identifier, password):
        raise SentriError("ELSEWHERE", "Log in with your company's account.", 403)

    visitors = await visit({"max_login_attempts": 2}, router={"login": login})
    assert [(await visitors.login("Ann")).status for _ in range(4)] == [403, 403, 429, 429]


async def test_without_limits_nothing_is_counted(visit):
    visitors = await visit(rate_limit=False)
    await visitors.fail("nobody", 60)


async def test_trusted_callers_are_not_limited(visit):
    visitors = await visit({"max_login_attempts": 1})
    await visitors.api.user("Ann")
    await visitors.fail("Ann", 1)
    for _ in range(3):
        await visitors.api.auth.accounts.login("Ann", PASSWORD)


async def test_the_hook_is_told(visit, hooks, told):
    visitors = await visit({"max_login_attempts": 1}, hooks=hooks)
    await visitors.fail("nobody", 1)
    await assert_limited(await visitors.login("nobody"))
    assert told[-1] == ("on_rate_limited", "login")


async def test_keys_and_logs_say_nothing_of_anybody(visit, backend, redis_client, caplog):
    caplog.set_level("DEBUG")
    visitors: Visitors = await visit({"max_login_attempts": 2}, namespace=backend.get("namespace", "sentri"))
    await visitors.fail("ann@example.com", 2)
    await assert_limited(await visitors.login("ann@example.com"))
    keys = [key.decode() for key in redis_client.scan_iter(f"{backend.get('namespace', 'none')}:*")]
    assert bool(keys) == bool(backend)
    for text in (*keys, caplog.text):
        assert "ann" not in text.lower().replace("annotat", "")
        assert HERE not in text
    for key in keys:
        assert 0 < redis_client.pttl(key) <= TWENTY_MINUTES * 1000


@pytest.mark.parametrize(
    "body", [{"identifier": "Ann"}, {"identifier": 1, "password": WRONG}, {"identifier": "Ann", "password": "x" * 73}]
)
async def test_what_no_password_could_be_compared_with_is_no_attempt(visit, body):
    visitors = await visit({"max_login_attempts": 1})
    for _ in range(3):
        await assert_error(await visitors.send("/auth/login", body), 400, "VALIDATION_ERROR")
    await visitors.fail("Ann", 1)


async def test_a_login_stands_whether_its_address_can_be_remembered_or_not(visit, caplog, monkeypatch):
    """During a deploy the table may be missing yet."""

    async def fail(*_, **__):
        raise StorageError(Fault(Nature.WRONG, "UndefinedTableError", "42P01"))

    monkeypatch.setattr(KnownAddresses, "remember", fail)
    visitors = await visit()
    await visitors.api.user("Ann")
    await data_of(await visitors.login("Ann"))
    assert "was not remembered: StorageError" in caplog.text
