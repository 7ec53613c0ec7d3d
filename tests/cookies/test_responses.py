"""Whatever response a silently refreshed request gets, the new cookies reach the browser with it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientResponse, ClientWebSocketResponse, DummyCookieJar, web

from sentri import SentriError
from tests.cookies.conftest import BOTH, DATABASES, DEFAULT_ATTRIBUTES, EXPIRED, cookies_of, read_cookies, shown, taken
from tests.support import PASSWORD, serving

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def json(_: web.Request) -> web.StreamResponse:
    response = web.json_response({})
    response.set_cookie("theirs", "1")
    return response


async def cached(_: web.Request) -> web.StreamResponse:
    return web.Response(text="cached", headers={"Cache-Control": "public, max-age=600"})


async def streamed(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"one, ")
    await response.write(b"two")
    await response.write_eof()
    return response


async def compressed(_: web.Request) -> web.StreamResponse:
    response = web.Response(text="z" * 5000)
    response.enable_compression()
    return response


async def file(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(__file__)


async def empty(_: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


async def redirect(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/elsewhere")


async def forbidden(_: web.Request) -> web.StreamResponse:
    raise web.HTTPForbidden


async def missing(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


async def own_error(_: web.Request) -> web.StreamResponse:
    raise SentriError("RATE_LIMITED", "Not so fast.")


async def broken(_: web.Request) -> web.StreamResponse:
    raise RuntimeError("on purpose")


async def late(_: web.Request) -> web.StreamResponse:
    raise TimeoutError


async def cloned(request: web.Request) -> web.StreamResponse:
    return await streamed(request.clone())


async def bare(_: web.Request) -> web.StreamResponse:
    return web.Response(text="bare")


@web.middleware
async def replacing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Throws away what the handler answered."""
    response = await handler(request)
    return web.Response(text="replaced") if "replace" in request.query else response


HANDLERS = {
    handler.__name__: handler
    for handler in (
        json, cached, streamed, compressed, file, empty, redirect, forbidden, missing, own_error, broken, late, cloned
    )
}  # fmt: skip


def wire(auth, app):
    class Methods(web.View):
        @auth.protect
        async def get(self):
            return web.Response(text="of a method")

    @auth.protect
    class Class(web.View):
        async def get(self):
            return web.Response(text="of a class")

    @auth.protect
    async def socket(request):
        response = web.WebSocketResponse()
        await response.prepare(request)
        await response.send_str("hello")
        await response.close()
        return response

    for name, handler in HANDLERS.items():
        app.router.add_get(f"/{name}", auth.protect(handler))
    app.router.add_view("/methods", Methods)
    app.router.add_view("/class", Class)
    app.router.add_get("/socket", socket)
    app.router.add_get("/bare", bare)
    inner = web.Application()
    inner.router.add_get("/json", auth.protect(json))
    app.add_subapp("/inner", inner)


def with_errors(auth):
    return [auth.error_middleware(), replacing]


