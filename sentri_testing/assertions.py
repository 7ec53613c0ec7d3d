"""Assertions about sentri's answers, which say what came, what was expected and what to do. None shows a token."""

from __future__ import annotations

import re
from http.cookies import Morsel, SimpleCookie
from typing import Any, Final, NoReturn

from aiohttp import ClientResponse, hdrs, web
from aiohttp.test_utils import TestClient

from sentri.errors import SENTRI_ERROR_STATUS
from sentri.identity import AuthUser
from sentri_testing.answers import advice, body_of, described
from sentri_testing.logged_in import LoggedInClient
from sentri_testing.users import SavedUser

__all__ = ["assert_authenticated", "assert_cookie_flags", "assert_envelope", "assert_error"]

_SUCCESS: Final = frozenset({"error", "statusCode", "message", "data"})
_FAILURE: Final = _SUCCESS | {"code"}
_READABLE: Final = "access_token"  # the one cookie of sentri's that scripts may read by default


async def assert_envelope(response: ClientResponse, status: int | None = None, *, code: str | None = None) -> Any:
    """The response is a success in sentri's envelope; its `data`.

    Args:
        response: of aiohttp's client.
        status: the HTTP status; any 2xx where it is not given.
        code: of a failure: the response is that one instead, and its `data` is None.
    """
    __tracebackhide__ = True
    if code is not None:
        return (await assert_error(response, code, status=status))["data"]
    if response.status != status if status is not None else not 200 <= response.status < 300:
        await _fail(response, f"a success with status {'2xx' if status is None else status}")
    body = await _envelope(response, _SUCCESS)
    if body["error"] is not False:
        await _fail(response, "an envelope that says error: false")
    return body["data"]


async def assert_error(
    response: ClientResponse,
    code: str,
    *,
    status: int | None = None,
    field: str | None = None,
    match: str | None = None,
) -> dict[str, Any]:
    """The response is a failure in sentri's envelope, with this code; the envelope.

    Every failure may not be stored by anybody, and a 401 carries its challenge (RFC 6750).

    Args:
        response: of aiohttp's client.
        code: such as `"FORBIDDEN"`.
        status: the HTTP status; that of sentri's own codes where it is not given.
        field: the field that a `VALIDATION_ERROR` is about.
        match: a regular expression that the message has somewhere.
    """
    __tracebackhide__ = True
    wanted = SENTRI_ERROR_STATUS.get(code) if status is None else status
    expected = f"{wanted or 'an error'} {code}"
    body = await body_of(response)
    if not isinstance(body, dict) or body.get("code") != code or wanted not in (None, response.status):
        await _fail(response, expected)
    body = await _envelope(response, _FAILURE)
    if body["error"] is not True or body["data"] is not None:
        await _fail(response, f"{expected} in an envelope that says error: true, data: null")
    if field is not None and not str(body["message"]).startswith(f"{field}:"):
        await _fail(response, f"{expected} about the field {field!r}")
    if match is not None and not re.search(match, str(body["message"])):
        await _fail(response, f"{expected} with a message like {match!r}")
    await _check_headers(response, expected)
    return body


async def assert_authenticated(
    subject: TestClient[Any, Any] | ClientResponse,
    path: str = "/auth/me",
    *,
    method: str = hdrs.METH_GET,
    user: AuthUser | SavedUser | None = None,
    **request: Any,
) -> ClientResponse:
    """A request got past the guards, and is that user's where the answer says whose it is; the response.

    Give a client, and the path of any guarded route of yours: `await assert_authenticated(alice, "/profile")`. Without
    a path it asks the auth server who it is. Or give the response that you have.

    Args:
        subject: a client, such as that of `as_user`, or a response.
        path: what the client asks for; not for a response.
        method: of the request.
        user: who it has to be: the `id` in the answer, or in its `data`, is theirs. An answer without one fails then.
            For a client of `as_user` that asks `/auth/me` it is its own user.
        request: what else aiohttp's `client.request` takes, such as `json`.
    """
    __tracebackhide__ = True
    if isinstance(subject, ClientResponse):
        response = subject
    else:
        response = await subject.request(method, path, **request)
        if user is None and isinstance(subject, LoggedInClient) and path == "/auth/me":
            user = subject.user
    if response.status >= 400:
        expected = "an answer to somebody who is logged in"
        if response.status == 404 and not isinstance(subject, ClientResponse) and path == "/auth/me":
            expected += ' (this application has no /auth/me: give a path, assert_authenticated(client, "/profile"))'
        await _fail(response, expected)
    if user is not None and (found := _id_in(await body_of(response))) != user.id:
        whose = "nobody's id" if found is None else f"the id {found}"
        await _fail(response, f"the answer to {user.identifier!r}, with the id {user.id}; it has {whose}")
    return response


