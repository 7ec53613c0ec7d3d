"""Reading a published key set: what can verify is taken, the rest is left out, and nothing of it is said aloud."""

from __future__ import annotations

import base64
import json
from functools import cache

import pytest
from joserfc import jws
from joserfc.jwk import JWKRegistry

from sentri.keys.algorithms import ALGORITHMS
from sentri.keys.published import MOST_KEYS, Unusable, read_key_set

RSA, EC, OKP = ("RSA", 2048), ("EC", "P-256"), ("OKP", "Ed25519")
ASYMMETRIC = tuple(algorithm for algorithm in ALGORITHMS.values() if algorithm.asymmetric)
P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1


@cache
def pair(kind, number):
    """A key pair; the number tells several of a kind apart."""
    return JWKRegistry.generate_key(*kind)


def published(kind=OKP, kid="one", number=0, **members):
    """An entry as servers publish it. A member that is given as None is left away."""
    entry = {**pair(kind, number).as_dict(private=False), "use": "sig", "kid": kid, **members}
    return {name: value for name, value in entry.items() if value is not None}


def read(*entries, algorithms=ASYMMETRIC, known=None):
    body = json.dumps({"keys": entries}).encode()
    return read_key_set(body, algorithms=algorithms, known=known or {})


def reason(entry, **options):
    """Why this entry is left out, beside one that is not."""
    found = read(entry, published(EC, "beside", 9), **options)
    assert list(found.keys) == ["beside"]
    [left_out] = found.left_out
    return left_out


def b64(number, length):
    return base64.urlsafe_b64encode(number.to_bytes(length, "big")).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("kind", "alg"), [(RSA, "RS256"), (RSA, "RS384"), (RSA, "RS512"), (EC, "ES256"), (OKP, "Ed25519")]
)
def test_a_published_key_verifies_what_its_pair_signed(kind, alg):
    key = read(published(kind, alg=alg)).keys["one"]
    assert (key.kid, key.algorithm.name) == ("one", alg)
    assert not key.jwk.is_private
    signed = jws.serialize_compact({"alg": alg}, b"payload", pair(kind, 0), algorithms=[alg])
    assert jws.deserialize_compact(signed, key.jwk, algorithms=[alg]).payload == b"payload"


def test_eddsa_is_ed25519_by_its_older_name():
    assert read(published(OKP, alg="EdDSA")).keys["one"].algorithm.name == "Ed25519"


@pytest.mark.parametrize(
    ("allowed", "expected"), [(["RS256", "RS512"], "RS256"), (["ES256", "RS512", "RS256"], "RS512")]
)
def test_a_key_without_alg_verifies_with_the_first_allowed_of_its_type(allowed, expected):
    found = read(published(RSA), algorithms=[ALGORITHMS[name] for name in allowed])
    assert found.keys["one"].algorithm.name == expected


def test_members_that_say_nothing_about_verifying_are_passed_over():
    entry = published(EC, key_ops=["verify", "encrypt"], x5c=[1], x5t={}, ext=True, nbf=7)
    assert set(read(entry).keys) == {"one"}


def test_a_modulus_may_begin_with_a_zero_byte_as_some_libraries_write_it():
    n = pair(RSA, 0).raw_value.public_key().public_numbers().n
    assert set(read(published(RSA, n=b64(n, 257))).keys) == {"one"}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (published(use="enc"), "not for verifying"),
        (published(use=None, key_ops=["sign", "encrypt"]), "not for verifying"),
        (published(key_ops=[]), "not for verifying"),
        (published(key_ops="verify"), "Expected `array`"),
        (published(use=None, kty="oct", k="AAAA"), "private part"),
        (published(kty="oct"), "key type"),
        (published(kty="AKP"), "key type"),
        (published(kty=None), "kty"),
        (published(kty=7), "Expected `str`"),
        (published(alg="HS256"), "not allowed"),
        (published(alg="none"), "not allowed"),
        (published(alg="RS256"), "not allowed"),
        (published(alg=""), "not allowed"),
        (published(alg=["Ed25519"]), "Expected `str`"),
        (published(kid=None), "kid"),
        (published(kid=""), "length"),
        (published(kid="k" * 257), "length"),
        (published(kid=1), "Expected `str`"),
        (published(d="AAAA"), "private part"),
        (published(RSA, d="AAAA"), "private part"),
        (published(RSA, p="AAAA"), "private part"),
        (published(RSA, oth=[]), "private part"),
        (published(x=None), "lacks"),
        (published(x=5), "Expected `str`"),
        (published(RSA, n=None), "lacks"),
        (published(EC, y=None), "lacks"),
        (published(crv="Ed448"), "curve"),
        (published(crv="X25519"), "curve"),
        (published(EC, crv="P-384"), "curve"),
        (published(EC, crv="secp256k1"), "curve"),
        (published(x="AAAA"), "32 bytes"),
        (published(EC, x="AAAA"), "32 bytes"),
        (published(EC, x=b64(5, 32)), "no key of its type"),
        (published(EC, x=b64(0, 32), y=b64(0, 32)), "no key of its type"),
        (published(EC, x=b64(P256_PRIME + 5, 32)), "no key of its type"),
        (published(x=published()["x"] + "="), "canonical"),
        (published(x=published()["x"] + "\n"), "canonical"),
        (published(x="é" * 43), "canonical"),
        (published(x="/" * 43), "canonical"),
        (published(x="A" * 42 + "B"), "canonical"),
        (published(RSA, n=""), "2048"),
        (published(RSA, n=b64(2**2047 - 1, 256)), "2048"),
        (published(RSA, n=b64(2**8192 + 1, 1025)), "2048"),
        (published(RSA, n=b64(2**2047, 256)), "even modulus"),
        (published(RSA, e="AQ"), "exponent"),
        (published(RSA, e="Ag"), "exponent"),
        (published(RSA, e=""), "exponent"),
        (published(RSA, e=b64(65536, 3)), "exponent"),
        (published(RSA, e=b64(2**32 + 1, 5)), "exponent"),
        ("text", "no object"),
        (None, "no object"),
        ([1], "no object"),
    ],
)
def test_leaves_out(entry, why):
    assert why in reason(entry)


