"""The auth server. It alone has users, sessions, a database and private keys.

SENTRI_DATABASE_URL                  where users, sessions and keys are kept
SENTRI_KEY_ENCRYPTION_SECRET_FILE    a file with what encrypts the private keys there, at least 32 bytes
SSO_PORT                             8000 by default; 0 takes a free one

The first two have the names that the `sentri` command reads, so that `sentri keys` works on the same keys.
"""

from __future__ import annotations

import os
from pathlib import Path

from aiohttp import web
from serving import address, door, serve

from sentri import AuthServer, SentriError, create_auth_server

# For a demonstration on your own machine. Real users get passwords that nobody reads in a source file.
USERS = {"ann": ("correct horse", ("user",)), "root": ("battery staple", ("user", "admin"))}


def make_auth(issuer: str) -> AuthServer:
    """Keys in the database outlive this process and can be rotated; `issuer` and `audience` say whose tokens these
    are, and for whom.
    """
    return create_auth_server(
        valid_roles=("user", "admin"),
        db=os.environ["SENTRI_DATABASE_URL"],
        key_encryption_secret=Path(os.environ["SENTRI_KEY_ENCRYPTION_SECRET_FILE"]).read_text().strip(),
        issuer=issuer,
        audience="shop",
        registration=False,
    )


def make_app(auth: AuthServer) -> web.Application:
    """The endpoints under /auth, and at the start the users."""

    async def make_users(_: web.Application) -> None:
        for name, (password, roles) in USERS.items():
            try:
                await auth.accounts.register(name, password, roles)
            except SentriError as error:
                if error.code != "USER_ALREADY_EXISTS":  # from an earlier run in the same folder
                    raise

    app = web.Application()
    auth.setup(app)
    app.on_startup.append(make_users)
    return app


if __name__ == "__main__":
    with door("SSO_PORT", 8000) as listening:
        serve(make_app(make_auth(f"{address(listening)}/auth")), listening, "auth server")
