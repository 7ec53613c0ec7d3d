"""docs/single-sign-on.md: its server and its service run, and what it says of tokens and options is so."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from sentri import SentriError, TrustedIssuer, create_auth, create_auth_server
from sentri.client.auth import client_of_options
from sentri_testing import ManualClock
from tests.client.issuing import Issuer, running
from tests.docs.pages import ROOT, block, executed
from tests.hostile_tokens import GONE

PAGE = "docs/single-sign-on.md"
PATIENCE = 30.0
AUTH = "https://auth.example.com/auth"


def ask(url: str, token: str | None = None, body: object = None, method: str | None = None) -> tuple[int, dict]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """A block of the page that runs in a process of its own."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.text = text
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        where = self.folder / f"{self.port}.py"
        where.write_text(self.text.replace("run_app(app, port=800", f"run_app(app, port={self.port}) #"))
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", where], cwd=self.folder, env=environment, stdout=subprocess.DEVNULL
        )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(self, path: str) -> tuple[int, dict]:
        """Once it listens."""
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, "it ended by itself"
            try:
                return ask(self.url(path))
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


@pytest.fixture
def server(tmp_path) -> Iterator[Program]:
    made = Program(tmp_path, block(PAGE, "key_encryption_secret="))
    yield made
    made.stop()


@pytest.fixture
def service(tmp_path, server) -> Iterator[Program]:
    made = Program(tmp_path, block(PAGE, "delete_order").replace(f"{AUTH}/keys", server.url("/auth/keys")))
    yield made
    made.stop()


def test_the_server_and_the_service_run_in_either_order(server, service, tmp_path):
    """Also a service that started in an outage."""
    service.start()
    assert service.answer("/orders")[1]["code"] == "UNAUTHORIZED"
    server.start(DATABASE_URL=f"sqlite://{tmp_path / 'auth.db'}", KEY_ENCRYPTION_SECRET=secrets.token_hex())
    assert len(server.answer("/auth/keys")[1]["keys"]) == 1
    ann = {"identifier": "ann", "password": "correct horse"}
    assert ask(server.url("/auth/register"), body={**ann, "roles": ["user"]})[0] == 201
    token = ask(server.url("/auth/login"), body=ann)[1]["data"]["accessToken"]

    deadline = time.monotonic() + PATIENCE
    while (answer := ask(service.url("/orders"), token))[0] == 503:  # it asks again after a second or so
        assert answer[1]["code"] == "KEYS_UNAVAILABLE"
        assert time.monotonic() < deadline
    assert answer == (200, {"of": "ann"})
    assert ask(service.url("/orders/1"), token, method="DELETE")[1]["code"] == "FORBIDDEN"


async def test_the_partner_is_trusted_with_its_roles_alone():
    issuer = "https://login.partner.example/auth"
    async with running(Issuer("RS256", number=70), Issuer("ES256", number=80)) as (own, partner):
        text = block(PAGE, "trusted_issuers=").replace(f"{AUTH}/keys", own.key_uri)
        auth = executed(text.replace(f"{issuer}/keys", partner.key_uri))["auth"]
        ours = await auth.authenticate(own.token(iss=AUTH, aud="shop", roles=["admin"]))
        theirs = await auth.authenticate(partner.token(iss=issuer, aud="shop", roles=["admin", "editor"]))
        assert (ours.roles, ours.issuer) == (("admin",), AUTH)
        assert (theirs.roles, theirs.issuer) == (("editor",), issuer)


NO_SENTRI = {"sid": GONE, "identifier": GONE, "roles": GONE, "jti": GONE}
KEYCLOAK = NO_SENTRI | {
    "sub": str(uuid4()),
    "sid": str(uuid4()),
    "typ": "Bearer",
    "azp": "web",
    "aud": ["shop", "account"],
    "preferred_username": "ann",
    "realm_access": {"roles": ["offline_access", "editor"]},
    "resource_access": {"account": {"roles": ["view-profile"]}},
    "scope": "openid email profile",
}
AUTH0 = NO_SENTRI | {
    "sub": "auth0|123456",
    "aud": ["https://shop.example/api", "https://TENANT.eu.auth0.com/userinfo"],
    "azp": "web",
    "scope": "openid profile",
    "permissions": ["read:orders", "write:orders"],
}
ENTRA = NO_SENTRI | {
    "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    "aud": "API-CLIENT-ID",
    "ver": "2.0",
    "oid": str(uuid4()),
    "preferred_username": "ann@shop.example",
    "roles": ["Orders.Read", "Orders.Write"],
    "nbf": 0,
}


