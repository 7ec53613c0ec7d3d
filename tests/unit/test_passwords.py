"""Hashing: never on the event loop, never cut, the same work for nobody as for somebody."""

from __future__ import annotations

import asyncio
import re
import threading

import bcrypt
import pytest

from sentri import SentriError
from sentri.passwords import schemes
from sentri.passwords.hashing import PasswordHasher
from sentri.passwords.schemes import Bcrypt
from tests.support import PASSWORD, PASSWORD_HASH
from tests.unit.test_access_tokens import server


@pytest.fixture
def hasher():
    made = PasswordHasher(Bcrypt(10), threads=2)
    yield made
    made.close()


@pytest.fixture
def work(monkeypatch):
    """What bcrypt is asked to do: the function, the hash or salt, and the thread."""
    done = []

    def watch(name, real):
        def watched(password, against):
            done.append((name, against.decode(), threading.current_thread()))
            return real(password, against)

        monkeypatch.setattr(schemes.bcrypt, name, watched)

    watch("hashpw", bcrypt.hashpw)
    watch("checkpw", bcrypt.checkpw)
    return done


async def test_a_password_matches_its_own_hash_and_no_other(hasher):
    hashed = await hasher.hash(PASSWORD)
    assert re.fullmatch(r"\$2b\$10\$.{53}", hashed)
    assert await hasher.verify(PASSWORD, hashed)
    assert not await hasher.verify(PASSWORD + " ", hashed)
    assert not await hasher.verify(PASSWORD.upper(), hashed)
    assert await hasher.hash(PASSWORD) != hashed


NOBODYS = [None, "", "x", "$2b$10$", "plain text", PASSWORD_HASH[:-1], PASSWORD_HASH + "a", PASSWORD_HASH + "\n",
    "$2b$99" + PASSWORD_HASH[6:],
           "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$x", PASSWORD_HASH.replace("$2b$", "$1b$"),
               "$2b$10$" + "é" * 53]  # fmt: skip


@pytest.mark.parametrize("hashed", NOBODYS)
async def test_an_unknown_user_and_a_broken_hash_match_nothing_and_cost_the_same_work(hasher, work, hashed):
    assert await hasher.verify(PASSWORD, hashed) is False
    assert [name for name, _, _ in work] == ["checkpw"]
    if hashed is None or not hashed.startswith("$2b$99"):
        assert work[0][1].startswith("$2b$10$")  # the configured cost


async def test_even_nobodys_own_password_lets_nobody_in(hasher, monkeypatch):
    monkeypatch.setattr(schemes.bcrypt, "checkpw", lambda password, against: True)
    assert await hasher.verify(PASSWORD, PASSWORD_HASH) is True
    assert await hasher.verify(PASSWORD, None) is False
    assert await hasher.verify(PASSWORD, "broken") is False


async def test_nobodys_hash_is_nobodys(hasher, work):
    """Whoever guesses it is not let in, and no two processes have the same."""
    await hasher.verify("x", None)
    await PasswordHasher(Bcrypt(10), threads=1).verify("x", None)
    assert work[0][1] != work[1][1]


@pytest.mark.parametrize(("rounds", "renewal"), [(4, False), (5, True), (12, True)])
def test_a_hash_of_a_lower_cost_needs_renewal(rounds, renewal):
    assert PasswordHasher(Bcrypt(rounds)).needs_renewal(PASSWORD_HASH) is renewal
    assert not PasswordHasher(Bcrypt(rounds)).needs_renewal("broken")


def test_a_hash_of_a_higher_cost_stays():
    assert not PasswordHasher(Bcrypt(10)).needs_renewal("$2b$12" + PASSWORD_HASH[6:])


@pytest.mark.parametrize("one", ["a" * 72, "a" * 71 + "b", "aaaaaaaabbbb", "aaaaaaaa"])
async def test_every_byte_counts(hasher, one):
    """The 72nd, too."""
    hashed = await hasher.hash(one)
    assert await hasher.verify(one, hashed)
    for other in (one[:-1], one[:-1] + "x", one[:8]):
        if other != one:
            assert not await hasher.verify(other, hashed)


