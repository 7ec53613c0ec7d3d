"""Msgspec's findings in our words: the field, what is expected, and nothing of what was sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sentri.web.inputs import PATTERNS

__all__ = ["explained"]

_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
_PATTERNS: Final = {repr(pattern): words for pattern, words in PATTERNS.items()}  # as msgspec writes them
_WORDS: Final[Mapping[str, str]] = {
    "str": "a string",
    "array": "a list",
    "object": "a JSON object",
    "int": "a whole number",
    "bool": "true or false",
    "datetime": "an instant with a time zone, such as 2026-11-25T12:00:00Z",
}
_ROW: Final = re.compile(r" - at `\$\.users\[(\d+)\](?:\.(\w+)(.*))?`\Z")
"""Where in a list of users to be imported: msgspec says it last, behind whatever the caller chose."""


def explained(finding: str, place: str) -> str:
    """The finding about the `place` ("body", "query", "path") or a field of it, as one sentence.

    A finding is read from its beginning only: further on it may quote what the caller chose.
    """
    row = _ROW.search(finding)
    return _in_a_row(finding[: row.start()], row) if row else _said(finding, place)


def _said(finding: str, place: str) -> str:
    for form, words in _FORMS:
        if found := form.match(finding):
            return words(found, place)
    return f"{place}: does not have the expected form."


def _in_a_row(finding: str, row: re.Match[str]) -> str:
    place = f"row {int(row[1]) + 1}"
    words = _said(f"{finding} - at `$.{row[2]}{row[3]}`" if row[2] else finding, place)
    return f"users: {words if words.startswith(place) else f'{place}: {words}'}"


def _missing(found: re.Match[str], _: str) -> str:
    return f"{found[1]}: is required."


def _unknown(found: re.Match[str], place: str) -> str:
    name = found[1]
    if name == place or not _PLAIN_NAME.fullmatch(name):
        return f"{place}: has an unknown field."
    return f"{name}: is not a field of this request."


def _out_of_range(found: re.Match[str], place: str) -> str:
    kind, is_length, sign, bound = found[1], found[2], found[3], found[4]
    most = "at most" if sign == "<=" else "at least"
    counted = f"have {most} {bound} {'characters' if kind == 'str' else 'entries'}"
    return f"{found[5] or place}: must {counted if is_length else f'be {most} {bound}'}."


def _wrong_type(found: re.Match[str], place: str) -> str:
    inside = "must hold only values that are" if found[4] else "must be"
    return f"{found[3] or place}: {inside} {_WORDS.get(found[1], found[1])}."


def _wrong_form(found: re.Match[str], _: str) -> str:
    return f"{found[2]}: {_PATTERNS.get(found[1], 'does not have the expected form')}."


def _no_instant(found: re.Match[str], _: str) -> str:
    return f"{found[1]}: must be {_WORDS['datetime']}."


def _not_listed(found: re.Match[str], _: str) -> str:
    return f"{found[1]}: is not one of the values that it may have."


_FORMS: Final[Sequence[tuple[re.Pattern[str], Callable[[re.Match[str], str], str]]]] = (
    (re.compile(r"Object missing required field `(\w+)`"), _missing),
    (re.compile(r"Object contains unknown field `(.*)`", re.DOTALL), _unknown),
    (re.compile(r"Expected `(\w+)` (of length )?([<>]=) (-?\d+)(?: - at `\$\.(\w+)(.*)`)?"), _out_of_range),
    (re.compile(r"Expected `(\w+)(?: \| \w+)?`, got `(\w+)`(?: - at `\$\.(\w+)(.*)`)?"), _wrong_type),
    (re.compile(r"Expected `str` matching regex ('.*') - at `\$\.(\w+)`\Z", re.DOTALL), _wrong_form),
    (
        re.compile(
            r"(?:Invalid RFC3339 encoded datetime|Expected `datetime` with a timezone component) - at `\$\.(\w+)`\Z"
        ),
        _no_instant,
    ),
    (re.compile(r"Invalid enum value .* - at `\$\.(\w+)`\Z", re.DOTALL), _not_listed),
)
