"""Bodies: one form is read, everything else is refused by name, and nothing that was sent comes back."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from dataclasses import dataclass

import pytest
from aiohttp import web

from tests.support import PASSWORD, assert_error, data_of, host_application

MOST = 64 * 1024
MARKER = "zwiebelkuchen"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint with a body: what it takes, and which of its fields may be missing."""

    method: str
    path: str
    body: dict
    optional: tuple[str, ...] = ()


USER = "00000000-0000-4000-8000-000000000000"
ENDPOINTS = {
    "register": Endpoint(
        "POST", "/auth/register", {"identifier": "Ann", "password": PASSWORD, "roles": ["user"]}, ("roles",)
    ),
    "login": Endpoint("POST", "/auth/login", {"identifier": "Ann", "password": PASSWORD}),
    "refresh": Endpoint("POST", "/auth/refresh", {"refreshToken": "x.y.z"}),
    "logout": Endpoint("POST", "/auth/logout", {"refreshToken": "x.y.z"}, ("refreshToken",)),
    "identifier": Endpoint(
        "PATCH", "/auth/me/identifier", {"identifier": "Bob", "currentPassword": PASSWORD}, ("currentPassword",)
    ),
    "password": Endpoint("PATCH", "/auth/me/password", {"currentPassword": PASSWORD, "newPassword": "battery staple"}),
    "roles": Endpoint("POST", f"/auth/users/{USER}/roles", {"roles": ["user"]}),
}


@pytest.fixture(params=ENDPOINTS)
def endpoint(request) -> Endpoint:
    return ENDPOINTS[request.param]


@pytest.fixture
async def send(api, endpoint):
    """Sends a body as it is to the endpoint, as somebody who may use it."""
    token = (await api.session(roles=("admin",))).access_token

    async def send(body, content_type="application/json", **headers):
        sent = {"Authorization": f"Bearer {token}", "Content-Type": content_type, **headers}
        return await api.client.request(endpoint.method, endpoint.path, data=body, headers=sent)

    return send


async def refused(response, field):
    error = await assert_error(response, 400, "VALIDATION_ERROR")
    assert error["message"].startswith(f"{field}: "), error["message"]


# --- the form


async def test_what_is_no_json_is_refused(send):
    """Each of them, on each endpoint."""
    for body in (
        *(b" ", b"{", b"nul", b"{}{}", b"{'identifier': 1}", b'{"identifier": "Ann",}', b"NaN", b"// {}"),
        *(b'{"identifier": "\xff"}', b'{"identifier": "\xed\xa0\x80"}', b'{"identifier": "\\ud800"}'),
        *(b"\xef\xbb\xbf{}", '{"identifier": "Ann"}'.encode("utf-16"), b"identifier=Ann", b'{"a": "\n"}'),
        *(b"[" * 60_000, b'{"a":' * 12_000, b'{"identifier": ' + b"[" * 60_000),
    ):
        await assert_error(await send(body), 400, "VALIDATION_ERROR")


async def test_another_json_value_than_an_object_is_refused(send):
    for body in (b"[]", b'"text"', b"null", b"5", b"1.5", b"true", b"[{}]"):
        await refused(await send(body), "body")


async def test_an_empty_body_is_refused(send, endpoint):
    """Except at logout, which takes none."""
    response = await send(b"")
    if endpoint.path == "/auth/logout":
        await data_of(response)
    else:
        await refused(response, "body")


async def test_another_content_type_is_refused(send, endpoint):
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "text/json", "application/problem+json"):
        await assert_error(await send(json.dumps(endpoint.body), content_type), 415, "UNSUPPORTED_MEDIA_TYPE")


async def test_another_charset_than_utf_8_is_refused(send, endpoint):
    for charset in ("latin-1", "utf-16", "utf-8-sig", "x"):
        response = await send(json.dumps(endpoint.body), f"application/json; charset={charset}")
        await assert_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")


