"""Tokens by name, good and bad, of one auth server."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Self

from sentri.server.auth import AuthServer
from sentri_testing.hostile import HOSTILE_TOKENS
from sentri_testing.inside import clock_of, opened, signing_key_of
from sentri_testing.issuer import FakeAuthServer
from sentri_testing.keys import TestKey
from sentri_testing.minting import Mint
from sentri_testing.users import add_user

__all__ = ["TokenFactory", "mint_of"]

_STRANGER: Final = "https://somebody-else.example"
_LIFETIME: Final = 900  # seconds
_LONG_AGO: Final = 60  # seconds
_LEEWAY: Final = 3600  # seconds: the most that an application may grant; which one will judge is not known here

_NAMED: Final[Mapping[str, Callable[[Mint], str]]] = MappingProxyType(
    {
        "valid": lambda m: m.good,
        "expired": lambda m: m.token(iat=m.dead - _LONG_AGO - _LIFETIME, exp=m.dead - _LONG_AGO),
        "not_yet_valid": lambda m: m.token(nbf=m.now + 3600),
        "wrong_key": HOSTILE_TOKENS["signed with another key"].build,
        "wrong_issuer": lambda m: m.token(iss=_STRANGER),
        "wrong_audience": lambda m: m.token(aud=_STRANGER),
        "unknown_kid": HOSTILE_TOKENS["kid unknown"].build,
        "alg_none": HOSTILE_TOKENS["alg none"].build,
        "hs_rs_confused": HOSTILE_TOKENS["HS256 with the public key, form 0"].build,
        "tampered": HOSTILE_TOKENS["claims changed after signing"].build,
        "refresh_as_access": HOSTILE_TOKENS["a refresh token for an access token"].build,
    }
)


async def mint_of(source: FakeAuthServer | AuthServer) -> Mint:
    """A mint with the server's own key, and a good token: of a new user with a session, where the server has any."""
    if isinstance(source, FakeAuthServer):
        return Mint.of(source.issue_token(), source.signing_key, source.clock())
    user = await add_user(await opened(source))
    pair = await source.accounts.start_session(user.id)
    return Mint.of(pair.access_token, TestKey(await signing_key_of(source)), clock_of(source)())


class TokenFactory:
    """Makes tokens by name: `factory.valid(roles=["admin"])`, `factory("expired")`, `factory("alg none")`.

    Their claims may be changed by keyword. The names are those of `names`: a few that tests of applications ask for,
    and every one of `HOSTILE_TOKENS`. `wrong_issuer` is refused where the application asks for an issuer, as the
    server of the fixture `sentri_auth_server` does. In server mode roles and identifier are the user's in the database,
    whatever a token says.

    Made by `await TokenFactory.of(server)`; the fixture `token_factory` gives one.
    """

    def __init__(self, source: FakeAuthServer | AuthServer, mint: Mint) -> None:
        self._source = source
        self._mint = mint

    def __repr__(self) -> str:
        return f"<TokenFactory of {self._source!r}>"

    @classmethod
    async def of(cls, source: FakeAuthServer | AuthServer) -> Self:
        """The factory of a running server."""
        return cls(source, await mint_of(source))

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that it knows."""
        return (*_NAMED, *HOSTILE_TOKENS)

    def __call__(self, name: str = "valid", **claims: Any) -> Any:
        """The token of this name. Raises `LookupError` for one that it does not know, with the nearest that it does.

        Most are texts; the last of `HOSTILE_TOKENS` are none at all.
        """
        build = _NAMED.get(_plain(name)) or _hostile(name)
        now = clock_of(self._source)() if isinstance(self._source, AuthServer) else self._source.clock()
        key = self._source.signing_key if isinstance(self._source, FakeAuthServer) else self._mint.key
        kid: Mapping[str, Any] = {} if key.kid is None else {"kid": key.kid}
        header = {**self._mint.header, "alg": key.algorithm, **kid}
        known = {**self._mint.claims, "iat": int(now), "exp": int(now) + _LIFETIME}
        return build(Mint(key, now, header, known, "", _LEEWAY).with_claims(**claims))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name not in _NAMED:
            raise AttributeError(f"TokenFactory makes no {name!r}{_near(name, _NAMED)}")
        return partial(self, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_NAMED]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


def _hostile(name: str) -> Callable[[Mint], Any]:
    if name not in HOSTILE_TOKENS:
        raise LookupError(f"there is no token {name!r}{_near(name, (*_NAMED, *HOSTILE_TOKENS))}")
    return HOSTILE_TOKENS[name].build


def _near(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""
