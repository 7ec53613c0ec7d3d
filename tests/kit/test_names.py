"""What `import sentri_testing` gives, and that the package ships no key."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import sentri_testing

HOME: dict[str, str] = vars(sentri_testing)["_HOME"]
ROOT = Path(sentri_testing.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))


def imported_for_editors() -> dict[str, str]:
    """Name → module, as the imports for type checkers have it."""
    tree = ast.parse((ROOT / "__init__.py").read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    own = [node for node in nodes if node.module and node.module.startswith("sentri_testing.")]
    return {alias.asname: node.module.removeprefix("sentri_testing.") for node in own for alias in node.names}


def test_editors_and_python_know_the_same_names():
    assert imported_for_editors() == HOME
    assert sorted(HOME) == sorted(sentri_testing.__all__)


@pytest.mark.parametrize("name", sentri_testing.__all__)
def test_every_name_is_there_and_explained(name):
    found: Any = getattr(sentri_testing, name)
    assert getattr(import_module(f"sentri_testing.{HOME[name]}"), name) is found
    assert name in dir(sentri_testing)
    if callable(found) and name != "Carriage":
        assert found.__doc__


def test_there_are_no_others():
    with pytest.raises(AttributeError, match="has no attribute 'as_users'"):
        sentri_testing.as_users  # noqa: B018 - the look is the test


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_says_what_is_for_others(path):
    assert re.search(r"^__all__\b", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("package", ["sentri", "sentri_testing"])
def test_no_private_key_is_shipped(package):
    folder = ROOT.parent / package
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert files
    for path in files:
        text = path.read_text()
        assert not re.search(r"-----BEGIN[A-Z ]*PRIVATE KEY-----\\?n?[\s\"']*[A-Za-z0-9+/]{40}", text), path
        assert not re.search(r"[\"']d[\"']\s*:\s*[\"'][A-Za-z0-9_-]{20}", text), path