async def test_utf_8_may_be_said(api):
    await api.user("Ann")
    headers = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    body = json.dumps(ENDPOINTS["login"].body)
    await data_of(await api.client.post("/auth/login", data=body, headers=headers))


async def test_a_content_encoding_is_refused(send, endpoint):
    plain = json.dumps(endpoint.body).encode()
    for encoding, body in (("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain)), ("identity", plain)):
        response = await send(body, **{"Content-Encoding": encoding})
        await assert_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_that_is_not_encoded_as_it_says_costs_no_other_request(send, endpoint):
    """Once aiohttp has tried to decode it, it drops the connection: the client is told, and takes a new one."""
    for _ in range(3):
        response = await send(json.dumps(endpoint.body), **{"Content-Encoding": "gzip"})
        await assert_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
        assert response.headers["Connection"] == "close"


# --- the size


def padded(body, size):
    """The body as JSON with white space up to the size."""
    return json.dumps(body).encode().ljust(size)


async def test_a_body_of_64_kib_is_read(api):
    await api.user("Ann")
    body = padded(ENDPOINTS["login"].body, MOST)
    await data_of(await api.client.post("/auth/login", data=body, headers={"Content-Type": "application/json"}))


async def test_a_larger_body_is_refused(send, endpoint):
    await assert_error(await send(padded(endpoint.body, MOST + 1)), 413, "PAYLOAD_TOO_LARGE")


async def test_a_larger_body_without_content_length_is_refused(send, endpoint):
    async def chunks():
        for _ in range(10):
            yield b" " * 8192

    await assert_error(await send(chunks()), 413, "PAYLOAD_TOO_LARGE")


async def test_a_larger_body_is_refused_before_it_is_sent(api):
    """By its Content-Length alone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
    writer.write(
        b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000000000\r\n\r\n"
    )
    assert (await reader.readline()).split()[1] == b"413"
    writer.close()
    await writer.wait_closed()


async def test_a_hundred_thousand_brackets_are_refused(send):
    await assert_error(await send(b"[" * 100_000), 413, "PAYLOAD_TOO_LARGE")


async def test_a_chunked_body_is_read(api):
    await api.user("Ann")

    async def chunks():
        for byte in json.dumps(ENDPOINTS["login"].body).encode():
            yield bytes([byte])

    response = await api.client.post("/auth/login", data=chunks(), headers={"Content-Type": "application/json"})
    await data_of(response)


async def test_a_client_that_goes_away_before_its_body_has_arrived_is_no_failure_of_the_server(make_auth, caplog):
    """Its handler notices: only aiohttp's test server cancels it."""
    began, answered = asyncio.Event(), asyncio.get_running_loop().create_future()

    @web.middleware
    async def watch(request, handler):
        began.set()
        response = await handler(request)
        answered.set_result(response.status)
        return response

    host = host_application(make_auth())
    host.middlewares.append(watch)
    runner = web.AppRunner(host)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    await began.wait()
    writer.close()
    assert await answered == 400
    await runner.cleanup()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


# --- the fields


WRONG = {
    "string": [None, 5, 1.5, True, [], {}, ["Ann"], {"identifier": "Ann"}],
    "list": [None, "user", 5, True, {}, [5], [None], [["user"]], ["user", 5], [{}], {"0": "user"}],
}


async def test_a_value_of_a_wrong_type_is_refused_by_the_name_of_its_field(send, endpoint):
    for field, right in endpoint.body.items():
        for wrong in WRONG["list" if isinstance(right, list) else "string"]:
            await refused(await send(json.dumps(endpoint.body | {field: wrong})), field)


async def test_a_missing_field_is_refused_by_its_name(send, endpoint):
    for field in endpoint.body.keys() - set(endpoint.optional):
        rest = {name: value for name, value in endpoint.body.items() if name != field}
        error = await assert_error(await send(json.dumps(rest)), 400, "VALIDATION_ERROR")
        assert error["message"] == f"{field}: is required."


async def test_an_unknown_field_is_refused_by_its_name(send, endpoint):
    for unknown in ("id", "isAdmin", "Identifier", "current_password", "disabled_at"):
        await refused(await send(json.dumps(endpoint.body | {unknown: "x"})), unknown)


@pytest.mark.parametrize("endpoint", ["login"], indirect=True)
@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "a" * 41,
        "",
        "\u202egnorw",
        'a"b',
        "a`b`",
        "missing required field `secret`",
        "a\nSet-Cookie: x",
        "$.identifier",
        "ключ",
    ],
    ids=ascii,
)
async def test_the_name_of_a_hostile_field_is_not_repeated(send, endpoint, hostile):
    response = await send(json.dumps(endpoint.body | {hostile: "x"}))
    await refused(response, "body")
    if hostile:
        assert hostile not in await response.text()


