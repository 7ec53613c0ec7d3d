"""What a repeat gets: the first answer, over memory and over Redis."""

from __future__ import annotations

import asyncio
import io

import pytest
from aiohttp import FormData, web
from aiohttp.payload import BytesPayload

import sentri
from tests.idempotency.application import Counter, Running, new_key, refused, replayed
from tests.idempotency.conftest import unlimited
from tests.support import serving


async def test_a_repeat_gets_the_first_answer_and_does_not_run(idempotent):
    async def answer(request):
        response = web.Response(status=201, reason="Made", body=b"\x00\xff", content_type="image/x-made")
        response.headers.add("X-Two", "1")
        response.headers.add("X-Two", "2")
        response.headers["X-Accent"] = "é"
        return response

    handler, key = Counter(answer), new_key()
    running = await idempotent({"/": handler})
    first, second = [await running.post("/", key, b"x") for _ in range(2)]
    assert handler.runs == [b"x"]
    assert (replayed(first), replayed(second)) == (False, True)
    assert (first.status, first.reason, await first.read()) == (second.status, second.reason, await second.read())
    for name in ("Content-Type", "Content-Length", "X-Two", "X-Accent"):
        assert first.headers.getall(name) == second.headers.getall(name), name


async def test_what_belongs_to_the_first_response_alone_is_not_replayed(idempotent):
    async def answer(request):
        response = web.json_response({})
        response.set_cookie("session", "of the first")
        response.headers.add("Set-Cookie", "other=1")
        response.headers["Date"] = "Mon, 01 Jan 2024 00:00:00 GMT"
        response.headers["Connection"] = "X-Hop"
        response.headers["X-Hop"] = "1"
        response.headers["Keep-Alive"] = "timeout=5"
        response.headers["Idempotent-Replayed"] = "says who?"
        return response

    running, key = await idempotent({"/": Counter(answer)}), new_key()
    first, second = [await running.post("/", key) for _ in range(2)]
    assert first.headers["Date"] == "Mon, 01 Jan 2024 00:00:00 GMT"
    assert len(first.headers.getall("Set-Cookie")) == 2
    assert second.headers["Date"] != "Mon, 01 Jan 2024 00:00:00 GMT"
    for name in ("Set-Cookie", "X-Hop", "Keep-Alive"):
        assert name not in second.headers
    assert second.headers.getall("Idempotent-Replayed") == ["true"]


async def test_a_request_without_a_key_runs_every_time(idempotent):
    handler = Counter()
    running = await idempotent({"/": handler})
    for _ in range(2):
        assert not replayed(await running.post("/"))
    assert len(handler.runs) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_these_methods_take_keys(idempotent, method):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler})
    for _ in range(2):
        await running.post("/", key, method=method)
    assert len(handler.runs) == 1


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_other_methods_ignore_them(idempotent, method):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler})
    for _ in range(2):
        assert not replayed(await running.post("/", key, method=method))
    assert len(handler.runs) == 2


async def test_methods_can_be_chosen(idempotent):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler}, methods=["delete"])
    for method in ("DELETE", "DELETE", "POST", "POST"):
        await running.post("/", key, method=method)
    assert len(handler.runs) == 3


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("name", ["X-Idempotency-Key", "Idempotency-Key", "idempotency-key"])
async def test_both_headers_and_both_spellings_are_one_key(idempotent, name, quoted):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler})
    await running.post("/", key)
    second = await running.post("/", headers={name: f'"{key}"' if quoted else key})
    assert replayed(second)
    assert len(handler.runs) == 1


async def test_the_header_can_be_chosen(idempotent):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler}, header="X-Request-Id")
    for _ in range(2):
        await running.post("/", headers={"X-Request-Id": key})
        await running.post("/", key)
    assert len(handler.runs) == 3


async def test_the_handler_finds_the_key_and_the_body(idempotent):
    async def answer(request):
        assert await request.read() == b'{"a": 1}'
        assert await request.json() == {"a": 1}
        return web.json_response({"key": request[sentri.IDEMPOTENCY_KEY]})

    running = await idempotent({"/": Counter(answer)})
    response = await running.post("/", '"quo\\"ted"', b'{"a": 1}')
    assert await response.json() == {"key": 'quo"ted'}


async def test_a_handler_that_reads_the_stream_gets_the_body(idempotent):
    async def handler(request):
        return web.Response(body=b"".join([chunk async for chunk in request.content.iter_chunked(10)]))

    running, key = await idempotent({"/": handler}), new_key()
    for _ in range(2):
        assert await (await running.post("/", key, b"x" * 100_000)).read() == b"x" * 100_000


