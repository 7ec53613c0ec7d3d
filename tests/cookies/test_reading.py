"""Which cookie counts: beside a header, and beside others of the same name."""

from __future__ import annotations

import base64
from itertools import permutations

import pytest

from tests.cookies.conftest import EXPIRED, cookies_of, shown
from tests.support import PASSWORD, assert_error


def several(name: str, *values: str) -> str:
    return "; ".join(f"{name}={value}" for value in values)


async def status(site, cookies: str, path: str = "/profile", **more) -> int:
    return (await site.send("GET", path, cookies, **more)).status


# --- cookies of one name


async def test_all_that_verify_must_name_one_session(site, clock):
    """In any order; what does not verify does not count."""
    one, two = await site.log_in(), await site.log_in()
    clock.advance(60)
    newer = await site.auth.accounts.refresh(one.refresh_token)
    for values, expected in (
        ((one.access_token, "junk"), 200),
        ((one.access_token, "a.b.c", "", "x"), 200),
        ((one.access_token, newer.access_token), 200),
        ((one.access_token, one.access_token), 200),
        ((one.access_token, two.access_token), 401),
        ((one.access_token, newer.access_token, two.access_token, "junk"), 401),
        ((one.access_token, one.refresh_token), 200),
        (("junk", "a.b.c"), 401),
    ):
        for order in permutations(values):
            assert await status(site, several("access_token", *order)) == expected


async def test_an_expired_one_counts_as_one_that_verifies(site):
    """Of the same session it does no harm; of another it does."""
    old = await site.expired()
    fresh, other = await site.auth.accounts.refresh(old.refresh_token), await site.log_in()
    for order in permutations((old.access_token, fresh.access_token)):
        response = await site.send("GET", "/profile", several("access_token", *order))
        assert response.status == 200
        assert not cookies_of(response)
    for order in permutations((old.access_token, other.access_token)):
        assert await status(site, several("access_token", *order)) == 401


async def test_a_planted_cookie_of_another_session_logs_nobody_in(site):
    """Neither as the one nor as the other, and no refresh decides for them."""
    mine, planted = await site.log_in(), await site.log_in()
    site.clock.advance(EXPIRED)
    for first, second in ((mine, planted), (planted, mine)):
        for cookies in (
            several("refresh_token", first.refresh_token, second.refresh_token),
            several("refresh_token", first.refresh_token, second.refresh_token) + f"; access_token={mine.access_token}",
            several("access_token", first.access_token, second.access_token) + f"; refresh_token={mine.refresh_token}",
        ):
            for method, path in (("GET", "/profile"), ("GET", "/auth/me"), ("POST", "/auth/logout-all")):
                response = await site.send(method, path, cookies)
                assert response.status == 401
                assert not cookies_of(response)
        response = await site.send(
            "POST", "/auth/refresh", several("refresh_token", first.refresh_token, second.refresh_token)
        )
        await assert_error(response, 401, "TOKEN_INVALID")
    assert [await site.rotations(pair) for pair in (mine, planted)] == [0, 0]


async def test_of_several_refresh_tokens_of_one_session_the_newest_counts(site, clock):
    """An older one, left under another path, is not taken for theft."""
    oldest = await site.log_in()
    clock.advance(120)
    newest = await site.auth.accounts.refresh(oldest.refresh_token)
    clock.advance(120)
    for order in permutations((oldest.refresh_token, newest.refresh_token, "junk")):
        response = await site.send("GET", "/profile", several("refresh_token", *order))
        assert response.status == 200
        assert await site.session(oldest) is not None
    assert (
        await site.send("POST", "/auth/refresh", several("refresh_token", oldest.refresh_token, newest.refresh_token))
    ).status == 200


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_four_are_tried_and_no_more(site, name):
    pair = await site.log_in()
    token = getattr(pair, name)
    junk = [f"{token[:-6]}{n}aaaaa" for n in range(4)]
    assert await status(site, several(name, *junk[:3], token)) == 200
    assert await status(site, several(name, *junk, token)) == 401


async def test_copies_and_empty_ones_do_not_use_up_the_four(site):
    pair = await site.log_in()
    assert await status(site, several("access_token", *["junk"] * 6, *[""] * 6, pair.access_token)) == 200


async def test_login_ends_no_session_where_two_are_shown(site):
    """None counts, so none is replaced."""
    await site.api.user("ann")
    one, two = await site.log_in(), await site.log_in()
    cookies = several("refresh_token", one.refresh_token, two.refresh_token)
    await site.send("POST", "/auth/login", cookies, json={"identifier": "ann", "password": PASSWORD})
    assert await site.session(one) is not None
    assert await site.session(two) is not None


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_two_headers_are_read_like_one(site, name):
    """HTTP/2 front ends may split `Cookie` (RFC 9113, section 8.2.3)."""
    one, two = await site.log_in(), await site.log_in()
    for other, expected in ((getattr(two, name), 401), ("junk", 200)):
        for values in permutations((getattr(one, name), other)):
            headers = [("Cookie", f"{name}={value}") for value in values]
            response = await site.send("GET", "/profile", headers=headers)
            assert response.status == expected


