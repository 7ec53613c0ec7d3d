"""Access tokens: what is signed can be read, and nothing else is believed."""

from __future__ import annotations

import json
from functools import cache

import pytest

from sentri import AuthUser, SentriError
from sentri.server.auth import server_of_options
from sentri_testing import ManualClock
from tests.hostile_tokens import (
    EXPIRED,
    HARMLESS,
    HOSTILE,
    HOSTILE_ASYMMETRIC,
    OTHER_ID,
    decoded,
    mint_of,
    private_pem,
)
from tests.support import SECRET

ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "EdDSA"]
USER = AuthUser(
    "0b6a9a4c-6a3e-4a2a-9d0e-0123456789ab", "ann@example.org", ("user",), "7d7f4a4e-88f5-4c4b-8d5e-ba9876543210"
)


def secret_for(algorithm):
    return SECRET if algorithm.startswith("HS") else private_pem(algorithm)


def server(algorithm="HS256", *, clock=None, **options):
    given = {"db": "sqlite://:memory:", "valid_roles": ["user", "admin"], "secret": secret_for(algorithm)}
    return server_of_options(given | {"algorithm": algorithm} | options, clock=clock or ManualClock())


@cache
def server_and_mint(algorithm):
    """Kept: reading an RSA key takes longer than all that the tests do with it. Its clock stands still."""
    clock = ManualClock()
    auth = server(algorithm, clock=clock)
    name = "Ed25519" if algorithm == "EdDSA" else algorithm
    return auth, mint_of(auth.sign_access_token(USER), secret_for(algorithm), name, clock())


@pytest.fixture
def attacked(request):
    """A server and a mint of tokens for it."""
    return server_and_mint(request.param)


def assert_refused(auth, token, code):
    with pytest.raises(SentriError) as refused:
        auth.verify_access_token(token)
    assert (refused.value.code, refused.value.status_code) == (code, 401)
    if isinstance(token, str) and len(token) > 8:
        assert token not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("attacked", ALGORITHMS, indirect=True)
def test_a_signed_token_names_its_user(attacked):
    auth, mint = attacked
    assert auth.verify_access_token(mint.good) == USER


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("attacked", ["HS256", "RS256", "ES256", "EdDSA"], indirect=True)
def test_accepts(attacked, name):
    auth, mint = attacked
    assert auth.verify_access_token(HARMLESS[name](mint)).id == USER.id


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("attacked", ["HS256", "RS256", "EdDSA"], indirect=True)
def test_refuses(attacked, name):
    auth, mint = attacked
    assert_refused(auth, HOSTILE[name](mint), "TOKEN_INVALID")


@pytest.mark.parametrize("name", HOSTILE_ASYMMETRIC)
@pytest.mark.parametrize("attacked", ["RS256", "ES256", "EdDSA"], indirect=True)
def test_refuses_tricks_with_public_keys(attacked, name):
    auth, mint = attacked
    assert_refused(auth, HOSTILE_ASYMMETRIC[name](mint), "TOKEN_INVALID")


@pytest.mark.parametrize("name", EXPIRED)
@pytest.mark.parametrize("attacked", ["HS256", "RS256"], indirect=True)
def test_an_expired_token_is_told_so(attacked, name):
    auth, mint = attacked
    assert_refused(auth, EXPIRED[name](mint), "TOKEN_EXPIRED")


@pytest.mark.parametrize(
    "change", [{"sub": "x"}, {"iat": 2**52}, {"aud": "x"}, {"roles": None}, {"identifier": 1}, {"iss": 1}], ids=str
)
@pytest.mark.parametrize("attacked", ["HS256"], indirect=True)
def test_expired_is_said_only_where_all_else_is_right(attacked, change):
    auth, mint = attacked
    assert_refused(auth, mint.token(exp=mint.now - 1, **change), "TOKEN_INVALID")


def test_a_token_expires_in_the_very_second_that_it_names(clock):
    auth = server(clock=clock, access_expires_in="15m")
    token = auth.sign_access_token(USER)
    clock.advance(899.999)
    assert auth.verify_access_token(token) == USER
    clock.advance(0.001)
    assert_refused(auth, token, "TOKEN_EXPIRED")


