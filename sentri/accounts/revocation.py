"""Asking the host's `is_token_revoked`. No clear answer is never a pass."""

from __future__ import annotations

from sentri.accounts.context import Context
from sentri.accounts.sessions import session_ended
from sentri.asking import ask
from sentri.errors import SentriError

__all__ = ["check_revoked"]


async def check_revoked(context: Context, session_id: str) -> None:
    """Raises `UNAUTHORIZED` for a revoked session, `SERVICE_UNAVAILABLE` where the answer is late or no bool."""
    is_token_revoked = context.rules.is_token_revoked
    if is_token_revoked is None:
        return
    try:
        revoked = await ask(is_token_revoked, session_id, within=context.rules.callback_timeout)
    except Exception as error:
        context.logger.exception("is_token_revoked gave no answer; the request was refused.")
        raise SentriError("SERVICE_UNAVAILABLE", "The session could not be checked. Try again later.") from error
    if revoked:
        raise session_ended()