async def test_a_body_in_chunks_stays_readable(idempotent):
    async def handler(request):
        return web.Response(body=await request.content.readline() + await request.read())

    async def chunks():
        yield b"one\n"
        yield b"two"

    running, key = await idempotent({"/": handler}), new_key()
    answers = [await running.post("/", key, chunks()) for _ in range(2)]
    assert [await each.read() for each in answers] == [b"one\ntwo"] * 2
    assert replayed(answers[1])


async def test_a_handler_that_reads_nothing_leaves_the_connection_usable(idempotent):
    async def handler(request):
        return web.Response(text="read nothing")

    running = await idempotent({"/": handler})
    for _ in range(5):
        assert (await running.post("/", new_key(), io.BytesIO(b"x" * 500_000))).status == 200


async def test_a_body_that_was_read_before_counts_too(backend):
    @web.middleware
    async def reading(request, handler):
        await request.read()
        return await handler(request)

    counter, key = Counter(), new_key()
    middleware = sentri.create_idempotency_middleware(**backend)
    app = web.Application(middlewares=[reading, middleware])
    app.router.add_post("/", counter.handle)
    app.on_shutdown.append(middleware.close)
    async with unlimited(app) as client:
        running = Running(client, middleware)
        await running.post("/", key, b"1")
        assert replayed(await running.post("/", key, b"1"))
        await refused(await running.post("/", key, b"2"), 422, "IDEMPOTENCY_MISMATCH")
    assert counter.runs == [b"1"]


async def test_a_body_that_breaks_off_runs_nothing(idempotent):
    counter = Counter()
    running = await idempotent({"/": counter})
    reader, writer = await asyncio.open_connection("127.0.0.1", running.client.port)
    head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nIdempotency-Key: k\r\n\r\n"
    writer.write(f"{head}3\r\nabc\r\nno chunk\r\n".encode())
    assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert counter.runs == []


async def test_a_request_can_be_cloned_behind_the_middleware(idempotent):
    async def handler(request):
        return web.Response(body=await request.clone(remote="::1").read())

    running = await idempotent({"/": handler})
    assert await (await running.post("/", new_key(), b"x")).read() == b"x"


@pytest.mark.parametrize("form", [{"a": "1"}, b"", "text"])
async def test_forms_and_empty_bodies_stay_readable(idempotent, form):
    async def handler(request):
        return web.json_response({"post": dict(await request.post()), "text": await request.text()})

    running = await idempotent({"/": handler})
    with_key, without = await running.post("/", new_key(), form), await running.post("/", None, form)
    assert await with_key.json() == await without.json()
    assert with_key.status == 200


async def test_another_body_is_a_mismatch(idempotent):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler})
    await running.post("/", key, b"1")
    await refused(await running.post("/", key, b"2"), 422, "IDEMPOTENCY_MISMATCH")
    await refused(
        await running.post("/", key, b"1", headers={"Content-Type": "text/x-other"}), 422, "IDEMPOTENCY_MISMATCH"
    )
    assert replayed(await running.post("/", key, b"1"))
    assert handler.runs == [b"1"]


async def test_path_query_method_and_caller_have_keys_of_their_own(idempotent):
    handler, key = Counter(), new_key()
    running = await idempotent({"/a": handler, "/b": handler})
    for path, more in [
        ("/a", {}),
        ("/b", {}),
        ("/a?x=1", {}),
        ("/a?x=2", {}),
        ("/a", {"method": "PUT"}),
        ("/a", {"headers": {"Authorization": "Bearer ann"}}),
        ("/a", {"headers": {"Authorization": "Bearer bob"}}),
        ("/a", {"headers": {"Cookie": "user=ann"}}),
        ("/a", {"headers": {"Cookie": "user=bob"}}),
    ]:
        headers = more.pop("headers", {})
        assert not replayed(await running.post(path, key, headers=dict(headers), **more)), (path, more)
        assert replayed(await running.post(path, key, headers=dict(headers), **more)), (path, more)
    assert len(handler.runs) == 9


async def test_the_host_may_name_the_caller(idempotent):
    async def tenant(request):
        return request.headers["X-Tenant"]

    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler}, caller=tenant)
    for name, token in [("a", "1"), ("a", "2"), ("b", "1")]:
        await running.post("/", key, headers={"X-Tenant": name, "Authorization": f"Bearer {token}"})
    assert len(handler.runs) == 2


