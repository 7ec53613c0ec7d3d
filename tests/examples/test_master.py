"""`examples/master` as `make example-master` runs it, and its file for Docker Compose."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml

from tests.cli.conftest import url_of
from tests.examples.running import ROOT
from tests.examples.terminal import PATIENCE, Terminal

MASTER = ROOT / "examples/master"
pytestmark = pytest.mark.skipif(not shutil.which("bash") or not shutil.which("curl"), reason="needs bash and curl")


@pytest.fixture
def example(empty_database_options, redis_client, tmp_path) -> Iterator[subprocess.Popen[str]]:
    """The three, on a database of their own. Redis is shared: what they keep there has names of this run."""
    environment = {
        "MASTER_DATABASE_URL": url_of(empty_database_options),
        "MASTER_FOLDER": str(tmp_path),
        **dict.fromkeys(("MASTER_PORT", "ORDERS_PORT", "BILLING_PORT"), "0"),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SENTRI_")}
    with subprocess.Popen(
        [sys.executable, "-m", "examples.master.run"],
        cwd=ROOT,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("dialect", ["postgres"], indirect=True)
def test_the_walkthrough_says_what_happens(example):
    """Roles of one's own, one login for all, orders and payments that happen once, and a logout."""
    lines = []
    while not lines or "$MASTER/auth/me" not in lines[-1]:
        lines.append(example.stdout.readline())
        assert lines[-1], example.stderr.read()
    with Terminal("".join(lines)) as terminal:
        customer, catalogue, orders, payments, farewell = terminal.steps[1:]
        name, presumptuous, register, *logins = customer
        terminal.paste(name)
        assert terminal.get(presumptuous)[1]["code"] == "FORBIDDEN"
        assert terminal.get(register)[0] == 201
        assert [terminal.paste(line) for line in logins] == ["", ""]

        assert terminal.get(catalogue[0]) == (200, {"teapot": 30, "cup": 5})
        assert terminal.get(catalogue[1])[1]["code"] == "FORBIDDEN"
        assert terminal.get(catalogue[2]) == (201, {"teapot": 30, "cup": 5, "spoon": 2})

        placed, repeated = (terminal.get(line) for line in orders)
        assert placed[0] == 201
        assert repeated == placed

        assert terminal.get(payments[0])[0] == 400
        assert terminal.get(payments[1]) == (201, {"payments": 1})
        assert terminal.get(payments[2])[1]["code"] == "FORBIDDEN"
        assert terminal.get(payments[3]) == (200, {"revenue": 30})

        assert terminal.get(farewell[0])[0] == 200
        assert terminal.get(farewell[1])[1]["code"] == "UNAUTHORIZED"
    os.killpg(example.pid, signal.SIGINT)
    out, log = example.communicate(timeout=PATIENCE)
    assert (example.returncode, out.strip()) == (0, "")
    assert "Traceback" not in log, log


@pytest.mark.parametrize("dialect", ["postgres"], indirect=True)
def test_a_second_run_finds_its_users_and_keys(example, empty_database_options, tmp_path):
    """The super admin is made once, and the secret of the keys stays where it is, for its owner alone."""
    assert "The master API is" in example.stdout.readline()
    secret = tmp_path / "key-encryption-secret"
    before = secret.read_text()
    assert secret.stat().st_mode & 0o077 == 0
    os.killpg(example.pid, signal.SIGTERM)
    example.communicate(timeout=PATIENCE)
    again = subprocess.Popen(
        example.args,
        cwd=ROOT,
        env=os.environ
        | {"MASTER_DATABASE_URL": url_of(empty_database_options), "MASTER_FOLDER": str(tmp_path)}
        | dict.fromkeys(("MASTER_PORT", "ORDERS_PORT", "BILLING_PORT"), "0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert "The master API is" in again.stdout.readline()
    os.killpg(again.pid, signal.SIGTERM)
    _, log = again.communicate(timeout=PATIENCE)
    assert (again.returncode, secret.read_text()) == (0, before), log


def test_the_compose_file_starts_what_is_there_with_the_variables_that_it_reads():
    """Every command runs a script of the folder, and every variable that a script demands is set for it."""
    compose = yaml.safe_load((MASTER / "compose.yaml").read_text())
    services = {name: service for name, service in compose["services"].items() if service.get("build") == "."}
    assert services.keys() == {"master", "orders", "billing"}
    for name, service in services.items():
        program, script = service["command"]
        assert (program, script) == ("python", f"{name}.py")
        demanded = set(re.findall(r'os\.environ\["(\w+)"\]', (MASTER / script).read_text()))
        assert demanded <= service["environment"].keys()
        assert service["environment"]["HOST"] == "0.0.0.0"
        assert service["ports"] == [f"127.0.0.1:{service['environment']['PORT']}:{service['environment']['PORT']}"]
        assert set(service["depends_on"]) <= compose["services"].keys()
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"examples/master/{compose['secrets']['key-encryption-secret']['file']}" in ignored
