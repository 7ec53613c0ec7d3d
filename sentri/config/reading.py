"""How options are read: one reader an option, every finding of a call in one error.

A reader takes what was given and returns what is meant, or raises `Wrong` with words that follow the option's name:
what was given (never the value of a secret) and what is allowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self, TypeVar

from sentri.errors import ConfigurationError

__all__ = ["Options", "Wrong", "checked", "each", "option", "optional", "scheme_of", "suggestion", "unknown_entry"]

T = TypeVar("T")
E = TypeVar("E")

_SCHEME: Final = re.compile("[A-Za-z][A-Za-z0-9+.-]{0,30}", re.ASCII)


class Wrong(Exception):
    """What is wrong with the option that is being read: one text or several, each of which continues its name."""

    def __init__(self, *findings: str) -> None:
        super().__init__(*findings)
        self.findings = findings

    def __str__(self) -> str:
        return "; ".join(self.findings)


def option(read: Callable[[Any], T], *, default: Any = dataclasses.MISSING, secret: bool = False) -> Any:
    """A field of an `Options` class: its reader, its default, and whether its value is kept out of the repr."""
    return dataclasses.field(default=default, repr=not secret, metadata={"read": read})


def optional(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """The reader that leaves None alone."""
    return lambda value: None if value is None else read(value)


def checked(name: str, read: Callable[[Any], T], value: object) -> T:
    """What the value of a single option means. Raises `CONFIGURATION_ERROR` where it is wrong."""
    try:
        return read(value)
    except Wrong as wrong:
        raise ConfigurationError(f"{name} {wrong}") from None


def each(read: Callable[[E], T], entries: Iterable[E]) -> list[T]:
    """What `read` makes of every entry; where some are wrong, one `Wrong` with what is wrong with all of them."""
    values: list[T] = []
    findings: list[str] = []
    for entry in entries:
        try:
            values.append(read(entry))
        except Wrong as wrong:
            findings += wrong.findings
    if findings:
        raise Wrong(*findings)
    return values


def unknown_entry(name: object, known: Iterable[str]) -> Wrong:
    """That an option which is a mapping has an entry of a name that it does not take."""
    return Wrong(f"has an unknown entry {name!r}{suggestion(name, known)}")


def scheme_of(url: str) -> str:
    """What stands before `://`, for messages; nothing where that may be part of a secret."""
    scheme, separator, _ = url.partition("://")
    return f"has the scheme {scheme!r}" if separator and _SCHEME.fullmatch(scheme) else "has no known scheme"


def suggestion(name: object, known: Iterable[str]) -> str:
    """`; did you mean NAME?` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(str(name), list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


class Options:
    """Base of a frozen dataclass whose fields were made by `option`."""

    @classmethod
    def read(cls, given: Mapping[str, Any], *checks: Callable[[Mapping[str, Any]], list[str]]) -> Self:
        """The options, or one `CONFIGURATION_ERROR` that lists everything that is wrong with them.

        A check sees the options that could be read, by name, and answers with findings of its own.
        """
        fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        findings = [f"{name}: unknown option{suggestion(name, fields)}" for name in given if name not in fields]
        values: dict[str, Any] = {}
        for name, field in fields.items():
            if name in given:
                try:
                    values[name] = field.metadata["read"](given[name])
                except Wrong as wrong:
                    findings += [f"{name} {finding}" for finding in wrong.findings]
            elif field.default is dataclasses.MISSING:
                findings.append(f"{name} is required")
            else:
                values[name] = field.default
        findings += cls.contradictions(values)
        for check in checks:
            findings += check(values)
        if findings:
            raise ConfigurationError("; ".join(findings))
        return cls(**values)

    @classmethod
    def contradictions(cls, values: dict[str, Any]) -> list[str]:  # noqa: ARG003 - for those who override it
        """Findings between options. Sees the options that could be read, and may fill in derived defaults."""
        return []
