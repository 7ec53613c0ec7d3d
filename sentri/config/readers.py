"""Readers of single options. Each returns what is meant or raises `Wrong`."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any, Final

from sentri.clock import Clock
from sentri.config.reading import Wrong, each, unknown_entry

__all__ = [
    "audience",
    "callback",
    "callbacks",
    "clock",
    "flag",
    "logger",
    "mount_prefix",
    "names",
    "one_of",
    "role_names",
    "secret_texts",
    "text",
    "whole",
]

_LONGEST_ROLE: Final = 100
_MOST_ROLE_BYTES: Final = 3072
"""A user may have every role, and their token must stay below what servers take as a header (8 KiB)."""


def text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Wrong(f"is {value!r}; it must be a non-empty string")
    return value


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"is {value!r}; it must be True or False")
    return value


def one_of(*allowed: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise Wrong(f"is {value!r}; allowed are {', '.join(map(repr, allowed))}")
        return str.__str__(value)

    return read


def whole(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(f"is {value!r}; it must be a whole number from {low} to {high}")
        return value

    return read


def _entries(value: object, what: str) -> list[Any]:
    if isinstance(value, type) and issubclass(value, Enum):
        return [member.value for member in value]
    if isinstance(value, AbstractSet):
        return sorted(value, key=str)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise Wrong(f"is {value!r}; it must be a sequence of {what}, such as a tuple")
    return list(value)


def role_names(*, least: int = 0) -> Callable[[object], tuple[str, ...]]:
    """Role names from a sequence, a set or a `StrEnum`, at least `least` of them."""

    def read(value: object) -> tuple[str, ...]:
        plain = each(_role_name, _entries(value, "role names or a StrEnum"))
        if not all(_is_unicode(name) for name in plain):
            raise Wrong("has a name that is not Unicode text: it has lone surrogates")
        if twice := sorted({name for name in plain if plain.count(name) > 1}):
            raise Wrong(f"names {twice} more than once")
        if sum(len(name.encode()) + 3 for name in plain) > _MOST_ROLE_BYTES:
            raise Wrong(f"has names of more than {_MOST_ROLE_BYTES} bytes together; a token has to hold them all")
        if len(plain) < least:
            raise Wrong("must name at least one role")
        return tuple(plain)

    return read


def _role_name(name: object) -> str:
    if not isinstance(name, str) or not name or name != name.strip() or len(name) > _LONGEST_ROLE:
        raise Wrong(f"has {name!r}, which is no role name: 1 to {_LONGEST_ROLE} characters, no space around")
    return str.__str__(name)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def audience(value: object) -> tuple[str, ...]:
    """One audience, or several."""
    names = [value] if isinstance(value, str) else _entries(value, "audiences")
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise Wrong(f"is {value!r}; it must be a non-empty string, or a sequence of them")
    return tuple(names)


def names(value: object) -> tuple[str, ...]:
    """Names, at least one."""
    found = _entries(value, "names")
    if not found or not all(isinstance(name, str) for name in found):
        raise Wrong(f"is {value!r}; it must be a sequence of names, at least one")
    return tuple(found)


def secret_texts(*, least_bytes: int = 1, printable: bool = False) -> Callable[[object], tuple[str, ...]]:
    """One secret or several; what is wrong with them is said without showing them."""

    def read(value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            entries: list[Any] = [value]
        elif isinstance(value, list | tuple):
            entries = list(value)
        else:
            raise Wrong(f"is a {type(value).__name__}; it must be a string or a list of strings")
        if not entries:
            raise Wrong("is an empty list; give at least one")
        for entry in entries:
            _check_secret(entry, least_bytes, printable=printable)
        return tuple(entries)

    return read


def _check_secret(entry: object, least_bytes: int, *, printable: bool) -> None:
    if not isinstance(entry, str):
        raise Wrong(f"has a {type(entry).__name__} in it; it must be a string")
    try:
        size = len(entry.encode())
    except UnicodeEncodeError:
        raise Wrong("is not Unicode text: it has lone surrogates") from None
    if size < least_bytes:
        raise Wrong(f"has {size} bytes; it must have at least {least_bytes}")
    if printable and not (entry.isascii() and entry.isprintable() and entry == entry.strip()):
        raise Wrong("must be printable ASCII without spaces around it, to travel in a header")


def callback(*parameters: str) -> Callable[[object], Callable[..., Any]]:
    """A plain or async function that can be called with these positional arguments."""

    def read(value: object) -> Callable[..., Any]:
        if not callable(value):
            raise Wrong(f"is a {type(value).__name__}; it must be a function of ({', '.join(parameters)})")
        if not _takes(value, *parameters):
            raise Wrong(f"is a function that cannot be called with ({', '.join(parameters)})")
        return value

    return read


def clock(value: object) -> Clock:
    """A function without arguments that tells the time, asked once to see what it says."""
    function = callback()(value)
    try:
        now = function()
    except Exception as error:  # noqa: BLE001 - whatever it raises, it tells no time
        raise Wrong(f"raises {type(error).__name__}; it must answer with the seconds since the Unix epoch") from None
    if isinstance(now, bool) or not isinstance(now, int | float) or not math.isfinite(now):
        raise Wrong(f"answers with a {type(now).__name__}; it must answer with the seconds since the Unix epoch")
    return function


def callbacks(known: Mapping[str, Sequence[str]], *, by_name: bool = False) -> Callable[[object], Mapping[str, Any]]:
    """Functions by name; each is called with the arguments that `known` has for it, positional or by name."""

    def entry(name: str, function: Any) -> None:
        if name not in known:
            raise unknown_entry(name, known)
        expected = known[name]
        fits = _takes(function, **dict.fromkeys(expected, "")) if by_name else _takes(function, *expected)
        if not callable(function) or not fits:
            raise Wrong(f"{name} must be a function of ({', '.join(expected)})")

    def read(value: object) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise Wrong(f"is a {type(value).__name__}; it must be a mapping of names to functions")
        each(lambda item: entry(*item), value.items())
        return dict(value)

    return read


def _takes(function: Any, *positional: str, **named: str) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return callable(function)  # a built-in without a signature: its first call will tell
    try:
        signature.bind(*positional, **named)
    except TypeError:
        return False
    return True


def logger(value: object) -> logging.Logger:
    if not isinstance(value, logging.Logger):
        raise Wrong(f"is a {type(value).__name__}; it must be a logging.Logger")
    return value


def mount_prefix(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/") or value.endswith("/") or len(value) < 2:
        raise Wrong(f"is {value!r}; it must begin with / and not end with it, such as '/auth'")
    return value
