"""The migration files agree with the models, and scripts are split where their statements end."""

import subprocess
import sys
from pathlib import Path

import pytest

from sentri.storage.migration_files import migrations_for, statements

ROOT = Path(__file__).parent.parent.parent


def test_models_and_migrations_agree():
    done = subprocess.run(
        [sys.executable, "tools/make_migration.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "models and migrations agree\n")


async def test_the_three_dialects_have_the_same_migrations():
    names = [
        [migration.name for migration in await migrations_for(dialect)] for dialect in ("sqlite", "postgres", "mysql")
    ]
    assert names[0] == names[1] == names[2]
    assert len(names[0]) >= 1


async def test_migrations_come_in_the_order_of_their_numbers(monkeypatch, tmp_path):
    """10 after 9."""
    folder = tmp_path / "migrations" / "sqlite" / "sentri"
    folder.mkdir(parents=True)
    for number in (10, 9, 0, 1):
        text = "MODELS_STATE = 'eJyrrgUAAXUA+Q=='\nasync def upgrade(db):\n    return ''\n"
        (folder / f"{number}_20260101000000_x.py").write_text(text)
    (folder / "notes.py").write_text("raise RuntimeError")
    monkeypatch.setattr("sentri.storage.migration_files.__file__", str(tmp_path / "sentri" / "storage" / "x.py"))
    assert [migration.name.split("_")[0] for migration in await migrations_for("sqlite")] == ["0", "1", "9", "10"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        ("  \n ", []),
        ("A;B;", ["A;", "B;"]),
        ("A;\n B", ["A;", "B"]),
        ("INSERT 'a;b'; C;", ["INSERT 'a;b';", "C;"]),
        ('CREATE "a;b"; C;', ['CREATE "a;b";', "C;"]),
        ("CREATE `a;b`; C;", ["CREATE `a;b`;", "C;"]),
        ("A /* x; y */ B; C;", ["A /* x; y */ B;", "C;"]),
        ("A -- x;\n B; C;", ["A -- x;\n B;", "C;"]),
        ("INSERT 'it''s; fine'; C;", ["INSERT 'it''s; fine';", "C;"]),
        ("CREATE TRIGGER t BEGIN A; B; END; C;", ["CREATE TRIGGER t BEGIN A; B; END;", "C;"]),
    ],
)
def test_splits_a_script_where_its_statements_end(script, expected):
    assert list(statements(script)) == expected
