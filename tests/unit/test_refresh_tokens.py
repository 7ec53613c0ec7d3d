"""Refresh tokens: for the server's own eyes, signed with a key of their own, and as strictly read."""

from __future__ import annotations

import json
from functools import cache

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sentri import SentriError
from sentri_testing import ManualClock
from tests.hostile_tokens import EXPIRED, GONE, HOSTILE, decoded, mint_of
from tests.support import SECRET
from tests.unit.test_access_tokens import USER, server

OF_ACCESS_TOKENS = (
    "a refresh token for an access token",
    "identifier",
    "roles",
    "iss",
    "aud",
    "without",
    "typ of a refresh token",
    "jwk in the header, without",
)
HOSTILE_HERE = [name for name in HOSTILE if not name.startswith(OF_ACCESS_TOKENS)]


@cache
def server_and_mint():
    """A server whose clock stands still, and a mint that has the very key of its refresh tokens.

    The derivation is pinned here: with another one every session of every server would end.
    """
    clock = ManualClock()
    auth = server(clock=clock)
    key = HKDF(SHA256(), length=32, salt=None, info=b"sentri/refresh-token/v1").derive(SECRET.encode())
    good = auth.sign_refresh_token(USER.session_id)
    mint = mint_of(good, key, "HS256", clock())
    return auth, mint_of(mint.token(sub=USER.id), key, "HS256", clock())


def refused(token):
    with pytest.raises(SentriError) as caught:
        server_and_mint()[0].verify_refresh_token(token)
    return caught.value.code


def test_a_refresh_token_says_what_the_contract_says():
    auth, mint = server_and_mint()
    claims = auth.verify_refresh_token(mint.good)
    assert (claims.session_id, claims.user_id) == (USER.session_id, USER.id)
    assert (claims.issued_at, claims.expires_at) == (mint.now, mint.now + 7 * 86400)
    header, payload, _ = mint.good.split(".")
    assert json.loads(decoded(header)) == {"alg": "HS256", "typ": "rt+jwt"}
    assert json.loads(decoded(payload)).keys() == {"sub", "sid", "jti", "iat", "exp"}
    assert len(decoded(claims.jti)) == 16


@pytest.mark.parametrize("name", HOSTILE_HERE)
def test_refuses(name):
    assert refused(HOSTILE[name](server_and_mint()[1])) == "TOKEN_INVALID"


@pytest.mark.parametrize("name", EXPIRED)
def test_an_expired_token_is_told_so(name):
    assert refused(EXPIRED[name](server_and_mint()[1])) == "TOKEN_EXPIRED"


@pytest.mark.parametrize("claim", ["sid", "jti", "iat", "exp"])
def test_refuses_without(claim):
    assert refused(server_and_mint()[1].token(**{claim: GONE})) == "TOKEN_INVALID"


def test_refuses_the_type_of_access_tokens():
    assert refused(server_and_mint()[1].token({"typ": "at+jwt"})) == "TOKEN_INVALID"


def test_the_secret_itself_signs_no_refresh_token():
    mint = server_and_mint()[1]
    assert refused(mint_of(mint.good, SECRET, "HS256", mint.now).token()) == "TOKEN_INVALID"


def test_a_repr_shows_no_token():
    auth, mint = server_and_mint()
    assert mint.good not in repr(auth.verify_refresh_token(mint.good))
    assert SECRET not in repr(auth)
