"""Where sentri keeps what it knows of a request."""

from __future__ import annotations

from typing import Final, TypeVar

from aiohttp import web

from sentri.identity import AuthUser

__all__ = ["IDEMPOTENCY_KEY", "USER", "OwnKey", "publish", "unpublished"]

T = TypeVar("T")

USER: Final[web.RequestKey[AuthUser]] = web.RequestKey("sentri.user", AuthUser)
"""Where the innermost guard leaves the user it found: `request[sentri.USER]`, typed."""

IDEMPOTENCY_KEY: Final[web.RequestKey[str]] = web.RequestKey("sentri.idempotency_key", str)
"""The key that the idempotency middleware looked up, for the handler's own unique constraint."""


class OwnKey(web.RequestKey[T]):
    """A key of one object's own: equal to nothing but itself, so nobody else reads or writes behind it.

    aiohttp's own keys name themselves after the module on the call stack, and a thread has none there.
    """

    __slots__ = ()

    def __init__(self) -> None:
        """Stays without a name."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of sentri>"


class _StringKey(OwnKey[AuthUser]):
    """Stands for the string `"user"` in `request["user"]`; aiohttp warns of setting plain strings."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash("user")

    def __eq__(self, other: object) -> bool:
        return other == "user" or other is self


_USER_STRING: Final = _StringKey()


def publish(request: web.Request, user: AuthUser) -> None:
    """Leave the user where handlers look for it. Guards never read these places: anybody can write them."""
    request[USER] = user
    request[_USER_STRING] = user


class unpublished:  # noqa: N801 - a context manager, named like a function; made by hand, it takes a third of the time
    """What is published meanwhile is taken back: guards that are asked ahead publish when their turn comes."""

    __slots__ = ("_before", "_request")

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._before = [(key, request.get(key)) for key in (USER, _USER_STRING)]

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        for key, user in self._before:
            if user is not None:
                self._request[key] = user
            elif key in self._request:
                del self._request[key]
