"""What a fake server was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

__all__ = ["LoggedRequest", "RequestLog"]


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request. Its repr shows no header: there may be tokens in them.

    Attributes:
        method, path: of the request line, without the query.
        headers: as they came, by name in small letters.
        at: when, by the server's clock: seconds since the Unix epoch.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    at: float = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class RequestLog(Sequence[LoggedRequest]):
    """Every request in the order in which it came, with assertions that tell what came instead."""

    def __init__(self) -> None:
        self._requests: list[LoggedRequest] = []

    def __len__(self) -> int:
        return len(self._requests)

    @overload
    def __getitem__(self, index: int) -> LoggedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LoggedRequest]: ...
    def __getitem__(self, index: int | slice) -> LoggedRequest | Sequence[LoggedRequest]:
        return self._requests[index]

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(tuple(self._requests))

    def __repr__(self) -> str:
        return f"<RequestLog {self._listed()}>"

    def add(self, request: LoggedRequest) -> None:
        """Append a request."""
        self._requests.append(request)

    def clear(self) -> None:
        """Forget what came so far."""
        self._requests.clear()

    def to(self, path: str, method: str | None = None) -> list[LoggedRequest]:
        """The requests to this path, of this method where one is given."""
        return [each for each in self._requests if each.path == path and method in (None, each.method)]

    def assert_count(self, path: str, count: int, method: str | None = None) -> None:
        """Raises `AssertionError` unless so many requests came to the path."""
        found = len(self.to(path, method))
        if found != count:
            raise AssertionError(
                f"{count} requests to {method or ''}{' ' if method else ''}{path} were expected, {found} came. "
                f"All that came: {self._listed()}. requests.clear() forgets what a test's preparation caused."
            )

    def assert_none(self) -> None:
        """Raises `AssertionError` if any request came."""
        if self._requests:
            raise AssertionError(f"no request was expected. These came: {self._listed()}")

    def _listed(self) -> str:
        return ", ".join(map(str, self._requests)) or "none"
