"""How keys are fetched: one request, no detour, nothing unbounded, and what went wrong can be read."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from aiohttp import web

from sentri import SentriError, create_auth
from sentri.client.fetching import LARGEST_KEY_SET, fetching
from sentri.config.issuers import KeyUri
from tests.client.issuing import Issuer, running
from tests.support import assert_error


def redirect(status):
    return lambda request: web.Response(status=status, headers={"Location": "/elsewhere"})


def padded(issuer, size):
    body = json.dumps(issuer.key_set()).encode()
    return web.Response(body=body + b" " * (size - len(body)), content_type="application/json")


WRONG = {
    **{
        f"{status}": (lambda i, s=status: web.Response(status=s)) for status in (201, 204, 206, 400, 404, 429, 500, 503)
    },
    **{f"redirect {status}": (lambda i, s=status: redirect(s)(None)) for status in (301, 302, 303, 307, 308)},
    "304 without keys": lambda i: web.Response(status=304),
    "garbage": lambda i: web.Response(body=b"\x00\xff<html>"),
    "nothing": lambda i: web.Response(body=b""),
    "null": lambda i: web.Response(text="null"),
    "a list": lambda i: web.Response(text="[]"),
    "no keys member": lambda i: web.Response(text="{}"),
    "no keys in it": lambda i: web.Response(text='{"keys": []}'),
    "half a set": lambda i: web.Response(body=json.dumps(i.key_set()).encode()[:-20]),
    "nested": lambda i: web.Response(text="[" * 100_000),
    "too large": lambda i: padded(i, LARGEST_KEY_SET + 1),
    "compressed": lambda i: web.Response(
        body=gzip.compress(json.dumps(i.key_set()).encode()), headers={"Content-Encoding": "gzip"}
    ),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_bad_answer_is_a_failed_fetch(start, issuer, name):
    issuer.answer = lambda request: WRONG[name](issuer)
    service = await start()
    await assert_error(await service.get(issuer.token()), 503, "KEYS_UNAVAILABLE")
    status = service.auth.keys.status()
    assert (status.state, status.last_success) == ("unavailable", None)
    assert status.last_error
    assert "127.0.0.1" not in status.last_error


async def test_the_largest_set_that_is_read(start, issuer):
    issuer.answer = lambda request: padded(issuer, LARGEST_KEY_SET)
    service = await start()
    assert (await service.get(issuer.token())).status == 200


async def test_a_body_without_end_is_not_read_to_the_end(start, issuer):
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while sent < 64 * 1024 * 1024:
                await response.write(b" " * 65536)
                sent += 65536
        except ConnectionError:
            pass
        return response

    issuer.answer = endless
    service = await start()
    await assert_error(await service.get(issuer.token()), 503, "KEYS_UNAVAILABLE")
    assert sent < 32 * 1024 * 1024
    assert str(LARGEST_KEY_SET) in service.auth.keys.status().last_error


async def test_no_redirect_is_followed(start, issuer):
    """An open redirect at the auth server would make its keys anybody's."""
    async with running(Issuer(number=70)) as (other,):
        issuer.answer = lambda request: web.Response(status=302, headers={"Location": other.key_uri})
        service = await start()
        await assert_error(await service.get(issuer.token()), 503, "KEYS_UNAVAILABLE")
        assert other.requests == []
        assert "redirect" in service.auth.keys.status().last_error


