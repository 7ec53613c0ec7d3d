"""`auth.error_middleware()`: sentri's errors in the host application, and exceptions that nobody handled."""

from __future__ import annotations

import logging

import aiohttp
import pytest
from aiohttp import web

from sentri import SentriError
from tests.support import assert_error


class OutOfStock(SentriError):
    """A host's own error."""

    def __init__(self) -> None:
        super().__init__("OUT_OF_STOCK", "There is none left.", 409, headers={"Retry-After": "60"})


class OutOfCredit(SentriError):
    """The same, written as attributes of the class."""

    code = "OUT_OF_CREDIT"
    status_code = 402

    def __init__(self, status_code: int | None = None) -> None:
        super().__init__(self.code, "There is no credit left.", status_code)


class Homemade(SentriError):
    """Calls nobody's constructor but its own."""

    code = "HOMEMADE"
    status_code = 418

    def __init__(self) -> None:
        self.message = "It was made at home."


class Unrated(SentriError):
    """Without a status of its own."""

    def __init__(self) -> None:
        super().__init__("UNRATED", "Nobody said which status.")


@pytest.fixture
def make_host(make_api, in_process):
    """An application whose `GET /` is the handler, which is the test's own."""

    async def make(handler, *, prefixed=False, **options):
        def app(auth):
            host = web.Application(middlewares=[auth.error_middleware(**options)])
            host.add_subapp("/auth", auth.app())
            if prefixed:
                inner = web.Application()
                inner.router.add_get("/", handler)
                host.add_subapp("/inner", inner)
            else:
                host.router.add_get("/", handler)
            return host

        return await make_api(app=app)

    return make


def raising(error):
    async def handler(_):
        raise error

    return handler


async def test_a_subclass_keeps_its_code_status_message_and_headers(make_host):
    api = await make_host(raising(OutOfStock()))
    response = await api.call("GET", "/")
    error = await assert_error(response, 409, "OUT_OF_STOCK")
    assert error["message"] == "There is none left."
    assert response.headers["Retry-After"] == "60"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(OutOfCredit(), 402, "OUT_OF_CREDIT"), (OutOfCredit(409), 409, "OUT_OF_CREDIT"), (Homemade(), 418, "HOMEMADE")],
)
async def test_a_subclass_may_have_its_code_and_status_as_attributes_of_the_class(make_host, error, status, code):
    api = await make_host(raising(error))
    await assert_error(await api.call("GET", "/"), status, code)


async def test_in_another_sub_application_too(make_host):
    api = await make_host(raising(OutOfStock()), prefixed=True)
    await assert_error(await api.call("GET", "/inner/"), 409, "OUT_OF_STOCK")


async def test_an_unknown_code_without_a_status_is_a_500(make_host):
    api = await make_host(raising(Unrated()))
    await assert_error(await api.call("GET", "/"), 500, "UNRATED")


@pytest.mark.parametrize(("code", "status"), [("USER_NOT_FOUND", 404), ("RATE_LIMITED", 429), ("UNAUTHORIZED", 401)])
async def test_a_known_code_brings_its_status(make_host, code, status):
    api = await make_host(raising(SentriError(code, "As documented.")))
    error = await assert_error(await api.call("GET", "/"), status, code)
    assert error["message"] == "As documented."


async def test_what_is_set_up_wrongly_is_told_the_log_and_not_the_caller(make_host, caplog):
    api = await make_host(raising(SentriError("CONFIGURATION_ERROR", "the secret place is missing")))
    error = await assert_error(await api.call("GET", "/"), 500, "CONFIGURATION_ERROR")
    assert "secret place" not in error["message"]
    assert "the secret place is missing" in caplog.text


async def test_the_hosts_own_http_errors_stay_its_own(make_host):
    api = await make_host(raising(web.HTTPConflict(text="mine", headers={"X-Mine": "1"})))
    response = await api.call("GET", "/")
    assert (response.status, await response.text(), response.headers["X-Mine"]) == (409, "mine", "1")
    missing = await api.call("GET", "/nothing")
    assert (missing.status, missing.content_type) == (404, "text/plain")


async def test_the_hosts_redirects_stay_its_own(make_host):
    api = await make_host(raising(web.HTTPFound("/elsewhere")))
    response = await api.client.get("/", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/elsewhere")


async def test_any_other_exception_is_a_500_that_says_nothing_of_it(make_host, caplog):
    api = await make_host(raising(RuntimeError("a secret")))
    with caplog.at_level(logging.ERROR, logger="sentri"):
        response = await api.call("GET", "/")
    await assert_error(response, 500, "INTERNAL_ERROR")
    assert "a secret" not in await response.text()
    assert "RuntimeError: a secret" in caplog.text


async def test_head_is_answered_too(make_host):
    api = await make_host(raising(OutOfStock()))
    response = await api.call("HEAD", "/")
    assert (response.status, await response.read()) == (409, b"")


# --- on_unhandled


async def test_on_unhandled_is_told_the_request_and_the_exception(make_host):
    told = []
    error = RuntimeError("broken")
    api = await make_host(raising(error), on_unhandled=lambda request, error: told.append((request.path, error)))
    await assert_error(await api.call("GET", "/"), 500, "INTERNAL_ERROR")
    assert told == [("/", error)]


@pytest.mark.parametrize("report", [5, "report", lambda: None, lambda request: None])
def test_refuses_an_on_unhandled_that_cannot_be_called(make_auth, report):
    """While the application is made: when an exception has to be told is too late."""
    auth = make_auth()
    for wire in (auth.error_middleware, lambda told: auth.setup(web.Application(), on_unhandled=told)):
        with pytest.raises(SentriError, match="on_unhandled is a") as caught:
            wire(report)
        assert caught.value.code == "CONFIGURATION_ERROR"


async def test_on_unhandled_is_not_told_of_errors_that_have_an_answer(make_host):
    told = []
    api = await make_host(raising(OutOfStock()), on_unhandled=lambda *what: told.append(what))
    await assert_error(await api.call("GET", "/"), 409, "OUT_OF_STOCK")
    await api.call("GET", "/nothing")
    assert told == []


async def test_a_response_that_on_unhandled_returns_is_sent(make_host):
    async def answer(request, error):
        return web.Response(status=418, text="mine")

    api = await make_host(raising(RuntimeError("broken")), on_unhandled=answer)
    response = await api.call("GET", "/")
    assert (response.status, await response.text()) == (418, "mine")


async def test_an_on_unhandled_that_raises_changes_nothing(make_host, caplog):
    def breaks(request, error):
        raise ZeroDivisionError("while reporting")

    api = await make_host(raising(RuntimeError("broken")), on_unhandled=breaks)
    await assert_error(await api.call("GET", "/"), 500, "INTERNAL_ERROR")
    assert "RuntimeError: broken" in caplog.text
    assert "ZeroDivisionError: while reporting" in caplog.text


# --- too late for an answer


@pytest.mark.parametrize("error", [RuntimeError("broken"), OutOfStock()], ids=["exception", "SentriError"])
async def test_a_response_that_has_begun_is_broken_off_and_not_replaced(make_host, error):
    told = []

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        raise error

    api = await make_host(handler, on_unhandled=lambda *what: told.append(what))
    response = await api.call("GET", "/")
    assert response.status == 200
    assert await response.content.readexactly(5) == b"begun"
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await response.read()
