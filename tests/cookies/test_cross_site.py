"""What another site makes a browser send is refused: by guards, by the endpoints, by handshakes."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import product
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from sentri import current_user
from sentri.web.origin import CrossSite
from tests.cookies.conftest import EXPIRED, cookies_of, shown
from tests.support import PASSWORD, assert_error

HOST = "shop.example"
TRUSTED = "https://app.example"
SITES: dict[str, list[str]] = {
    "same-origin": ["same-origin"],
    "none": ["none"],
    "same-site": ["same-site"],
    "cross-site": ["cross-site"],
    "garbage": ["same-origin, cross-site"],
    "empty": [""],
    "absent": [],
    "doubled": ["same-origin", "same-origin"],
}
OURS = {"same-origin", "none"}
ORIGINS: dict[str, list[str]] = {
    "own": [f"https://{HOST}"],
    "own with its port": [f"https://{HOST}:443"],
    "trusted": [TRUSTED],
    "null": ["null"],
    "empty": [""],
    "other": ["https://evil.example"],
    "subdomain": [f"https://blog.{HOST}"],
    "parent": ["https://example"],
    "prefix": [f"https://{HOST}.evil.example"],
    "other port": [f"https://{HOST}:8443"],
    "http": [f"http://{HOST}"],
    "http on the port of https": [f"http://{HOST}:443"],
    "other scheme": [f"ftp://{HOST}"],
    "no scheme": [HOST],
    "two in one": [f"https://{HOST} {TRUSTED}"],
    "with a user": [f"https://evil@{HOST}"],
    "with a path": [f"https://{HOST}/x"],
    "with a query": [f"https://{HOST}?x"],
    "with a fragment": [f"https://{HOST}#x"],
    "*": ["*"],
    "absent": [],
    "doubled": [f"https://{HOST}", f"https://{HOST}"],
}
GOOD_ORIGINS = {"own", "own with its port", "trusted"}
SAFE = ("GET", "HEAD", "OPTIONS")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND")


def passes(site: str, origin: str) -> bool:
    """What the contract says of an unsafe request."""
    if site in OURS or origin in GOOD_ORIGINS:
        return True
    return site == "absent" and origin == "absent"


def headers_of(site: str, origin: str) -> CIMultiDict[str]:
    sent: CIMultiDict[str] = CIMultiDict()
    for name, values in (("Sec-Fetch-Site", SITES[site]), ("Origin", ORIGINS[origin])):
        for value in values:
            sent.add(name, value)
    return sent


# --- the rule itself


def is_let_in(
    headers: CIMultiDict[str] | dict[str, str],
    *,
    method: str = "POST",
    host: str = HOST,
    secure: bool = True,
    trusted: tuple[str, ...] = (TRUSTED,),
    proxies: tuple[str, ...] = (),
    peer: str | None = "203.0.113.7",
    tls: bool = False,
) -> bool:
    sent = CIMultiDict(headers)
    sent["Host"] = host
    transport = Mock()
    details = {"peername": peer and (peer, 1), "sslcontext": Mock() if tls else None}
    transport.get_extra_info.side_effect = lambda name, default=None: details.get(name, default)
    request = make_mocked_request(method, "/", headers=sent, transport=transport, sslcontext=details["sslcontext"])
    check = CrossSite(trusted=trusted, secure=secure, proxies=[ip_network(proxy) for proxy in proxies], denials=None)
    return not check.refuses(request)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("site", SITES)
def test_the_table(site, origin):
    headers = headers_of(site, origin)
    assert {method: is_let_in(headers, method=method) for method in UNSAFE} == dict.fromkeys(
        UNSAFE, passes(site, origin)
    )
    assert all(is_let_in(headers, method=method) for method in SAFE)
    handshake = CIMultiDict([*headers.items(), ("Upgrade", "WebSocket"), ("Connection", "Upgrade")])
    assert is_let_in(handshake, method="GET") is passes(site, origin)


@pytest.mark.parametrize("value", ["Same-Origin", "same-origin ", "NONE"])
def test_reads_the_site_in_any_case(value):
    assert is_let_in({"Sec-Fetch-Site": value})


LOOPBACK = ["localhost", "LOCALHOST", "app.localhost", "127.0.0.1", "127.8.8.8", "[::1]"]
NOT_LOOPBACK = [
    HOST, "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "10.0.0.1", "0.0.0.0", "[2001:db8::1]",
]  # fmt: skip


@pytest.mark.parametrize("port", ["", ":8080"])
@pytest.mark.parametrize("host", [*LOOPBACK, *NOT_LOOPBACK])
def test_with_secure_cookies_the_own_origin_is_https(host, port):
    """Whatever the connection is: a proxy in front may have ended TLS. On loopback http too."""
    for tls in (False, True):
        assert is_let_in({"Origin": f"https://{host}{port}"}, host=f"{host}{port}", tls=tls)
        assert is_let_in({"Origin": f"http://{host}{port}"}, host=f"{host}{port}", tls=tls) is (host in LOOPBACK)
    other = {"Origin": f"https://{host}:1"}
    assert not is_let_in(other, host=f"{host}{port}")


@pytest.mark.parametrize("tls", [False, True])
def test_without_secure_cookies_it_is_what_the_connection_says(tls):
    for scheme in ("http", "https"):
        assert is_let_in({"Origin": f"{scheme}://{HOST}"}, secure=False, tls=tls) is ((scheme == "https") is tls)


PROXY = "10.1.2.3"
FORWARDED: dict[str, tuple[dict[str, str] | list[tuple[str, str]], bool]] = {
    "nothing": ({}, False),
    "https": ({"X-Forwarded-Proto": "https"}, True),
    "HTTPS": ({"X-Forwarded-Proto": " HTTPS "}, True),
    "http": ({"X-Forwarded-Proto": "http"}, False),
    "from the right": ({"X-Forwarded-Proto": "http, https"}, True),
    "not from the left": ({"X-Forwarded-Proto": "https, http"}, False),
    "last header": ([("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https")], True),
    "not the first header": ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")], False),
    "garbage": ({"X-Forwarded-Proto": "httpss"}, False),
    "ends in nothing": ({"X-Forwarded-Proto": "https,"}, False),
    "Forwarded": ({"Forwarded": "for=192.0.2.1;proto=https;by=10.1.2.3"}, True),
    "Forwarded, quoted": ({"Forwarded": 'For="[2001:db8::1]:4711";Proto="HTTPS"'}, True),
    "Forwarded http": ({"Forwarded": "for=192.0.2.1;proto=http"}, False),
    "Forwarded from the right": ({"Forwarded": "for=a;proto=http, for=b;proto=https"}, True),
    "Forwarded not from the left": ({"Forwarded": "for=a;proto=https, for=b;proto=http"}, False),
    "Forwarded without proto": ({"Forwarded": "for=192.0.2.1"}, False),
    "Forwarded, last header": ([("Forwarded", "proto=http"), ("Forwarded", "proto=https")], True),
}


@pytest.mark.parametrize(("headers", "is_https"), FORWARDED.values(), ids=FORWARDED)
def test_a_trusted_proxy_says_what_the_browser_spoke(headers, is_https):
    """And nobody else does."""
    for scheme in ("http", "https"):
        sent = CIMultiDict(headers)
        sent.add("Origin", f"{scheme}://{HOST}")
        behind = {"secure": False, "peer": PROXY}
        expected = (scheme == "https") is is_https and not (scheme == "http" and _says_neither(headers))
        assert is_let_in(sent, proxies=("10.0.0.0/8",), **behind) is expected
        assert is_let_in(sent, proxies=("192.0.2.0/24", "::/0"), **behind) is (scheme == "http"), "not its proxy"
        assert is_let_in(sent, **behind) is (scheme == "http"), "no proxy is trusted"


def _says_neither(headers) -> bool:
    return dict(headers).get("X-Forwarded-Proto") in {"httpss", "https,"}


@pytest.mark.parametrize(
    ("peer", "proxy", "trusted"),
    [
        ("10.0.0.1", "10.0.0.1/32", True),
        ("10.0.0.2", "10.0.0.1/32", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("::ffff:10.0.0.1", "10.0.0.0/8", True),
        ("::ffff:11.0.0.1", "10.0.0.0/8", False),
        ("fe80::1%eth0", "fe80::/10", True),
        (None, "0.0.0.0/0", False),
        ("", "0.0.0.0/0", False),
    ],
)
def test_knows_its_proxies_by_their_address(peer, proxy, trusted):
    headers = {"Origin": f"https://{HOST}", "X-Forwarded-Proto": "https"}
    assert is_let_in(headers, secure=False, peer=peer, proxies=(proxy,)) is trusted


def test_a_proxy_changes_nothing_for_secure_cookies():
    for proto in ("http", "https"):
        headers = {"X-Forwarded-Proto": proto, "Origin": f"https://{HOST}"}
        assert is_let_in(headers, peer=PROXY, proxies=("10.0.0.0/8",))
        headers["Origin"] = f"http://{HOST}"
        assert not is_let_in(headers, peer=PROXY, proxies=("10.0.0.0/8",))


def test_the_host_of_a_proxy_is_not_believed():
    """The own origin is made from `Host`, which proxies keep."""
    headers = {"X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"}
    assert not is_let_in(headers, peer=PROXY, proxies=("10.0.0.0/8",))


# --- where it is asked

ROWS = [
    *product(SITES, ["own", "trusted", "other", "null", "absent", "doubled"]),
    *product(["same-origin", "cross-site", "absent"], ["subdomain", "other port", "http"]),
]
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def rows() -> Iterator[tuple[CIMultiDict[str], bool, str]]:
    for site, origin in ROWS:
        yield (
            CIMultiDict([*headers_of(site, origin).items(), ("Host", HOST)]),
            passes(site, origin),
            f"{site}, {origin}",
        )


@pytest.fixture
async def shop(start):
    """An application that trusts one origin more, with a WebSocket."""

    def wire(auth, app):
        @auth.protect
        async def socket(request: web.Request) -> web.StreamResponse:
            response = web.WebSocketResponse()
            await response.prepare(request)
            await response.send_str(current_user(request).id)
            await response.close()
            return response

        app.router.add_get("/socket", socket)

    return await start(wire, trusted_origins=[TRUSTED])


@pytest.mark.parametrize("state", ["good", "expired", "absent access"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_guard_refuses_what_a_cookie_authenticates(shop, method, state):
    """And what it would refresh; then nothing has been rotated."""
    for headers, expected, row in rows():
        pair = await shop.log_in()
        if state == "expired":
            shop.clock.advance(EXPIRED)
        cookies = shown(refresh_token=pair.refresh_token) if state == "absent access" else shown(pair)
        response = await shop.send(method, "/profile", cookies, headers=headers)
        if expected and (state == "good" or "cross-site" not in headers.getall("Sec-Fetch-Site", ())):
            assert response.status == 200, row
        elif expected:  # a trusted origin of another site: let through, but never refreshed silently
            assert response.status == 401, row
        else:
            await assert_error(response, 403, "FORBIDDEN")
            assert not cookies_of(response), row
            assert await shop.rotations(pair) == 0, row


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_guard_lets_safe_requests_pass(shop, method):
    pair = await shop.log_in()
    for headers, _, row in rows():
        assert (await shop.send(method, "/profile", shown(pair), headers=headers)).status == 200, row


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_guard_does_not_ask_a_client_without_cookies(shop, method):
    """With a Bearer header it passes, with cookies beside it too; with nothing it is 401."""
    pair = await shop.log_in()
    bearer = {"Authorization": f"Bearer {pair.access_token}"}
    for headers, _, row in rows():
        assert (await shop.send(method, "/profile", headers=headers)).status == 401, row
        headers.update(bearer)
        assert (await shop.send(method, "/profile", headers=headers)).status == 200, row
        assert (await shop.send(method, "/profile", shown(pair), headers=headers)).status == 200, row


@pytest.mark.parametrize("state", ["good", "expired"])
async def test_a_handshake_is_asked_like_an_unsafe_request(shop, state):
    """Although its method is GET. A client with a Bearer header is not a browser: its WebSockets cannot send one."""
    for headers, expected, row in rows():
        pair = await shop.log_in()
        if state == "expired":
            shop.clock.advance(EXPIRED)
        headers.extend(UPGRADE)
        status = await handshake(shop, headers, cookies=shown(pair))
        if not expected:
            assert status == 403, row
            assert await shop.rotations(pair) == 0, row
        elif state == "expired" and "cross-site" in headers.getall("Sec-Fetch-Site", ()):
            assert status == 401, row
        else:
            assert status == 101, row
        if state == "good":
            assert await handshake(shop, headers, bearer=pair.access_token) == 101, row


async def handshake(shop, headers: CIMultiDict[str], *, cookies: str = "", bearer: str = "") -> int:
    sent = CIMultiDict(headers)
    sent.update({"Cookie": cookies} if cookies else {"Authorization": f"Bearer {bearer}"})
    async with shop.api.client.get("/socket", headers=sent) as response:
        response.close()
        return response.status


ENDPOINTS = [
    ("POST", "/login"), ("POST", "/register"), ("POST", "/refresh"), ("POST", "/logout"), ("POST", "/logout-all"),
    ("PATCH", "/me/identifier"), ("PATCH", "/me/password"), ("POST", "/users/1/roles"), ("POST", "/nowhere"),
    ("DELETE", "/me"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_every_unsafe_endpoint_is_closed_to_other_sites(shop, method, path):
    """With cookies, with a Bearer header, and with nothing: another site may not even log somebody in."""
    pair = await shop.log_in()
    before = await shop.session(pair)
    body = {"identifier": pair.user.identifier, "password": PASSWORD}
    for headers, expected, row in rows():
        if expected:
            continue
        for cookies in ("", shown(pair)):
            response = await shop.send(method, f"/auth{path}", cookies, json=body, headers=headers)
            await assert_error(response, 403, "FORBIDDEN")
            assert not cookies_of(response), row
        headers["Authorization"] = f"Bearer {pair.access_token}"
        assert (await shop.send(method, f"/auth{path}", json=body, headers=headers)).status == 403, row
    assert await shop.session(pair) == before


async def test_the_endpoints_are_open_to_their_own_site_and_to_trusted_ones(shop):
    await shop.api.user("ann")
    body = {"identifier": "ann", "password": PASSWORD}
    for headers, expected, row in rows():
        if expected and row.split(", ")[0] != "doubled":
            assert (await shop.send("POST", "/auth/logout", headers=headers)).status == 200, row
    for headers in ({"Origin": TRUSTED}, {"Sec-Fetch-Site": "same-origin"}, {}):
        assert (await shop.send("POST", "/auth/login", json=body, headers=headers)).status == 200


@pytest.mark.parametrize("path", ["/auth/me", "/auth/keys", "/auth/nowhere"])
async def test_safe_endpoints_are_not_asked(shop, path):
    pair = await shop.log_in()
    for headers, _, row in rows():
        assert (await shop.send("GET", path, shown(pair), headers=headers)).status in {200, 404}, row


async def test_login_from_another_site_logs_nobody_in(site):
    """Login CSRF: a form that logs the visitor in as the attacker."""
    await site.api.user("mallory")
    victim = await site.log_in()
    body = {"identifier": "mallory", "password": PASSWORD}
    for cookies in ("", shown(victim)):
        response = await site.send(
            "POST", "/auth/login", cookies, json=body, headers={"Origin": "https://evil.example"}
        )
        await assert_error(response, 403, "FORBIDDEN")
        assert not cookies_of(response)
    assert await site.session(victim) is not None


async def test_without_cookies_nothing_is_asked(start):
    """A server whose clients carry their tokens themselves."""
    site = await start(cookie=None, access_cookie=None)
    await site.api.user("ann")
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    body = {"identifier": "ann", "password": PASSWORD}
    response = await site.send("POST", "/auth/login", json=body, headers=headers)
    assert response.status == 200
    headers["Authorization"] = f"Bearer {(await response.json())['data']['accessToken']}"
    assert (await site.send("POST", "/profile", headers=headers)).status == 200


@pytest.mark.parametrize("options", [{"cookie": None}, {"access_cookie": None}], ids=["access alone", "refresh alone"])
async def test_one_cookie_is_enough_to_be_asked(start, options):
    site = await start(**options)
    response = await site.send("POST", "/auth/login", json={}, headers={"Origin": "https://evil.example"})
    await assert_error(response, 403, "FORBIDDEN")


async def test_one_cookie_that_is_not_secure_makes_the_own_origin_http(start):
    """It travels over both; the connection says which."""
    site = await start(cookie={"secure": False})
    pair = await site.log_in()
    for scheme, status in (("http", 200), ("https", 403)):
        headers = {"Host": HOST, "Origin": f"{scheme}://{HOST}"}
        assert (await site.send("POST", "/profile", shown(pair), headers=headers)).status == status


@pytest.mark.parametrize(("proxies", "status"), [(["127.0.0.0/8"], 200), (["192.0.2.1"], 403), (None, 403)])
async def test_behind_a_proxy_that_ends_tls(start, proxies, status):
    """Cookies that are not Secure need `trusted_proxies` there; Secure ones need nothing."""
    site = await start(cookie={"secure": False}, access_cookie={"secure": False}, trusted_proxies=proxies)
    pair = await site.log_in()
    headers = {"Host": HOST, "Origin": f"https://{HOST}", "X-Forwarded-Proto": "https"}
    assert (await site.send("POST", "/profile", shown(pair), headers=headers)).status == status
    assert (await site.send("POST", "/auth/logout", shown(pair), headers=headers)).status == status
