"""A real auth server over HTTP for the tests of applications in client mode, with faults that can be switched on."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from aiohttp import hdrs, web

from sentri.clock import Clock, system_clock
from sentri.keys.keyring import KeyRing, Keys
from sentri.randomness import new_id, new_jti
from sentri_testing.faults import Faults
from sentri_testing.keys import KeyPool, TestKey
from sentri_testing.listening import Listening, Settled
from sentri_testing.minting import compact, merged
from sentri_testing.request_log import LoggedRequest, RequestLog
from sentri_testing.server import TestAuthServer
from sentri_testing.users import PASSWORD, SavedUser, new_identifier

__all__ = ["FakeAuthServer"]

_KEYS_EACH: Final = 10_000
_GARBAGE: Final = b"<html>this is no key set</html>"


class _Ring(Keys):
    """The keys that the fake server publishes at this moment. Those of refresh tokens stay the same."""

    def __init__(self, first: TestKey) -> None:
        self._refresh = (first.signing.refresh_key(),)
        self.keys: list[TestKey] = []
        self.sign_with(first, keep=False)

    def sign_with(self, key: TestKey, *, keep: bool) -> None:
        self.keys = [key, *(self.keys if keep else ())]
        self._ring = KeyRing(key.signing, [each.signing.verifying for each in self.keys], self._refresh)

    def ring(self) -> KeyRing:
        return self._ring


class FakeAuthServer:
    """An auth server on localhost: JWKS, metadata, tokens of any kind, and the login endpoints of a real sentri server.

    `async with FakeAuthServer() as server:` starts it; several may run at once. Its switches (`rotate_keys`, `go_down`,
    `slow`, …) work at once, and what they return may be awaited.

    Attributes:
        requests: what it was asked, in order.
        server: the `TestAuthServer` behind the login endpoints; only while it runs.

    Args:
        issuer: the `iss` of its tokens; by default its own address.
        audience: the `aud` of its tokens; None for none.
        algorithm: an asymmetric one.
        clock: what tells the time to its tokens, such as a `ManualClock`.
        host, port: where it listens; port 0 takes a free one.
        prefix: where its endpoints are mounted.
        roles: those that its users may have.
        routes: more that it answers, which no fault strikes.
        options: of the server behind the login endpoints, such as `access_expires_in` or `cookie`.

    Raises:
        ValueError: an algorithm whose keys cannot be published.
    """

    _running: ClassVar[weakref.WeakValueDictionary[str, FakeAuthServer]] = weakref.WeakValueDictionary()
    _places: ClassVar[weakref.WeakValueDictionary[int, FakeAuthServer]] = weakref.WeakValueDictionary()

    def __init__(
        self,
        *,
        issuer: str | None = None,
        audience: str | Sequence[str] | None = None,
        algorithm: str = "RS256",
        clock: Clock = system_clock,
        host: str = "127.0.0.1",
        port: int = 0,
        prefix: str = "/auth",
        roles: Sequence[str] = ("user", "admin"),
        routes: Iterable[web.AbstractRouteDef] = (),
        **options: Any,
    ) -> None:
        self._place = next(place for place in count() if place not in self._places)
        self._algorithm = algorithm
        first = self._key(0)
        if first.kid is None:
            raise ValueError(f"{algorithm} has no keys that could be published; take RS256, ES256 or EdDSA")
        self._places[self._place] = self
        self._given_issuer = issuer
        self._audience = audience
        self._clock = clock
        self._host, self._port = host, port
        self._prefix = prefix.rstrip("/")
        self._routes = tuple(routes)
        self._options = {**options, "valid_roles": tuple(roles)}
        self._ring = _Ring(first)
        self._made = 1
        self._faults = Faults()
        self._listening: Listening | None = None
        self._server: TestAuthServer | None = None
        self._unharmed: set[Any] = set()
        self.requests = RequestLog()

    def __repr__(self) -> str:
        where = f"at {self.url}" if self._listening is not None else "not started"
        return f"<FakeAuthServer {where}>"

    # --- life

    async def start(self) -> None:
        """Begin to answer. Raises `OSError` where the port is taken."""
        if self._listening is not None:
            raise RuntimeError(f"{self!r} runs already")
        app = web.Application(middlewares=[self._answer])
        self._listening = Listening(app, self._host, self._port)
        self._port = self._listening.port
        try:
            self._mount(app)
            await self._listening.open()
        except BaseException:
            await self.close()
            raise
        self._running[self.key_uri] = self

    def _mount(self, app: web.Application) -> None:
        self._server = TestAuthServer(
            keys=self._ring,
            issuer=self.issuer,
            audience=self._audience,
            algorithm=self._algorithm,
            clock=self._clock,
            **self._options,
        )
        app.router.add_get(f"/.well-known/oauth-authorization-server{self._prefix}", self._metadata)
        for place in {"", self._prefix}:
            app.router.add_get(f"{place}/.well-known/openid-configuration", self._metadata)
        app.router.add_routes(self._routes)
        self._unharmed = {route.handler for route in self._routes if isinstance(route, web.RouteDef)}
        app.add_subapp(self._prefix, self._server.app())

    async def close(self) -> None:
        """Stop. Whoever is kept waiting is let go. Safe to repeat."""
        self._faults.clear()
        if self._places.get(self._place) is self:
            del self._places[self._place]
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @classmethod
    def running_at(cls, key_uri: str) -> FakeAuthServer | None:
        """The server of this process that publishes its keys there, down or up; None where there is none."""
        found = cls._running.get(key_uri)
        return found if found is not None and found._listening is not None else None  # noqa: SLF001 - one of us

    # --- where it is

    @property
    def url(self) -> str:
        """Its address, without the prefix."""
        if not self._port:
            raise RuntimeError("the fake auth server has no address before it is started: async with FakeAuthServer()")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def key_uri(self) -> str:
        """Where it publishes its keys: the option `key_uri` of the application under test."""
        return f"{self.url}{self._prefix}/keys"

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens."""
        return self._given_issuer or f"{self.url}{self._prefix}"

    @property
    def audience(self) -> str | Sequence[str] | None:
        """The `aud` of its tokens."""
        return self._audience

    @property
    def clock(self) -> Clock:
        """What tells it the time."""
        return self._clock

    @property
    def server(self) -> TestAuthServer:
        """The auth server behind its login endpoints. Raises `RuntimeError` before the start."""
        if self._server is None:
            raise RuntimeError("the fake auth server was not started yet: async with FakeAuthServer()")
        return self._server

    # --- tokens and users

    @property
    def signing_key(self) -> TestKey:
        """The key that it signs with now."""
        return self._ring.keys[0]

    def issue_token(
        self,
        roles: Iterable[str] = ("user",),
        *,
        identifier: str | None = None,
        subject: str | None = None,
        session_id: str | None = None,
        expires_in: float = 900,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """An access token for somebody whom no database knows: what an application in client mode accepts.

        Args:
            roles: a list of names.
            identifier: of the user; by default a new one.
            subject: the user's id, a UUID; by default a new one.
            session_id: a UUID; by default a new one.
            expires_in: seconds until `exp`; negative for a token that has expired.
            header: other header parameters.
            claims: other claims, and more; `sentri_testing.ABSENT` leaves one out.
        """
        if isinstance(roles, str):
            raise ValueError(f"roles is the string {roles!r}; give a list, such as [{roles!r}]")  # noqa: TRY004 - as elsewhere
        now = int(self._clock())
        said: dict[str, Any] = {
            "iss": self.issuer,
            "sub": subject or new_id(),
            "sid": session_id or new_id(),
            "identifier": identifier or new_identifier(),
            "roles": [str(role) for role in roles],
            "iat": now,
            "exp": int(now + expires_in),
            "jti": new_jti(),
        }
        if self._audience is not None:
            said["aud"] = self._audience
        key = self.signing_key
        named = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid}
        return compact(merged(named, header or {}), merged(said, claims), key.sign)

    async def add_user(
        self, identifier: str | None = None, password: str = PASSWORD, roles: Iterable[str] | None = None
    ) -> SavedUser:
        """Somebody who can log in at `POST {prefix}/login`."""
        return await self.server.create_user(identifier, password=password, roles=roles)

    # --- switches

    def rotate_keys(self, *, keep: bool = True) -> Settled:
        """Sign with a new key from now on. With `keep=False` the earlier ones are gone from the key set, and their
        tokens are no good any more.
        """
        self._ring.sign_with(self._key(self._made), keep=keep)
        self._made += 1
        return Settled()

    def go_down(self) -> Settled:
        """Refuse connections, as a process that has ended; the faults that were on end with it."""
        plug = self._plug()
        self._faults.clear()
        return plug.down()

    def come_back(self) -> Settled:
        """Answer again, at the same address: as ever, or, after `go_down`, with the faults switched on since then."""
        plug = self._plug()
        if plug.is_up:
            self._faults.clear()
        return plug.up()

    def slow(self, seconds: float, *, path: str | None = None, times: int | None = None) -> Settled:
        """Answer so many real seconds later: every path or one, until `come_back` or so many times."""
        self._faults.add(None, seconds=seconds, path=path, times=times)
        return Settled()

    def fail(self, status: int = 500, *, path: str | None = None, times: int | None = None) -> Settled:
        """Answer with this status and an empty body. Raises `ValueError` for what is no status."""
        if type(status) is not int or not 200 <= status <= 599:
            raise ValueError(f"status is {status!r}; it is an HTTP status from 200 to 599")
        self._faults.add(partial(web.Response, status=status), path=path, times=times)
        return Settled()

    def serve_garbage(
        self, body: bytes | str = _GARBAGE, *, path: str | None = None, times: int | None = None
    ) -> Settled:
        """Answer 200, called JSON, with bytes that are none."""
        sent = body.encode() if isinstance(body, str) else bytes(body)
        answer = partial(web.Response, body=sent, content_type="application/json")
        self._faults.add(answer, path=path, times=times)
        return Settled()

    def redirect(self, to: str | None = None, *, path: str | None = None, times: int | None = None) -> Settled:
        """Answer with a redirect: by default to where the same key set is."""
        if to is not None and not isinstance(to, str):
            raise ValueError(f"to is {to!r}; it is an address, a string")
        headers = {hdrs.LOCATION: to or self.key_uri}
        self._faults.add(partial(web.Response, status=302, headers=headers), path=path, times=times)
        return Settled()

    def recover(self) -> Settled:
        """Take back every fault, also those that were switched on while it is down, and come back."""
        self._faults.clear()
        return self.come_back()

    def _key(self, rotation: int) -> TestKey:
        """The pool's key for this rotation: no other server that is there has it, one after this one may."""
        return KeyPool().key(self._algorithm, _KEYS_EACH * self._place + rotation)

    def _plug(self) -> Listening:
        if self._listening is None:
            raise RuntimeError("the fake auth server does not run")
        return self._listening

    # --- answering

    @web.middleware
    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.add(LoggedRequest(request.method, request.path, headers, self._clock()))
        harmed = request.match_info.handler not in self._unharmed
        struck = await self._faults.strike(request.path) if harmed else None
        answer: web.StreamResponse = await handler(request) if struck is None else struck
        return answer

    async def _metadata(self, _: web.Request) -> web.Response:
        """RFC 8414, and the same for those who look where OpenID Connect Discovery has it."""
        endpoints = f"{self.url}{self._prefix}"
        return web.json_response(
            {
                "issuer": self.issuer,
                "jwks_uri": self.key_uri,
                "token_endpoint": f"{endpoints}/refresh",
                "response_types_supported": [],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [self.signing_key.algorithm],
            }
        )
