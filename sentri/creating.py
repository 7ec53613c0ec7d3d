"""`create_auth` and `create_auth_server`: the two ways in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack

from sentri.config.options import GeneratedKeyServerKeywords, ServerKeywords
from sentri.errors import ConfigurationError

if TYPE_CHECKING:
    from sentri.server import AuthServer

__all__ = ["create_auth", "create_auth_server"]


def create_auth(mode: Literal["server"] = "server", **options: Unpack[ServerKeywords]) -> AuthServer:
    """An auth server with signing keys of your own.

    Args:
        mode: `"server"`.
        options: `db`, `secret` and `valid_roles` are required; docs/configuration.md has them all.

    Raises:
        SentriError: `CONFIGURATION_ERROR`, one message with everything that is wrong with the options.
    """
    if mode != "server":
        raise ConfigurationError(f"mode is {mode!r}; this version has server mode: mode='server'")
    from sentri.server import server_of_options  # noqa: PLC0415 - here alone, so that client mode loads no database

    return server_of_options(options)


def create_auth_server(**options: Unpack[GeneratedKeyServerKeywords]) -> AuthServer:
    """The short way to an auth server: it signs with RS256 and an RSA-2048 key pair of its own, published at `/keys`.

    The keys live in memory: after a restart, or in a second process, the tokens of the first are refused, and a
    warning at start-up says so. `create_auth` with a `secret` keeps them.

    Args:
        options: `valid_roles`, the names of the roles that exist, and `db`, a URL such as `postgres://…`, `mysql://…`
            or `sqlite://path`, are required; docs/configuration.md has them all.

    Raises:
        SentriError: `CONFIGURATION_ERROR`, one message with everything that is wrong with the options.
    """
    from sentri.server import server_with_generated_keys  # noqa: PLC0415 - as above

    return server_with_generated_keys(options)