async def test_of_a_repeated_field_the_last_one_counts_for_everything(api):
    """What is checked is what is used."""
    for body in (
        b'{"identifier": "Ann", "password": "correct horse", "roles": ["user"], "roles": ["admin"]}',
        b'{"identifier": "Ann", "password": "correct horse", "roles": ["user"], "\\u0072oles": ["admin"]}',
    ):
        response = await api.client.post("/auth/register", data=body, headers={"Content-Type": "application/json"})
        await assert_error(response, 403, "FORBIDDEN")


# --- nothing comes back


def places(body):
    """The body with MARKER in each place where a value can be, right and wrong."""
    for field, right in body.items():
        for value in (
            *(MARKER, f"{MARKER}\0", MARKER * 30, f"\u202e{MARKER}", {MARKER: MARKER}, {"x": MARKER}),
            *([MARKER], [[MARKER]], [right, MARKER], ["user", MARKER], [5, MARKER], {field: MARKER}),
        ):
            yield body | {field: value}
    yield body | {"unknown": MARKER}
    yield body | {"unknown": {"inner": [MARKER]}}
    yield body | {f"{MARKER}-{MARKER}": 1}
    yield [MARKER]
    yield MARKER
    yield {"x": MARKER}


async def test_no_error_repeats_what_was_sent(send, endpoint):
    refusals = 0
    for body in places(endpoint.body):
        response = await send(json.dumps(body))
        if response.status >= 400:
            refusals += 1
            assert MARKER not in await response.text(), body
            assert MARKER not in str(response.headers), body
    assert refusals > 10


async def test_no_error_repeats_broken_json_or_a_header(send):
    for body in (f'{{"identifier": {MARKER}}}', f'{{"{MARKER}', f'"{MARKER}', f'{{"a": "{MARKER}\n"}}'):
        response = await send(body.encode())
        assert response.status == 400
        assert MARKER not in await response.text()
    response = await send(b"{}", f"application/{MARKER}", **{"Content-Encoding": MARKER, "X-Api-Key": MARKER})
    assert response.status == 415
    assert MARKER not in await response.text()


async def test_no_error_repeats_a_path_a_query_or_a_token(api):
    for path in (f"/auth/{MARKER}", f"/auth/me/{MARKER}?{MARKER}={MARKER}", f"/auth/users/{MARKER}/roles"):
        for method in ("GET", "POST", "PATCH", "DELETE"):
            response = await api.call(method, path, token=MARKER)
            assert response.status >= 400
            assert MARKER not in await response.text()
            assert MARKER not in str(response.headers)


# --- beside the host


@web.middleware
async def reads(request, handler):
    await request.read()
    return await handler(request)


def that_reads_bodies(auth):
    host = host_application(auth)
    host.middlewares.append(reads)
    return host


async def test_a_middleware_of_the_host_may_have_read_the_body_already(make_api):
    """As access logs and signature checks do; aiohttp keeps what was read."""
    api = await make_api(app=that_reads_bodies)
    await api.user("Ann")
    await data_of(await api.login("Ann"))
    await assert_error(await api.client.post("/auth/login", json={"a": "x" * MOST}), 413, "PAYLOAD_TOO_LARGE")
