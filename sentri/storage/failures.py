"""What can go wrong between sentri and its database, without a word of what was being written.

    SentriError("SERVICE_UNAVAILABLE")   the database does not answer now; see `unavailable`
    StorageError                         a mistake of sentri or of the schema: a 500
    ├── UniqueViolation                  a unique index refused the row; stores turn it into an answer
    └── StillReferenced                  a foreign key: rows point at what was to be deleted; as above

Drivers put identifiers into their messages ("Key (identifier_key)=(…) already exists"): neither those messages
nor the exceptions that hold them leave this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from sentri.errors import SentriError

__all__ = ["Fault", "Nature", "StillReferenced", "StorageError", "UniqueViolation", "unavailable"]


class Nature(Enum):
    """What a driver's exception means to whoever waits for the statement."""

    UNAVAILABLE = auto()  # no connection, no answer, a server that stops
    REFUSED = auto()  # the server answers, and wants nothing of us: credentials, an unknown database
    CONFLICT = auto()  # deadlock, serialization failure, a locked file: the same again may succeed
    TAKEN = auto()  # a unique index
    REFERENCED = auto()  # a foreign key
    WRONG = auto()  # anything else


@dataclass(frozen=True, slots=True)
class Fault:
    """A driver's exception, reduced to what may be logged."""

    nature: Nature
    kind: str
    code: str | None = None

    def __str__(self) -> str:
        return self.kind if self.code is None else f"{self.kind} {self.code}"


class StorageError(Exception):
    """The database refused a statement. Holds the driver's exception type and its SQLSTATE or errno, no more, and what
    is to be done about the one mistake that everybody makes.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(
            f"the database refused a statement ({fault}); `await auth.migrate()`, or `sentri migrate`, makes the "
            "tables that it may be missing"
        )
        self.fault = fault


class UniqueViolation(StorageError):
    """A row with this key exists."""


class StillReferenced(StorageError):
    """Rows of another table point at this one."""


def unavailable() -> SentriError:
    """A new 503 that tells the caller to come back in a second."""
    return SentriError(
        "SERVICE_UNAVAILABLE", "The database does not answer. Try again later.", headers={"Retry-After": "1"}
    )
