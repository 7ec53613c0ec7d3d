"""What sentri is made of: nothing that is not declared, nothing of its tests, every tool in one version."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
KIT_ALONE = {"testing"}
PARTS = {"yarl": "aiohttp", "multidict": "aiohttp", "pytest-asyncio": "pytest-aiohttp", "aiosqlite": "tortoise-orm"}
"""What belongs to the interface of a package that is declared, and always comes with it."""


def imported(package: str) -> Iterator[tuple[Path, str]]:
    """Every import of a package's modules, wherever it stands: the file, and the first part of what it names."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            yield from ((path, name.partition(".")[0]) for name in names)


def normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]).lower()


def declared(*, extras: set[str]) -> set[str]:
    named = [*PROJECT["dependencies"], *(one for extra in extras for one in EXTRAS[extra])]
    return {normal(requirement) for requirement in named}


def foreign(package: str) -> dict[str, Path]:
    """What a package imports that is neither Python's nor its own."""
    own = set(sys.stdlib_module_names) | {"sentri", "sentri_testing"}
    return {name: path for path, name in imported(package) if name not in own}


@pytest.mark.parametrize(("package", "extras"), [("sentri", set(EXTRAS) - KIT_ALONE), ("sentri_testing", set(EXTRAS))])
def test_imports_nothing_that_is_not_declared(package, extras):
    """A package that is there by accident today may be anybody's tomorrow."""
    found = foreign(package)
    assert found
    known = declared(extras=extras)
    known |= {part for part, whole in PARTS.items() if whole in known}
    for name, path in found.items():
        assert {normal(one) for one in packages_distributions()[name]} & known, f"{path}: {name}"


@pytest.mark.parametrize(("part", "whole"), PARTS.items())
def test_what_comes_with_a_package_is_required_by_it(part, whole):
    assert part in {normal(requirement) for requirement in requires(whole) or ()}


def test_sentri_never_imports_what_tests_need():
    names = {name for _, name in imported("sentri")}
    assert "aiohttp" in names
    assert not names & {"sentri_testing", "pytest", "hypothesis", "_pytest"}


def test_every_tool_of_development_is_pinned():
    lines = (ROOT / "requirements/dev.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 50
    for line in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+", line), line
    assert declared(extras=set(EXTRAS)) <= {normal(line) for line in pins}