async def test_no_proxy_and_no_netrc_of_the_environment_is_asked(start, issuer, monkeypatch, tmp_path):
    async with running(Issuer(number=71)) as (proxy,):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.key_uri)
            monkeypatch.setenv(name.lower(), proxy.key_uri)
        netrc = tmp_path / "netrc"
        netrc.write_text("default login ann password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        service = await start()
        assert (await service.get(issuer.token())).status == 200
        assert proxy.requests == []
    assert "Authorization" not in issuer.requests[0]


async def test_caches_on_the_way_are_told_to_ask(start, issuer):
    """A proxy that keeps the set for its max-age would go on giving the key that an emergency has ended."""
    await start()
    assert issuer.requests[0]["Cache-Control"] == "no-cache"


async def test_no_cookie_is_kept(start, issuer):
    issuer.headers = {"Set-Cookie": "a=b; Path=/", "Cache-Control": "max-age=1"}
    service = await start()
    assert (await service.get(issuer.token())).status == 200
    issuer.rotate()
    assert (await service.get(issuer.token())).status == 200  # an unknown key id fetches again
    assert len(issuer.requests) == 2
    assert not any("Cookie" in request for request in issuer.requests)


async def test_the_etag_is_sent_and_304_keeps_the_keys(start, issuer):
    service = await start()
    assert (await service.get(issuer.token())).status == 200
    await assert_error(await service.get(issuer.token(kid="invented")), 401, "TOKEN_INVALID")
    assert [request.get("If-None-Match") is None for request in issuer.requests] == [True, False]
    assert (await service.get(issuer.token())).status == 200
    assert service.auth.keys.status().state == "fresh"


async def test_a_server_that_hangs_is_given_up_after_the_timeout(start, issuer):
    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    issuer.answer = hang
    service = await start(timeout=0.2)
    await assert_error(await service.get(issuer.token()), 503, "KEYS_UNAVAILABLE")
    assert "0.2 s" in service.auth.keys.status().last_error


async def test_nobody_at_the_address(make_auth, issuer):
    await issuer.go_down()
    auth = make_auth()
    with pytest.raises(SentriError) as failed:
        await auth.prefetch()
    assert (failed.value.code, failed.value.status_code) == ("KEYS_UNAVAILABLE", 503)
    assert "Retry-After" in failed.value.headers
    assert auth.keys.status().last_error
    await auth.close()


async def test_prefetch_spares_the_first_request_the_fetch(make_auth, issuer):
    auth = make_auth()
    await auth.prefetch()
    assert auth.keys.status().state == "fresh"
    await auth.prefetch()
    await auth.authenticate(issuer.token())
    assert len(issuer.requests) == 1


async def test_user_information_and_query_of_the_address_are_sent_and_never_shown(issuer, caplog):
    """They may hold a password."""
    await issuer.go_down()
    secret_uri = issuer.key_uri.replace("http://", "http://ann:hunter2@") + "?token=hunter3"
    auth = create_auth(mode="client", key_uri=secret_uri)
    with pytest.raises(SentriError) as failed:
        await auth.prefetch()
    shown = f"{auth!r} {failed.value} {auth.keys.status()!r} {caplog.text}"
    assert "hunter" not in shown
    assert issuer.key_uri in repr(auth)
    await issuer.come_back()
    auth = create_auth(mode="client", key_uri=secret_uri)
    await auth.prefetch()
    assert issuer.requests[-1]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "max-age=120"}, 120),
        ({"Cache-Control": 'public, MAX-AGE="90"'}, 90),
        ({"Cache-Control": "max-age=120, s-maxage=5"}, 120),
        ({"Cache-Control": "max-age=120", "Age": "100"}, 20),
        ({"Cache-Control": "max-age=120", "Age": "500"}, 0),
        ({"Cache-Control": "max-age=120", "Age": "soon"}, 120),
        ({"Cache-Control": "max-age=120, max-age=7"}, 7),
        ({"Cache-Control": "no-store"}, 0),
        ({"Cache-Control": "no-cache, max-age=120"}, 0),
        ({"Cache-Control": "max-age=-1"}, None),
        ({"Cache-Control": "max-age=many"}, None),
        ({"Cache-Control": "public"}, None),
        ({}, None),
    ],
)
async def test_how_long_an_answer_is_fresh(issuer, headers, seconds):
    issuer.headers = headers
    answer = await fetching(KeyUri(issuer.key_uri))(None)
    assert answer.max_age == seconds
    assert json.loads(answer.body) == issuer.key_set()
