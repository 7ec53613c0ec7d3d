"""One row of the table of endpoints: what stands here is what is served, guarded and described."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from aiohttp import web

from sentri.config.options import ServerOptions
from sentri.identity import AuthUser
from sentri.keys.algorithms import algorithm_named
from sentri.web.bearer import no_token
from sentri.web.endpoints.context import WebContext
from sentri.web.envelope import success
from sentri.web.inputs import Body, Path, Query
from sentri.web.parsing import MOST_BODY_BYTES

__all__ = ["BodyUse", "Call", "Endpoint", "Needs", "always", "publishes_keys"]

B = TypeVar("B", bound=Body | None)


class Needs(Enum):
    """Who may call an endpoint."""

    NOTHING = auto()
    API_KEY = auto()
    """Everybody, unless API keys are configured: then the holder of one."""
    USER = auto()
    ADMIN = auto()
    """A user who has one of `admin_roles`."""


class BodyUse(Enum):
    """When an endpoint reads its body."""

    ALWAYS = auto()
    IF_SENT = auto()
    WITHOUT_COOKIE = auto()
    """Only where no refresh cookie is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[B]):
    """One request to one endpoint, parsed: whoever holds it was let in.

    Attributes:
        request: the HTTP request itself, for headers and cookies.
        endpoint: which one was called.
        caller: the user who calls; None where the endpoint needs none.
        body: what the body says, of the endpoint's type; None where none was read.
        path, query: the same for path and query.
    """

    request: web.Request
    endpoint: Endpoint
    caller: AuthUser | None
    body: B
    path: Any
    query: Any

    @property
    def user(self) -> AuthUser:
        """The user who calls. Raises `UNAUTHORIZED` where the endpoint's row asks for none."""
        if self.caller is None:
            raise no_token()
        return self.caller

    def success(self, data: Any, message: str) -> web.Response:
        """The answer of the endpoint's own status, with `data` of its own type."""
        return success(data, message, status=self.endpoint.status)


Handler = Callable[[WebContext, Call[Any]], Awaitable[web.Response]]


def always(_: ServerOptions) -> bool:
    """Whatever is configured."""
    return True


def publishes_keys(options: ServerOptions) -> bool:
    """Whether tokens are verified by public keys."""
    algorithm = algorithm_named(options.algorithm)
    return algorithm is not None and algorithm.asymmetric


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint, whole: everything that serves or describes it asks this row.

    Attributes:
        method, path: under the mount point. The open places of the path are the fields of `path_type`.
        handler: does the work, for a request that was let in and parsed.
        summary: one sentence for those who read the description.
        needs: who may call it.
        body, body_use: what the body has to be, and when it is read.
        body_most: how many bytes it may have.
        path_type, query: what the open places of the path, and the query, have to be. Without `query` the query is
            nobody's business, and ignored.
        status: of its success.
        data: the type of its success's `data`; None for `null`.
        bare: whether the success is `data` alone, without the envelope, for everybody and to be cached.
        errors: the codes that it answers with, beyond those that follow from the rest of the row.
        sets_cookies, clears_cookies: what its success does to the cookies, where any is configured.
        of_tokens: whether it gives tokens or ends them: then a repeat with the same idempotency key is a new request,
            and its answer nothing to keep.
        limited: whether attempts are counted, and refused with 429.
        hashes: whether a password is hashed or checked, which may have to wait, and is refused with 503.
        offered: whether the configuration has it at all.
        listed: whether the description has it: whether it ever succeeds.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    needs: Needs = Needs.NOTHING
    body: type[Body] | None = None
    body_use: BodyUse = BodyUse.ALWAYS
    body_most: int = MOST_BODY_BYTES
    path_type: type[Path] | None = None
    query: type[Query] | None = None
    status: int = 200
    data: Any = None
    bare: bool = False
    errors: tuple[str, ...] = ()
    sets_cookies: bool = False
    clears_cookies: bool = False
    of_tokens: bool = False
    limited: bool = False
    hashes: bool = False
    offered: Callable[[ServerOptions], bool] = always
    listed: Callable[[ServerOptions], bool] = always

    @property
    def name(self) -> str:
        """Its name in the description and in lists: that of its handler."""
        return str(getattr(self.handler, "__name__", "")).removesuffix("_")

    @property
    def takes_keys(self) -> bool:
        """Whether an idempotency key counts here."""
        return self.method in {"POST", "PUT", "PATCH"} and not self.of_tokens
