"""bcrypt and Argon2id: what is read, what it may cost, what is made anew."""

from __future__ import annotations

import sys

import argon2
import bcrypt
import pytest

from sentri import SentriError, create_auth
from sentri.passwords import schemes
from sentri.passwords.hashing import PasswordHasher, schemes_of
from sentri.passwords.policy import PasswordPolicy, common_passwords
from sentri.passwords.schemes import ARGON2_PROFILES, Argon2Cost, Argon2id, Bcrypt
from tests.support import PASSWORD, PASSWORD_HASH, SECRET

CHEAP = Argon2Cost(64, 1, 1)


def of_argon2(password=PASSWORD, **cost):
    return argon2.PasswordHasher(**{"time_cost": 1, "memory_cost": 64, "parallelism": 1} | cost).hash(password)


@pytest.fixture
def hasher():
    made = PasswordHasher(Argon2id(CHEAP), Bcrypt(10), threads=2)
    yield made
    made.close()


@pytest.mark.parametrize(("name", "expected"), [("owasp", "m=19456,t=2,p=1"), ("rfc9106", "m=65536,t=3,p=4")])
async def test_the_profiles_are_those_of_their_sources(name, expected):
    assert f"$argon2id$v=19${expected}$" in Argon2id(ARGON2_PROFILES[name]).hash(PASSWORD)


async def test_both_kinds_of_hash_are_verified(hasher):
    for hashed in (await hasher.hash(PASSWORD), of_argon2(), of_argon2(memory_cost=1024), PASSWORD_HASH):
        assert await hasher.verify(PASSWORD, hashed)
        assert not await hasher.verify(PASSWORD + "!", hashed)


@pytest.mark.parametrize("spelling", ["$2a$", "$2b$", "$2y$"])
async def test_bcrypt_hashes_of_other_makes_are_verified(hasher, spelling):
    hashed = PASSWORD_HASH.replace("$2b$", spelling)
    assert await hasher.verify(PASSWORD, hashed)
    assert not await hasher.verify("another", hashed)


async def test_every_byte_of_a_long_password_counts(hasher):
    long = "x" * 1024
    hashed = await hasher.hash(long)
    assert await hasher.verify(long, hashed)
    assert not await hasher.verify(long[:-1] + "y", hashed)
    assert not await hasher.verify("x" * 73, bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode())


async def test_what_is_longer_than_bcrypt_reads_is_wrong_and_costs_as_much(hasher, monkeypatch):
    asked = []
    monkeypatch.setattr(schemes.bcrypt, "checkpw", lambda *given: asked.append(given) or True)
    assert not await hasher.verify("x" * 73, PASSWORD_HASH)
    assert asked == [(b"x" * 72, PASSWORD_HASH.encode())]


async def test_what_bcrypt_takes_for_a_repetition_is_wrong(hasher):
    """It reads a password and a NUL, again and again, to the 72nd byte."""
    repeated = f"{PASSWORD}\0{PASSWORD}"
    assert bcrypt.checkpw(repeated.encode(), PASSWORD_HASH.encode())
    assert not await hasher.verify(repeated, PASSWORD_HASH)
    assert await hasher.verify(PASSWORD, PASSWORD_HASH)


UNBEARABLE = [
    "$2b$17" + PASSWORD_HASH[6:],
    "$2b$31" + PASSWORD_HASH[6:],
    of_argon2().replace("m=64,", "m=4194304,"),
    of_argon2().replace("m=64,", "m=262145,"),
    of_argon2().replace("t=1,", "t=0,"),
    of_argon2().replace("m=64,t=1", "m=262144,t=5"),
    of_argon2().replace("p=1$", "p=9$"),
    of_argon2().replace("p=1$", "p=0$"),
    of_argon2().replace("argon2id", "argon2i"),
    of_argon2().replace("v=19", "v=16"),
    of_argon2() + "\n",
]


@pytest.mark.parametrize("hashed", UNBEARABLE, ids=range(len(UNBEARABLE)))
async def test_a_hash_that_would_stop_the_server_is_nobodys(hashed, monkeypatch):
    hasher = PasswordHasher(Argon2id(CHEAP), Bcrypt(10), threads=1)
    monkeypatch.setattr(schemes.bcrypt, "checkpw", None)
    asked = []
    monkeypatch.setattr(Argon2id, "verify", lambda _, *given: asked.append(given) or True)
    assert not await hasher.verify(PASSWORD, hashed)
    assert not hasher.needs_renewal(hashed)
    assert [given[1].split("$")[3] for given in asked] == ["m=64,t=1,p=1"]  # today's cost, whatever is stored
    hasher.close()


def test_a_cost_that_somebody_configured_is_borne():
    assert Bcrypt(17).reads("$2b$17" + PASSWORD_HASH[6:])
    assert Argon2id(Argon2Cost(300_000, 8, 1)).reads(of_argon2().replace("m=64,t=1", "m=300000,t=8"))