@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize(
    "y",
    [
        0,
        1,
        2**255 - 20,
        2**255 - 19,
        2**255 - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    ],
)
def test_leaves_out_ed25519_points_for_which_anybody_makes_signatures(y, sign):
    point = bytearray(y.to_bytes(32, "little"))
    point[31] |= sign
    x = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
    assert "anybody can sign" in reason(published(x=x))


def test_leaves_out_an_algorithm_that_is_not_among_the_allowed():
    es256 = [ALGORITHMS["ES256"]]
    assert "not allowed" in reason(published(RSA), algorithms=es256)
    assert "not allowed" in reason(published(RSA, alg="RS256"), algorithms=es256)


def test_leaves_out_both_of_two_different_keys_with_one_kid():
    found = read(published(OKP), published(EC), published(EC, "other"), published(OKP))
    assert set(found.keys) == {"other"}
    assert found.left_out == ("'one': another key has this kid",)


def test_leaves_out_both_where_one_kid_has_two_algorithms():
    assert set(read(published(RSA, alg="RS256"), published(RSA, alg="RS512"), published(EC, "other")).keys) == {"other"}


def test_identical_entries_count_as_one():
    found = read(published(RSA), published(RSA, use=None, alg="RS256"))
    assert (set(found.keys), found.left_out) == ({"one"}, ())


def test_a_key_left_out_does_not_contest_a_kid():
    assert set(read(published(OKP), published(EC, use="enc")).keys) == {"one"}


@pytest.mark.parametrize("order", [1, -1])
def test_a_key_whose_private_part_was_published_is_not_brought_back_by_another_entry(order):
    found = read(*[published(OKP), published(OKP, d="AAAA"), published(EC, "other")][::order])
    assert set(found.keys) == {"other"}


def test_reads_a_hundred_keys_and_leaves_out_the_rest():
    found = read(*(published(kid=f"k{number}") for number in range(MOST_KEYS + 7)))
    assert list(found.keys) == [f"k{number}" for number in range(MOST_KEYS)]
    assert found.left_out == ("7 more: a set is read to its key number 100",)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"keys": ["\xff"]}', "not JSON"),
        (b'{"keys": []', "not JSON"),
        (b'{"keys": [1e999999]}', "no JSON object"),
        (b'{"keys": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "not JSON"),
        (b"[]", "no JSON object"),
        (b"null", "no JSON object"),
        (b"{}", "no JSON object"),
        (b'{"keys": null}', "no JSON object"),
        (b'{"keys": {}}', "no JSON object"),
        (b'{"keys": []}', "no key"),
        (b'{"keys": [{}]}', "no key"),
        (b'{"keys": [' + b"9" * 50_000 + b"]}", "no JSON object"),
    ],
    ids=range(15),
)
def test_a_set_without_a_key_is_unusable(body, why):
    with pytest.raises(Unusable, match=why):
        read_key_set(body, algorithms=ASYMMETRIC)


def test_an_unusable_set_says_what_was_left_out():
    with pytest.raises(Unusable) as caught:
        read(published(use="enc"))
    assert caught.value.left_out == ("'one': is not for verifying",)


def test_a_kid_is_shown_short_and_without_control_characters():
    left_out = reason(published(kid="k\n\x1b[31mé" + "x" * 200, use="enc"))
    assert left_out.startswith("'k\\n\\x1b[31m\\xe9xxx")
    assert len(left_out) < 120


def test_a_key_that_did_not_change_stays_the_same_object():
    before = read(published(RSA), published(EC, "two"), published(OKP, "three"))
    after = read(published(RSA, x5c=["new"]), published(EC, "two"), published(OKP, "three", 1), known=before.keys)
    assert after.keys["one"] is before.keys["one"]
    assert after.keys["two"] is before.keys["two"]
    assert after.keys["three"] is not before.keys["three"]


def test_a_key_with_another_algorithm_or_kid_is_another_key():
    before = read(published(RSA, alg="RS256"))
    after = read(published(RSA, alg="RS512"), published(RSA, "two", alg="RS256"), known=before.keys)
    assert before.keys["one"] not in after.keys.values()
