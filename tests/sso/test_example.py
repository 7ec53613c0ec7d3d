"""`examples/sso` as `make example-sso` runs it: three processes, and the lines that it prints pasted into a shell."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.terminal import Terminal

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
PORTS = {"SSO_PORT": "0", "SSO_ORDERS_PORT": "0", "SSO_REPORTS_PORT": "0"}

pytestmark = pytest.mark.skipif(not shutil.which("bash") or not shutil.which("curl"), reason="needs bash and curl")


def run(**environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENTRI_", "SSO_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "examples.sso.run"],
        cwd=ROOT,
        env=kept | {"PYTHONWARNINGS": "error"} | PORTS | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Iterator[subprocess.Popen[str]]:
    process = run(SSO_FOLDER=str(tmp_path_factory.mktemp("a folder")))
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def terminal(example) -> Iterator[Terminal]:
    """A shell with the first lines pasted."""
    lines = []
    while not lines or not lines[-1].strip().startswith("get $ORDERS/ready"):
        lines.append(example.stdout.readline())
        assert lines[-1], example.stderr.read()
    with Terminal("".join(lines)) as made:
        yield made


def kids(answer: dict) -> set[str]:
    return {key["kid"] for key in answer["keys"]}


def test_the_walkthrough_says_what_happens(example, terminal):
    """Log in once, use it everywhere, rotate, end a leaked key, stop the auth server, end it all with Ctrl-C."""
    log_in, use, rotate, leak, outage = terminal.steps[1:]
    for line in log_in:
        assert terminal.paste(line) == ""

    assert terminal.get(use[0]) == (200, {"orders": ["a teapot"], "of": "ann"})
    assert terminal.get(use[1]) == (200, {"reports": ["revenue"], "for": "ann"})
    assert terminal.get(use[2])[1]["code"] == "FORBIDDEN"
    assert terminal.get(use[3]) == (200, {"revenue": 3})
    assert terminal.get(use[4])[1]["code"] == "UNAUTHORIZED"

    export, rotating, listing, published, still = rotate
    first = kids(terminal.get(published)[1])
    terminal.paste(export)
    assert "is published, and signs from" in terminal.paste(rotating)
    listed = terminal.paste(listing)
    assert ("upcoming" in listed, "signing" in listed) == (True, True)
    _, answer = terminal.until(published, lambda _, answer: len(answer["keys"]) == 2)
    assert first < kids(answer)
    assert terminal.get(still)[0] == 200

    retire, published, refused, again, fetched, forgotten = leak
    assert next(iter(first)) in terminal.paste(retire)
    _, answer = terminal.until(published, lambda _, answer: len(answer["keys"]) == 1)
    assert not kids(answer) & first
    assert terminal.get(refused)[1]["code"] == "TOKEN_INVALID"
    assert terminal.paste(again) == ""
    assert terminal.get(fetched)[0] == 200
    assert terminal.get(forgotten)[1]["code"] == "TOKEN_INVALID"

    kill, still, ready = outage
    terminal.paste(kill)
    terminal.until("get $AUTH/keys", lambda status, _: status == 0)
    assert terminal.get(still)[0] == 200
    status, probe = terminal.get(ready)
    assert (status, probe["keys"], probe["key_ids"]) == (200, "fresh", [*kids(answer)])

    os.killpg(example.pid, signal.SIGINT)
    out, log = example.communicate(timeout=PATIENCE)
    assert (example.returncode, out.strip()) == (0, "")
    assert "Traceback" not in log, log


def test_a_port_that_is_taken_is_named():
    """And nothing is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = run(SSO_REPORTS_PORT=str(taken.getsockname()[1]))
        out, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert out == ""
    assert "SSO_REPORTS_PORT=0 takes a free one" in log
    assert "Traceback" not in log, log
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_folder_keeps_users_and_keys_and_sigterm_ends_it(tmp_path):
    """A second run in the same folder knows the users and has the keys of the first."""
    seen = []
    for _ in range(2):
        process = run(SSO_FOLDER=str(tmp_path))
        line = process.stdout.readline()
        address = next(word for word in line.split() if word.startswith("http://"))
        keys = subprocess.run(["curl", "-sS", f"{address}/keys"], capture_output=True, text=True, check=True)
        seen.append(kids(json.loads(keys.stdout)))
        process.terminate()
        _, log = process.communicate(timeout=PATIENCE)
        assert (process.returncode, "Traceback" in log) == (0, False), log
    assert seen[0] == seen[1]
    assert (tmp_path / "key-encryption-secret").stat().st_mode & 0o077 == 0
