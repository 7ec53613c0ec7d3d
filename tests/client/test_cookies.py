"""Client mode behind a browser: the access cookie of the auth server, on the same site."""

from __future__ import annotations

from uuid import uuid4

import pytest

from sentri.clock import system_clock
from tests.support import assert_error


@pytest.fixture
async def service(start):
    return await start(access_cookie={}, trusted_origins=["https://app.example.com"])


def cookie(*tokens: str) -> dict[str, str]:
    return {"Cookie": "; ".join(f"access_token={token}" for token in tokens)}


async def test_the_access_cookie_authenticates(service, issuer):
    assert (await service.get(**cookie(issuer.token()))).status == 200


async def test_without_the_option_no_cookie_counts(start, issuer):
    service = await start()
    await assert_error(await service.get(**cookie(issuer.token())), 401, "UNAUTHORIZED")


async def test_a_bearer_token_decides_alone(service, issuer):
    await assert_error(await service.get("rubbish", **cookie(issuer.token())), 401, "TOKEN_INVALID")
    assert (await service.get(issuer.token(), **cookie("rubbish"))).status == 200


async def test_an_expired_cookie_is_refused_after_the_leeway(service, issuer):
    now = int(system_clock())
    await assert_error(await service.get(**cookie(issuer.token(exp=now - 6))), 401, "TOKEN_EXPIRED")
    assert (await service.get(**cookie(issuer.token(exp=now - 3)))).status == 200


async def test_cookies_of_two_sessions_count_for_none(service, issuer):
    """A subdomain can plant a cookie of its own."""
    mine, planted = issuer.token(), issuer.token()
    await assert_error(await service.get(**cookie(mine, planted)), 401, "TOKEN_INVALID")
    same = {"sub": str(uuid4()), "sid": str(uuid4())}
    assert (await service.get(**cookie(issuer.token(**same), issuer.token(**same), "rubbish"))).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://app.example.com"}, 200),
        ({"Origin": "https://app.example.com"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_an_unsafe_request_from_another_site_is_refused(service, issuer, headers, status):
    response = await service.call("POST", "/profile", **cookie(issuer.token()), **headers)
    assert response.status == status
    if status == 403:
        await assert_error(response, 403, "FORBIDDEN")
    assert (await service.call("POST", "/profile", issuer.token(), **headers)).status == 200, "no cookie, no danger"
    assert (await service.call("GET", "/profile", **cookie(issuer.token()), **headers)).status == 200


async def test_revocation_counts_for_cookies_too(start, issuer):
    session_id = str(uuid4())
    service = await start(access_cookie={"name": "__Host-at"}, is_token_revoked=lambda sid: sid == session_id)
    sent = {"Cookie": f"__Host-at={issuer.token(sid=session_id)}"}
    await assert_error(await service.get(**sent), 401, "UNAUTHORIZED")
