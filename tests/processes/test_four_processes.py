"""What one of four processes decides holds in the others with the next request. tests/races has what two do at once."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web

from tests.keys.conftest import NEW
from tests.support import PASSWORD, Api, assert_error, cheap_server, data_of, host_application

NEW_PASSWORD = "battery staple"
PAYMENTS = web.AppKey("payments", Path)
pytestmark = pytest.mark.parametrize("dialect", ["postgres", "mysql"], indirect=True)


class Processes:
    """Requests to one of the processes, or to each."""

    def __init__(self, clients, api) -> None:
        self.clients = clients
        self.user = api.user
        self.session = api.session
        self._turns = itertools.cycle(clients)

    def each(self):
        """One of them after the other, without end."""
        return next(self._turns)

    async def me(self, token):
        """What every process says of the token: its data, or the status of a refusal."""
        answers = await asyncio.gather(*(client.me(token) for client in self.clients))
        return [await data_of(answer) if answer.status == 200 else answer.status for answer in answers]


@pytest.fixture
async def start(fleet, auth_options, shared_clock, shared_redis, database):
    """A function that starts four processes with these options."""
    async with AsyncExitStack() as running:

        async def start(app=host_application, **options):
            merged = auth_options | shared_redis | options
            given = {name: value for name, value in merged.items() if value is not None}
            auth = await running.enter_async_context(cheap_server(given, clock=shared_clock))
            ports = await running.enter_async_context(fleet.serving(app, given, shared_clock))
            clients = [await running.enter_async_context(_client(port)) for port in ports]
            return Processes([Api(auth, client, database) for client in clients], Api(auth, None, database))

        yield start


@asynccontextmanager
async def _client(port):
    async with ClientSession(f"http://127.0.0.1:{port}", connector=TCPConnector(limit=0)) as client:
        yield client


async def test_a_logout_in_one_is_401_in_all(start):
    processes = await start()
    for client in processes.clients:
        pair = await processes.session()
        assert [seen["id"] for seen in await processes.me(pair.access_token)] == [pair.user.id] * 4
        await data_of(await client.post("/auth/logout", token=pair.access_token))
        assert await processes.me(pair.access_token) == [401] * 4


async def test_logout_all_and_a_new_password_end_every_session_in_all(start):
    processes = await start()
    user = await processes.user("Ann")
    ends = [
        lambda client, token: client.post("/auth/logout-all", token=token),
        lambda client, token: client.call(
            "PATCH", "/auth/me/password", {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}, token=token
        ),
    ]
    for end in ends:
        pairs = [await processes.session(user) for _ in range(4)]
        for pair in pairs:
            assert 401 not in await processes.me(pair.access_token)
        await data_of(await end(processes.each(), pairs[0].access_token))
        for pair in pairs:
            assert await processes.me(pair.access_token) == [401] * 4
            await assert_error(await processes.each().refresh(pair.refresh_token), 401, "UNAUTHORIZED")
    for client in processes.clients:
        await assert_error(await client.login("Ann"), 401, "INVALID_CREDENTIALS")
    for client in processes.clients:
        await data_of(await client.login("Ann", NEW_PASSWORD))


async def test_new_roles_and_a_disabled_user_are_seen_by_all(start):
    processes = await start()
    admin, pair = await processes.session(roles=("admin",)), await processes.session()
    assert [seen["roles"] for seen in await processes.me(pair.access_token)] == [["user"]] * 4
    path = f"/auth/users/{pair.user.id}/roles"
    await data_of(await processes.each().post(path, {"roles": ["editor"]}, token=admin.access_token))
    assert [seen["roles"] for seen in await processes.me(pair.access_token)] == [["user", "editor"]] * 4
    await processes.clients[0].disable(pair.user.id)
    assert await processes.me(pair.access_token) == [401] * 4


async def test_refreshes_in_all_at_once_get_one_successor_and_log_nobody_out(start):
    processes = await start()
    tokens = [(await processes.session()).refresh_token for _ in range(5)]
    for _ in range(3):
        answers = await asyncio.gather(
            *(client.refresh(token) for token in tokens for client in processes.clients for _ in range(2))
        )
        successors = [(await data_of(answer))["refreshToken"] for answer in answers]
        tokens = [one for one, *_ in (set(successors[place : place + 8]) for place in range(0, 40, 8))]
        assert len(set(successors)) == 5
        assert set(tokens) == set(successors)


async def test_of_fifty_wrong_passwords_at_once_five_are_looked_at_in_all_together(start):
    processes = await start()
    await processes.user("Ann")
    answers = await asyncio.gather(*(processes.each().login("Ann", "wrong horse") for _ in range(50)))
    assert Counter(answer.status for answer in answers) == {401: 5, 429: 45}
    for client in processes.clients:
        await assert_error(await client.login("Ann"), 429, "RATE_LIMITED")


async def test_eight_logins_at_once_leave_as_many_sessions_as_are_allowed(start):
    processes = await start(max_sessions=3, rate_limit=False)
    await processes.user("Ann")
    answers = await asyncio.gather(*(processes.each().login("Ann") for _ in range(8)))
    tokens = [(await data_of(answer))["accessToken"] for answer in answers]
    seen = [await processes.me(token) for token in tokens]
    assert sum(401 not in each for each in seen) == 3
    assert sum(each == [401] * 4 for each in seen) == 5


async def pay(request: web.Request) -> web.Response:
    """One line in a file that all processes share, after a moment."""
    await asyncio.sleep(0.05)
    with request.app[PAYMENTS].open("a") as payments:
        payments.write(f"{await request.text()}\n")
    return web.json_response({"paid": True}, status=201)


class Paying:
    """An application with `POST /pay`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, auth) -> web.Application:
        app = web.Application()
        auth.setup(app)
        app[PAYMENTS] = self._file
        app.router.add_post("/pay", auth.protect(pay))
        return app


async def test_a_key_that_is_sent_to_all_at_once_runs_in_one(start, tmp_path):
    file = tmp_path / "payments"
    processes = await start(Paying(file))
    pair = await processes.session()
    for key in range(5):
        headers = {"Idempotency-Key": f"key-{key}-of-this-test", "Authorization": f"Bearer {pair.access_token}"}
        answers = await asyncio.gather(
            *(client.client.post("/pay", data=f"{key}", headers=headers) for client in processes.clients * 5)
        )
        assert Counter(answer.status for answer in answers) == {201: 20}
        assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 19
    assert file.read_text().split() == [f"{key}" for key in range(5)]


async def test_keys_are_rotated_while_all_serve_and_no_token_is_refused(start, shared_clock):
    """The times of a rotation pass by the clock; each process looks at the keys by itself."""
    processes = await start(key_encryption_secret=NEW, algorithm="RS256", secret=None)
    user = await processes.user("Ann")
    auth = processes.clients[0].auth
    tokens = [(await processes.session(user)).access_token]
    kids = set()
    for _ in range(2):
        made = await auth.keys.rotate()
        kids.add(made.kid)
        for _ in range(12):
            shared_clock.advance(60)
            login = await data_of(await processes.each().login("Ann"))
            tokens = [*tokens[-3:], login["accessToken"]]
            for token in tokens:
                assert 401 not in await processes.me(token)
    published = await (await processes.each().call("GET", "/auth/keys")).json()
    assert kids & {key["kid"] for key in published["keys"]}
