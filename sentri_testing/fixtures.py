"""The fixtures that need no event loop. sentri is loaded inside them, where a test asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from sentri.identity import AuthUser
    from sentri_testing.clock import ManualClock
    from sentri_testing.hostile import HostileToken
    from sentri_testing.logged_in import Carriage, LoggingIn
    from sentri_testing.server import TestAuthServer
    from sentri_testing.users import SavedUser

__all__: list[str] = []

_ISSUER: Final = "https://sentri.test/auth"
"""Whose tokens those of `sentri_auth_server` are: without one it would take somebody else's that its key signed."""


@pytest.fixture
def sentri_clock() -> ManualClock:
    """The time, as `sentri_auth_server` and `fake_auth_server` see it: it stands still until `advance("15m")`.

    An application's own auth object takes it as the option `clock`.
    """
    from sentri_testing.clock import ManualClock  # noqa: PLC0415 - loads sentri

    return ManualClock()


@pytest.fixture
def sentri_options() -> dict[str, Any]:
    """Options of `sentri_auth_server`, for a `conftest.py` to override; a test's own go into `@pytest.mark.sentri`."""
    return {}


@pytest.fixture(params=["bearer", "cookie"])
def sentri_carriage(request: pytest.FixtureRequest) -> Carriage:
    """Runs the test twice: tokens in headers and bodies, and tokens in cookies. `sentri_auth_server` then has both
    cookies, and `as_user` logs in by this carriage.
    """
    carriage: Carriage = request.param
    return carriage


@pytest.fixture
def as_user(request: pytest.FixtureRequest) -> Callable[..., LoggingIn]:
    """Logs somebody in, by the `sentri_carriage` of the test unless a carriage is given.

    `alice = await as_user(client, roles=["admin"])`: all that `sentri_testing.as_user` takes.
    """
    from sentri_testing.logged_in import as_user as log_in  # noqa: PLC0415 - loads sentri

    carriage = _carriage_of(request)

    def as_somebody(client: Any, **who: Any) -> LoggingIn:
        return log_in(client, **{"carriage": carriage, **who})

    return as_somebody


class Users:
    """What the fixture `sentri_user` gives: called, it makes a user in memory."""

    def __init__(self, server: Callable[[], TestAuthServer]) -> None:
        self._server = server

    def __call__(self, identifier: str | None = None, **attributes: Any) -> AuthUser:
        """An `AuthUser` that is in no database: `sentri_user(roles=["admin"])`."""
        from sentri_testing.users import make_user  # noqa: PLC0415 - loads sentri

        return make_user(identifier, **attributes)

    async def saved(self, identifier: str | None = None, **attributes: Any) -> SavedUser:
        """A user in the database of `sentri_auth_server`: `await sentri_user.saved(roles=["admin"])`."""
        return await self._server().create_user(identifier, **attributes)


@pytest.fixture
def sentri_user(request: pytest.FixtureRequest) -> Users:
    """Makes users: `sentri_user(roles=["admin"])` in memory, `await sentri_user.saved(roles=["admin"])` in the database
    of `sentri_auth_server`.
    """
    if request.config.pluginmanager.has_plugin("asyncio"):
        server = request.getfixturevalue("_sentri_server")
        return Users(lambda: server)
    return Users(lambda: request.getfixturevalue("sentri_auth_server"))


@pytest.fixture
def hostile_token(request: pytest.FixtureRequest) -> HostileToken:
    """Runs the test once for each token that no route may accept: `token_factory(hostile_token.name)` is its text."""
    token: HostileToken = request.param
    return token


@pytest.fixture
def _sentri_server(
    request: pytest.FixtureRequest, sentri_options: dict[str, Any], sentri_clock: ManualClock
) -> TestAuthServer:
    """The server of this test, not opened yet."""
    from sentri_testing.server import TestAuthServer  # noqa: PLC0415 - loads sentri

    options: dict[str, Any] = {"clock": sentri_clock, "issuer": _ISSUER}
    if _carriage_of(request) == "cookie":
        options |= {"cookie": {}, "access_cookie": {}}
    options |= sentri_options
    for mark in reversed(list(request.node.iter_markers("sentri"))):  # the closest last, so that it wins
        options |= mark.kwargs
    return TestAuthServer(**options)


def _carriage_of(request: pytest.FixtureRequest) -> Carriage:
    asked = "sentri_carriage" in request.fixturenames
    carriage: Carriage = request.getfixturevalue("sentri_carriage") if asked else "bearer"
    return carriage


@pytest.fixture
def _token_source(request: pytest.FixtureRequest) -> Any:
    """Whose tokens `token_factory` makes: those of the server that the test has."""
    server_mode = "sentri_auth_server" in request.fixturenames and "fake_auth_server" not in request.fixturenames
    return request.getfixturevalue("sentri_auth_server" if server_mode else "fake_auth_server")
