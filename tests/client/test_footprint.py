"""Client mode stays light: it loads no database, no migrations, no bcrypt of its own and no Redis, used to the full."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
HEAVY = ("aerich", "aiosqlite", "asyncmy", "asyncpg", "redis", "sentri.accounts", "sentri.models", "sentri.passwords",
         "sentri.server", "sentri.storage", "tortoise")  # fmt: skip
WITHOUT = """
import sys
for name in {blocked!r}: sys.modules[name] = None
sys.argv = {argv!r}
import runpy
runpy.run_path({script!r}, run_name="__main__")
"""


async def run(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def arguments(issuer) -> list[str]:
    return [str(HERE / "using_client_mode.py"), issuer.key_uri, issuer.token(), issuer.key_uri + "?partner"]


async def test_loads_nothing_of_the_server(arguments):
    assert await run(*arguments, *HEAVY) == (0, "", "")


async def test_works_where_nothing_of_the_server_is_installed(arguments):
    """Cryptography loads bcrypt by itself where it finds it, so whether it is loaded says nothing: this does."""
    blocked = ("aerich", "aiosqlite", "asyncmy", "asyncpg", "bcrypt", "redis", "tortoise")
    program = WITHOUT.format(blocked=blocked, argv=arguments, script=arguments[0])
    assert await run("-c", program) == (0, "", "")