KINDS = {
    "json": ("GET", "/json", {}, 200),
    "cached": ("GET", "/cached", {}, 200),
    "streamed": ("GET", "/streamed", {}, 200),
    "compressed": ("GET", "/compressed", {"Accept-Encoding": "gzip"}, 200),
    "file": ("GET", "/file", {}, 200),
    "range": ("GET", "/file", {"Range": "bytes=0-4"}, 206),
    "range of nothing": ("GET", "/file", {"Range": "bytes=99999999-"}, 416),
    "304": ("GET", "/file", {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
    "204": ("GET", "/empty", {}, 204),
    "HEAD": ("HEAD", "/json", {}, 200),
    "HEAD of a file": ("HEAD", "/file", {}, 200),
    "redirect": ("GET", "/redirect", {}, 302),
    "403": ("GET", "/forbidden", {}, 403),
    "404": ("GET", "/missing", {}, 404),
    "SentriError": ("GET", "/own_error", {}, 429),
    "500": ("GET", "/broken", {}, 500),
    "time-out": ("GET", "/late", {}, 500),
    "cloned request": ("GET", "/cloned", {}, 200),
    "replaced": ("GET", "/json?replace", {}, 200),
    "method of a View": ("GET", "/methods", {}, 200),
    "View": ("GET", "/class", {}, 200),
    "sub-application": ("GET", "/inner/json", {}, 200),
    "own endpoint": ("GET", "/auth/me", {}, 200),
    "expected": ("POST", "/profile", {"Expect": "100-continue"}, 200),
}
WITHOUT_ERROR_MIDDLEWARE = {
    "500": ("GET", "/broken", {}, 500),
    "504": ("GET", "/late", {}, 504),
    "SentriError": ("GET", "/own_error", {}, 500),
    "404": ("GET", "/missing", {}, 404),
}


def check_refreshed(headers) -> None:
    """Both cookies with their attributes, for as long as the tokens live, and no store."""
    found = read_cookies(headers.getall("Set-Cookie", []))
    found.pop("theirs", None)
    assert {name: cookie.kept for name, cookie in found.items()} == DEFAULT_ATTRIBUTES
    assert {name: int(cookie.attributes["max-age"]) for name, cookie in found.items()} == {
        "refresh_token": 7 * 86400,
        "access_token": 15 * 60,
    }
    assert headers.getall("Cache-Control") == ["no-store"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_brings_the_new_cookies(start, kind):
    """And the next response, which refreshed nothing, brings none."""
    site = await start(wire, middlewares=with_errors)
    method, path, headers, status = kind
    response = await site.send(method, path, shown(await site.expired()), headers=headers)
    assert response.status == status
    check_refreshed(response.headers)
    again = await site.send(method, path, taken(response), headers=headers)
    assert again.status == status
    assert BOTH.isdisjoint(cookies_of(again))


@pytest.mark.parametrize("kind", WITHOUT_ERROR_MIDDLEWARE.values(), ids=WITHOUT_ERROR_MIDDLEWARE)
async def test_brings_the_new_cookies_without_the_error_middleware(start, kind):
    site = await start(wire, middlewares=lambda auth: [])
    method, path, _, status = kind
    response = await site.send(method, path, shown(await site.expired()))
    assert response.status == status
    check_refreshed(response.headers)
    assert BOTH.isdisjoint(cookies_of(await site.send(method, path, taken(response))))


@pytest.mark.parametrize("path", ["/bare", "/nowhere", "/inner/nowhere"])
async def test_under_the_middleware_any_response_brings_them(start, path):
    """`protect_middleware` refreshes for handlers without a guard, and for paths that do not exist."""
    site = await start(wire, middlewares=lambda auth: [auth.error_middleware(), auth.protect_middleware()])
    check_refreshed((await site.send("GET", path, shown(await site.expired()))).headers)


async def test_keeps_what_the_response_has_without_a_refresh(start):
    """The handler's own headers stay; only `Cache-Control` is replaced, and only beside new cookies."""
    site = await start(wire)
    pair = await site.expired()
    refreshed = await site.send("GET", "/cached", shown(pair))
    fresh = await site.send("GET", "/cached", taken(refreshed))
    assert fresh.headers["Cache-Control"] == "public, max-age=600"
    theirs = await site.send("GET", "/json", shown(pair))
    assert set(cookies_of(theirs)) == {"theirs"} | BOTH


async def test_the_body_is_the_one_of_the_handler(start):
    site = await start(wire)
    for path, body in {"/streamed": "one, two", "/compressed": "z" * 5000, "/cloned": "one, two"}.items():
        assert await (await site.send("GET", path, shown(await site.expired()))).text() == body, path


def handshake(socket: ClientWebSocketResponse) -> ClientResponse:
    """The response that a WebSocket began with."""
    return socket._response  # noqa: SLF001 - aiohttp shows it nowhere else


async def test_a_websocket_brings_them_with_its_handshake(start):
    site = await start(wire)
    cookies = shown(await site.expired())
    async with site.api.client.ws_connect("/socket", headers={"Cookie": cookies}) as socket:
        assert handshake(socket).status == 101
        check_refreshed(handshake(socket).headers)
        next_cookies = taken(handshake(socket))
        assert (await socket.receive_str()) == "hello"
    async with site.api.client.ws_connect("/socket", headers={"Cookie": next_cookies}) as socket:
        assert not cookies_of(handshake(socket))


# --- on the wire


async def heads(port: int, *requests: str) -> list[tuple[str, list[str]]]:
    """The status line and the `Set-Cookie` headers of each answer to requests that are sent at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("".join(requests).encode())
    answer = (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    await writer.wait_closed()
    found = []
    for part in re.split(r"HTTP/1\.[01] (?=\d{3} )", answer)[1:]:
        status, *headers = part.partition("\r\n\r\n")[0].split("\r\n")
        found.append((status[:3], [line.partition(": ")[2] for line in headers if line.startswith("Set-Cookie")]))
    return found


def written(path: str, cookies: str = "", *, version: str = "1.1", last: bool = False) -> str:
    lines = [f"GET {path} HTTP/{version}", "Host: 127.0.0.1"]
    lines += [f"Cookie: {cookies}"] if cookies else []
    lines += ["Connection: close"] if last else []
    return "\r\n".join([*lines, "", ""])


async def test_a_pipelined_neighbour_gets_none(start):
    """Requests that share a connection share no cookies."""
    site = await start(wire, middlewares=with_errors)
    first, second = await site.log_in(), await site.log_in()
    site.clock.advance(EXPIRED)
    answers = await heads(
        site.api.client.port,
        written("/bare", shown(first)),
        written("/json", shown(first)),
        written("/bare", shown(first)),
        written("/json"),
        written("/streamed", shown(second)),
        written("/nowhere", shown(second), last=True),
    )
    assert [status for status, _ in answers] == ["200", "200", "200", "401", "200", "404"]
    found = [BOTH & set(read_cookies(cookies)) for _, cookies in answers]
    assert found == [set(), BOTH, set(), set(), BOTH, set()]
    sessions = [
        site.auth.verify_refresh_token(read_cookies(answers[n][1])["refresh_token"].value).session_id for n in (1, 4)
    ]
    assert sessions == [first.user.session_id, second.user.session_id]


@pytest.mark.parametrize("path", ["/json", "/streamed", "/file", "/redirect", "/broken"])
async def test_http_1_0_brings_them_too(start, path):
    site = await start(wire, middlewares=with_errors)
    ((_, cookies),) = await heads(site.api.client.port, written(path, shown(await site.expired()), version="1.0"))
    assert set(read_cookies(cookies)) >= BOTH


@DATABASES
async def test_on_every_database(start, dialect):
    site = await start(wire, middlewares=with_errors)
    for kind in ("json", "streamed", "file", "500", "own endpoint"):
        method, path, headers, _ = KINDS[kind]
        check_refreshed((await site.send(method, path, shown(await site.expired()), headers=headers)).headers)


def test_under_uvloop(make_auth, clock):
    """Another event loop, with transports of its own."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed; it is no dependency of this project")
    auth = make_auth(cookie={}, access_cookie={})

    async def matrix() -> None:
        app = web.Application(middlewares=with_errors(auth))
        app.add_subapp("/auth", auth.app())
        app.router.add_post("/profile", auth.protect(bare))
        wire(auth, app)
        async with serving(app, DummyCookieJar()) as client:
            user = await auth.accounts.register("ann", PASSWORD)
            for method, path, headers, status in KINDS.values():
                pair = await auth.accounts.start_session(user.id)
                clock.advance(EXPIRED)
                sent = {"Cookie": shown(pair), **headers}
                async with client.request(method, path, headers=sent, allow_redirects=False) as response:
                    await response.read()
                    assert response.status == status, path
                    check_refreshed(response.headers)
            pair = await auth.accounts.start_session(user.id)
            clock.advance(EXPIRED)
            async with client.ws_connect("/socket", headers={"Cookie": shown(pair)}) as socket:
                check_refreshed(handshake(socket).headers)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(matrix())