def test_what_is_renewed():
    to_argon = PasswordHasher(Argon2id(Argon2Cost(128, 2, 1)), Bcrypt(10))
    to_bcrypt = PasswordHasher(Bcrypt(10), Argon2id(CHEAP))
    assert to_argon.needs_renewal(PASSWORD_HASH)
    assert to_argon.needs_renewal(of_argon2(memory_cost=128))
    assert to_argon.needs_renewal(of_argon2(time_cost=2))
    assert not to_argon.needs_renewal(of_argon2(memory_cost=128, time_cost=2))
    assert not to_argon.needs_renewal(of_argon2(memory_cost=256, time_cost=3))
    assert to_bcrypt.needs_renewal(of_argon2())
    assert to_bcrypt.needs_renewal(PASSWORD_HASH)
    assert not to_bcrypt.needs_renewal("$2b$10" + PASSWORD_HASH[6:])


def test_nobodys_hash_is_well_formed():
    """Else an unknown user would cost nothing."""
    scheme = Argon2id(CHEAP)
    assert scheme.reads(scheme.nobody)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(scheme.nobody, PASSWORD)


def test_without_argon2_bcrypt_goes_on_and_argon2id_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "argon2", None)
    assert [type(scheme) for scheme in schemes_of("bcrypt", rounds=10, argon2=CHEAP)] == [Bcrypt]
    with pytest.raises(SentriError, match=r"CONFIGURATION_ERROR: .*pip install 'sentri-auth\[argon2\]'"):
        create_auth(db="sqlite://:memory:", secret=SECRET, valid_roles=["user"], password_hash="argon2id")


@pytest.mark.parametrize("password", ["password", "PassWord", "12345678", "qwertyuiop", "iloveyou"])
def test_common_passwords_are_refused_where_they_are_asked_for(password):
    assert PasswordPolicy().check_new(password) == password
    with pytest.raises(SentriError) as refused:
        PasswordPolicy(common=common_passwords()).check_new(password)
    said = "password: is among the passwords that are tried first; choose one that fewer people have."
    assert refused.value.message == said


def test_a_policy_shows_no_list():
    assert repr(PasswordPolicy(common=common_passwords())) == "PasswordPolicy(least=8, most=72)"


LOOKING_LIKE = {
    "a cost below any": "$2b$03" + PASSWORD_HASH[6:],
    "no cost": "$2b$00" + PASSWORD_HASH[6:],
    "a salt that is none": PASSWORD_HASH[:28] + "9" + PASSWORD_HASH[29:],
    "a digest that is no base64": "$".join([*of_argon2().split("$")[:5], "A" * 21 + "/"]),
    "a salt that is no base64": "$".join([*of_argon2().split("$")[:4], "A" * 21 + "/", "A" * 43]),
}


@pytest.mark.parametrize("hashed", LOOKING_LIKE.values(), ids=LOOKING_LIKE)
async def test_what_only_looks_like_a_hash_costs_one(hashed, monkeypatch):
    """Else it would be refused in no time, and tell that there is such a user."""
    today = Argon2id(CHEAP) if "argon2" in hashed else Bcrypt(10)
    worked = []
    for owner, name in ((argon2.PasswordHasher, "verify"), (schemes.bcrypt, "checkpw")):
        monkeypatch.setattr(owner, name, recording(getattr(owner, name), worked))
    hasher = PasswordHasher(today, threads=1)
    assert today.reads(hashed)
    assert not await hasher.verify(PASSWORD, hashed)
    assert [today.nobody in given or today.nobody.encode() in given for given in worked] == [False, True]
    hasher.close()


def recording(real, done):
    def called(*given):
        done.append(given)
        return real(*given)

    return called


SOUND = [
    *(PASSWORD_HASH.replace("$2b$", f"${version}$") for version in ("2a", "2b", "2y")),
    bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode(),
    PASSWORD_HASH.replace("$04$", "$16$"),
    of_argon2(),
    of_argon2(salt_len=9, hash_len=17),
]
UNSOUND = [
    "",
    "x",
    PASSWORD_HASH[:-1],
    PASSWORD_HASH.replace("$04$", "$03$"),
    PASSWORD_HASH.replace("$04$", "$17$"),
    PASSWORD_HASH.replace("$2b$", "$2x$"),
    f"{PASSWORD_HASH[:28]}1{PASSWORD_HASH[29:]}",
    of_argon2().replace("argon2id", "argon2i"),
    of_argon2()[:-2],
    of_argon2() + "AA",
    of_argon2(memory_cost=64).replace("m=64", "m=9999999"),
]


@pytest.mark.parametrize("hashed", SOUND, ids=range(len(SOUND)))
async def test_a_hash_of_another_system_can_be_stored(hasher, hashed):
    assert hasher.can_check(hashed)


@pytest.mark.parametrize("hashed", UNSOUND, ids=range(len(UNSOUND)))
async def test_what_only_looks_like_a_hash_or_costs_too_much_can_not(hasher, hashed):
    assert not hasher.can_check(hashed)


async def test_what_can_be_stored_is_never_an_error_of_the_library(hasher):
    for hashed in (*SOUND[:4], *SOUND[5:]):
        assert await hasher.verify(PASSWORD, hashed) in {True, False}
