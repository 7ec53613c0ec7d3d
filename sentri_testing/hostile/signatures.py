"""Tokens that are not signed by the key that they name."""

from __future__ import annotations

from typing import Final

from sentri_testing.hostile.spelling import (
    der_signature,
    flipped,
    hmac_signer,
    other_jwk,
    other_key,
    public_forms,
    segments,
    unsigned,
)
from sentri_testing.hostile.token import Builder, Section
from sentri_testing.minting import ABSENT, Mint, encoded, merged

__all__ = ["SECTIONS"]


def _other_hmac(mint: Mint) -> str:
    return "HS256" if mint.algorithm == "HS512" else "HS512"


def _confused(form: int, **header: str) -> Builder:
    return lambda m: m.token(header, hmac_signer(public_forms(m)[form]))


SECTIONS: Final = (
    Section(
        "it is accepted without the signature of the server's key and algorithm",
        "RFC 8725, sections 2.1, 3.1 and 3.2",
        {
            "alg none": lambda m: m.token({"alg": "none"}, unsigned),
            "alg None": lambda m: m.token({"alg": "None"}, unsigned),
            "alg NONE": lambda m: m.token({"alg": "NONE"}, unsigned),
            "alg nOnE": lambda m: m.token({"alg": "nOnE"}, unsigned),
            "alg none, signed": lambda m: m.token({"alg": "none"}),
            "alg none with a space": lambda m: m.token({"alg": "none "}, unsigned),
            "alg empty": lambda m: m.token({"alg": ""}),
            "alg missing": lambda m: m.token({"alg": ABSENT}),
            "alg null": lambda m: m.token({"alg": None}),
            "alg a list": lambda m: m.token({"alg": [m.algorithm]}),
            "alg in small letters": lambda m: m.token({"alg": m.algorithm.swapcase()}),
            "alg of the same family": lambda m: m.token(
                {"alg": _other_hmac(m)}, hmac_signer(m.key.material, _other_hmac(m))
            ),
            "alg twice, the last none": lambda m: m.raw(
                merged(m.header, {})[:-1] + b', "alg": "none"}', b"{}", unsigned
            ),
            "signed with another key": lambda m: m.token(signer=other_key(m)),
            "signed with an empty secret": lambda m: m.token(signer=hmac_signer(b"")),
            "no signature": lambda m: m.token(signer=unsigned),
            "half a signature": lambda m: m.good[:-20],
            "a signature of zeros": lambda m: m.token(signer=lambda _: b"\0" * 64),
            "a signature too long": lambda m: m.token(signer=lambda text: m.key.sign(text) + b"\0"),
            "claims changed after signing": lambda m: segments(
                m, lambda s: [s[0], encoded(merged(m.claims, {"roles": ["admin"], "more": 1})), s[2]]
            ),
            "header changed after signing": lambda m: segments(
                m, lambda s: [encoded(merged(m.header, {"x": 1})), *s[1:]]
            ),
            "a bit of the signature flipped at its beginning": lambda m: flipped(m, 2, 0),
            "a bit of the signature flipped in its middle": lambda m: flipped(m, 2, 0.5),
            "a bit of the signature flipped at its end": lambda m: flipped(m, 2, 1),
            "a bit of the payload flipped": lambda m: flipped(m, 1, 0.5),
        },
    ),
    Section(
        "the key that verifies it is taken from the token itself",
        "RFC 8725, sections 2.9 and 3.10; RFC 7515, section 4.1",
        {
            "jwk in the header": lambda m: m.token({"jwk": other_jwk(m)}, other_key(m)),
            "jwk in the header, without kid": lambda m: m.token({"jwk": other_jwk(m), "kid": ABSENT}, other_key(m)),
            "jku in the header": lambda m: m.token({"jku": "https://attacker.example/keys"}, other_key(m)),
            "x5u in the header": lambda m: m.token({"x5u": "https://attacker.example/cert"}, other_key(m)),
            "x5c in the header": lambda m: m.token({"x5c": [encoded(b"certificate")]}, other_key(m)),
        },
    ),
    Section(
        "the public key is taken for the secret of an HMAC",
        "RFC 8725, section 2.1: algorithm confusion",
        {
            **{f"HS256 with the public key, form {number}": _confused(number, alg="HS256") for number in range(3)},
            **{
                f"HS256 with the public key under the server's alg, form {number}": _confused(number)
                for number in range(3)
            },
        },
        asymmetric=True,
    ),
    Section(
        "a malformed ECDSA signature verifies",
        "CVE-2022-21449; RFC 7518, section 3.4",
        {
            "an ECDSA signature of zeros": lambda m: m.token(signer=lambda _: bytes(64)),
            "an ECDSA signature in DER": lambda m: m.token(signer=der_signature(m)),
            "an ECDSA signature of r alone": lambda m: m.token(signer=lambda text: m.key.sign(text)[:32]),
        },
        asymmetric=True,
        elliptic=True,
    ),
)