async def test_hashing_never_runs_on_the_event_loop(hasher, work):
    await asyncio.gather(
        hasher.hash("one password"), hasher.verify(PASSWORD, PASSWORD_HASH), hasher.verify(PASSWORD, None)
    )
    assert len(work) == 3
    for _, _, thread in work:
        assert thread is not threading.main_thread()
        assert thread.name.startswith("sentri-hash")


async def test_there_are_never_more_threads_than_asked_for(hasher, work):
    await asyncio.gather(*(hasher.verify(PASSWORD, PASSWORD_HASH) for _ in range(6)))
    assert len({thread for _, _, thread in work}) <= 2


async def test_who_stops_waiting_leaves_the_pool_usable(hasher):
    waiting = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(8)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*waiting, return_exceptions=True)
    )
    assert await hasher.verify(PASSWORD, PASSWORD_HASH)


async def test_closed_it_can_be_used_again(hasher):
    assert await hasher.verify(PASSWORD, PASSWORD_HASH)
    hasher.close()
    hasher.close()
    assert await hasher.verify(PASSWORD, PASSWORD_HASH)


def test_it_serves_one_event_loop_after_another(hasher):
    for _ in range(2):
        assert asyncio.run(hasher.verify(PASSWORD, PASSWORD_HASH))


# --- auth.hash_password, auth.verify_password


@pytest.fixture
async def auth():
    async with server(salt_rounds=10) as opened:
        yield opened


async def test_the_auth_object_hashes_and_verifies(auth, work):
    hashed = await auth.hash_password("correct horse")
    assert await auth.verify_password("correct horse", hashed)
    assert not await auth.verify_password("wrong horse", hashed)
    assert not await auth.verify_password("correct horse", "broken")
    assert all(thread.name.startswith("sentri-hash") for _, _, thread in work)


TOO_LONG = ["a" * 73, "é" * 37, "\U0001f600" * 19, "a" * 1_000_000]
NO_PASSWORDS = [None, 1, b"correct horse", ["correct horse"], "\ud800" * 8, *TOO_LONG]


@pytest.mark.parametrize("password", [*NO_PASSWORDS, "", "a" * 7, "é" * 7], ids=lambda value: repr(value)[:20])
async def test_refuses_to_hash_what_may_not_be_set(auth, work, password):
    with pytest.raises(SentriError) as refused:
        await auth.hash_password(password)
    assert refused.value.code == "VALIDATION_ERROR"
    assert refused.value.message.startswith("password: ")
    assert not work


@pytest.mark.parametrize("password", NO_PASSWORDS, ids=lambda value: repr(value)[:20])
async def test_refuses_to_compare_what_bcrypt_cannot(auth, work, password):
    with pytest.raises(SentriError, match="VALIDATION_ERROR"):
        await auth.verify_password(password, PASSWORD_HASH)
    assert not work


@pytest.mark.parametrize(
    "password", ["a" * 72, "é" * 36, "\U0001f600" * 18, "a" * 8, "        ", " passw rd ", "a\x01b\nc\td\x7f"]
)
async def test_hashes_as_received(auth, password):
    hashed = await auth.hash_password(password)
    assert bcrypt.checkpw(password.encode(), hashed.encode())
    assert await auth.verify_password(password, hashed)


@pytest.mark.parametrize("password", ["", "a", "1234567"])
async def test_where_a_password_is_checked_no_minimum_applies(auth, password):
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    assert await auth.verify_password(password, hashed)


async def hashes_behind_a_gate(hasher, monkeypatch, number):
    """So many hashes that have begun or wait, and what lets them go on."""
    gate = threading.Event()
    monkeypatch.setattr("bcrypt.hashpw", lambda *_: gate.wait(10) and b"hash")
    tasks = [asyncio.create_task(hasher.hash("password")) for _ in range(number)]
    await asyncio.sleep(0.05)
    return gate, tasks


async def test_what_would_wait_too_long_is_refused_at_once(monkeypatch):
    """Two threads and, by the first guess, 62 ms a hash: a sixteenth of 10 s is 32 hashes a second."""
    hasher = PasswordHasher(Bcrypt(10), threads=2, most_wait=1.0)
    gate, tasks = await hashes_behind_a_gate(hasher, monkeypatch, 60)
    refused = [task for task in tasks if task.done()]
    assert len(tasks) - len(refused) == 2 + 32
    for task in refused:
        error = task.exception()
        assert (error.code, error.headers["Retry-After"]) == ("SERVICE_UNAVAILABLE", "2")
    with pytest.raises(SentriError):
        await hasher.verify(PASSWORD, None)
    gate.set()
    assert {await task for task in tasks if task not in refused} == {"hash"}
    monkeypatch.undo()
    assert await hasher.verify(PASSWORD, PASSWORD_HASH)
    hasher.close()