@pytest.mark.parametrize(
    ("name", "claims", "typ", "without", "user"),
    [
        ("keycloak", KEYCLOAK, "JWT", (), ("ann", ("editor",))),
        ("auth0", AUTH0, "JWT", (), ("auth0|123456", ("read:orders",))),
        ("auth0", AUTH0, "at+jwt", (), ("auth0|123456", ("read:orders",))),
        ("entra", ENTRA, "JWT", ("alg",), ("ann@shop.example", ("Orders.Read",))),
    ],
)
async def test_tokens_of_other_makes_pass_with_their_recipe(name, claims, typ, without, user):
    """Their shape, as each vendor describes it; their key sets have further keys and members, and some lack `alg`."""
    async with running(Issuer("RS256", number=90), Issuer("RS256", number=95)) as (own, other):
        trusted: TrustedIssuer = executed(block(PAGE, f"{name} = "), TrustedIssuer=TrustedIssuer)[name]
        jwk = other.jwk(other.signing)
        other.extra = [{**jwk, "kid": "for-encryption", "use": "enc", "alg": "RSA-OAEP"}]
        shown = {**{member: value for member, value in jwk.items() if member not in without}, "x5c": ["MIIC"]}
        other.jwk = lambda _: shown
        here = replace(trusted, key_uri=other.key_uri)
        auth = create_auth(mode="client", key_uri=own.key_uri, issuer=AUTH, trusted_issuers=[here])

        other.claims = {"iss": trusted.issuer, **claims}
        found = await auth.authenticate(other.token(typ=typ))
        assert (found.identifier, found.roles) == user
        assert (found.id, found.issuer) == (claims["sub"], trusted.issuer)
        assert len(auth.keys.status(trusted.issuer).key_ids) == 1

        for changed in ({"aud": "web"}, {"iss": trusted.issuer.removesuffix("/") + "x"}):  # an ID token; another one
            with pytest.raises(SentriError, match="not valid"):
                await auth.authenticate(other.token(typ=typ, **changed))


async def test_an_audience_is_changed_without_a_refusal(tmp_path):
    """The four steps; and one that is introduced at once refuses access tokens, but no refresh."""
    settings = {"db": f"sqlite://{tmp_path / 'auth.db'}", "valid_roles": ["user"], "salt_rounds": 10}
    settings["key_encryption_secret"] = secrets.token_hex()

    async with create_auth_server(**settings) as auth:
        await auth.migrate()
        user = await auth.accounts.register("ann", "correct horse", ("user",))
        plain = await auth.accounts.start_session(user.id)
    async with create_auth_server(**settings, audience="old", issuer="i") as auth:
        with pytest.raises(SentriError, match="not valid"):
            await auth.authenticate(plain.access_token)
        old = await auth.accounts.refresh(plain.refresh_token)
        assert await auth.authenticate(old.access_token)
    async with create_auth_server(**settings, audience=["old", "new"], issuer="i") as auth:
        assert await auth.authenticate(old.access_token)
        both = await auth.accounts.refresh(old.refresh_token)
    async with create_auth_server(**settings, audience="new", issuer="i") as auth:
        assert await auth.authenticate(both.access_token)
        with pytest.raises(SentriError, match="not valid"):
            await auth.authenticate(old.access_token)


async def test_after_another_unknown_key_id_a_new_one_waits_for_half_a_minute():
    timer = ManualClock()
    async with running(Issuer()) as (own,):
        auth = client_of_options({"key_uri": own.key_uri}, timer=timer)
        assert await auth.authenticate(own.token())
        with pytest.raises(SentriError, match="not valid"):
            await auth.authenticate(own.token(kid="invented"))
        own.rotate(keep=False)
        with pytest.raises(SentriError, match="not valid"):
            await auth.authenticate(own.token())
        timer.advance(30)
        assert await auth.authenticate(own.token())