@pytest.mark.parametrize("name", [None, "", 7])
async def test_a_caller_that_names_nobody_is_a_500_that_runs_nothing(idempotent, name):
    handler = Counter()
    running = await idempotent({"/": handler}, caller=lambda request: name)
    await refused(await running.post("/", new_key()), 500, "INTERNAL_ERROR")
    assert handler.runs == []


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (lambda: web.HTTPForbidden(text="not you"), 403),
        (lambda: sentri.SentriError("FORBIDDEN", "not you"), 403),
        (lambda: RuntimeError("not you"), 500),
    ],
    ids=["HTTP error", "SentriError", "mistake"],
)
async def test_a_caller_may_raise_to_refuse(idempotent, refusal, status):
    def nobody(_):
        raise refusal()

    handler = Counter()
    running = await idempotent({"/": handler}, caller=nobody)
    response = await running.post("/", new_key())
    assert (response.status, "not you" in await response.text()) == (status, status == 403)
    assert handler.runs == []


async def test_a_second_upload_of_the_same_form_is_a_repeat_and_is_never_read(idempotent):
    read = []

    async def handler(request):
        part = await (await request.multipart()).next()
        read.append(bytes(await part.read()))
        return web.json_response({"parts": len(read)})

    def form(content: bytes = b"x" * 500_000):
        data = FormData()
        data.add_field("file", io.BytesIO(content), filename="f")
        return data

    running, key = await idempotent({"/": handler}), new_key()
    first, second = [await running.post("/", key, form()) for _ in range(2)]
    assert (first.status, replayed(second), len(read)) == (200, True, 1)
    assert len(read[0]) == 500_000
    await refused(await running.post("/", key, form(b"shorter")), 422, "IDEMPOTENCY_MISMATCH")


async def test_a_body_over_the_limit_is_413(idempotent):
    handler = Counter()
    running = await idempotent({"/": handler})
    await refused(await running.post("/", new_key(), io.BytesIO(b"x" * (1024**2 + 1))), 413, "PAYLOAD_TOO_LARGE")
    assert handler.runs == []
    assert (await running.post("/", new_key(), io.BytesIO(b"x" * 1024**2))).status == 201


async def test_only_2xx_is_kept(idempotent):
    async def handler(request):
        runs.append(request)
        if len(runs) < 4:
            raise [web.HTTPConflict, RuntimeError, web.HTTPFound][len(runs) - 1](*(["/"] if len(runs) == 3 else []))
        return web.Response(status=500 if len(runs) == 4 else 200)

    runs: list[web.Request] = []
    running, key = await idempotent({"/": handler}), new_key()
    answers = [await running.post("/", key, allow_redirects=False) for _ in range(6)]
    assert [each.status for each in answers] == [409, 500, 302, 500, 200, 200]
    assert [replayed(each) for each in answers] == [False] * 5 + [True]
    assert len(runs) == 5


async def test_a_raised_2xx_is_kept_like_a_returned_one(idempotent):
    async def answer(request):
        raise web.HTTPAccepted(text="raised", headers={"X-A": "b"})

    handler, key = Counter(answer), new_key()
    running = await idempotent({"/": handler})
    first, second = [await running.post("/", key) for _ in range(2)]
    assert (first.status, await first.text(), first.headers["X-A"]) == (202, "raised", "b")
    assert (second.status, await second.text(), second.headers["X-A"]) == (202, "raised", "b")
    assert (replayed(second), len(handler.runs)) == (True, 1)


async def test_204_is_kept(idempotent):
    async def answer(request):
        return web.Response(status=204)

    handler, key = Counter(answer), new_key()
    running = await idempotent({"/": handler})
    assert [(await running.post("/", key)).status for _ in range(2)] == [204, 204]
    assert len(handler.runs) == 1


