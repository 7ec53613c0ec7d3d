"""docs/deploying.md: nginx with its configuration, and what its unit starts.

tests/processes/test_gunicorn.py runs gunicorn with its module.
"""

from __future__ import annotations

import configparser
import json
import os
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sentri import create_auth_server
from tests.cli.conftest import PATIENCE
from tests.docs.certificates import Authority
from tests.docs.pages import ROOT, block
from tests.faults.service import free_port, until
from tests.support import PASSWORD, SECRET, profile, serving

PAGE = "docs/deploying.md"
ANN = {"identifier": "ann", "password": PASSWORD}


def call(url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} | headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def listens(url: str) -> bool:
    try:
        call(url)
    except OSError:
        return False
    except ValueError:  # an answer, if not in JSON
        pass
    return True


@contextmanager
def started(command: list[str], folder: Path, *, stops_with: int = signal.SIGTERM, **settings: str) -> Iterator[None]:
    """A server that ends by itself, with 0 and without a traceback, when it gets the signal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SENTRI_")}
    log = folder / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            command, cwd=folder, env=kept | {"PYTHONPATH": str(ROOT)} | settings, stdout=written, stderr=written
        )
    try:
        yield
        process.send_signal(stops_with)
        assert process.wait(PATIENCE) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


# --- systemd


def test_the_unit_starts_a_server_that_its_signal_ends_in_time(tmp_path):
    """What systemd would run, with what it would set: there is none in most places where tests run."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(block(PAGE, "ExecStart", "ini"))
    service = unit["Service"]
    port = free_port()
    program, *arguments = shlex.split(service["ExecStart"].replace("%i", str(port)))
    assert program.endswith("/bin/sentri")
    settings = {
        "SENTRI_DATABASE_URL": f"sqlite://{tmp_path / 'shop.db'}",
        "SENTRI_KEY_ENCRYPTION_SECRET": SECRET,
        "SENTRI_REGISTRATION": "false",
    }
    command = [sys.executable, "-m", "sentri", *arguments]
    with started(command, tmp_path, stops_with=signal.Signals[service["KillSignal"]], **settings):
        until(lambda: listens(f"http://127.0.0.1:{port}/"), "the service listens")
        assert call(f"http://127.0.0.1:{port}/auth/me")[0] == 401


# --- nginx


class Nginx:
    """The page's configuration before one server; the three others of its upstream do not run."""

    def __init__(self, program: str, folder: Path, upstream: int) -> None:
        self.port = free_port()
        authority = Authority(folder)
        certificate, key = authority.server()
        self.trusting = ssl.create_default_context(cafile=str(authority.certificate))
        text = block(PAGE, "upstream shop", "nginx").replace("listen 443", f"listen 127.0.0.1:{self.port}")
        text = text.replace("127.0.0.1:8083", f"127.0.0.1:{upstream}")
        for other in ("8081", "8082", "8084"):
            text = text.replace(f"127.0.0.1:{other}", f"127.0.0.1:{free_port()}")
        text = text.replace("/etc/ssl/shop.pem", str(certificate)).replace("/etc/ssl/shop.key", str(key))
        temporary = "".join(
            f"{name}_temp_path {folder / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(
            f"{user}daemon off;\npid {folder / 'pid'};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{text}}}\n"
        )
        self.command = [program, "-c", str(config), "-p", str(folder), "-e", str(folder / "errors")]

    def check(self) -> None:
        """`nginx -t`."""
        done = subprocess.run([*self.command, "-t"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def nginx_program() -> str:
    """The only program of the documentation that nothing else here needs, so it is never demanded."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    return shutil.which("nginx", path=path) or pytest.skip("nginx is not installed")


async def test_nginx_says_who_asks_and_for_which_site(nginx_program, tmp_path):
    """Also a client that lies about its address; cookies, WebSockets and processes that are down are no matter."""
    auth = create_auth_server(
        valid_roles=("user",),
        db="sqlite://:memory:",
        salt_rounds=10,
        key_encryption_secret=SECRET,
        trusted_proxies=["127.0.0.1"],
        cookie={},
        access_cookie={},
    )
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/profile", auth.protect(profile))
    app.router.add_get("/socket", auth.protect(greet))
    async with serving(app) as direct:
        nginx = Nginx(nginx_program, tmp_path, direct.port)
        nginx.check()
        user = await auth.users.create("ann", PASSWORD, roles=["user"])
        with started(nginx.command, tmp_path, stops_with=signal.SIGQUIT):
            until(lambda: connects(nginx.port), "nginx listens")
            async with visitor(nginx) as client:
                await assert_known(client, auth, user.id)


async def assert_known(client: aiohttp.ClientSession, auth: Any, user_id: str) -> None:
    """The address is the client's, and the origin is the site's."""
    for origin, status in (("https://evil.example.com", 403), ("https://shop.example.com", 200)):
        headers = {"Origin": origin, "X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}
        response = await client.post("/auth/login", json=ANN, headers=headers)
        assert response.status == status
    [session] = (await auth.sessions.list(user_id)).items
    assert session.address == "127.0.0.2"
    cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in response.cookies.items())
    for _ in range(8):
        assert (await client.get("/profile", headers={"Cookie": cookies})).status == 200
    own = {"Cookie": cookies, "Origin": "https://shop.example.com"}
    async with client.ws_connect("/socket", headers=own) as stream:
        assert await stream.receive_str() == "hello"


async def greet(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("hello")
    await socket.close()
    return socket


def visitor(nginx: Nginx) -> aiohttp.ClientSession:
    """Somebody on another machine, as far as nginx can see."""
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0), ssl=nginx.trusting)
    headers = {"Host": "shop.example.com"}
    return aiohttp.ClientSession(f"https://localhost:{nginx.port}", connector=connector, headers=headers)


def connects(port: int) -> bool:

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
