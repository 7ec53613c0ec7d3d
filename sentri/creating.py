"""`create_auth` and `create_auth_server`: the ways in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from sentri.config.client_options import ClientKeywords
from sentri.config.options import GeneratedKeyServerKeywords, ServerKeywords
from sentri.errors import ConfigurationError

if TYPE_CHECKING:
    from sentri.client.auth import AuthClient
    from sentri.server.auth import AuthServer

__all__ = ["create_auth", "create_auth_server"]


@overload
def create_auth(mode: Literal["server"] = "server", **options: Unpack[ServerKeywords]) -> AuthServer: ...
@overload
def create_auth(mode: Literal["client"], **options: Unpack[ClientKeywords]) -> AuthClient: ...
def create_auth(mode: str = "server", **options: Any) -> AuthServer | AuthClient:
    """An auth server with signing keys of your own, or the guards of an application that trusts one.

    Args:
        mode: `"server"`, which needs `db`, `secret` and `valid_roles`, or `"client"`, which needs `key_uri`.
        options: docs/configuration.md has those of a server, docs/client-mode.md those of a client.

    Raises:
        SentriError: `CONFIGURATION_ERROR`, one message with everything that is wrong with the options.
    """
    if mode == "client":
        from sentri.client.auth import client_of_options  # noqa: PLC0415 - a server needs no client

        return client_of_options(options)
    if mode != "server":
        raise ConfigurationError(f"mode is {mode!r}; allowed are 'server' and 'client'")
    from sentri.server.auth import server_of_options  # noqa: PLC0415 - here alone, so that client mode loads no database

    return server_of_options(options)


def create_auth_server(**options: Unpack[GeneratedKeyServerKeywords]) -> AuthServer:
    """The short way to an auth server: it signs with RS256 and an RSA-2048 key pair of its own, published at `/keys`.

    The keys live in memory: after a restart, or in a second process, the tokens of the first are refused, and a
    warning at start-up says so. With `key_encryption_secret` they are kept in the database, encrypted, and shared.

    Args:
        options: `valid_roles`, the names of the roles that exist, and `db`, a URL such as `postgres://…`, `mysql://…`
            or `sqlite://path`, are required; docs/configuration.md has them all.

    Raises:
        SentriError: `CONFIGURATION_ERROR`, one message with everything that is wrong with the options.
    """
    from sentri.server.auth import server_with_generated_keys  # noqa: PLC0415 - as above

    return server_with_generated_keys(options)