async def test_a_compressed_answer_is_given_again(idempotent):
    async def answer(request):
        response = web.Response(text="x" * 5000)
        response.enable_compression()
        return response

    running, key = await idempotent({"/": Counter(answer)}), new_key()
    first, second = [await running.post("/", key) for _ in range(2)]
    assert first.headers["Content-Encoding"] == second.headers["Content-Encoding"]
    assert await second.text() == "x" * 5000
    assert replayed(second)
    plain = await running.post("/", key, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert await plain.text() == "x" * 5000


@pytest.mark.parametrize("kind", [io.BytesIO, bytearray, BytesPayload])
async def test_bodies_in_memory_are_kept(idempotent, kind):
    async def answer(request):
        return web.Response(body=kind(b"kept"))

    handler, key = Counter(answer), new_key()
    running = await idempotent({"/": handler})
    assert [await (await running.post("/", key)).read() for _ in range(2)] == [b"kept", b"kept"]
    assert len(handler.runs) == 1


async def streamed(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"stream")
    await response.write_eof()
    return response


async def prepared(request):
    response = web.Response(body=b"stream")
    await response.prepare(request)
    await response.write_eof()
    return response


async def from_generator(request):
    async def parts():
        yield b"str"
        yield b"eam"

    return web.Response(body=parts())


async def file(request):
    return web.FileResponse(__file__)


async def large(request):
    return web.Response(body=b"x" * (1024**2 + 1))


async def not_to_be_stored(request):
    return web.Response(body=b"secret", headers={"Cache-Control": "private, No-Store"})


async def raised_not_to_be_stored(request):
    raise web.HTTPOk(headers={"Cache-Control": "no-store"})


async def unreadable(request):
    return web.Response(headers={"X-A": "\udcff"})


@pytest.mark.parametrize(
    "answer",
    [streamed, prepared, from_generator, file, large, not_to_be_stored, raised_not_to_be_stored, unreadable],
)
async def test_a_2xx_that_cannot_be_kept_leaves_the_key_done(idempotent, answer):
    handler, key = Counter(answer), new_key()
    running = await idempotent({"/": handler})
    first = await running.post("/", key)
    assert first.status == 200
    for _ in range(2):
        response = await running.post("/", key)
        assert "already" in await refused(response, 409, "IDEMPOTENCY_CONFLICT")
        assert "Retry-After" not in response.headers
    await refused(await running.post("/", key, b"other"), 422, "IDEMPOTENCY_MISMATCH")
    assert len(handler.runs) == 1


async def test_answers_up_to_max_body_are_kept(idempotent):
    async def answer(request):
        return web.Response(body=await request.read())

    running = await idempotent({"/": answer}, max_body=10)
    for body, status in ((b"x" * 10, 200), (b"x" * 11, 409)):
        key = new_key()
        await running.post("/", key, body)
        assert (await running.post("/", key, body)).status == status


@pytest.mark.parametrize("name", ["", " ", "x" * 256, "with space", '"open', 'x"\ty', '"bad \\escape"', '"k";a=1', "é"])
async def test_a_malformed_key_is_refused(idempotent, name):
    handler = Counter()
    running = await idempotent({"/": handler})
    message = await refused(await running.post("/", headers={"Idempotency-Key": name}), 400, "VALIDATION_ERROR")
    assert name.strip() == "" or name not in message
    assert handler.runs == []


async def test_the_longest_key_is_taken(idempotent):
    handler, key = Counter(), "~" * 255
    running = await idempotent({"/": handler})
    assert [replayed(await running.post("/", spelled)) for spelled in (key, f'"{key}"')] == [False, True]


async def test_two_keys_that_differ_are_refused(idempotent):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler})
    headers = {"X-Idempotency-Key": new_key()}
    await refused(await running.post("/", key, headers=headers), 400, "VALIDATION_ERROR")
    assert (await running.post("/", key, headers={"X-Idempotency-Key": key})).status == 201
    assert len(handler.runs) == 1


@pytest.mark.parametrize(
    "required", [True, lambda request: request.path == "/", None], ids=["always", "predicate", "async predicate"]
)
async def test_a_missing_key_can_be_refused(idempotent, required):
    async def where(request):
        await asyncio.sleep(0)
        return request.path == "/"

    handler = Counter()
    running = await idempotent({"/": handler, "/other": handler}, required=required or where)
    assert "Idempotency-Key" in await refused(await running.post("/"), 400, "VALIDATION_ERROR")
    assert (await running.post("/", new_key())).status == 201
    assert (await running.post("/", method="GET")).status == 201
    assert (await running.post("/other")).status == (400 if required is True else 201)
    assert (await running.post("/nowhere")).status == 404


@pytest.mark.parametrize("required", [lambda request: "yes", lambda request: 1 / 0])
async def test_a_predicate_without_an_answer_is_a_500_that_runs_nothing(idempotent, required):
    handler = Counter()
    running = await idempotent({"/": handler}, required=required)
    await refused(await running.post("/"), 500, "INTERNAL_ERROR")
    assert handler.runs == []


async def test_an_answer_is_kept_for_its_time(idempotent, backend, request):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler}, ttl=1)
    for _ in range(2):
        await running.post("/", key)
    assert len(handler.runs) == 1
    await asyncio.sleep(1.1)  # the one test that waits: stores are tested with a clock that moves
    assert not replayed(await running.post("/", key))
    assert len(handler.runs) == 2


