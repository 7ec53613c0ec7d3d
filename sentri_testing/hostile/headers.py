"""Tokens whose header says what nobody should follow."""

from __future__ import annotations

from typing import Final

from sentri_testing.hostile.spelling import nested, with_header
from sentri_testing.hostile.token import Section
from sentri_testing.minting import ABSENT, encoded, merged

__all__ = ["SECTIONS"]

SECTIONS: Final = (
    Section(
        "a header parameter switches a check off, or makes a token of another kind pass as an access token",
        "RFC 8725, sections 3.9 and 3.11; RFC 7515, section 4.1.11; RFC 7797",
        {
            "crit empty": lambda m: with_header(m, crit=[]),
            "crit unknown": lambda m: m.token({"crit": ["exp"], "exp": 1}),
            "crit b64": lambda m: m.token({"crit": ["b64"], "b64": True}),
            "crit null": lambda m: with_header(m, crit=None),
            "b64 false": lambda m: with_header(m, b64=False),
            "b64 true": lambda m: with_header(m, b64=True),
            "typ missing": lambda m: m.token({"typ": ABSENT}),
            "typ JWT": lambda m: with_header(m, typ="JWT"),
            "typ of a refresh token": lambda m: with_header(m, typ="rt+jwt"),
            "typ of an id token": lambda m: with_header(m, typ="id_token+jwt"),
            "typ null": lambda m: with_header(m, typ=None),
            "typ a list": lambda m: with_header(m, typ=["at+jwt"]),
            "typ with a space": lambda m: with_header(m, typ="at+jwt "),
            "typ application twice": lambda m: with_header(m, typ="application/application/at+jwt"),
            "header a list": lambda m: m.raw(b'["alg"]', merged(m.claims, {})),
            "header null": lambda m: m.raw(b"null", merged(m.claims, {})),
            "header a string": lambda m: m.raw(b'"alg"', merged(m.claims, {})),
            "header no JSON": lambda m: m.raw(b"{alg:", merged(m.claims, {})),
            "header not UTF-8": lambda m: m.raw(b'{"alg": "\xff"}', merged(m.claims, {})),
            "header empty": lambda m: m.raw(b"", merged(m.claims, {})),
            "header of nested lists": lambda m: m.raw(
                merged(m.header, {})[:-1] + f', "deep": {nested(2000)}}}'.encode(), merged(m.claims, {"exp": ABSENT})
            ),
            "an ID token": lambda m: m.token({"typ": "JWT"}, nonce="n", at_hash="h"),
            "a logout token": lambda m: with_header(m, typ="logout+jwt"),
            "a refresh token for an access token": lambda m: m.token(
                {"typ": "rt+jwt"}, identifier=ABSENT, roles=ABSENT
            ),
        },
    ),
    Section(
        "the key id is used as a path, a query or a command, or names no published key",
        "RFC 8725, section 3.10",
        {
            "kid unknown": lambda m: with_header(m, kid="unknown"),
            "kid missing": lambda m: m.token({"kid": ABSENT}),
            "kid empty": lambda m: with_header(m, kid=""),
            "kid null": lambda m: with_header(m, kid=None),
            "kid a number": lambda m: with_header(m, kid=1),
            "kid a list": lambda m: with_header(m, kid=[m.header["kid"]]),
            "kid an object": lambda m: with_header(m, kid={"kid": m.header["kid"]}),
            "kid a path": lambda m: with_header(m, kid="../../../dev/null"),
            "kid SQL": lambda m: with_header(m, kid="x' UNION SELECT 'key"),
            "kid a URL": lambda m: with_header(m, kid="https://attacker.example/key"),
            "kid with a NUL": lambda m: with_header(m, kid=f"{m.header.get('kid')}\0"),
            "kid a command": lambda m: with_header(m, kid="|/usr/bin/id"),
            "kid of thousands of characters": lambda m: with_header(m, kid="k" * 3000),
            "kid in another case": lambda m: with_header(m, kid=str(m.header.get("kid")).swapcase()),
            "kid of another key, signed by this one": lambda m: with_header(
                m, kid=encoded(b"another thumbprint of 32 bytes..")
            ),
        },
        asymmetric=True,
    ),
)
