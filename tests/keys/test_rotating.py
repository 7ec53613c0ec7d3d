"""Rotation and emergency: what verifies, what signs, and what is published at every moment."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import AsyncExitStack

import pytest

from sentri import SentriError
from sentri.keys.timeline import KeyTimes
from tests.keys.test_kept_keys import eventually, kid_of, session_of


def published(auth):
    return [jwk["kid"] for jwk in auth._keys.ring().published()["keys"]]  # noqa: SLF001


async def states(auth, purpose="access"):
    return [info.state for info in await auth.keys.list() if info.purpose == purpose]


@pytest.fixture
async def fleet(make_kept):
    """Opens servers of one database, as processes would."""
    async with AsyncExitStack() as running:

        async def open_(count=2, **options):
            return [await running.enter_async_context(make_kept(**options)) for _ in range(count)]

        yield open_


# --- in order


async def test_no_token_is_refused_at_any_moment_of_two_rotations(fleet, database, clock):
    """Tokens signed all along, by each of two processes, asked of both until they expire."""
    servers = await fleet(2, access_expires_in="5m")
    user = (await session_of(servers[0], database)).user
    tokens, kids = [], []
    for step in range(160):
        if step in {10, 80}:
            await servers[step % 2].keys.rotate()
            await asyncio.sleep(0.2)  # four looks
        for server in servers:
            token = server.sign_access_token(user)
            tokens.append((clock.now + 300, token))
            kids.append(server._keys.ring().signing.kid)  # noqa: SLF001
        tokens = [(until, token) for until, token in tokens if until > clock.now]
        for _, token in tokens:
            for server in servers:
                assert server.verify_access_token(token).id == user.id
        clock.advance(19)
    assert len(set(kids)) == 3
    assert kids == sorted(kids, key=[i.kid for i in await servers[0].keys.list()].index)
    assert await states(servers[1]) == ["retired", "retired", "signing"]


async def test_the_set_holds_every_key_that_verifies_the_signing_one_first(fleet, clock):
    (auth,) = await fleet(1)
    first = (await auth.keys.list())[0].kid
    assert published(auth) == [first]
    second = (await auth.keys.rotate()).kid
    assert published(auth) == [first, second]
    clock.advance(899)
    assert published(auth) == [first, second]
    clock.advance(1)
    assert published(auth) == [second, first]
    clock.advance(959)
    assert published(auth) == [second, first]
    clock.advance(1)
    assert published(auth) == [second]


async def test_what_the_list_says_is_what_happens(fleet, clock):
    (auth,) = await fleet(1)
    made = clock.now
    await auth.keys.rotate()
    old, new, refresh = await auth.keys.list()
    assert (old.state, old.retires_at, old.verifies_until) == ("signing", made + 900, made + 900 + 900 + 60)
    assert (new.state, new.created_at, new.signs_at, new.retires_at) == ("upcoming", made, made + 900, None)
    assert (refresh.purpose, refresh.state) == ("refresh", "signing")
    assert await states(auth) == ["signing", "upcoming"]
    clock.advance(900)
    assert await states(auth) == ["retiring", "signing"]
    clock.advance(960)
    assert await states(auth) == ["retired", "signing"]
    assert await states(auth, "refresh") == ["signing"]


async def test_who_rotates_while_a_key_waits_gets_that_one(fleet):
    one, two = await fleet(2)
    made = await asyncio.gather(*(server.keys.rotate() for server in (one, two) * 5))
    assert len({key.kid for key in made}) == 1
    assert await states(two) == ["signing", "upcoming"]


async def test_refresh_tokens_survive_rotations_and_a_restart(make_kept, database, clock):
    async with make_kept() as auth:
        pair = await session_of(auth, database)
        for _ in range(3):
            await auth.keys.rotate()
            clock.advance(4000)
            pair = await auth.accounts.refresh(pair.refresh_token)
    async with make_kept() as again:
        await again.accounts.refresh(pair.refresh_token)


async def test_another_process_notices_without_a_restart(fleet):
    one, two = await fleet(2)
    coming = await one.keys.rotate()

    async def noticed():
        return coming.kid in published(two)

    await eventually(noticed, within=2)


async def test_an_upcoming_key_verifies_for_a_process_whose_clock_runs_ahead(make_kept, database, clock):
    async with make_kept() as punctual, make_kept(clock=lambda: clock.now + 50) as ahead:
        coming = await punctual.keys.rotate()
        await ahead.keys.list()
        clock.advance(870)
        pair = await session_of(ahead, database)
        assert kid_of(pair) == coming.kid
        await punctual.authenticate(pair.access_token)


async def test_a_token_of_a_process_whose_clock_runs_behind_is_good_to_its_end(make_kept, database, clock):
    async with make_kept() as punctual, make_kept(clock=lambda: clock.now - 50) as behind:
        await punctual.keys.rotate()
        await behind.keys.list()
        clock.advance(949)
        pair = await session_of(behind, database)
        assert kid_of(pair) == (await punctual.keys.list())[0].kid
        clock.advance(899 - 50)
        await punctual.authenticate(pair.access_token)


async def test_the_keys_go_on_by_themselves_while_the_database_is_down(make_kept, database, clock):
    async with make_kept() as auth:
        first, second = (await auth.keys.list())[0], await auth.keys.rotate()
        await auth._database.close()  # noqa: SLF001
        clock.advance(900)
        assert published(auth) == [second.kid, first.kid]
        clock.advance(960)
        assert published(auth) == [second.kid]
        with pytest.raises(SentriError, match="SERVICE_UNAVAILABLE"):
            await auth.keys.list()


# --- to retire, in order


async def test_to_retire_the_signing_key_is_to_rotate(fleet, clock):
    (auth,) = await fleet(1)
    told = await auth.keys.retire()
    assert (told.state, told.retires_at, told.verifies_until) == ("signing", clock.now + 900, clock.now + 1860)
    assert await auth.keys.retire(told.kid) == told
    assert await states(auth) == ["signing", "upcoming"]


async def test_to_retire_an_upcoming_key_withdraws_it(fleet, clock, store):
    (auth,) = await fleet(1)
    coming = await auth.keys.rotate()
    told = await auth.keys.retire(coming.kid)
    assert (told.state, told.verifies_until) == ("retired", clock.now)
    assert coming.kid not in published(auth)
    assert [r.private_key for r in await store.read() if r.kid == coming.kid] == [None]
    clock.advance(10**5)
    assert await states(auth) == ["signing", "retired"]
    assert (await auth.keys.rotate()).kid != coming.kid


async def test_an_upcoming_key_that_somebody_may_sign_with_already_is_not_withdrawn(fleet, clock):
    (auth,) = await fleet(1)
    coming = await auth.keys.rotate()
    clock.advance(841)
    with pytest.raises(SentriError, match=r"VALIDATION_ERROR: kid: .* is about to sign"):
        await auth.keys.retire(coming.kid)


async def test_a_retiring_key_says_when_it_ends(fleet, clock):
    (auth,) = await fleet(1)
    first = await auth.keys.retire()
    clock.advance(1000)
    assert (await auth.keys.retire(first.kid)).state == "retiring"
    assert (await auth.keys.retire(first.kid)).verifies_until == first.verifies_until
    assert await states(auth) == ["retiring", "signing"]


async def test_the_refresh_key_does_not_rotate(fleet):
    (auth,) = await fleet(1)
    kid = (await auth.keys.list())[1].kid
    with pytest.raises(SentriError, match=r"VALIDATION_ERROR: kid: .* does not rotate"):
        await auth.keys.retire(kid)


@pytest.mark.parametrize("now", [True, False])
async def test_an_unknown_kid_is_not_found(fleet, now):
    (auth,) = await fleet(1)
    with pytest.raises(SentriError, match="NOT_FOUND: kid"):
        await auth.keys.retire("nobody", now=now)
    assert await states(auth) == ["signing"]


# --- the emergency


async def test_a_leaked_key_is_refused_at_once_and_an_unpublished_one_signs(fleet, database, store, caplog):
    one, two = await fleet(2)
    pair = await session_of(one, database)
    waiting = await one.keys.rotate()
    told = await one.keys.retire(now=True)
    assert (told.kid, told.state) == (kid_of(pair), "retired")
    assert await states(one) == ["retired", "retired", "signing"]
    (fresh,) = published(one)
    assert fresh not in {told.kid, waiting.kid}
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        one.verify_access_token(pair.access_token)
    assert kid_of(await session_of(one, database)) == fresh
    assert [r.kid for r in await store.read() if r.private_key and r.purpose == "access"] == [fresh]

    async def refused():
        return published(two) == [fresh]

    await eventually(refused, within=5)
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        two.verify_access_token(pair.access_token)
    assert caplog.messages.count(f"key.refused kid={told.kid} purpose=access") == 2  # in each of the two
    assert caplog.messages.count(f"key.ended kid={told.kid} purpose=access successor={fresh}") == 1


async def test_sessions_outlive_a_leaked_signing_key(fleet, database):
    (auth,) = await fleet(1)
    pair = await session_of(auth, database)
    await auth.keys.retire(now=True)
    pair = await auth.accounts.refresh(pair.refresh_token)
    await auth.authenticate(pair.access_token)


async def test_a_process_that_has_not_looked_yet_accepts_the_new_key(make_kept, database):
    """The token names a key that it does not know: it looks, before it refuses."""
    slow = KeyTimes(notice=60)
    async with make_kept() as one, make_kept(times=slow) as two:
        await one.keys.retire(now=True)
        pair = await session_of(one, database)
        assert (await two.authenticate(pair.access_token)).id == pair.user.id


async def test_many_tokens_of_a_key_that_was_not_seen_yet_need_one_look(make_kept, database, monkeypatch):
    async with make_kept() as one, make_kept(times=KeyTimes(notice=60)) as two:
        await one.keys.retire(now=True)
        pair = await session_of(one, database)
        looks = counted_looks(two, monkeypatch)
        users = await asyncio.gather(*(two.authenticate(pair.access_token) for _ in range(20)))
        assert {user.id for user in users} == {pair.user.id}
        assert len(looks) == 1


def counted_looks(auth, monkeypatch):
    looks = []
    read = auth._keys.store.read  # noqa: SLF001

    async def counted(**more):
        looks.append(1)
        return await read(**more)

    monkeypatch.setattr(auth._keys.store, "read", counted)  # noqa: SLF001
    return looks


async def test_invented_key_names_make_few_queries(make_kept, database, monkeypatch):
    async with make_kept(times=KeyTimes(notice=60)) as auth:
        pair = await session_of(auth, database)
        asked = counted_looks(auth, monkeypatch)
        header, rest = pair.access_token.split(".", 1)
        for number in range(50):
            token = f"{_with_kid(header, str(number))}.{rest}"
            with pytest.raises(SentriError, match="TOKEN_INVALID"):
                await auth.authenticate(token)
        assert len(asked) <= 3


def _with_kid(header, kid):
    said = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    return base64.urlsafe_b64encode(json.dumps(said | {"kid": kid}).encode()).decode().rstrip("=")


async def test_two_emergencies_at_once_leave_one_new_key(fleet, database):
    one, two = await fleet(2)
    leaked = (await one.keys.list())[0].kid
    told = await asyncio.gather(*(server.keys.retire(leaked, now=True) for server in (one, two) * 3))
    assert {(info.kid, info.state) for info in told} == {(leaked, "retired")}
    assert await states(one) == ["retired", "signing"]


async def test_an_emergency_and_rotations_at_once_leave_one_signing_key(fleet, database):
    one, two = await fleet(2)
    for _ in range(5):
        leaked = next(i.kid for i in await one.keys.list() if i.state == "signing")
        await asyncio.gather(one.keys.rotate(), two.keys.retire(leaked, now=True), two.keys.rotate())
        found = await states(one)
        assert found.count("signing") == 1
        assert found.count("upcoming") <= 1
        assert next(i.state for i in await one.keys.list() if i.kid == leaked) == "retired"


async def test_a_leaked_key_that_retires_already_is_refused_and_the_one_that_signs_leaves_in_order(
    fleet, database, clock
):
    (auth,) = await fleet(1, access_expires_in="1h")
    old = await session_of(auth, database)
    await auth.keys.rotate()
    clock.advance(961)  # it signs by every clock
    good = await session_of(auth, database)
    await auth.keys.retire(kid_of(old), now=True)
    assert await states(auth) == ["retired", "retiring", "signing"]
    await auth.authenticate(good.access_token)
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        await auth.authenticate(old.access_token)


@pytest.mark.parametrize("named", [True, False])
async def test_near_a_change_an_emergency_ends_what_waits_by_anybodys_clock(make_kept, database, clock, named):
    """The operator's clock runs 30 s ahead, and the fleet is 25 s before the change."""
    async with make_kept(clock=lambda: clock.now + 30) as operator, make_kept() as server:
        leaked = (await operator.keys.list())[0].kid
        await operator.keys.rotate()
        clock.advance(905)
        if not named:
            with pytest.raises(
                SentriError, match="VALIDATION_ERROR: kid: the key that signs changes at about this time"
            ):
                await operator.keys.retire(now=True)
            assert await states(server) == ["signing", "upcoming"]
            return
        assert (await operator.keys.retire(leaked, now=True)).state == "retired"
        assert await states(server) == ["retired", "retired", "signing"]
        (signs,) = published(server)
        assert kid_of(await session_of(server, database)) == signs


