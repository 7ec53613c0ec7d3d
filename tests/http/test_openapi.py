"""GET /openapi.json: valid OpenAPI 3.1, made from the table, true to the configuration, and for everybody."""

from __future__ import annotations

import json
import re

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from sentri import SENTRI_ERROR_STATUS, SentriError
from sentri.accounts.identifiers import clean_identifier
from sentri.web.endpoints.table import ENDPOINTS
from sentri.web.openapi.schemas import IDENTIFIER_PATTERN
from sentri_testing.server import TestAuthServer
from sentri_testing.strategies import identifiers
from tests.support import serving

COOKIES = {"cookie": {}, "access_cookie": {"name": "__Host-access"}}
HMAC = {"algorithm": "HS256", "secret": "a secret of tests, of forty bytes or more"}
CONFIGURATIONS = {
    "default": {},
    "cookies": COOKIES,
    "refresh cookie": {"cookie": {"name": "r"}},
    "access cookie": {"access_cookie": {}},
    "HMAC": HMAC,
    "closed": {"registration": False, "rate_limit": False},
    "API key": {"api_key": "k" * 32},
    "nist": {"password_policy": "nist", "password_hash": "argon2id"},
    "own service": {"identifier_validator": lambda identifier: True},
}


def described(**options):
    return TestAuthServer(**options).openapi()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def operation(document, name):
    return dict(operations(document))[name]


def codes(document, name, status):
    content = operation(document, name)["responses"][status]["content"]
    return content["application/json"]["schema"]["properties"]["code"]["enum"]


@pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_is_valid_openapi(options):
    document = json.loads(json.dumps(described(**options)))
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"


def test_has_every_endpoint_and_no_other():
    described_ones = {name for name, _ in operations(described())}
    assert described_ones == {f"{row.method} {row.path}" for row in ENDPOINTS}


@pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_every_failure_has_the_status_of_its_code(options):
    for name, each in operations(described(**options)):
        for status, answer in each["responses"].items():
            if status[0] in "45":
                code = answer["content"]["application/json"]["schema"]["properties"]["code"]
                assert {str(SENTRI_ERROR_STATUS[one]) for one in code.get("enum", ())} <= {status}, (name, status)
                assert code.get("enum") or code == {"type": "string"}


def test_what_needs_a_user_says_so():
    document = described()
    for row in ENDPOINTS:
        security = operation(document, f"{row.method} {row.path}")["security"]
        assert (security == [{"bearer": []}]) == (row.needs.name in {"USER", "ADMIN"})


def test_what_needs_an_admin_is_forbidden_to_others():
    assert codes(described(), "POST /users/{userId}/roles", "403") == ["FORBIDDEN"]
    assert "403" not in operation(described(), "GET /me")["responses"]


def test_a_closed_server_has_no_registration_and_without_limits_nothing_is_limited():
    document = described(registration=False, rate_limit=False)
    assert "/register" not in document["paths"]
    assert not [name for name, each in operations(document) if "429" in each["responses"]]
    assert [name for name, each in operations(described()) if "429" in each["responses"]] == [
        "POST /register",
        "POST /login",
        "PATCH /me/identifier",
        "PATCH /me/password",
    ]


def test_keys_are_described_where_there_are_public_ones():
    assert "/keys" in described()["paths"]
    assert "/keys" not in described(**HMAC)["paths"]


def test_an_api_key_is_asked_for_where_there_is_one():
    assert operation(described(), "POST /register")["security"] == []
    document = described(api_key="k" * 32)
    assert operation(document, "POST /register")["security"] == [{"apiKey": []}]
    assert document["components"]["securitySchemes"]["apiKey"] == {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
    }
    assert "k" * 32 not in json.dumps(document)


