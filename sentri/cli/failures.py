"""How a command fails: one line on stderr, never a traceback, and an exit code.

1   it could not be done: the database does not answer, the user exists already, the port is in use
2   the arguments, the settings or the input are wrong
3   it was done, and found something: an open route, a pitfall, a migration that is missing
"""

from __future__ import annotations

import traceback
from typing import Final

from sentri.errors import SentriError

__all__ = ["FOUND_SOMETHING", "exit_code", "told"]

FOUND_SOMETHING: Final = 3

_WRONG_INPUT = frozenset({"CONFIGURATION_ERROR", "VALIDATION_ERROR", "INVALID_ROLE"})


def exit_code(error: Exception) -> int:
    """What the process ends with."""
    return 2 if isinstance(error, SentriError) and error.code in _WRONG_INPUT else 1


def told(error: Exception) -> str:
    """The failure in one line, without anything that a driver or a library may have put into its message."""
    if isinstance(error, SentriError):
        return str(error)
    from sentri.storage.failures import StorageError  # noqa: PLC0415 - here alone: `sentri --help` loads no database

    if isinstance(error, StorageError):
        wrong = f"the database refused a statement ({error.fault})"
        return f"{wrong}; `sentri migrate` makes the tables that it may be missing"
    if isinstance(error, OSError) and error.strerror:  # a full disk, a folder that is not there
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"unexpected {type(error).__name__} in {where.filename}, line {where.lineno}; please report it"
