"""The plugin as a stranger's project meets it: in a pytest of its own, in another process."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import dedent

import pytest

STRICT = """
[pytest]
asyncio_mode = strict
asyncio_default_fixture_loop_scope = function
filterwarnings = error
addopts = --strict-markers --strict-config
"""
AUTO = STRICT.replace("strict\n", "auto\n", 1)


@pytest.fixture(params=["strict", "auto"])
def mode(request) -> str:
    """pytest-asyncio's mode."""
    return request.param


@pytest.fixture
def project(pytester, mode, monkeypatch) -> pytest.Pytester:
    """An empty project, in which warnings are errors."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini({"strict": STRICT, "auto": AUTO}[mode])
    return pytester


@pytest.fixture
def run(project):
    """Writes a test module of these parts and runs pytest on it; the result, with the lines of its output."""

    def run_it(*modules: str, args: Sequence[str] = (), conftest: str = "") -> pytest.RunResult:
        project.makepyfile(test_theirs="\n\n".join(map(dedent, ["import pytest", *modules])))
        if conftest:
            project.makeconftest(conftest)
        return project.runpytest_subprocess("-p", "no:schemathesis", "-p", "no:cacheprovider", *args, timeout=60)

    return run_it
