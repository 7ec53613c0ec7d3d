"""Tokens that were verified, by their text: whoever shows one again need not have its signature verified again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

__all__ = ["RememberedTokens"]

T = TypeVar("T")

_MOST: Final = 20_000
_MOST_BYTES: Final = 64 * 1024 * 1024


class RememberedTokens(Generic[T]):
    """What was found in a token when it was verified, for those of the last. Bounded by their number and their bytes;
    the oldest goes first. That it is here says nothing of now: whoever asks compares keys and times again.

    Args:
        most: tokens.
        most_bytes: of memory, by `size`.
        size: the bytes that a token and what was found in it take, or somewhat more; the same for the same.
    """

    __slots__ = ("_bytes", "_found", "_most", "_most_bytes", "_size")

    def __init__(self, size: Callable[[str, T], int], *, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._size = size
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
        before = self._found.pop(token, None)
        if before is not None:
            self._bytes -= self._size(token, before)
        self._found[token] = found
        self._bytes += self._size(token, found)
        while len(self._found) > self._most or self._bytes > self._most_bytes:
            self._bytes -= self._size(*self._found.popitem(last=False))
