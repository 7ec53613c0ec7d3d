"""Tokens whose claims are missing, ill-typed, out of time, or for somebody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from sentri_testing.hostile.token import Builder, Section
from sentri_testing.minting import ABSENT

__all__ = ["SECTIONS"]


def _member(name: str, text: str) -> Builder:
    return lambda m: m.member(name, text)


def _without(name: str) -> Builder:
    gone: dict[str, Any] = {name: ABSENT}
    return lambda m: m.token(**gone)


def _changed(name: str, change: Callable[[Any], Any]) -> Builder:
    return lambda m: m.token(**{name: change(m.claims[name])})


_OTHER_FORMS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "in upper case": lambda _: "AAAAAAAA-2222-4333-8444-555555555555",
    "in braces": lambda value: f"{{{value}}}",
    "as a URN": lambda value: f"urn:uuid:{value}",
    "without hyphens": lambda value: value.replace("-", ""),
    "with a newline": lambda value: f"{value}\n",
    "with a space": lambda value: f" {value}",
    "a number": lambda _: 1,
    "null": lambda _: None,
    "a list": lambda value: [value],
    "an object": lambda value: {"id": value},
    "empty": lambda _: "",
    "a path": lambda _: "../../../etc/passwd",
    "SQL": lambda _: "' OR 1=1 --",
    "with other digits": lambda _: "\u0661" * 8 + "-2222-4333-8444-555555555555",
}

SECTIONS: Final = (
    Section(
        "a time of the wrong type or value counts as a good one",
        "RFC 7519, sections 4.1.4 to 4.1.6",
        {
            **{
                f"exp {text}": _member("exp", text)
                for text in (
                    "NaN",
                    "Infinity",
                    "-Infinity",
                    "1e400",
                    "-1e400",
                    "true",
                    "false",
                    '"9999999999"',
                    "null",
                    "-1",
                    "[9999999999]",
                    "{}",
                    "1e300",
                    "9007199254740994",
                    "1" + "0" * 400,
                    '""',
                )
            },
            "exp twice, the last null": lambda m: m.payload(json.dumps(dict(m.claims))[:-1] + ', "exp": null}'),
            **{f"iat {text}": _member("iat", text) for text in ("NaN", "true", '"1"', "null", "-1", "1e400")},
            "iat 61 seconds ahead": lambda m: m.token(iat=m.now + 61),
            "nbf 61 seconds ahead": lambda m: m.token(nbf=m.now + 61),
            "nbf a year ahead": lambda m: m.token(nbf=m.now + 31_536_000),
            "nbf a string": lambda m: m.token(nbf="0"),
            "nbf true": lambda m: m.token(nbf=True),
            "nbf null": lambda m: m.token(nbf=None),
        },
    ),
    Section(
        "a claim that has to be there is not",
        "RFC 9068, section 2.2; RFC 8725, section 3.8",
        {
            **{f"without {name}": _without(name) for name in ("exp", "sub", "sid", "identifier", "roles")},
        },
    ),
    Section(
        "an id of another type or spelling reaches the look-up",
        "RFC 8725, section 3.10: validate all inputs",
        {
            **{
                f"{name} {form}": _changed(name, change)
                for name in ("sub", "sid")
                for form, change in _OTHER_FORMS.items()
            },
        },
    ),
    Section(
        "an identifier or roles of another type count",
        "RFC 8725, section 3.10",
        {
            **{
                f"identifier {text}": _member("identifier", text)
                for text in ("null", "1", '""', "[]", '"\\ud800"', "{}")
            },
            **{
                f"roles {text}": _member("roles", text)
                for text in (
                    "null",
                    '"admin"',
                    '{"admin": true}',
                    "[1]",
                    '["user", null]',
                    '[["admin"]]',
                    "true",
                    "0",
                    '["\\udfff"]',
                )
            },
        },
    ),
    Section(
        "a token for or of somebody else is accepted",
        "RFC 8725, sections 3.8 and 3.9",
        {
            **{f"iss {text}": _member("iss", text) for text in ("null", "1", '""', '["a"]')},
            **{
                f"aud {text}": _member("aud", text)
                for text in (
                    "null",
                    "1",
                    '""',
                    "[]",
                    '"somebody else"',
                    '["somebody else"]',
                    "[1]",
                    '{"a": "b"}',
                    "[null]",
                    '[["x"]]',
                )
            },
        },
    ),
    Section(
        "a token lives beyond its exp",
        "RFC 7519, section 4.1.4",
        {
            "exp now": lambda m: m.token(exp=m.dead),
            "exp a second ago": lambda m: m.token(exp=m.dead - 1),
            "exp half a second ago": lambda m: m.token(exp=m.dead - 0.5),
            "exp zero": lambda m: m.token(exp=0),
        },
        code="TOKEN_EXPIRED",
    ),
)