async def test_who_comes_second_without_a_name_does_not_end_the_new_key(fleet, clock):
    (auth,) = await fleet(1)
    await auth.keys.retire(now=True)
    with pytest.raises(SentriError, match="VALIDATION_ERROR: kid"):
        await auth.keys.retire(now=True)
    clock.advance(61)
    assert (await auth.keys.retire(now=True)).state == "retired"
    assert await states(auth) == ["retired", "retired", "signing"]


async def test_a_waiting_key_that_leaked_leaves_the_one_that_signs(fleet):
    (auth,) = await fleet(1)
    await auth.keys.retire((await auth.keys.rotate()).kid, now=True)
    assert await states(auth) == ["retiring", "retired", "signing"]


@pytest.mark.parametrize("now", [True, False])
async def test_an_algorithm_that_nobody_stated_is_that_of_the_key_that_signs(make_kept, now):
    async with make_kept():
        pass
    async with make_kept(algorithm="EdDSA") as auth:
        auth._keys._maker.algorithm_stated = False  # noqa: SLF001
        await (auth.keys.retire(now=True) if now else auth.keys.rotate())
        assert [info.algorithm for info in await auth.keys.list() if info.purpose == "access"] == ["ES256", "ES256"]


async def test_was_ended_tells_an_end_from_the_order(fleet, clock):
    (auth,) = await fleet(1)
    first = (await auth.keys.rotate()).kid
    coming = (await auth.keys.list())[0].kid
    assert not any(map(auth._keys.was_ended, [first, coming, "nobody", ""]))  # noqa: SLF001
    clock.advance(10**5)
    assert not auth._keys.was_ended(first)  # noqa: SLF001
    await auth.keys.retire(coming, now=True)
    ended = next(i.kid for i in await auth.keys.list() if i.state == "signing" and i.purpose == "access")
    await auth.keys.retire(ended, now=True)
    assert auth._keys.was_ended(ended)  # noqa: SLF001


