"""Tokens whose payload is no object of claims."""

from __future__ import annotations

import json
from typing import Final

from sentri_testing.hostile.spelling import nested
from sentri_testing.hostile.token import Section
from sentri_testing.minting import ABSENT, merged

__all__ = ["SECTIONS"]

SECTIONS: Final = (
    Section(
        "a payload of another shape or depth passes, or breaks the parser",
        "RFC 7519, section 7.2; RFC 8725, section 2.6",
        {
            "payload a list": lambda m: m.payload("[]"),
            "payload a string": lambda m: m.payload('"claims"'),
            "payload a number": lambda m: m.payload("1"),
            "payload null": lambda m: m.payload("null"),
            "payload true": lambda m: m.payload("true"),
            "payload empty": lambda m: m.payload(""),
            "payload an empty object": lambda m: m.payload("{}"),
            "payload no JSON": lambda m: m.payload("{'sub': 1}"),
            "payload of two objects": lambda m: m.payload(json.dumps(dict(m.claims)) + "{}"),
            "payload not UTF-8": lambda m: m.raw(merged(m.header, {}), b'{"sub": "\xff"}'),
            "payload with a byte order mark": lambda m: m.payload("\ufeff" + json.dumps(dict(m.claims))),
            "payload UTF-16": lambda m: m.raw(merged(m.header, {}), json.dumps(dict(m.claims)).encode("utf-16")),
            "payload of nested lists": lambda m: m.payload(nested(2500)),
            "payload of nested objects": lambda m: m.payload('{"a":' * 1000 + "1" + "}" * 1000),
            "a claim of nested lists in a bad token": lambda m: m.token(deep=json.loads(nested(900)), exp=ABSENT),
            "5,000 levels": lambda m: m.payload(nested(5000)),
            "100,000 levels": lambda m: m.payload(nested(100_000)),
        },
    ),
)
