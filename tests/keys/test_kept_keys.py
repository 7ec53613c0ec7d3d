"""Keys in the database: made once, kept over restarts, encrypted, and refused where somebody meddled with them."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sentri import SentriError, create_auth_server
from sentri.keys.algorithms import ALGORITHMS
from sentri.keys.encrypting import KeyEncryption
from sentri.keys.signing import SigningKey
from sentri.tokens.compact import TokenFormat, UnverifiedToken
from tests.keys.conftest import NEW, OLD, OTHER
from tests.storage.proxy import Proxy
from tests.support import SECRET, Api

SQL = {
    "private": "UPDATE sentri_keys SET private_key = ? WHERE kid = ?",
    "public": "UPDATE sentri_keys SET public_key = ? WHERE kid = ?",
}


async def write(database, statement, *values):
    sql = database.driver.sql(SQL.get(statement, statement))
    return await database.call(lambda session: session.run(sql, *values))


async def record(store, purpose="access", generation=1):
    return next(r for r in await store.read() if (r.purpose, r.generation) == (purpose, generation))


async def session_of(auth, database):
    return await Api(auth, None, database).session()


def kid_of(pair):
    return UnverifiedToken(pair.access_token).kid


async def eventually(condition, within=5.0):
    """Until the condition holds, as a look of another process has to bring it about."""
    for _ in range(int(within / 0.01)):
        if await condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"not within {within} seconds")


def pem():
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


# --- made once, and kept


async def test_the_first_start_makes_one_key_of_each_purpose(make_kept, store):
    async with make_kept() as auth:
        infos = await auth.keys.list()
    assert [(i.purpose, i.algorithm, i.state) for i in infos] == [
        ("access", "ES256", "signing"),
        ("refresh", "HS256", "signing"),
    ]
    assert [r.kid for r in await store.read()] == [i.kid for i in infos]


async def test_a_restart_keeps_keys_and_both_tokens(make_kept, database):
    async with make_kept() as auth:
        pair = await session_of(auth, database)
    async with make_kept() as again:
        assert (await again.authenticate(pair.access_token)).id == pair.user.id
        renewed = await again.accounts.refresh(pair.refresh_token)
        assert kid_of(renewed) == kid_of(pair)


async def test_many_that_open_at_once_make_one_key(make_kept, store):
    auths = [make_kept() for _ in range(5)]
    await asyncio.gather(*(auth.__aenter__() for auth in auths))
    kids = {tuple(i.kid for i in await auth.keys.list()) for auth in auths}
    assert len(kids) == 1
    assert len(await store.read()) == 2
    await asyncio.gather(*(auth.__aexit__(None, None, None) for auth in auths))


async def test_the_short_way_keeps_its_keys_too_and_warns_of_nothing(make_kept, database_options, caplog):
    given = {"db": database_options, "valid_roles": ("user",), "key_encryption_secret": NEW}
    async with create_auth_server(**given) as auth:
        (key, _) = await auth.keys.list()
        assert key.algorithm == "RS256"
    async with create_auth_server(**given) as auth:
        assert (await auth.keys.list())[0].kid == key.kid
    assert caplog.messages == []


async def test_works_from_its_first_use_without_being_opened(make_kept, database):
    auth = make_kept()
    pair = await session_of(auth, database)
    assert (await auth.authenticate(pair.access_token)).id == pair.user.id


def test_before_the_keys_were_read_a_token_is_a_mistake_of_the_program(make_kept):
    with pytest.raises(SentriError, match="CONFIGURATION_ERROR: the signing keys are in the database"):
        make_kept().verify_access_token("x")


async def test_opens_without_tables_and_reads_the_keys_after_the_migration(make_kept, empty_database_options):
    async with make_kept(db=empty_database_options) as auth:
        with pytest.raises(SentriError, match=r"CONFIGURATION_ERROR: the table sentri_keys is missing"):
            await auth.keys.list()
        with pytest.raises(SentriError, match=r"CONFIGURATION_ERROR: the table sentri_keys is missing"):
            await auth.accounts.logout_all("00000000-0000-4000-8000-000000000000")
        await auth.migrate()
        assert len(await auth.keys.list()) == 2


async def test_no_key_is_in_the_table_in_the_clear(make_kept, store):
    async with make_kept():
        for kept in await store.read():
            assert kept.private_key.count(".") == 4
            assert json.loads(_decoded(kept.private_key.split(".")[0])) == {"alg": "dir", "enc": "A256GCM"}
            assert "d" not in (kept.public_key or {})


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- the secret that encrypts


async def test_the_secret_rolls(make_kept, database, store):
    async with make_kept(key_encryption_secret=OLD) as auth:
        pair = await session_of(auth, database)
    before = await record(store)
    async with make_kept(key_encryption_secret=[NEW, OLD]) as auth:
        await auth.authenticate(pair.access_token)
    assert (await record(store)).private_key != before.private_key
    async with make_kept(key_encryption_secret=NEW) as auth:
        await auth.authenticate(pair.access_token)
        pair = await auth.accounts.refresh(pair.refresh_token)
        assert kid_of(pair) == before.kid
    with pytest.raises(SentriError, match="CONFIGURATION_ERROR"):
        await make_kept(key_encryption_secret=OLD).__aenter__()


async def test_processes_of_both_orders_run_side_by_side(make_kept, database):
    """The steps of a fleet: [old, new], then [new, old]; each is there while the others still restart."""
    async with make_kept(key_encryption_secret=[OLD, NEW]) as one:
        pair = await session_of(one, database)
        async with make_kept(key_encryption_secret=[NEW, OLD]) as two, make_kept(key_encryption_secret=[OLD, NEW]):
            await two.keys.rotate()
            await one.keys.rotate()
            await two.authenticate(pair.access_token)
    async with make_kept(key_encryption_secret=[OLD, NEW]) as again:
        await again.authenticate(pair.access_token)


async def test_a_wrong_secret_is_a_clear_error_and_makes_no_key(make_kept, store, caplog):
    async with make_kept(key_encryption_secret=OLD):
        pass
    auth = make_kept(key_encryption_secret=OTHER)
    with pytest.raises(SentriError) as refused:
        await auth.__aenter__()
    assert refused.value.code == "CONFIGURATION_ERROR"
    assert refused.value.message.startswith("key_encryption_secret does not decrypt the signing key")
    for text in (str(refused.value), repr(auth), caplog.text, repr(auth._options)):  # noqa: SLF001
        assert OTHER not in text
    assert len(await store.read()) == 2


async def test_a_failed_opening_leaves_nothing_open(make_kept):
    async with make_kept(key_encryption_secret=OLD):
        pass
    auth = make_kept(key_encryption_secret=OTHER)
    with suppress(SentriError):
        await auth.__aenter__()
    assert not auth._database.opened  # noqa: SLF001
    assert len(asyncio.all_tasks()) == 1


async def test_a_key_that_cannot_be_decrypted_is_told_once_and_verifies_nothing(make_kept, database, caplog, clock):
    """Half of a fleet with another secret: the others go on signing with what they can."""
    async with make_kept(key_encryption_secret=OLD) as one:
        first = await session_of(one, database)
        async with make_kept(key_encryption_secret=[NEW, OLD]) as two:
            coming = await two.keys.rotate()
            clock.advance(901)
            second = await session_of(two, database)
            assert kid_of(second) == coming.kid
            with pytest.raises(SentriError, match="TOKEN_INVALID"):
                await one.authenticate(second.access_token)
            await asyncio.sleep(0.3)
            third = await session_of(one, database)
            assert kid_of(third) == kid_of(first)
            await two.authenticate(third.access_token)
    messages = [m for m in caplog.messages if "cannot be used" in m]
    assert len(messages) == 1
    assert coming.kid in messages[0]
    told = f"the signing key {coming.kid} signs by now, and this process cannot use it: it signs with {kid_of(first)}"
    assert [m.startswith(told) for m in caplog.messages].count(True) == 1


async def test_what_is_signed_in_place_of_another_key_dies_with_the_key(make_kept, database, clock):
    """The retiring key is refused in 10 s, by processes that can sign with its successor."""
    async with make_kept(key_encryption_secret=OLD) as one, make_kept(key_encryption_secret=[NEW, OLD]) as two:
        user = (await session_of(one, database)).user
        retiring = await two.keys.rotate()
        await one.keys.list()
        clock.advance(900 + 900 + 50)
        token, until = one._context.access.sign(user)  # noqa: SLF001
        assert until == int(clock.now + 10)
        assert UnverifiedToken(token).kid != retiring.kid
        await two.authenticate(token)
        clock.advance(10)
        with pytest.raises(SentriError, match="KEYS_UNAVAILABLE"):
            one.sign_access_token(user)


async def test_without_any_key_to_sign_with_it_says_so(make_kept, database, store, clock):
    async with make_kept(key_encryption_secret=OLD) as one:
        first = await session_of(one, database)
        async with make_kept(key_encryption_secret=[NEW, OLD]) as two:
            await two.keys.retire(now=True)
            await two.authenticate((await session_of(two, database)).access_token)
            await one._keys.refresh()  # noqa: SLF001
            with pytest.raises(SentriError, match="KEYS_UNAVAILABLE"):
                await session_of(one, database)
            with pytest.raises(SentriError, match="TOKEN_INVALID"):
                await one.authenticate(first.access_token)


@pytest.mark.parametrize("purpose", ["access", "refresh"])
async def test_a_wrong_secret_makes_no_key_where_one_is_missing(make_kept, database, store, purpose):
    async with make_kept(key_encryption_secret=OLD):
        pass
    await write(database, "DELETE FROM sentri_keys WHERE purpose = ?", purpose)
    with pytest.raises(SentriError, match="CONFIGURATION_ERROR: key_encryption_secret does not decrypt"):
        await make_kept(key_encryption_secret=OTHER).__aenter__()
    assert len(await store.read()) == 1
    async with make_kept(key_encryption_secret=OLD):
        assert len(await store.read()) == 2


async def test_of_two_first_starts_with_different_secrets_one_succeeds(make_kept, database, store):
    async def opened(auth):
        with suppress(SentriError):
            return await auth.__aenter__()

    for _ in range(10):
        await write(database, "DELETE FROM sentri_keys")
        auths = [
            auth
            for auth in await asyncio.gather(*(opened(make_kept(key_encryption_secret=s)) for s in (OLD, NEW)))
            if auth
        ]
        assert len(auths) == 1
        assert len(await store.read()) == 2
        await auths[0].__aexit__(None, None, None)


# --- meddling


async def test_a_public_half_that_somebody_inserted_verifies_nothing(make_kept, database, store, caplog):
    """Who can write to the table has not the secret: neither without a private part nor with a foreign one."""
    async with make_kept() as auth:
        pair = await session_of(auth, database)
        mine = [SigningKey.generate(ALGORITHMS["ES256"]) for _ in range(2)]
        kept = await record(store)
        for generation, key in enumerate(mine, 77):
            foreign = KeyEncryption([OTHER]).encrypt(key, key.kid) if generation == 77 else None
            inserted = replace(
                kept, kid=key.kid, generation=generation, public_key=key.public_jwk(), private_key=foreign
            )
            await store.add(replace(inserted, signs_at=kept.signs_at + 10**6))
        await auth.keys.list()
        for key in mine:
            with pytest.raises(SentriError, match="TOKEN_INVALID"):
                await auth.authenticate(forged(pair, key))
            assert f"the signing key {key.kid} cannot be used" in caplog.text
        assert [jwk["kid"] for jwk in auth._keys.ring().published()["keys"]] == [kept.kid]  # noqa: SLF001
        await auth.authenticate(pair.access_token)


async def test_a_row_without_a_private_part_does_not_pass_for_the_key_that_signs_next(make_kept, store):
    async with make_kept() as auth:
        kept = await record(store)
        key = SigningKey.generate(ALGORITHMS["ES256"])
        inserted = replace(kept, kid=key.kid, generation=7, public_key=key.public_jwk(), private_key=None)
        await store.add(replace(inserted, signs_at=kept.signs_at + 10**6))
        assert (await auth.keys.rotate()).kid not in {kept.kid, key.kid}


def forged(pair, key):
    said = json.loads(_decoded(pair.access_token.split(".")[1]))
    return TokenFormat("at+jwt").sign(said, key)


async def test_rows_that_vanish_are_told_once(make_kept, database, caplog):
    async with make_kept() as auth:
        kids = [info.kid for info in await auth.keys.list()]
        await write(database, "DELETE FROM sentri_keys")
        await asyncio.sleep(0.3)
        assert auth._keys.ring().published() == {"keys": []}  # noqa: SLF001
    gone = [m for m in caplog.messages if "is gone from the table sentri_keys" in m]
    assert [any(kid in m for m in gone) for kid in kids] == [True, True]
    assert len(gone) == 2


async def test_a_row_with_another_rows_private_part_is_refused(make_kept, database, store):
    async with make_kept() as auth:
        await auth.keys.rotate()
    one, two = await record(store), await record(store, generation=2)
    await write(database, "private", two.private_key, one.kid)
    with pytest.raises(SentriError, match=f"CONFIGURATION_ERROR.*{one.kid}"):
        await make_kept().__aenter__()


@pytest.mark.parametrize("purpose", ["access", "refresh"])
async def test_a_changed_private_part_is_refused(make_kept, database, store, purpose):
    async with make_kept():
        pass
    kept = await record(store, purpose)
    await write(database, "private", kept.private_key[:-4] + "AAAA", kept.kid)
    with pytest.raises(SentriError, match=f"CONFIGURATION_ERROR.*{kept.kid}"):
        await make_kept().__aenter__()


async def test_a_changed_public_half_verifies_nothing(make_kept, database, store):
    """Who can write to the table cannot put a key of their own under a known name."""
    async with make_kept() as auth:
        await auth.keys.rotate()
    one, two = await record(store), await record(store, generation=2)
    await write(database, "public", json.dumps(two.public_key), one.kid)
    with pytest.raises(SentriError, match=f"CONFIGURATION_ERROR.*{one.kid}"):
        await make_kept().__aenter__()


async def test_a_changed_public_half_of_an_old_key_stops_nothing_else(make_kept, database, clock, caplog):
    async with make_kept(access_expires_in="1h") as auth:
        old = await session_of(auth, database)
        await auth.keys.rotate()
        clock.advance(901)
        new = await session_of(auth, database)
    await write(database, "public", '{"kty": "EC"}', kid_of(old))
    async with make_kept(access_expires_in="1h") as auth:
        await auth.authenticate(new.access_token)
        with pytest.raises(SentriError, match="TOKEN_INVALID"):
            await auth.authenticate(old.access_token)
    assert f"the signing key {kid_of(old)} cannot be used" in caplog.text


async def test_a_table_of_an_older_version_is_not_read_before_the_migration(make_kept, empty_database_options):
    async with make_kept(db=empty_database_options) as auth:
        await auth.migrate()
        await write(auth._database, "ALTER TABLE sentri_keys RENAME COLUMN signs_at TO signed_at")  # noqa: SLF001
    async with make_kept(db=empty_database_options) as auth:
        with pytest.raises(SentriError, match="CONFIGURATION_ERROR: the table sentri_keys is missing, or older"):
            await auth.keys.list()


async def test_a_lost_secret_is_a_new_beginning(make_kept, database):
    async with make_kept(key_encryption_secret=OLD) as auth:
        before = await auth.keys.list()
    await write(database, "DELETE FROM sentri_keys")
    async with make_kept(key_encryption_secret=NEW) as auth:
        assert {i.kid for i in before}.isdisjoint(i.kid for i in await auth.keys.list())


# --- beside the keys of the configuration


async def test_moving_over_from_a_secret_refuses_no_token(make_kept, database, clock):
    """A process with `secret` alone, then one with both: it signs on with the `secret` while the new key spreads."""
    secret = pem()
    async with make_kept(secret=secret, key_encryption_secret=None, access_expires_in="1h") as old:
        first = await session_of(old, database)
        async with make_kept(secret=secret, access_expires_in="1h") as new:
            await new.authenticate(first.access_token)
            second = await new.accounts.refresh(first.refresh_token)
            await old.authenticate(second.access_token)
            second = await old.accounts.refresh(second.refresh_token)
            assert kid_of(second) == kid_of(first)
            assert (await new.keys.list())[0].state == "upcoming"
            clock.advance(901)
            third = await new.accounts.refresh(second.refresh_token)
            assert kid_of(third) == (await new.keys.list())[0].kid
            await new.authenticate(second.access_token)
            published = new._keys.ring().published()["keys"]  # noqa: SLF001
            assert [jwk["kid"] for jwk in published] == [kid_of(third), kid_of(first)]
    async with make_kept() as alone:
        await alone.authenticate(third.access_token)
        await alone.accounts.refresh(third.refresh_token)
        with pytest.raises(SentriError, match="TOKEN_INVALID"):
            await alone.authenticate(second.access_token)


async def test_an_end_of_the_configured_key_is_none_of_the_tables(make_kept, clock):
    async with make_kept(secret=pem()) as auth:
        configured = auth._keys.ring().signing.kid  # noqa: SLF001
        for kid in (None, configured):
            with pytest.raises(SentriError, match="VALIDATION_ERROR: kid: that is the key of the configured secret"):
                await auth.keys.retire(kid, now=True)
        assert [info.state for info in await auth.keys.list()] == ["upcoming", "upcoming"]
        clock.advance(961)
        assert (await auth.keys.retire(now=True)).kid != configured
        with pytest.raises(SentriError, match="VALIDATION_ERROR: kid: that is the key of the configured secret"):
            await auth.keys.retire(configured, now=True)


@pytest.mark.parametrize("now", [True, False])
async def test_without_its_first_kept_key_the_configured_one_signs_on_for_as_long_as_a_new_one_spreads(
    make_kept, clock, now
):
    secret = pem()
    async with make_kept(secret=secret) as auth:
        configured = auth._keys.ring().signing.kid  # noqa: SLF001
        await auth.keys.retire((await auth.keys.list())[0].kid, now=now)
    async with make_kept(secret=secret) as auth:
        assert [i.state for i in await auth.keys.list() if i.purpose == "access"] == ["retired", "upcoming"]
        assert auth._keys.ring().signing.kid == configured  # noqa: SLF001
        clock.advance(901)
        assert auth._keys.ring().signing.kid == (await auth.keys.list())[1].kid  # noqa: SLF001


async def test_another_algorithm_comes_with_the_next_rotation(make_kept, database, clock, caplog):
    async with make_kept() as auth:
        first = await session_of(auth, database)
    async with make_kept(algorithm="EdDSA") as auth:
        assert "is for ES256, and algorithm is Ed25519" in caplog.text
        await auth.authenticate(first.access_token)
        assert kid_of(await session_of(auth, database)) == kid_of(first)
        coming = await auth.keys.rotate()
        assert coming.algorithm == "Ed25519"
        clock.advance(901)
        pair = await session_of(auth, database)
        assert kid_of(pair) == coming.kid
        await auth.authenticate(pair.access_token)


# --- looking after them


async def test_a_key_verifies_for_the_longest_lived_tokens_of_any_process(make_kept, database, clock, store):
    async with make_kept(access_expires_in="5m") as short:
        async with make_kept(access_expires_in="2h") as long:
            pair = await session_of(long, database)
        await short.keys.rotate()
        coming = await record(store, generation=2)
        assert (await record(store)).token_lifetime == 7200
        clock.advance(900 + 7100 - 900)
        await short.authenticate(pair.access_token)
        assert coming.token_lifetime == 300
        async with make_kept(access_expires_in="2h"):
            assert (await record(store, generation=2)).token_lifetime == 7200


async def test_the_private_part_of_a_retired_key_is_wiped(make_kept, clock, store):
    async with make_kept() as auth:
        await auth.keys.rotate()
        clock.advance(900 + 900 + 59)
        await asyncio.sleep(0.2)
        assert (await record(store)).private_key is not None
        clock.advance(1)

        async def wiped():
            return (await record(store)).private_key is None

        await eventually(wiped)
        assert (await record(store, generation=2)).private_key is not None


async def test_a_failing_look_is_told_once_and_once_when_it_works_again(make_kept, database, caplog):
    caplog.set_level(logging.INFO, logger="sentri")
    async with make_kept() as auth:
        pair = await session_of(auth, database)
        await write(database, "ALTER TABLE sentri_keys RENAME TO sentri_keys_gone")
        await asyncio.sleep(0.5)
        failing = [m for m in caplog.messages if "signing keys fails" in m]
        assert auth.verify_access_token(pair.access_token).id == pair.user.id
        await write(database, "ALTER TABLE sentri_keys_gone RENAME TO sentri_keys")
        await asyncio.sleep(0.3)
    assert len(failing) == 1
    assert [m for m in caplog.messages if "signing keys" in m] == [*failing, "reading the signing keys works again"]


@pytest.mark.parametrize("dialect", ["postgres", "mysql"], indirect=True)
async def test_an_outage_is_told_once_and_what_happened_meanwhile_is_found(make_kept, database_options, caplog):
    caplog.set_level(logging.INFO, logger="sentri")
    proxy = Proxy(database_options.host, database_options.port)
    await proxy.start()
    behind = replace(database_options, host="127.0.0.1", port=proxy.port)
    async with make_kept() as other, make_kept(db=behind) as auth:
        first = (await auth.keys.list())[0].kid
        await proxy.stop()
        await asyncio.sleep(0.5)
        assert [jwk["kid"] for jwk in auth._keys.ring().published()["keys"]] == [first]  # noqa: SLF001
        await other.keys.retire(now=True)
        told = [m for m in caplog.messages if "fails" in m or "does not answer" in m]
        await proxy.start()

        async def refused():
            return not auth._keys.ring().candidates(first)  # noqa: SLF001

        await eventually(refused)
        assert len(told) == 1
        assert "reading the signing keys works again" in caplog.messages
    await proxy.stop()


async def test_unchanged_keys_stay_the_same_objects(make_kept):
    async with make_kept() as auth:
        (before,) = auth._keys.ring().candidates((await auth.keys.list())[0].kid)  # noqa: SLF001
        await auth.keys.rotate()
        (after,) = auth._keys.ring().candidates(before.kid)  # noqa: SLF001
        assert after is before


async def test_closes_without_a_task_left(make_kept):
    for _ in range(2):
        async with make_kept():
            await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) == 1


async def test_without_kept_keys_there_is_nothing_to_rotate(make_auth):
    async with make_auth() as auth:
        for action in (auth.keys.rotate, auth.keys.retire, auth.keys.list):
            with pytest.raises(SentriError, match="CONFIGURATION_ERROR: key_encryption_secret is required"):
                await action()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"algorithm": "HS256", "secret": SECRET}, "key_encryption_secret keeps key pairs, and HS256 has none"),
        ({"key_encryption_secret": "x" * 31}, "key_encryption_secret has 31 bytes; it must have at least 32"),
        ({"key_encryption_secret": [NEW, "short"]}, "key_encryption_secret has 5 bytes"),
        ({"key_encryption_secret": None}, "secret is required"),
        ({"secret": "no key"}, "secret is no private key in PEM"),
    ],
)
def test_refuses(make_kept, options, words):
    with pytest.raises(SentriError, match=f"CONFIGURATION_ERROR: {words}"):
        make_kept(**options)