async def test_a_leaked_refresh_key_ends_every_login_and_no_access_token(fleet, database):
    one, two = await fleet(2)
    pair = await session_of(one, database)
    kid = (await one.keys.list())[1].kid
    assert (await one.keys.retire(kid, now=True)).state == "retired"
    assert await states(one, "refresh") == ["retired", "signing"]
    await one.authenticate(pair.access_token)
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        await one.accounts.refresh(pair.refresh_token)
    again = await session_of(one, database)
    await two.keys.list()
    await two.accounts.refresh(again.refresh_token)


async def test_the_end_of_a_key_is_kept_over_a_restart(make_kept, database):
    async with make_kept() as auth:
        pair = await session_of(auth, database)
        await auth.keys.retire(now=True)
    async with make_kept() as again:
        with pytest.raises(SentriError, match="TOKEN_INVALID"):
            await again.authenticate(pair.access_token)


async def test_neither_log_nor_repr_nor_list_shows_a_private_part(fleet, database, caplog, store):
    caplog.set_level("DEBUG")
    (auth,) = await fleet(1)
    held = []
    await auth.keys.rotate()
    for key in auth._keys._snapshot.held.signing.values():  # noqa: SLF001
        held += [value for name, value in key.private_jwk().items() if name in {"d", "k"}]
    texts = [r.private_key for r in await store.read()]
    await auth.keys.retire(now=True)
    shown = [caplog.text, repr(auth), repr(auth.keys), repr(await auth.keys.list()), repr(auth._keys._snapshot.held)]  # noqa: SLF001
    shown += [repr(r) for r in await store.read()]
    assert len(held) == 3
    for secret in (*held, *texts):
        for text in shown:
            assert secret not in text
