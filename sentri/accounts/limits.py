"""What callers may try how often, and who is let in all the same."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Final, Protocol, Self

from sentri.accounts.identifiers import identifier_key
from sentri.accounts.stores import KnownAddressStore, UserStore
from sentri.clock import Clock
from sentri.config.rate_limit import RateLimit
from sentri.digests import Digests
from sentri.errors import SentriError
from sentri.identity import Client
from sentri.limits import Attempt, Limit, Limiter, Refused
from sentri.randomness import new_id

__all__ = ["AccountLimits", "Trial"]

_WIDER: Final = 10
"""How many times what an IPv6 network of 64 bits may its network of 48 bits may, which one customer may hold too."""


class OnLimited(Protocol):
    """Is told that an attempt of this kind was refused: of a user, or at an identifier, by its key."""

    async def __call__(self, kind: str, *, user_id: str | None = None, identifier: str | None = None) -> None: ...


class Trial:
    """An attempt while it is decided: `async with`. What told the caller something stays counted.

    Args:
        attempt: what was counted; None where nothing limits it.
        on_success: what becomes of it then.
    """

    def __init__(self, attempt: Attempt | None, on_success: Callable[[Attempt], Awaitable[None]] | None = None) -> None:
        self._attempt = attempt
        self._on_success = on_success

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._attempt is None:
            return
        if error is None:
            if self._on_success is not None:
                await self._on_success(self._attempt)
        elif isinstance(error, SentriError) and _says_nothing(error):
            await self._attempt.give_back()


class AccountLimits:
    """Counts attempts before anything is checked. Every method raises `RATE_LIMITED` with `Retry-After`.

    Args:
        rules: how many; None where nothing is limited.
        limiter: counts.
        digests: make names of identifiers and addresses.
        on_limited: is told of every refusal.
    """

    def __init__(
        self,
        rules: RateLimit | None,
        limiter: Limiter,
        *,
        digests: Digests,
        users: UserStore,
        addresses: KnownAddressStore,
        on_limited: OnLimited,
        clock: Clock,
        logger: logging.Logger,
    ) -> None:
        self._rules = rules
        self._limiter = limiter
        self._digests = digests
        self._users = users
        self._addresses = addresses
        self._on_limited = on_limited
        self._clock = clock
        self._logger = logger
        self._has_warned = False

    async def login(self, client: Client, identifier: str) -> Trial:
        """To log in; success is given back, and the identifier is free again from this address."""
        rules = self._rules
        if rules is None:
            return Trial(None)
        key = identifier_key(identifier)
        pair = self._limit("login", rules.max_login_attempts, key, client.name)
        everywhere = self._limit("identifier", rules.max_identifier_attempts, key)
        others = [pair, *self._of_client("address", client, rules.max_address_attempts)]
        counted = await self._limiter.attempt([*others, everywhere])
        if isinstance(counted, Refused) and counted.full == {everywhere} and await self._knows(client, key):
            counted = await self._limiter.attempt(others)
        admitted = await self._admitted("login", counted, identifier=key)
        return Trial(admitted, lambda attempt: attempt.give_back(reset=[pair]))

    async def register(self, client: Client) -> Trial:
        """To register; success counts."""
        rules = self._rules
        if rules is None:
            return Trial(None)
        return await self._trial("register", self._of_client("register", client, rules.max_register_attempts))

    async def api_key(self, client: Client) -> None:
        """To show a wrong API key."""
        rules = self._rules
        if rules is not None:
            await self._trial("api_key", self._of_client("api_key", client, rules.max_api_key_attempts))

    async def change_identifier(self, user_id: str) -> Trial:
        """To change one's identifier; success counts, too, for it tells that nobody had the new one."""
        return await self._account_trial(user_id, None)

    async def change_password(self, user_id: str) -> Trial:
        """To change one's password; success is given back."""
        return await self._account_trial(user_id, Attempt.give_back)

    async def logged_in(self, client: Client, user_id: str) -> None:
        """Remember where the user has logged in. The login stands whether that works or not."""
        if self._rules is None or client.own is None:
            return
        try:
            digests = self._digests.all_of("known", user_id, client.own)
            await self._addresses.remember(user_id, digests, now=self._clock())
        except Exception as error:  # noqa: BLE001 - a table that is not there yet, or a user that is not any more
            self._logger.warning(
                "The address of a login of user %s was not remembered: %s", user_id, type(error).__name__
            )

    async def close(self) -> None:
        """Let go of connections."""
        await self._limiter.close()

    async def _knows(self, client: Client, key: str) -> bool:
        if client.own is None:
            return False
        user = await self._users.by_key(key)
        # Of nobody the same is asked: else the time that a refusal takes would say whether there is such a user.
        user_id = new_id() if user is None else user.id
        digests = self._digests.all_of("known", user_id, client.own)
        return await self._addresses.knows(user_id, digests, now=self._clock())

    async def _account_trial(self, user_id: str, on_success: Callable[[Attempt], Awaitable[None]] | None) -> Trial:
        rules = self._rules
        if rules is None:
            return Trial(None)
        counted = await self._limiter.attempt([self._limit("account", rules.max_account_attempts, user_id)])
        return Trial(await self._admitted("account", counted, user_id=user_id), on_success)

    async def _trial(self, kind: str, limits: Sequence[Limit]) -> Trial:
        if not limits:
            return Trial(None)
        return Trial(await self._admitted(kind, await self._limiter.attempt(limits)))

    async def _admitted(
        self, kind: str, counted: Attempt | Refused, *, user_id: str | None = None, identifier: str | None = None
    ) -> Attempt:
        if isinstance(counted, Attempt):
            return counted
        await self._on_limited(kind, user_id=user_id, identifier=identifier)
        wait = str(max(1, math.ceil(counted.wait)))
        raise SentriError("RATE_LIMITED", "Too many attempts. Try again later.", headers={"Retry-After": wait})

    def _of_client(self, kind: str, client: Client, most: int) -> list[Limit]:
        """What everybody at an address may together; nothing where all clients come from one address."""
        if client.own is None:
            self._warn()
            return []
        limits = [self._limit(kind, most, client.own)]
        return limits if client.wide is None else [*limits, self._limit(kind, most * _WIDER, client.wide)]

    def _limit(self, kind: str, most: int, *parts: str) -> Limit:
        span = 0.0 if self._rules is None else self._rules.seconds
        return Limit(self._digests.of(kind, *parts), most, span, kind)

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._logger.warning(
                "Requests come from a private or loopback address, or through a proxy that does not say for whom: the "
                "rate limits per address do not apply to them, those per identifier do. Behind a reverse proxy give "
                "trusted_proxies, and let it send X-Forwarded-For."
            )


def _says_nothing(error: SentriError) -> bool:
    """Whether nobody learned anything by it: nothing was checked, or nothing could be."""
    nothing_checked = {"VALIDATION_ERROR", "REAUTHENTICATION_REQUIRED"}
    return error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code in nothing_checked