async def test_hooks_are_told_and_can_break_nothing(idempotent):
    told = []

    async def on_replay(*what):
        told.append(("replay", *what))
        raise RuntimeError

    running = await idempotent(
        {"/things/{name}": Counter()}, on_replay=on_replay, on_conflict=lambda *what: told.append(("conflict", *what))
    )
    key = new_key()
    for body in (b"1", b"1", b"2"):
        await running.post("/things/a", key, body)
    assert told == [
        ("replay", "POST", "/things/{name}", None),
        ("conflict", "POST", "/things/{name}", None, "mismatch"),
    ]


async def test_two_middlewares_on_one_way_are_one(idempotent, backend):
    handler, key = Counter(), new_key()
    inner = sentri.create_idempotency_middleware(**backend)
    app = web.Application(middlewares=[inner])
    app.router.add_post("/x", handler.handle)

    async def mounted(request):
        return await inner(request, handler.handle)

    running = await idempotent({"/": mounted}, wait=1)
    assert [replayed(await running.post("/", key)) for _ in range(2)] == [False, True]
    assert len(handler.runs) == 1
    await inner.close()


async def test_a_handler_that_answers_nothing_frees_the_key(idempotent):
    """It is a 500 of aiohttp's."""
    runs = []

    async def handler(request):
        runs.append(request)
        return None if len(runs) == 1 else web.Response()

    running, key = await idempotent({"/": handler}, wait=0), new_key()
    assert [(await running.post("/", key)).status for _ in range(3)] == [500, 200, 200]
    assert (len(runs), running.middleware.busy) == (2, 0)


async def test_what_an_outer_middleware_makes_a_response_of_leaves_the_key_done(backend):
    runs = []

    @web.middleware
    async def as_json(request, handler):
        answer = await handler(request)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    async def handler(request):
        runs.append(request)
        return {"run": len(runs)}

    middleware = sentri.create_idempotency_middleware(**backend)
    app = web.Application(middlewares=[as_json, middleware])
    app.router.add_post("/", handler)
    app.on_shutdown.append(middleware.close)
    async with serving(app) as client:
        running, key = Running(client, middleware), new_key()
        assert await (await running.post("/", key)).json() == {"run": 1}
        await refused(await running.post("/", key), 409, "IDEMPOTENCY_CONFLICT")
        assert (len(runs), middleware.busy) == (1, 0)


async def test_answers_never_cross_the_hosts_of_one_application(backend):
    middleware = sentri.create_idempotency_middleware(**backend)
    app = web.Application(middlewares=[middleware])
    app.on_shutdown.append(middleware.close)
    for domain in ("one.test", "two.test", "*.many.test"):
        inner = web.Application()
        inner.router.add_post("/x", Counter(answered(domain)).handle)
        app.add_domain(domain, inner)
    async with serving(app) as client:
        running, key = Running(client, middleware), new_key()
        for host in ("one.test", "two.test", "a.many.test", "b.many.test"):
            answers = [await running.post("/x", key, headers={"Host": host}) for _ in range(2)]
            assert [replayed(each) for each in answers] == [False, True]
            assert {await each.text() for each in answers} == {host if host[1] != "." else "*.many.test"}


def answered(text):
    async def answer(request):
        return web.Response(text=text)

    return answer


async def test_uploads_in_pieces_that_nothing_tells_apart_leave_the_key_done(idempotent):
    handler, key = Counter(), new_key()
    running = await idempotent({"/": handler})

    async def pieces(text):
        yield text

    headers = {"Content-Type": "multipart/form-data; boundary=z"}
    assert (await running.post("/", key, pieces(b"AAA"), headers=headers)).status == 201
    await refused(await running.post("/", key, pieces(b"BBB"), headers=headers), 409, "IDEMPOTENCY_CONFLICT")
    assert handler.runs == [b"AAA"]


@pytest.mark.parametrize("taken", [-1, 2])
async def test_a_body_that_a_middleware_has_taken_is_never_answered_for_another(backend, taken, caplog):
    @web.middleware
    async def reading(request, handler):
        await request.content.read(taken)
        return await handler(request)

    handler = Counter()
    middleware = sentri.create_idempotency_middleware(**backend)
    app = web.Application(middlewares=[reading, middleware])
    app.router.add_post("/", handler.handle)
    app.on_shutdown.append(middleware.close)
    async with serving(app) as client:
        running, keys = Running(client, middleware), (new_key(), new_key())
        for key in keys:
            assert (await running.post("/", key, b"10 dollars")).status == 201
            await refused(await running.post("/", key, b"99 dollars"), 409, "IDEMPOTENCY_CONFLICT")
    assert len(handler.runs) == 2
    assert caplog.text.count("request.content") == 1
