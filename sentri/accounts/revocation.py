"""Asking the host's `is_token_revoked`. No clear answer is never a pass."""

from __future__ import annotations

import asyncio
import inspect

from sentri.accounts.context import Context
from sentri.accounts.sessions import session_ended
from sentri.errors import SentriError

__all__ = ["check_revoked"]


async def check_revoked(context: Context, session_id: str) -> None:
    """Raises `UNAUTHORIZED` for a revoked session, `SERVICE_UNAVAILABLE` where the answer is late or no bool."""
    ask = context.rules.is_token_revoked
    if ask is None:
        return
    try:
        async with asyncio.timeout(context.rules.callback_timeout):
            answer = ask(session_id)
            if inspect.isawaitable(answer):
                answer = await answer
        if not isinstance(answer, bool):
            raise TypeError(f"is_token_revoked returned a {type(answer).__name__}, not a bool")  # noqa: TRY301
    except Exception as error:
        context.logger.exception("is_token_revoked gave no answer; the request was refused.")
        raise SentriError("SERVICE_UNAVAILABLE", "The session could not be checked. Try again later.") from error
    if answer:
        raise session_ended()