def assert_cookie_flags(
    response: ClientResponse,
    name: str,
    *,
    http_only: bool | None = None,
    secure: bool = True,
    same_site: str = "Strict",
    path: str = "/",
    domain: str | None = None,
    cleared: bool = False,
) -> None:
    """The response sets this cookie once, with these attributes; by default with sentri's own defaults.

    Args:
        response: of aiohttp's client.
        name: of the cookie.
        http_only: by default True for every name but `access_token`, which scripts may read.
        secure: whether it travels over https only.
        same_site: "Strict", "Lax" or "None".
        path: where it is sent.
        domain: None for a cookie of the one host that set it.
        cleared: whether the response makes the browser forget the cookie instead.
    """
    __tracebackhide__ = True
    morsel = _the_cookie(response, name)
    expected = {
        "HttpOnly": name != _READABLE if http_only is None else http_only,
        "Secure": secure,
        "SameSite": same_site,
        "Path": path,
        "Domain": domain or "",
    }
    found = {attribute: _flag(morsel, attribute) for attribute in expected}
    wrong = [
        f"{attribute} is {found[attribute]!r}, expected was {wanted!r}"
        for attribute, wanted in expected.items()
        if str(found[attribute]).lower() != str(wanted).lower()
    ]
    if _is_cleared(morsel) != cleared:
        wrong.append("it is cleared" if not cleared else "it is set, expected was that it is cleared (Max-Age=0)")
    if wrong:
        _raise(f"the cookie {name!r} of {response.method} {response.url.path}: {'; '.join(wrong)}")


def _the_cookie(response: ClientResponse, name: str) -> Morsel[str]:
    __tracebackhide__ = True
    cookies = [
        morsel for header in response.headers.getall(hdrs.SET_COOKIE, ()) for morsel in SimpleCookie(header).values()
    ]
    named = [morsel for morsel in cookies if morsel.key == name]
    place = f"{response.method} {response.url.path} ({response.status})"
    if not named:
        others = ", ".join(repr(morsel.key) for morsel in cookies) or "none"
        _raise(
            f"{place} sets no cookie {name!r}; it sets {others}. Tokens travel in cookies where the auth server has "
            "the options cookie and access_cookie"
        )
    if len(named) > 1:
        _raise(f"{place} sets the cookie {name!r} {len(named)} times")
    return named[0]


def _flag(morsel: Morsel[str], attribute: str) -> str | bool:
    value: str | bool = morsel[attribute.lower()]
    return bool(value) if attribute in {"HttpOnly", "Secure"} else value


def _is_cleared(morsel: Morsel[str]) -> bool:
    return str(morsel["max-age"]) == "0"


async def _envelope(response: ClientResponse, keys: frozenset[str]) -> dict[str, Any]:
    __tracebackhide__ = True
    body = await body_of(response)
    if response.content_type != "application/json" or not isinstance(body, dict):
        await _fail(response, "sentri's envelope, application/json")
    if body.keys() != keys:
        await _fail(response, f"sentri's envelope, an object of {', '.join(sorted(keys))}")
    if body["statusCode"] != response.status or not isinstance(body["message"], str):
        await _fail(response, f"an envelope with a message and statusCode {response.status}")
    return body


async def _check_headers(response: ClientResponse, expected: str) -> None:
    __tracebackhide__ = True
    if response.headers.get(hdrs.CACHE_CONTROL) != "no-store":
        await _fail(response, f"{expected} with Cache-Control: no-store")
    challenge = response.headers.get(hdrs.WWW_AUTHENTICATE, "")
    if response.status == web.HTTPUnauthorized.status_code and not challenge.startswith("Bearer"):
        await _fail(response, f"{expected} with WWW-Authenticate: Bearer")


def _id_in(body: Any) -> Any:
    """The user's id in the answer of a handler, in an envelope's `data`, or in the `user` there."""
    data = _member(body, "data")
    found = (_member(place, "id") for place in (body, data, _member(data, "user")))
    return next((value for value in found if value is not None), None)


def _member(of: Any, name: str) -> Any:
    return of.get(name) if isinstance(of, dict) else None


async def _fail(response: ClientResponse, expected: str) -> NoReturn:
    __tracebackhide__ = True
    _raise(f"{await described(response)}. Expected was {expected}. {await advice(response)}".rstrip())


def _raise(message: str) -> NoReturn:
    __tracebackhide__ = True
    raise AssertionError(message)
