"""sentri shares a process with a host's Tortoise, and neither changes the other.

Tortoise's and Aerich's state belongs to the whole process: each test runs in one of its own.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def run(script, *arguments) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", str(HERE / script), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("order", ["host-first", "host-last"])
def test_two_databases_and_a_host_never_see_one_anothers_rows(make_database_options, tmp_path, order):
    """Under mixed load, with `use_tz=False`, another time zone, a router and models of the same names."""
    options = [json.dumps(asdict(make_database_options())) for _ in range(2)]
    assert run("host_app.py", *options, str(tmp_path), order) == "isolated\n"


@pytest.mark.parametrize("use_tz", ["True", "False"])
def test_a_host_lists_our_models_and_points_at_them(make_database_options, use_tz):
    """Instants are the same for both, wherever the host lives."""
    assert run("models_app.py", json.dumps(asdict(make_database_options())), use_tz) == "queried\n"


def test_importing_storage_changes_nothing_of_the_process():
    code = (
        "import os, contextvars; before = dict(os.environ)\n"
        "import sentri.storage\n"
        "from tortoise.context import get_current_context\n"
        "assert dict(os.environ) == before\n"
        "assert get_current_context() is None\n"
        "import sys; assert not [m for m in sys.modules if m.partition('.')[0] in ('aerich', 'asyncmy')]"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
