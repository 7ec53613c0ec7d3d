"""A real auth server for tests: in memory, migrated, with cheap hashing and a key that was made before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Unpack

from sentri.config.database import Database as DatabaseOptions
from sentri.config.options import GeneratedKeyKeywords, ServerOptions
from sentri.identity import AuthUser, TokenPair
from sentri.keys.keyring import Keys
from sentri.keys.signing import SigningKey
from sentri.server.auth import AuthServer
from sentri.server.options import options_of
from sentri.storage import Database
from sentri_testing.hashing import hashing_cheaply
from sentri_testing.keys import PooledKeys
from sentri_testing.memory import MEMORY, MemoryDatabase, MigratedDatabase
from sentri_testing.users import PASSWORD, SavedUser, add_user

__all__ = ["AuthServerKeywords", "TestAuthServer"]

_DEFAULTS: Final[Mapping[str, Any]] = {
    "db": f"sqlite://{MEMORY}",
    "valid_roles": ("user", "admin"),
    "algorithm": "RS256",
    "migrate_on_startup": False,  # it is migrated when it opens
}


class AuthServerKeywords(GeneratedKeyKeywords, total=False):
    """What `TestAuthServer` may be told: every option of a server, and none is required."""

    valid_roles: Sequence[str] | type[StrEnum]
    db: str | Mapping[str, Any] | DatabaseOptions
    secret: str | Sequence[str]
    algorithm: str


class TestAuthServer(AuthServer):
    """A real `AuthServer` that costs a test milliseconds: an in-memory database that is migrated already, hashing that
    takes one (bcrypt's cost is 4, unless `salt_rounds` is given), and RS256 with a key that is made once a test run.

    Nothing has to be awaited to make one, and it opens itself on first use. What is in its database lives as long as
    the object: it may be closed and opened again, in another event loop too, and mounted in one application after
    the other.

    Args:
        keys: signing keys of the caller's own.
        options: every option of `sentri.create_auth` in server mode; `valid_roles` are `user` and `admin` unless they
            are given.

    Raises:
        SentriError: `CONFIGURATION_ERROR`, one message with everything that is wrong with the options.
    """

    __test__ = False  # pytest: no class of tests

    def __init__(self, *, keys: Keys | None = None, **options: Unpack[AuthServerKeywords]) -> None:
        given = {**_DEFAULTS, **options}
        describes_keys = keys is None and ("secret" in given or "key_encryption_secret" in given)
        read = hashing_cheaply(options_of(given, keys_given=not describes_keys), given)
        own = None if describes_keys else PooledKeys(read.algorithm)
        super().__init__(read, database=_database_of(read), keys=keys or own)

    def __repr__(self) -> str:
        return f"<TestAuthServer db={self._options.db.shown} algorithm={self._options.algorithm}>"

    @property
    def signing_key(self) -> SigningKey:
        """The key that signs access tokens at this moment."""
        return self._keys.ring().signing

    async def create_user(
        self, identifier: str | None = None, *, password: str = PASSWORD, roles: Iterable[str] | None = None
    ) -> SavedUser:
        """A new user in the database. With the default password nothing is hashed.

        The user's `roles` are `("user",)` where that is a valid role. Raises `ValueError` for roles that are not in
        `valid_roles`, or an identifier that is taken.
        """
        await self._use()
        return await add_user(self._context, identifier, password=password, roles=roles)

    async def log_in(self, user: SavedUser | AuthUser) -> TokenPair:
        """The tokens of a new session of the user; no password is asked. Raises `USER_NOT_FOUND`, `FORBIDDEN`."""
        return await self.accounts.start_session(user.id)

    async def disable(self, user: SavedUser | AuthUser) -> None:
        """Disable the user: no login, and every session of theirs is refused from now on."""
        await self._set_disabled(user.id, at=self._clock())

    async def enable(self, user: SavedUser | AuthUser) -> None:
        """Undo `disable`."""
        await self._set_disabled(user.id, at=None)

    async def _set_disabled(self, user_id: str, *, at: float | None) -> None:
        await self._use()
        driver = self._database.driver
        statement = driver.sql("UPDATE sentri_users SET disabled_at = ? WHERE id = ?")
        value = driver.values.optional_time(at)
        if await self._database.call(lambda session: session.run(statement, value, user_id)) != 1:
            raise LookupError(f"{self!r} has no user with the id {user_id}")


def _database_of(options: ServerOptions) -> Database:
    kind = MemoryDatabase if options.db.database == MEMORY else MigratedDatabase
    return kind(options.db, logger=options.logger)
