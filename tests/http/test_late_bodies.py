"""Requests whose body is sent long after their head, by whom something has happened to meanwhile."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import pytest
from aiohttp import web

from tests.support import PASSWORD, assert_error

BACKDOOR = {"identifier": "backdoor", "password": PASSWORD, "roles": ["admin"]}
OF_ADMINS = [
    ("POST", "/auth/admin/users", BACKDOOR),
    ("POST", "/auth/admin/user-imports", {"users": [BACKDOOR]}),
]
OF_USERS = [("PATCH", "/auth/me/identifier", {"identifier": "backdoor"})]


def keyed_application(auth):
    """A host that lets requests be repeated."""
    app = web.Application()
    auth.setup(app)
    return app


@pytest.fixture
async def api(make_api):
    return await make_api(app=keyed_application)


async def sent_around(api, admin, wanted, meanwhile, headers):
    """The answer to a request, in the middle of whose body something happens."""
    method, path, body = wanted
    text = json.dumps(body).encode()

    async def slowly():
        yield text[:5]
        await asyncio.sleep(0.05)  # until the server has looked at the head
        await meanwhile(admin.user.id)
        yield text[5:]

    headers = {"Content-Type": "application/json"} | headers
    return await api.call(method, path, data=slowly(), token=admin.access_token, headers=headers)


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}], ids=["bare", "keyed"])
@pytest.mark.parametrize("wanted", [*OF_ADMINS, *OF_USERS])
async def test_who_is_disabled_while_they_send_a_body_does_nothing_any_more(api, wanted, headers):
    admin = await api.session(roles=("admin",))
    await assert_error(await sent_around(api, admin, wanted, api.auth.users.disable, headers), 401, "UNAUTHORIZED")
    assert (await api.auth.users.list(search="backdoor")).items == ()


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}], ids=["bare", "keyed"])
@pytest.mark.parametrize("wanted", OF_ADMINS)
async def test_who_is_demoted_while_they_send_a_body_makes_nobody_an_admin(api, wanted, headers):
    admin = await api.session(roles=("admin",))
    demote = partial(api.auth.users.set_roles, roles=[])
    await assert_error(await sent_around(api, admin, wanted, demote, headers), 403, "FORBIDDEN")
    assert (await api.auth.users.list(search="backdoor")).items == ()
