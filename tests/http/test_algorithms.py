"""Tokens of every algorithm over HTTP, checked with cryptography itself; GET /keys."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import logging

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sentri import SentriError, create_auth_server
from tests.support import SECRET, Api, assert_error, data_of, host_application, serving

OTHER_SECRET = "another secret for tests, which has the sixty-four bytes of HS512, too"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
MEMBERS = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}}
ASYMMETRIC = ("RS256", "RS384", "RS512", "ES256", "EdDSA", "Ed25519")
HMAC = ("HS256", "HS384", "HS512")


@functools.cache
def private_key(kind, number=0):
    """A key of that kind in PEM, made once."""
    match kind:
        case "RS":
            key = rsa.generate_private_key(65537, 2048)
        case "ES":
            key = ec.generate_private_key(ec.SECP256R1())
        case _:
            key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def secret_for(algorithm, number=0):
    if algorithm in HMAC:
        return (SECRET, OTHER_SECRET)[number]
    return private_key(algorithm[:2], number)


def unpacked(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number_of(text):
    return int.from_bytes(unpacked(text))


def parts_of(token):
    header, payload, signature = token.split(".")
    return json.loads(unpacked(header)), json.loads(unpacked(payload)), unpacked(signature)


def verify(token, jwk):
    """Raises `InvalidSignature` unless the key of the set signed the token."""
    signed = token.rpartition(".")[0].encode()
    header, _, signature = parts_of(token)
    match jwk["kty"]:
        case "RSA":
            public = rsa.RSAPublicNumbers(number_of(jwk["e"]), number_of(jwk["n"])).public_key()
            public.verify(signature, signed, padding.PKCS1v15(), HASHES[header["alg"][2:]])
        case "EC":
            curve = ec.SECP256R1()
            public = ec.EllipticCurvePublicNumbers(number_of(jwk["x"]), number_of(jwk["y"]), curve).public_key()
            halves = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
            public.verify(encode_dss_signature(*halves), signed, ec.ECDSA(hashes.SHA256()))
        case "OKP":
            ed25519.Ed25519PublicKey.from_public_bytes(unpacked(jwk["x"])).verify(signature, signed)


def thumbprint(jwk):
    """RFC 7638: the required members, sorted, without white space."""
    required = {name: jwk[name] for name in ("kty", *MEMBERS[jwk["kty"]])}
    digest = hashlib.sha256(json.dumps(required, sort_keys=True, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def keys_of(api):
    response = await api.call("GET", "/auth/keys")
    assert response.status == 200
    return (await response.json())["keys"]


async def log_in(api):
    await api.user("Ann")
    return await data_of(await api.login("Ann"))


@pytest.mark.parametrize("algorithm", [*HMAC, *ASYMMETRIC])
async def test_one_logs_in_is_let_in_and_refreshes(make_api, algorithm):
    api = await make_api(algorithm=algorithm, secret=secret_for(algorithm))
    tokens = await log_in(api)
    header, claims, _ = parts_of(tokens["accessToken"])
    assert header["alg"] == ("Ed25519" if algorithm == "EdDSA" else algorithm)
    assert header["typ"] == "at+jwt"
    assert claims.keys() == {"sub", "sid", "identifier", "roles", "iat", "exp", "jti"}
    assert (claims["sub"], claims["identifier"], claims["roles"]) == (tokens["user"]["id"], "Ann", ["user"])
    await data_of(await api.me(tokens["accessToken"]))
    await data_of(await api.refresh(tokens["refreshToken"]))


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
async def test_the_published_key_verifies_the_token(make_api, algorithm):
    api = await make_api(algorithm=algorithm, secret=secret_for(algorithm))
    token = (await api.session()).access_token
    [jwk] = await keys_of(api)
    header, _, _ = parts_of(token)
    assert header["kid"] == jwk["kid"] == thumbprint(jwk)
    assert header["alg"] == jwk["alg"]
    verify(token, jwk)
    with pytest.raises(InvalidSignature):
        verify((await api.session()).access_token.rpartition(".")[0] + "." + token.rpartition(".")[2], jwk)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
async def test_the_key_set_is_bare_and_holds_no_private_member(make_api, algorithm):
    api = await make_api(algorithm=algorithm, secret=secret_for(algorithm))
    response = await api.call("GET", "/auth/keys")
    assert response.content_type == "application/json"
    body = await response.json()
    assert body.keys() == {"keys"}
    [jwk] = body["keys"]
    assert jwk.keys() == {"kty", "use", "kid", "alg", *MEMBERS[jwk["kty"]]}
    assert jwk["use"] == "sig"


@pytest.mark.parametrize("algorithm", HMAC)
async def test_a_secret_is_not_published(make_api, algorithm):
    api = await make_api(algorithm=algorithm, secret=secret_for(algorithm))
    response = await api.call("GET", "/auth/keys")
    await assert_error(response, 404, "NOT_FOUND")
    assert SECRET not in await response.text()


@pytest.mark.parametrize("algorithm", HMAC)
async def test_the_secret_alone_signs_the_access_token(make_api, algorithm):
    """As any other JWT library would check it; nothing in the header tells of the secret."""
    api = await make_api(algorithm=algorithm, secret=SECRET)
    token = (await api.session()).access_token
    header, _, signature = parts_of(token)
    signed = token.rpartition(".")[0].encode()
    assert hmac.digest(SECRET.encode(), signed, f"sha{algorithm[2:]}") == signature
    assert "kid" not in header


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
async def test_a_refresh_token_has_a_key_of_its_own(make_api, algorithm):
    api = await make_api(algorithm=algorithm, secret=secret_for(algorithm))
    token = (await api.session()).refresh_token
    header, claims, signature = parts_of(token)
    assert header == {"alg": "HS256", "typ": "rt+jwt"}
    assert claims.keys() == {"sub", "sid", "jti", "iat", "exp"}
    assert len(unpacked(claims["jti"])) == 16
    signed = token.rpartition(".")[0].encode()
    assert hmac.digest(secret_for(algorithm).encode(), signed, "sha256") != signature


# --- several secrets


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "RS256", "ES256", "EdDSA"])
async def test_the_first_secret_signs_and_all_verify(make_api, make_auth, algorithm):
    """How a secret is rolled: the new one in front, the old one until its last token has expired."""
    new, old = secret_for(algorithm, 1), secret_for(algorithm)
    before = make_auth(algorithm=algorithm, secret=old)
    api = await make_api(algorithm=algorithm, secret=[new, old])
    async with before:
        pair = await before.accounts.start_session((await api.user()).id)
    await data_of(await api.me(pair.access_token))
    data = await data_of(await api.refresh(pair.refresh_token))
    make_auth(algorithm=algorithm, secret=new).verify_access_token(data["accessToken"])
    make_auth(algorithm=algorithm, secret=new).verify_refresh_token(data["refreshToken"])
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        before.verify_access_token(data["accessToken"])


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_every_key_that_verifies_is_published_the_signing_one_first(make_api, algorithm):
    api = await make_api(algorithm=algorithm, secret=[secret_for(algorithm, 1), secret_for(algorithm)])
    first, second = await keys_of(api)
    assert first["kid"] != second["kid"]
    token = (await api.session()).access_token
    assert parts_of(token)[0]["kid"] == first["kid"]
    verify(token, first)


async def test_a_secret_that_is_gone_verifies_no_longer(make_api, make_auth):
    before = make_auth(secret=OTHER_SECRET)
    api = await make_api()
    async with before:
        pair = await before.accounts.start_session((await api.user()).id)
    await assert_error(await api.me(pair.access_token), 401, "TOKEN_INVALID")
    await assert_error(await api.refresh(pair.refresh_token), 401, "TOKEN_INVALID")


# --- issuer and audience


async def test_issuer_and_audience_are_written_and_asked_for(make_api, make_auth):
    options = {"issuer": "https://auth.example.com", "audience": ["shop", "blog"]}
    api = await make_api(**options)
    pair = await api.session()
    claims = parts_of(pair.access_token)[1]
    assert (claims["iss"], claims["aud"]) == (options["issuer"], options["audience"])
    await data_of(await api.me(pair.access_token))
    for other in ({}, {**options, "issuer": "https://other.example.com"}, {**options, "audience": "news"}):
        token = make_auth(**other).sign_access_token(pair.user)
        await assert_error(await api.me(token), 401, "TOKEN_INVALID")


# --- create_auth_server


@pytest.fixture
async def generated(database_options, database):
    auth = create_auth_server(valid_roles=("user", "admin"), db=database_options, salt_rounds=10)
    async with serving(host_application(auth)) as client:
        yield Api(auth, client, database)


async def test_create_auth_server_signs_with_a_published_rsa_key_of_its_own(generated):
    tokens = await log_in(generated)
    await data_of(await generated.me(tokens["accessToken"]))
    await data_of(await generated.refresh(tokens["refreshToken"]))
    [jwk] = await keys_of(generated)
    assert (jwk["alg"], number_of(jwk["n"]).bit_length()) == ("RS256", 2048)
    assert jwk["kid"] == thumbprint(jwk)
    verify(tokens["accessToken"], jwk)


async def test_create_auth_server_warns_that_its_keys_live_in_memory(database_options, caplog):
    auth = create_auth_server(valid_roles=("user",), db=database_options)
    with caplog.at_level(logging.WARNING, logger="sentri"):
        async with serving(host_application(auth)):
            pass
    assert "live in this process's memory" in caplog.text


async def test_a_configured_secret_warns_of_nothing(make_api, caplog):
    with caplog.at_level(logging.WARNING, logger="sentri"):
        await make_api()
    assert caplog.text == ""


@pytest.mark.parametrize("option", [{"secret": SECRET}, {"algorithm": "HS256"}])
def test_create_auth_server_takes_neither_secret_nor_algorithm(database_options, option):
    with pytest.raises(SentriError, match=f"{next(iter(option))} is not an option of create_auth_server") as caught:
        create_auth_server(valid_roles=("user",), db=database_options, **option)
    assert caught.value.code == "CONFIGURATION_ERROR"
    assert SECRET not in str(caught.value)
