"""`python -m sentri_testing serve`: what a front-end team, or a service in another language, works with."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import ClientConnectorError, ClientSession, CookieJar

from sentri import SentriError, create_auth

COMMAND = (sys.executable, "-W", "error::ResourceWarning", "-m", "sentri_testing", "serve")


class Running:
    """A server in a process of its own.

    Attributes:
        said: what it printed.
        url: where it is.
    """

    def __init__(self, process: subprocess.Popen[str], last: str) -> None:
        self.process = process
        self.said = ""
        for line in process.stdout:
            self.said += line
            if last in line:
                break
        self.url = re.search(r"http://127\.0\.0\.1:\d+", self.said)[0]


@contextmanager
def started(*arguments: str) -> Iterator[Running]:
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Running(process, "/_control/requests")
        finally:
            process.kill()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with started() as running:
        yield running


@pytest.fixture
async def ask(running):
    """Asks the server; the status and what it said. Afterwards every fault is taken back."""
    async with ClientSession(running.url) as session:

        async def ask(method, path, json=None, **more):
            async with session.request(method, path, json=json, allow_redirects=False, **more) as response:
                is_json = response.content_type == "application/json"
                return response.status, await (response.json(content_type=None) if is_json else response.text())

        yield ask
        await ask("POST", "/_control/recover")


async def verified(running, token):
    async with create_auth(mode="client", key_uri=f"{running.url}/auth/keys", timeout=0.3) as auth:
        return await auth.authenticate(token)


async def test_says_how_to_log_in_and_that_works(running, ask):
    assert f"{running.url}/auth/keys" in running.said
    assert "any token" in running.said
    assert "PRIVATE" not in running.said
    credentials = re.search(r"-d '(\{\"identifier.*\})'", running.said)[1]
    headers = {"Content-Type": "application/json"}
    status, said = await ask("POST", "/auth/login", data=credentials, headers=headers)
    assert status == 200
    assert (await verified(running, said["data"]["accessToken"])).identifier == "ann"
    status, said = await ask("POST", "/auth/refresh", {"refreshToken": said["data"]["refreshToken"]})
    assert status == 200
    bearer = {"Authorization": f"Bearer {said['data']['accessToken']}"}
    assert (await ask("GET", "/auth/me", headers=bearer))[1]["data"]["identifier"] == "ann"
    assert (await ask("POST", "/auth/logout", headers=bearer))[0] == 200
    assert (await ask("GET", "/auth/me", headers=bearer))[0] == 401


async def test_issues_any_token(running, ask):
    status, said = await ask("POST", "/_control/issue_token", {"roles": ["admin"], "identifier": "zoe"})
    assert status == 200
    user = await verified(running, said["token"])
    assert (user.identifier, user.roles) == ("zoe", ("admin",))
    _, said = await ask("POST", "/_control/issue_token", {"expires_in": -60})
    with pytest.raises(SentriError, match="expired"):
        await verified(running, said["token"])


@pytest.mark.parametrize(
    ("switch", "arguments", "expected"),
    [
        ("fail", {"status": 418}, 418),
        ("fail", {}, 500),
        ("redirect", {"to": "http://127.0.0.1:1/"}, 302),
        ("serve_garbage", {"body": "[1]"}, 200),
    ],
)
async def test_faults_strike_until_they_are_taken_back(ask, switch, arguments, expected):
    assert (await ask("POST", f"/_control/{switch}", arguments)) == (200, {})
    status, said = await ask("GET", "/auth/keys")
    assert status == expected
    assert not isinstance(said, dict)
    assert (await ask("POST", "/_control/recover"))[0] == 200
    assert (await ask("GET", "/auth/keys"))[1]["keys"]


async def test_faults_may_strike_once_and_on_one_path(ask):
    await ask("POST", "/_control/fail", {"times": 1, "path": "/auth/keys", "status": 503})
    statuses = [(await ask("GET", path))[0] for path in ("/auth/me", "/auth/keys", "/auth/keys")]
    assert statuses == [401, 503, 200]


async def test_is_slow(running, ask):
    token = (await ask("POST", "/_control/issue_token"))[1]["token"]
    await ask("POST", "/_control/slow", {"seconds": 30})
    with pytest.raises(SentriError, match="keys"):
        await verified(running, token)
    await ask("POST", "/_control/recover")
    assert await verified(running, token)


async def test_rotates_its_keys(ask):
    before = {key["kid"] for key in (await ask("GET", "/auth/keys"))[1]["keys"]}
    await ask("POST", "/_control/rotate_keys")
    after = {key["kid"] for key in (await ask("GET", "/auth/keys"))[1]["keys"]}
    assert before < after
    await ask("POST", "/_control/rotate_keys", {"keep": False})
    assert len((await ask("GET", "/auth/keys"))[1]["keys"]) == 1


async def test_goes_down_and_comes_back_by_itself(running, ask):
    assert (await ask("POST", "/_control/go_down", {"seconds": 0.3})) == (200, {})
    seen = set()
    async with asyncio.timeout(10):
        while seen != {"down", "up again"}:
            try:
                await ask("GET", "/auth/keys")
            except (ClientConnectorError, OSError):
                seen.add("down")
            else:
                seen |= {"up again"} if seen else set()
            await asyncio.sleep(0.02)


async def test_tells_what_it_was_asked(ask):
    await ask("GET", "/auth/keys?secret=1")
    status, said = await ask("GET", "/_control/requests")
    assert (status, said[-1]) == (200, {"method": "GET", "path": "/auth/keys"})


@pytest.mark.parametrize(("switch", "body", "status", "named"), [
    ("explode", "{}", 404, "there is no switch 'explode'; there are fail, go_down"),
    ("slow", "{}", 400, "seconds"),
    ("slow", '{"seconds": -1}', 400, "seconds is -1"),
    ("slow", '{"minutes": 1}', 400, "minutes"),
    ("fail", '{"status": "teapot"}', 400, "status is 'teapot'"),
    ("fail", '{"times": 0}', 400, "times is 0"),
    ("redirect", '{"to": 1}', 400, "to is 1"),
    ("go_down", '{"seconds": true}', 400, "seconds is True"),
    ("issue_token", '{"roles": "admin"}', 400, r"\['admin'\]"),
    ("fail", "[]", 400, "JSON object"),
    ("fail", "{", 400, "fail: "),
])  # fmt: skip
async def test_says_what_is_wrong_with_a_switch(ask, switch, body, status, named):
    got, said = await ask("POST", f"/_control/{switch}", data=body)
    assert got == status
    assert re.search(named, said)
    assert (await ask("GET", "/auth/keys"))[0] == 200


def test_takes_other_users_roles_and_names():
    arguments = ["--user", "zoe:editor,admin", "--user", "max", "--role", "editor", "--role", "admin", "--cookies"]
    more = ["--issuer", "https://a.example", "--audience", "shop", "--algorithm", "ES256", "--prefix", "/login"]
    with started(*arguments, *more) as running:
        assert "https://a.example" in running.said
        assert f"{running.url}/login/keys" in running.said
        assert "zoe or max" in running.said

        async def log_in():
            jar = CookieJar(unsafe=True)  # which takes those of an IP address too
            async with ClientSession(running.url, cookie_jar=jar) as session:
                said = {"identifier": "zoe", "password": "correct horse"}
                async with session.post("/login/login", json=said) as response:
                    assert (await response.json())["data"]["user"]["roles"] == ["editor", "admin"]
                    assert {"access_token", "refresh_token"} <= response.cookies.keys()
                async with session.get("/login/me", headers={"Sec-Fetch-Site": "same-origin"}) as response:
                    assert response.status == 200

        asyncio.run(log_in())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_cleanly(number):
    with started() as running:
        running.process.send_signal(number)
        _, errors = running.process.communicate(timeout=20)
        assert (running.process.returncode, errors) == (0, "")


@pytest.mark.parametrize(("arguments", "code", "named"), [
    (["--algorithm", "HS256"], 1, "HS256"),
    (["--algorithm", "none"], 1, "none"),
    (["--user", "zoe:queen"], 1, "queen"),
    (["--access-expires-in", "soon"], 1, "access_expires_in"),
    (["--port", "many"], 2, "--port"),
    (["--colour", "red"], 2, "--colour"),
])  # fmt: skip
def test_says_what_is_wrong_with_its_options(arguments, code, named):
    done = subprocess.run(
        [*COMMAND, "--port", "0", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == code
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_says_that_a_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