async def test_reads_what_browsers_may_write(site):
    """Quotes, spaces, and other cookies around; not another name, not another case."""
    pair = await site.log_in()
    token = pair.access_token
    for cookies, expected in (
        (f'access_token="{token}"', 200),
        (f"a=b; access_token={token}; c=d", 200),
        (f"a=b;access_token={token};c", 200),
        (f"  access_token={token}  ", 200),
        (f"=; ; broken; access_token={token}", 200),
        (f'x="; access_token={token}', 200),
        (f"Access_Token={token}", 401),
        (f"xaccess_token={token}", 401),
        (f"x=access_token={token}", 401),
        (f"access_token==={token}", 401),
        (f"refresh_token={token}", 401),
        ("access_token", 401),
    ):
        assert await status(site, cookies) == expected, cookies[:30]


async def test_other_names_are_not_read(start):
    site = await start(cookie={"name": "r"}, access_cookie={"name": "a"})
    pair = await site.log_in()
    assert await status(site, shown(pair)) == 401
    assert await status(site, shown(a=pair.access_token)) == 200
    assert await status(site, shown(r=pair.refresh_token)) == 200


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_a_cookie_that_is_not_configured_is_not_read(start, name):
    site = await start(**{"access_token": {"access_cookie": None}, "refresh_token": {"cookie": None}}[name])
    pair = await site.log_in()
    assert await status(site, shown(**{name: getattr(pair, name)})) == 401


async def test_one_kind_of_token_is_no_cookie_of_the_other(site):
    pair = await site.log_in()
    assert await status(site, shown(access_token=pair.refresh_token)) == 401
    assert await status(site, shown(refresh_token=pair.access_token)) == 401


# --- beside an Authorization header


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_bearer_header_decides_alone(site, scheme, expired):
    """Good or bad, whatever the cookies are."""
    by_header, by_cookie = await site.log_in(), await site.log_in()
    if expired:
        site.clock.advance(EXPIRED)
        by_header = await site.log_in()
    good = {"Authorization": f"{scheme} {by_header.access_token}"}
    response = await site.send("GET", "/profile", shown(by_cookie), headers=good)
    assert (await response.json())["id"] == by_header.user.id
    assert (await site.send("GET", "/profile", "access_token=junk", headers=good)).status == 200
    for value in ("junk", "", by_cookie.refresh_token, by_cookie.access_token + "x"):
        bad = await site.send("GET", "/profile", shown(by_cookie), headers={"Authorization": f"{scheme} {value}"})
        await assert_error(bad, 401, "TOKEN_INVALID")
        assert not cookies_of(bad)


async def test_a_header_of_another_scheme_leaves_it_to_the_access_cookie(site):
    """A proxy in front may ask for Basic credentials of its own."""
    pair = await site.log_in()
    basic = {"Authorization": "Basic " + base64.b64encode(b"user:pass").decode()}
    assert await status(site, shown(pair), headers=basic) == 200
    assert await status(site, "", headers=basic) == 401


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "x", "", "Digest", "BearerX y"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_no_other_header_switches_the_check_off(site, header, method):
    pair = await site.log_in()
    headers = {"Authorization": header, "Origin": "https://evil.example"}
    await assert_error(await site.send(method, "/profile", shown(pair), headers=headers), 403, "FORBIDDEN")


async def test_a_bearer_client_beside_cookies_is_not_checked(site):
    """What another site cannot make a browser send needs no protection."""
    pair = await site.log_in()
    headers = {"Authorization": f"Bearer {pair.access_token}", "Origin": "https://evil.example"}
    assert (await site.send("POST", "/profile", shown(pair), headers=headers)).status == 200
    headers["Authorization"] = "Bearer junk"
    await assert_error(await site.send("POST", "/profile", shown(pair), headers=headers), 401, "TOKEN_INVALID")


@pytest.mark.parametrize("space", ["\u2000", "\u3000", "\xa0", "\x85"])
async def test_a_name_behind_an_unusual_space_is_another_name(start, space):
    """Browsers let a subdomain set it: to them it has no `__Host-` prefix."""
    site = await start(cookie={"name": "__Host-r"}, access_cookie={"name": "__Host-a"})
    planted = await site.log_in()
    cookies = f"{space}__Host-r={planted.refresh_token}; {space}__Host-a={planted.access_token}"
    assert await status(site, cookies) == 401
