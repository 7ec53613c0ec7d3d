"""Every failure that sentri names, as one exception with a stable code.

    SentriError                  code, message, HTTP status; what the envelope shows
    └── ConfigurationError       a mistake of the program, never of a caller (CONFIGURATION_ERROR)

Host applications may subclass `SentriError` with codes and statuses of their own: the error middleware
formats them alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

__all__ = ["SENTRI_ERROR_STATUS", "ConfigurationError", "SentriError"]

SENTRI_ERROR_STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "INVALID_CREDENTIALS": 401,
        "USER_ALREADY_EXISTS": 409,
        "USER_NOT_FOUND": 404,
        "TOKEN_EXPIRED": 401,
        "TOKEN_INVALID": 401,
        "UNAUTHORIZED": 401,
        "FORBIDDEN": 403,
        "INVALID_ROLE": 400,
        "VALIDATION_ERROR": 400,
        "CONFIGURATION_ERROR": 500,
        "REAUTHENTICATION_REQUIRED": 403,
        "NOT_FOUND": 404,
        "METHOD_NOT_ALLOWED": 405,
        "PAYLOAD_TOO_LARGE": 413,
        "UNSUPPORTED_MEDIA_TYPE": 415,
        "RATE_LIMITED": 429,
        "INTERNAL_ERROR": 500,
        "SERVICE_UNAVAILABLE": 503,
        "KEYS_UNAVAILABLE": 503,
        "USER_IN_USE": 409,
        "OWN_ACCOUNT": 409,
        "IMPORT_REFUSED": 422,
        "IDEMPOTENCY_CONFLICT": 409,
        "IDEMPOTENCY_MISMATCH": 422,
    }
)
"""Error code → HTTP status. Read-only."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class SentriError(Exception):
    """A failure with a stable code, a message that may be shown to the caller, and an HTTP status.

    Args:
        code: one of `SENTRI_ERROR_STATUS`, or a code of the host's own.
        message: one sentence for the caller; it never holds a secret or a submitted value.
        status_code: the HTTP status; by default the `status_code` of the subclass where it has one, else the one that
            `SENTRI_ERROR_STATUS` has for the code, 500 for a code that it does not know.
        headers: response headers that go with the error, such as `Retry-After`.
    """

    headers: Mapping[str, str] = _NO_HEADERS

    def __init__(
        self,
        code: str,
        message: str,
        status_code: int | None = None,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        if status_code is None:
            status_code = getattr(type(self), "status_code", None) or SENTRI_ERROR_STATUS.get(code, 500)
        self.status_code: int = status_code
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        # What comes out of a pool of processes was pickled; subclasses take other arguments than `args`.
        return _restored, (type(self), self.args, self.__dict__ | {"headers": dict(self.headers)})


def _restored(kind: type[SentriError], args: tuple[Any, ...], state: dict[str, Any]) -> SentriError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ConfigurationError(SentriError):
    """The program is set up wrongly: an option, a decorator or the wiring. Code `CONFIGURATION_ERROR`."""

    def __init__(self, message: str) -> None:
        super().__init__("CONFIGURATION_ERROR", message)