def test_with_cookies_the_refresh_token_travels_in_its_own_and_in_no_body():
    document = described(**COOKIES)
    refresh = operation(document, "POST /refresh")
    assert refresh["security"] == [{"refreshCookie": []}]
    assert "requestBody" not in refresh
    assert "415" not in refresh["responses"]
    assert "refreshToken" not in document["components"]["schemas"]["Tokens"]["properties"]
    assert "refreshToken" not in document["components"]["schemas"]["LoggedIn"]["properties"]
    assert operation(document, "GET /me")["security"] == [{"bearer": []}, {"accessCookie": []}, {"refreshCookie": []}]
    assert document["components"]["securitySchemes"]["accessCookie"]["name"] == "__Host-access"
    assert "Set-Cookie" in operation(document, "POST /login")["responses"]["200"]["headers"]
    assert codes(document, "POST /login", "403") == ["FORBIDDEN"]


def test_without_cookies_it_is_in_every_body():
    schemas = described()["components"]["schemas"]
    assert "refreshToken" in schemas["Tokens"]["required"]
    assert "refreshToken" in schemas["LoggedIn"]["required"]
    assert "403" not in operation(described(), "POST /login")["responses"]
    assert "Set-Cookie" not in operation(described(), "POST /login")["responses"]["200"]["headers"]


def test_passwords_have_the_lengths_of_the_policy():
    usual, strict = described()["components"]["schemas"], described(**CONFIGURATIONS["nist"])["components"]["schemas"]
    assert (usual["NewPassword"]["minLength"], usual["NewPassword"]["maxLength"]) == (8, 72)
    assert (strict["NewPassword"]["minLength"], strict["NewPassword"]["maxLength"]) == (15, 1024)
    assert "minLength" not in usual["Password"]


def test_roles_are_those_that_exist():
    schemas = described(valid_roles=("user", "boss"))["components"]["schemas"]
    assert schemas["Role"]["enum"] == ["user", "boss"]


def test_inputs_take_their_fields_and_no_others():
    schemas = described()["components"]["schemas"]
    for name, schema in schemas.items():
        if name.endswith("Body"):
            assert schema["additionalProperties"] is False, name


# --- what a pattern says of identifiers


@given(identifiers())
def test_the_pattern_takes_every_identifier_that_is_taken(identifier):
    assert re.search(IDENTIFIER_PATTERN, identifier)


@given(st.text(max_size=300))
def test_the_pattern_takes_whatever_is_taken(text):
    try:
        clean_identifier(text)
    except SentriError:
        return
    assert re.search(IDENTIFIER_PATTERN, text)


@pytest.mark.parametrize(
    "text", ["", " ", "\t", "a\nb", "a\x00", "a" * 256, "a\u200bb", "a\xa0b", "a\ue000", "\ufeffa\u2028b"]
)
def test_the_pattern_refuses_what_is_refused(text):
    assert not re.search(IDENTIFIER_PATTERN, text)
    with pytest.raises(SentriError):
        clean_identifier(text)


# --- how it is served


@pytest.fixture
def auth():
    return TestAuthServer()


@pytest.fixture
async def client(auth):
    app = web.Application()
    auth.setup(app, "/sso/auth")
    async with serving(app) as client:
        yield client


async def test_everybody_gets_it_and_may_keep_it(client, auth):
    response = await client.get("/sso/auth/openapi.json", headers={"Origin": "https://anywhere.example"})
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert await response.json() == auth.openapi("/sso/auth")


async def test_who_has_it_is_told_so_without_a_body(client):
    tag = (await client.get("/sso/auth/openapi.json")).headers["ETag"]
    response = await client.get("/sso/auth/openapi.json", headers={"If-None-Match": tag})
    assert (response.status, await response.read()) == (304, b"")
    assert response.headers["ETag"] == tag


async def test_its_server_is_where_it_is_mounted(client, auth):
    document = await (await client.get("/sso/auth/openapi.json")).json()
    assert document["servers"] == [{"url": "/sso/auth"}]
    outer = web.Application()
    inner = web.Application()
    inner.add_subapp("/auth", TestAuthServer().app())
    outer.add_subapp("/shop", inner)
    async with serving(outer) as other:
        nested = await (await other.get("/shop/auth/openapi.json")).json()
    assert nested["servers"] == [{"url": "/shop/auth"}]


async def test_says_nothing_of_the_library_or_its_secrets(client, auth):
    text = await (await client.get("/sso/auth/openapi.json")).text()
    assert "x-sentri-kind" not in text
    assert json.loads(text)["info"]["version"] == "1"
