"""The types of inputs and outputs as JSON Schema, with what the configuration has to say about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from sentri.accounts.identifiers import MOST_CHARACTERS
from sentri.config.options import ServerOptions
from sentri.passwords.policy import LEAST_CHARACTERS, MOST_BYTES
from sentri.web.endpoints.endpoint import Endpoint
from sentri.web.inputs import KIND
from sentri.web.outputs import LoggedIn, Tokens

__all__ = ["Schema", "Schemas"]

Schema = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
# Python's white space, which is trimmed, and what no identifier may hold: the control, format and private-use code
# points and the white space of Unicode's first plane, but U+0020. Spelt so that every dialect of patterns reads it.
_SPACE: Final = r"[\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
_NOT_IN_IDENTIFIERS: Final = (
    r"\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff0-\ufffb\ufffe\uffff"
)
_VISIBLE: Final = f"[^ {_NOT_IN_IDENTIFIERS}]"
_VISIBLE_OR_SPACE: Final = f"[^{_NOT_IN_IDENTIFIERS}]"
IDENTIFIER_PATTERN: Final = (
    rf"^{_SPACE}*{_VISIBLE}(?:{_VISIBLE_OR_SPACE}{{0,{MOST_CHARACTERS - 2}}}{_VISIBLE})?{_SPACE}*$"
)
"""Trimmed, an identifier has 1 to 255 characters, and none that is invisible."""


class Schemas:
    """The schemas of a server's inputs and outputs, to refer to.

    Attributes:
        components: by name, for the document's `components`.
    """

    def __init__(self, options: ServerOptions, endpoints: Iterable[Endpoint]) -> None:
        types = [each for endpoint in endpoints for each in _types_of(endpoint)]
        _, found = msgspec.json.schema_components(dict.fromkeys(types), ref_template=_REF)
        refined = {name: _refined(schema) for name, schema in found.items()}
        self.components: dict[str, Schema] = dict(sorted({**refined, **_kinds(options)}.items()))
        for name in (Tokens.__name__, LoggedIn.__name__):
            if name in self.components:
                _decide_about_refresh_token(self.components[name], travels_in_cookie=options.cookie is not None)

    def of(self, kind: Any) -> Schema:
        """The schema of a type: a reference, where it is a component."""
        if kind is None:
            return {"type": "null"}
        (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
        refined: Schema = _refined(schema)
        return refined

    def fields(self, kind: type[msgspec.Struct]) -> Iterable[tuple[str, Schema, bool]]:
        """Name, schema and whether it is required, of each field of an input type."""
        _, found = msgspec.json.schema_components([kind], ref_template=_REF)
        schema = _refined(found[kind.__name__])
        for name, of_field in schema["properties"].items():
            yield name, of_field, name in schema["required"]


def _refined(schema: Any) -> Any:
    """The schema, with a reference where the configuration has a say, and patterns as JSON Schema has them."""
    if isinstance(schema, list):
        return [_refined(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if KIND in schema:
        return {"$ref": _REF.format(name=schema[KIND])}
    refined = {key: _refined(value) for key, value in schema.items()}
    if isinstance(refined.get("pattern"), str):
        refined["pattern"] = refined["pattern"].replace(r"\Z", "$")
    return refined


def _types_of(endpoint: Endpoint) -> Iterable[Any]:
    candidates = (endpoint.body, endpoint.data)
    return [each for each in candidates if isinstance(each, type) and issubclass(each, msgspec.Struct)]


def _kinds(options: ServerOptions) -> Mapping[str, Schema]:
    most = MOST_BYTES[options.password_hash]
    password = {
        "type": "string",
        "format": "password",
        "maxLength": most,
        "description": f"At most {most} bytes in UTF-8. Taken as it is: not trimmed, not normalised, not cut.",
    }
    return {
        "Identifier": {
            "type": "string",
            "format": "sentri-identifier",
            "pattern": IDENTIFIER_PATTERN,
            "description": f"Trimmed, 1 to {MOST_CHARACTERS} characters, normalised (NFKC, case folded) as well. No "
            "control, format, surrogate, private-use or unassigned code point, no white space but U+0020.",
        },
        "Password": password,
        "NewPassword": password | {"minLength": LEAST_CHARACTERS[options.password_policy]},
        "Role": {"type": "string", "enum": list(options.valid_roles)},
    }


def _decide_about_refresh_token(schema: Schema, *, travels_in_cookie: bool) -> None:
    if travels_in_cookie:
        del schema["properties"]["refreshToken"]
    else:
        schema["required"] = sorted([*schema["required"], "refreshToken"])
