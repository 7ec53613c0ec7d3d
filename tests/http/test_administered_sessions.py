"""Who is logged in where: /admin/…/sessions for admins, /me/sessions for users."""

from __future__ import annotations

import pytest

from sentri.randomness import new_id
from tests.support import assert_error, data_of

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Möbius/1.0"}


@pytest.fixture
async def api(make_api, hooks, clock):
    return await make_api(hooks=hooks, trusted_proxies=["127.0.0.1"])


@pytest.fixture
async def admin(api):
    return await api.session(await api.user("the admin", roles=("admin",)))


async def log_in(api, identifier, **headers):
    body = {"identifier": identifier, "password": "correct horse"}
    return await data_of(await api.post("/auth/login", body, headers=headers))


async def own_sessions(api, token, query=""):
    return (await data_of(await api.call("GET", f"/auth/me/sessions{query}", token=token)))["sessions"]


def revoked_of(told):
    return [what[0] for hook, *what in told if hook == "on_event" and what[0].name == "session.revoked"]
