"""What `import sentri` loads: no database, no bcrypt, until an auth server is made."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sentri

HEAVY = ("aerich", "aiosqlite", "asyncmy", "asyncpg", "redis", "sentri.models", "sentri.storage", "tortoise")
OF_THE_SERVER = {"Accounts", "AuthServer", "SessionAdministration", "UserAdministration"}
PROGRAMS = {
    "import": "import sentri",
    "every name": f"import sentri\nfor name in {sorted(set(sentri.__all__) - OF_THE_SERVER)!r}: getattr(sentri, name)",
    "guards": "from sentri import protect, authorize, permit, current_user, USER\n@protect\nasync def h(request): ...",
    "a refusal": "import sentri\ntry:\n    sentri.create_auth('none')\nexcept sentri.SentriError: pass",
}


def run(program: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_loads_no_database(name):
    program = f"import sys\n{PROGRAMS[name]}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    assert run(program).split() == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_works_where_no_database_and_no_bcrypt_is_installed(name):
    """Cryptography loads bcrypt by itself where it finds it, so whether it is loaded says nothing: this does."""
    run(f"import sys\nfor name in {(*HEAVY, 'bcrypt')!r}: sys.modules[name] = None\n{PROGRAMS[name]}")


def test_the_accounts_load_no_database():
    assert (
        run(f"import sys, sentri\nsentri.Accounts\nprint(*(name for name in {HEAVY!r} if name in sys.modules))").split()
        == []
    )
