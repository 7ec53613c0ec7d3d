"""Asking the host's `is_token_revoked`. No clear answer is never a pass."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from sentri.asking import ask
from sentri.errors import SentriError

__all__ = ["INVALID_TOKEN", "Revocation", "session_ended"]

INVALID_TOKEN: Final = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
"""The challenge of RFC 6750 section 3.1 for a token that was shown and is no good."""


def session_ended() -> SentriError:
    """`UNAUTHORIZED`: the token is authentic, but its session is not there, or not its user's, any more."""
    return SentriError("UNAUTHORIZED", "The session has ended. Log in again.", headers=INVALID_TOKEN)


class Revocation:
    """The host's word on sessions.

    Attributes:
        asks: whether there is somebody to ask.

    Args:
        is_token_revoked: the host's function; without one nothing is revoked.
        timeout: seconds that it has to answer.
    """

    def __init__(
        self, is_token_revoked: Callable[[str], Any] | None, *, timeout: float, logger: logging.Logger
    ) -> None:
        self.asks = is_token_revoked is not None
        self._is_token_revoked = is_token_revoked
        self._timeout = timeout
        self._logger = logger

    async def check(self, session_id: str | None) -> None:
        """Raises `UNAUTHORIZED` for a revoked session, `SERVICE_UNAVAILABLE` where the answer is late or no bool.

        A token of another server's that names no session has none that could be revoked.
        """
        if self._is_token_revoked is None or session_id is None:
            return
        try:
            revoked = await ask(self._is_token_revoked, session_id, within=self._timeout)
        except Exception as error:
            self._logger.exception("is_token_revoked gave no answer; the request was refused.")
            raise SentriError("SERVICE_UNAVAILABLE", "The session could not be checked. Try again later.") from error
        if revoked:
            raise session_ended()
