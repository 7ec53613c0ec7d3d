"""README's quick start and its curl session are run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.client.issuing import Issuer, running
from tests.docs.pages import executed
from tests.support import assert_error, serving

ROOT = Path(__file__).resolve().parents[2]


def block(language: str, holding: str) -> str:
    """The fenced block of README in this language that holds the text."""
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return next(text for text in found if holding in text)


@pytest.fixture
def quick_start(tmp_path) -> Iterator[int]:
    """The quick start, running in an empty folder; its port."""
    (tmp_path / "app.py").write_text(block("python", "create_auth_server"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PORT": str(port), "PYTHONPATH": str(ROOT)}
    environment.pop("DATABASE_URL", None)
    with subprocess.Popen(
        [sys.executable, "-W", "error", "app.py"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(port, process)
            yield port
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the quick start ended by itself"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/auth/keys", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the quick start does not answer")


def test_the_quick_start_runs_and_the_curl_session_works(quick_start):
    """Register, log in, me, refresh, log out, me: the last one is refused."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl or bash is not installed here")
    session = block("sh", "curl -s $AUTH/me").replace("127.0.0.1:8080", f"127.0.0.1:{quick_start}")
    done = subprocess.run(["bash", "-eu", "-c", session], capture_output=True, text=True, timeout=60, check=True)

    answers = re.findall(r'"statusCode":(\d+)', done.stdout)
    assert answers == ["201", "200", "200", "401"]
    assert done.stdout.count('"identifier":"ann"') == 2
    assert '"code":"UNAUTHORIZED"' in done.stdout


async def test_another_application_trusts_its_tokens():
    text = block("python", 'mode="client"').replace("(request): ...", "(request): return web.json_response({})")
    async with running(Issuer()) as (issuer,):
        names = executed(text.replace("https://auth.example.com/auth/keys", issuer.key_uri), web=web)
        app = web.Application()
        names["auth"].setup(app)
        app.router.add_delete("/products", names["delete_product"])
        async with serving(app) as client:
            headers = {"Authorization": f"Bearer {issuer.token(roles=['admin'])}"}
            assert (await client.delete("/products", headers=headers)).status == 200
            headers = {"Authorization": f"Bearer {issuer.token(roles=['user'])}"}
            await assert_error(await client.delete("/products", headers=headers), 403, "FORBIDDEN")
