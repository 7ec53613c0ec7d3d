"""Aerich's migration files: where they are, what they say, and where one SQL statement ends."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import re
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from sentri.config.database import Dialect
from sentri.errors import ConfigurationError

__all__ = ["Migration", "migrations_for", "statements"]

_FILE: Final = re.compile(r"(\d+)_\w+\.py")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of Aerich's.

    Attributes:
        name: the file's name, Aerich's `version`.
        upgrade: the SQL script that it applies.
        state: the models after it, as JSON; Aerich's `content`.
    """

    name: str
    upgrade: str
    state: str


async def migrations_for(dialect: Dialect) -> list[Migration]:
    """The migrations of a dialect, in order. `ConfigurationError` when the installation lacks them."""
    files = await asyncio.to_thread(_files, _folder(dialect))
    return [await _load(file) for file in files]


def statements(script: str) -> Iterator[str]:
    """The statements of a script. SQLite's own tokenizer tells where one ends: it knows quotes and comments."""
    start = 0
    for semicolon in re.finditer(";", script):
        if sqlite3.complete_statement(script[start : semicolon.end()]):
            yield script[start : semicolon.end()].strip()
            start = semicolon.end()
    if rest := script[start:].strip():
        yield rest


def _folder(dialect: Dialect) -> Path:
    """In a wheel the files are inside the package; in a checkout or an editable install, beside it."""
    package = Path(__file__).resolve().parent.parent
    for root in (package, package.parent):
        folder = root / "migrations" / dialect / "sentri"
        if folder.is_dir():
            return folder
    raise ConfigurationError(f"sentri's migrations for {dialect} are missing from this installation: reinstall it")


def _files(folder: Path) -> list[Path]:
    found = {file: match for file in folder.iterdir() if (match := _FILE.fullmatch(file.name))}
    if not found:
        raise ConfigurationError(f"there are no migrations in {folder}: reinstall sentri")
    return sorted(found, key=lambda file: int(found[file][1]))


async def _load(file: Path) -> Migration:
    module = _module(file)
    # MODELS_STATE is JSON, deflated, in base64: what Aerich itself would unpack into its `content` column.
    state = zlib.decompress(base64.b64decode(module.MODELS_STATE)).decode()
    return Migration(name=file.name, upgrade=await module.upgrade(None), state=state)


def _module(file: Path) -> ModuleType:
    """The file as a module that is not put into `sys.modules`: its name starts with a digit."""
    spec = importlib.util.spec_from_file_location(f"sentri_migration_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{file} cannot be loaded as a migration")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
