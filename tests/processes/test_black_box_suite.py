"""How much of the HTTP suite runs against four processes: it cannot shrink unnoticed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASE = re.compile(r"(?P<test>tests/\S+?::\S+?)\[(?P<case>.*)\]$")


def collected(folder):
    """Test → the backends that it runs against, and how many cases processes have."""
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    backends: dict[str, set[str]] = {}
    cases = 0
    for line in listed.splitlines():
        if found := CASE.match(line):
            parts = {part for part in ("sqlite", "memory", "processes") if part in found["case"].split("-")}
            backends.setdefault(found["test"], set()).update(parts)
            cases += "processes" in parts
    return backends, cases


@pytest.mark.parametrize(
    ("folder", "elsewhere", "least"), [("tests/http", "sqlite", 540), ("tests/limits", "memory", 30)]
)
def test_processes_serve_the_black_box_suite(folder, elsewhere, least):
    """Tests that look into the serving process (`in_process`), or that only make an auth object, are the few."""
    backends, cases = collected(folder)
    inside = [test for test, found in backends.items() if elsewhere in found and "processes" not in found]
    assert cases >= least
    assert len(inside) * 3 <= len(backends), inside
