"""The middleware in client mode: callers are the users of issuers, and what the token says counts."""

from __future__ import annotations

import subprocess
import sys

import pytest
from aiohttp import web

import sentri
from sentri import TrustedIssuer
from sentri.clock import system_clock
from tests.client.issuing import Issuer, running
from tests.idempotency.application import Counter, Running, new_key, refused, replayed
from tests.idempotency.conftest import unlimited

OWN, PARTNER = "https://auth.example.com", "https://login.partner.example"
ANN = "1b671a64-40d5-491e-99b0-da01ff1f3341"


@pytest.fixture
async def service(backend):
    """A service that trusts two issuers: how to ask it, its handler, and the issuers."""
    async with running(Issuer(), Issuer("ES256", number=50)) as (issuer, partner):
        auth = sentri.create_auth(
            mode="client",
            key_uri=issuer.key_uri,
            issuer=OWN,
            trusted_issuers=[TrustedIssuer(issuer=PARTNER, key_uri=partner.key_uri, audience="shop", roles=("admin",))],
        )
        handler = Counter()
        app = web.Application(middlewares=[auth.error_middleware(), auth.idempotency_middleware(**backend)])
        app[sentri.AUTH] = auth
        app.router.add_post("/buy", auth.authorize("admin")(handler.handle))
        app.on_shutdown.append(lambda _: auth.close())
        async with unlimited(app) as client:
            yield Running(client, None), handler, issuer, partner


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def test_a_user_gets_their_answer_with_any_token_and_nobody_else_does(service):
    asking, handler, issuer, partner = service
    key = new_key()
    own = [issuer.token(iss=OWN, sub=ANN, roles=["admin"], jti=jti) for jti in ("one", "two")]
    theirs = partner.token(iss=PARTNER, aud="shop", sub=ANN, roles=["admin"])
    answers = [await asking.post("/buy", key, headers=bearer(token)) for token in (*own, theirs)]
    assert [(each.status, replayed(each)) for each in answers] == [(201, False), (201, True), (201, False)]
    assert len(handler.runs) == 2


async def test_a_token_without_the_role_and_an_expired_one_get_the_guards_answer(service):
    asking, handler, issuer, _ = service
    key = new_key()
    assert (
        await asking.post("/buy", key, headers=bearer(issuer.token(iss=OWN, sub=ANN, roles=["admin"])))
    ).status == 201
    poorer = issuer.token(iss=OWN, sub=ANN, roles=["user"])
    await refused(await asking.post("/buy", key, headers=bearer(poorer)), 403, "FORBIDDEN")
    expired = issuer.token(iss=OWN, sub=ANN, roles=["admin"], exp=int(system_clock()) - 3600)
    await refused(await asking.post("/buy", key, headers=bearer(expired)), 401, "TOKEN_EXPIRED")
    await refused(await asking.post("/buy", key), 401, "UNAUTHORIZED")
    assert len(handler.runs) == 1


def test_no_redis_is_loaded_without_its_url():
    program = (
        "import sys, sentri\n"
        "auth = sentri.create_auth(mode='client', key_uri='https://auth.example.com/auth/keys')\n"
        "auth.idempotency_middleware()\n"
        "assert not {'redis', 'tortoise', 'aerich'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