def test_a_token_says_what_the_contract_says(clock):
    """RFC 9068: `at+jwt`, and the claims of section 5, each of its type."""
    auth = server("RS256", clock=clock, issuer="https://auth.example", audience=["one", "two"])
    header, payload, _ = auth.sign_access_token(USER).split(".")
    header, claims = json.loads(decoded(header)), json.loads(decoded(payload))
    assert header.keys() == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == ("RS256", "at+jwt")
    assert claims.pop("jti") != json.loads(decoded(auth.sign_access_token(USER).split(".")[1]))["jti"]
    assert claims == {
        "sub": USER.id,
        "sid": USER.session_id,
        "identifier": USER.identifier,
        "roles": ["user"],
        "iat": int(clock()),
        "exp": int(clock()) + 900,
        "iss": "https://auth.example",
        "aud": ["one", "two"],
    }


def test_one_of_several_audiences_is_enough(clock):
    auth = server(clock=clock, audience=["one", "two"])
    mint = mint_of(auth.sign_access_token(USER), SECRET, "HS256", clock())
    for good in ("one", ["two"], ["three", "one"]):
        assert auth.verify_access_token(mint.token(aud=good)) == USER
    for bad in ("three", [], ["One"], "one two", None, ["one", 1]):
        assert_refused(auth, mint.token(aud=bad), "TOKEN_INVALID")


@pytest.mark.parametrize(
    "issuer", ["https://other.example", "https://auth.example/", "HTTPS://AUTH.EXAMPLE", None, ["x"]]
)
def test_refuses_another_issuer(clock, issuer):
    auth = server(clock=clock, issuer="https://auth.example")
    mint = mint_of(auth.sign_access_token(USER), SECRET, "HS256", clock())
    assert auth.verify_access_token(mint.good).issuer == "https://auth.example"
    assert_refused(auth, mint.token(iss=issuer), "TOKEN_INVALID")


def test_where_issuer_and_audience_are_set_a_token_without_them_is_refused(clock):
    plain = server(clock=clock)
    for option in ({"issuer": "i"}, {"audience": "a"}):
        assert_refused(server(clock=clock, **option), plain.sign_access_token(USER), "TOKEN_INVALID")


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_a_token_of_the_other_kind_is_refused(clock, algorithm):
    auth = server(algorithm, clock=clock)
    refresh = auth.sign_refresh_token(USER.session_id)
    assert_refused(auth, refresh, "TOKEN_INVALID")
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        auth.verify_refresh_token(auth.sign_access_token(USER))
    assert auth.verify_refresh_token(refresh).session_id == USER.session_id


def test_an_access_key_never_signs_a_refresh_token(clock):
    """The MAC key of refresh tokens is derived: who has the one secret's signature has not the other's."""
    auth = server(clock=clock)
    mint = mint_of(auth.sign_refresh_token(USER.session_id), SECRET, "HS256", clock())
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        auth.verify_refresh_token(mint.token())


def test_a_rolled_key_still_verifies(clock):
    """The first signs, all verify."""
    for algorithm in ("HS256", "RS256"):
        old, new = (
            ("an older secret, of more than thirty-two bytes", SECRET)
            if algorithm == "HS256"
            else (private_pem("RS256", 7), private_pem("RS256"))
        )
        before = server(algorithm, clock=clock, secret=old).sign_access_token(USER)
        rolled = server(algorithm, clock=clock, secret=[new, old])
        assert rolled.verify_access_token(before) == USER
        assert_refused(server(algorithm, clock=clock, secret=new), before, "TOKEN_INVALID")
        assert server(algorithm, clock=clock, secret=new).verify_access_token(rolled.sign_access_token(USER)) == USER


def test_a_token_needs_a_session():
    with pytest.raises(SentriError, match="VALIDATION_ERROR"):
        server().sign_access_token(AuthUser(OTHER_ID, "ann", ()))
