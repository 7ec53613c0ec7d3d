"""Tests that pages name: whether there are such."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.docs.pages import ROOT

NAMED = re.compile(r"(?:tests|tools)/[\w/]+\.py(?:::\w+)+")


@cache
def classes(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}


@cache
def contracts() -> dict[str, ast.ClassDef]:
    """The classes that test classes inherit their tests from."""
    return {
        name: node for path in (ROOT / "sentri_testing/contracts").glob("*.py") for name, node in classes(path).items()
    }


def functions(nodes: list[ast.stmt]) -> set[str]:
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def methods(found: ast.ClassDef) -> set[str]:
    inherited = [contracts()[base.id] for base in found.bases if isinstance(base, ast.Name) and base.id in contracts()]
    return functions(found.body).union(*(methods(base) for base in inherited))


def exists(name: str) -> bool:
    """Whether pytest would find it: a function of the file, of a class or what it inherits from, or a class."""
    file, *inside = name.split("::")
    path = ROOT / file
    if not path.is_file() or not inside[-1].startswith(("test_", "Test")):
        return False
    match inside:
        case [group] if group.startswith("Test"):
            return group in classes(path)
        case [function]:
            return function in functions(ast.parse(path.read_text()).body)
        case [group, function]:
            return group in classes(path) and function in methods(classes(path)[group])
        case _:
            return False
