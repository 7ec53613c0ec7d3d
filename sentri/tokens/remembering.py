"""Tokens that were verified, by their text: whoever shows one again need not have its signature verified again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

__all__ = ["RememberedTokens"]

T = TypeVar("T")

_MOST: Final = 20_000
_MOST_BYTES: Final = 64 * 1024 * 1024
_ENTRY: Final = 1024  # bytes of what is kept beside the text, whose claims take at most as much as it does


class RememberedTokens(Generic[T]):
    """What was found in a token when it was verified, for those of the last. Bounded by their number and their bytes;
    the oldest goes first. That it is here says nothing of now: whoever asks compares keys and times again.

    Args:
        most: tokens.
        most_bytes: of memory, by estimate.
    """

    __slots__ = ("_bytes", "_found", "_most", "_most_bytes")

    def __init__(self, *, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._found: OrderedDict[str, T] = OrderedDict()
        self._bytes = 0
        self._most = most
        self._most_bytes = most_bytes

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<RememberedTokens {len(self._found)}, about {self._bytes} bytes>"

    def get(self, token: object) -> T | None:
        """What was found in this very token; None where it is not remembered."""
        return self._found.get(token) if type(token) is str else None

    def add(self, token: object, found: T) -> None:
        """Remember a token that was verified just now."""
        if type(token) is not str:
            return
        if token not in self._found:
            self._bytes += _size(token)
        self._found[token] = found
        while len(self._found) > self._most or self._bytes > self._most_bytes:
            oldest, _ = self._found.popitem(last=False)
            self._bytes -= _size(oldest)


def _size(token: str) -> int:
    return 2 * len(token) + _ENTRY
