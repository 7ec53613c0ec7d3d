"""Tokens: what is said is read back, and whatever else comes is refused, by one error and no other."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentri import AuthUser, SentriError
from tests.hostile_tokens import HOSTILE, mint_of
from tests.properties.strategies import PURE, identifiers, ids, json_values, roles
from tests.support import SECRET
from tests.unit.test_access_tokens import server, server_and_mint

CLAIMS = ["sub", "sid", "identifier", "roles", "iat", "exp", "nbf", "jti", "iss", "aud"]
HEADERS = ["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5c", "zip", "cty", "enc"]


def refused(token):
    """The code of the refusal; anything but a SentriError that shows nothing of the token fails the test."""
    auth, _ = server_and_mint("HS256")
    codes = set()
    for verify in (auth.verify_access_token, auth.verify_refresh_token):
        with pytest.raises(SentriError) as caught:
            verify(token)
        assert caught.value.status_code == 401
        assert caught.value.message in {"The token is not valid.", "The token has expired."}
        codes.add(caught.value.code)
    return codes


@PURE
@given(
    user=st.builds(AuthUser, ids, identifiers, roles, ids),
    issuer=st.none() | identifiers,
    audience=st.none() | st.lists(identifiers, min_size=1),
)
def test_an_access_token_says_what_it_was_given(user, issuer, audience):
    auth = server(issuer=issuer, audience=audience)
    read = auth.verify_access_token(auth.sign_access_token(user))
    assert read == AuthUser(user.id, user.identifier, user.roles, user.session_id, issuer)
    assert all(type(role) is str for role in read.roles)


@PURE
@given(session_id=ids)
def test_a_refresh_token_says_what_it_was_given(session_id):
    auth, mint = server_and_mint("HS256")
    read = auth.verify_refresh_token(auth.sign_refresh_token(session_id))
    assert (read.session_id, read.user_id) == (session_id, None)
    assert (read.issued_at, read.expires_at) == (mint.now, mint.now + 7 * 86400)


@PURE
@given(st.text() | st.binary() | json_values)
@example("a.b.c")
@example("....")
@example("\ud800.\ud800.\ud800")
def test_refuses_whatever_is_no_token(token):
    assert refused(token) == {"TOKEN_INVALID"}


@PURE
@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0189-_=+/ .\n", max_size=40), max_size=6).map(".".join))
def test_refuses_whatever_looks_like_a_token(token):
    assert refused(token) == {"TOKEN_INVALID"}


@PURE
@given(data=st.data())
def test_refuses_every_change_of_a_good_token(data):
    """One character replaced, left out or put in, anywhere."""
    good = server_and_mint("HS256")[1].good
    where = data.draw(st.integers(0, len(good) - 1))
    new = data.draw(st.sampled_from(["", "A", "_", ".", "=", " ", "\n", "é", "AA", good[where] * 2]))
    changed = good[:where] + new + good[where + 1 :]
    if changed != good:
        assert refused(changed) == {"TOKEN_INVALID"}


@PURE
@given(name=st.sampled_from(CLAIMS), value=json_values)
def test_a_claim_of_any_form_is_taken_as_what_it_must_be_or_refused(name, value):
    """Validly signed; NaN and Infinity, which Python writes and JSON does not have, among them."""
    auth, mint = server_and_mint("HS256")
    token = mint.token(**{name: value})
    try:
        user = auth.verify_access_token(token)
    except SentriError as error:
        assert error.code in {"TOKEN_INVALID", "TOKEN_EXPIRED"}  # noqa: PT017 - both ends are right
        assert (error.code == "TOKEN_EXPIRED") <= (name == "exp")  # noqa: PT017 - both ends are right
        return
    if name in {"sub", "sid"}:
        assert isinstance(value, str)
    if name == "roles":
        assert user.roles == tuple(value)
    if name == "exp":
        assert not isinstance(value, bool)
        assert value > mint.now


@PURE
@given(name=st.sampled_from(HEADERS), value=json_values)
def test_a_header_of_any_form_lets_nothing_else_in(name, value):
    auth, mint = server_and_mint("HS256")
    try:
        user = auth.verify_access_token(mint.token({name: value}))
    except SentriError as error:
        assert error.code == "TOKEN_INVALID"  # noqa: PT017 - both ends are right
        return
    assert name not in {"crit", "b64"}
    assert user == auth.verify_access_token(mint.good)


@PURE
@given(header=json_values, payload=json_values)
def test_any_signed_json_is_refused(header, payload):
    auth, mint = server_and_mint("HS256")
    token = mint.raw(json.dumps(header).encode(), json.dumps(payload).encode())
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        auth.verify_access_token(token)


@PURE
@given(payload=st.binary(max_size=200))
def test_any_signed_bytes_are_refused(payload):
    auth, mint = server_and_mint("HS256")
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        auth.verify_access_token(mint.raw(json.dumps(dict(mint.header)).encode(), payload))


@PURE
@given(
    names=st.lists(st.sampled_from(sorted(set(HOSTILE) - {"10 MB", "10 MB of dots"})), min_size=2, max_size=2),
    cut=st.integers(0, 400),
)
def test_two_hostile_tokens_make_no_good_one(names, cut):
    mint = server_and_mint("HS256")[1]
    one, two = (HOSTILE[name](mint) for name in names)
    if isinstance(one, str) and isinstance(two, str):
        spliced = one[:cut] + two[cut:]
        if spliced != mint.good:
            assert refused(spliced) <= {"TOKEN_INVALID"}


def test_the_mint_is_no_toy():
    """What the tests above refuse would be accepted, were it not hostile."""
    auth, mint = server_and_mint("HS256")
    assert auth.verify_access_token(mint.token()) == auth.verify_access_token(mint.good)
    assert mint_of(mint.good, SECRET, "HS256", mint.now) == mint