async def test_whoever_goes_away_makes_room(monkeypatch):
    hasher = PasswordHasher(Bcrypt(10), threads=1, most_wait=0.5)
    gate, tasks = await hashes_behind_a_gate(hasher, monkeypatch, 30)
    waiting = [task for task in tasks if not task.done()][1:]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    more = [asyncio.create_task(hasher.hash("password")) for _ in waiting]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in more)
    gate.set()
    assert {await task for task in more} == {"hash"}
    hasher.close()


async def test_the_line_is_as_long_as_hashes_take(monkeypatch):
    """A machine that turns out to be slower refuses earlier."""
    hasher = PasswordHasher(Bcrypt(10), threads=1, most_wait=1.0)
    clock = iter(range(1000))
    monkeypatch.setattr("sentri.passwords.queue.perf_counter", lambda: next(clock))  # each hash takes a second
    for _ in range(60):
        await hasher.hash("password")
    gate, tasks = await hashes_behind_a_gate(hasher, monkeypatch, 10)
    assert sum(not task.done() for task in tasks) == 2
    gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    hasher.close()


async def test_a_line_that_was_closed_is_empty(monkeypatch):
    hasher = PasswordHasher(Bcrypt(10), threads=1, most_wait=0.5)
    gate, tasks = await hashes_behind_a_gate(hasher, monkeypatch, 30)
    hasher.close()
    gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    monkeypatch.undo()
    assert await hasher.verify(PASSWORD, PASSWORD_HASH)
    hasher.close()


async def test_many_are_hashed_in_their_order(hasher):
    passwords = [f"password number {number}" for number in range(5)]
    hashes = await hasher.hash_many(passwords)
    for password, hashed in zip(passwords, hashes, strict=True):
        assert await hasher.verify(password, hashed)
    assert await hasher.hash_many([]) == []


async def test_many_never_have_more_under_way_than_there_are_threads(monkeypatch):
    """So that a login waits for one of them, not for all."""
    made = PasswordHasher(Bcrypt(10), threads=2)
    under_way = []

    def hash_and_look(_, password):
        under_way.append(len(made._queue._under_way))  # noqa: SLF001
        return password

    monkeypatch.setattr(Bcrypt, "hash", hash_and_look)
    assert await made.hash_many([str(number) for number in range(50)]) == [str(number) for number in range(50)]
    assert len(under_way) == 50
    assert max(under_way) <= 2
    made.close()


async def test_many_wait_where_others_are_refused(monkeypatch):
    made = PasswordHasher(Bcrypt(10), threads=1, most_wait=0.001)
    let_go = threading.Event()
    monkeypatch.setattr(Bcrypt, "hash", lambda _, password: let_go.wait(10) and password)
    first = asyncio.create_task(made.hash("first"))
    await asyncio.sleep(0)
    many = asyncio.create_task(made.hash_many(["a", "b"]))
    await asyncio.sleep(0)
    with pytest.raises(SentriError, match="SERVICE_UNAVAILABLE"):
        await made.hash("refused")
    let_go.set()
    assert (await first, await many) == ("first", ["a", "b"])
    made.close()


async def test_many_that_the_end_of_the_server_overtakes_are_unavailable(monkeypatch):
    made = PasswordHasher(Bcrypt(10), threads=1)
    begun, let_go = threading.Event(), threading.Event()
    monkeypatch.setattr(Bcrypt, "hash", lambda _, password: begun.set() or (let_go.wait(10) and password))
    held = asyncio.create_task(made.hash("held"))
    await asyncio.to_thread(begun.wait, 10)
    many = asyncio.create_task(made.hash_many(["a", "b", "c"]))
    for _ in range(5):  # to the end of the line, which nobody leaves meanwhile
        await asyncio.sleep(0)
    made.close()
    let_go.set()
    with pytest.raises(SentriError, match="SERVICE_UNAVAILABLE"):
        await many
    await held
