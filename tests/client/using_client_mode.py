"""A whole life of client mode in a fresh process, for `test_footprint.py`: prints what heavy modules it has loaded.

python using_client_mode.py KEY_URI TOKEN PARTNER_KEY_URI MODULE…
"""

import asyncio
import sys

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import sentri

key_uri, token, partner_uri, *heavy = sys.argv[1:]
auth = sentri.create_auth(
    mode="client",
    key_uri=key_uri,
    trusted_issuers=[sentri.TrustedIssuer("https://partner.example", partner_uri, "shop", lenient_typ=True)],
    access_cookie={},
    valid_roles=["user", "admin"],
    is_token_revoked=lambda session_id: False,
)


@auth.protect
@auth.permit(roles=["admin"], check=lambda request, user: True)
async def profile(request: web.Request) -> web.Response:
    return web.json_response(sentri.current_user(request).to_dict())


async def main() -> None:
    app = web.Application(middlewares=[auth.protect_middleware()])
    auth.setup(app)
    app.router.add_get("/profile", profile)
    async with TestClient(TestServer(app)) as client:
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"access_token={token}"}):
            response = await client.get("/profile", headers=headers)
            assert response.status == 200, await response.text()
        assert (await client.get("/profile")).status == 401
    await auth.authenticate(token)
    assert auth.keys.status().state == "fresh"


asyncio.run(main())
sys.stdout.write(" ".join(name for name in heavy if name in sys.modules))
