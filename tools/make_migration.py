"""Write the next migration, one file a dialect, from the difference between `sentri/models.py` and the last files.

    python tools/make_migration.py NAME      # writes migrations/{sqlite,postgres,mysql}/sentri/N_<time>_NAME.py
    python tools/make_migration.py --check   # exits 1 when models and files disagree, or a file breaks a rule below

No database is needed. Each dialect runs in a process of its own, because Aerich keeps its work in class
attributes, with PYTHONHASHSEED=0, so that columns come in the same order everywhere.

Read what was written before committing it, and mind:

- the initial file needs its downgrade written by hand (Aerich leaves it empty);
- MySQL and MariaDB commit after every DDL statement, and a migration that was killed half-way is run again from its
  start. sentri passes over a table, column, index or foreign key that is there or gone already; a file with another
  statement, such as UPDATE or CHANGE, may hold nothing else. `--check` refuses it: split it;
- an older process may run beside a newer schema during a deploy: add columns with defaults, drop them a release later.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MIGRATIONS = ROOT / "migrations"
APP = "sentri"
# Nothing listens there, and nothing has to: Aerich works offline.
URLS = {
    "sqlite": "sqlite://:memory:",
    "postgres": "asyncpg://nobody:nothing@127.0.0.1:9/none",
    "mysql": "mysql://nobody:nothing@127.0.0.1:9/none",
}
REPEATABLE = re.compile(
    r"\s*(CREATE (TABLE|(UNIQUE )?INDEX)|DROP (TABLE|INDEX)|ALTER TABLE \S+ (ADD|DROP|MODIFY))\b", re.IGNORECASE
)


def main() -> int:
    """Do what the command line asks; the exit status."""
    parser = argparse.ArgumentParser(description="Write the next migration from sentri/models.py.")
    parser.add_argument("name", nargs="?", help="a few words about the change, such as add_signing_keys")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a migration is missing")
    parser.add_argument("--dialect", choices=URLS, help=argparse.SUPPRESS)
    parser.add_argument("--location", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.dialect:
        asyncio.run(generate(arguments.dialect, arguments.location, arguments.name))
        return 0
    if arguments.check:
        return check()
    if not arguments.name or not re.fullmatch(r"[a-z][a-z0-9_]*", arguments.name):
        parser.error("NAME must be lower-case letters, digits and underscores")
    return write(arguments.name)


def write(name: str) -> int:
    """Make the files of all dialects and move them to `migrations/` under one time stamp."""
    stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    made = generate_all(name)
    for dialect, text in made.items():
        folder = MIGRATIONS / dialect / APP
        folder.mkdir(parents=True, exist_ok=True)
        number = len(files(folder))
        target = folder / f"{number}_{stamp}_{name if number else 'init'}.py"
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target.relative_to(ROOT)}")
    if not made:
        print("models and migrations agree: nothing to write")
    return 0


def check() -> int:
    """0 when there is nothing to write and every MySQL file can be repeated."""
    complaints = [
        f"{dialect}: sentri/models.py has changes that no migration makes" for dialect in generate_all("check")
    ]
    complaints += [
        f"mysql: {file.name} holds several statements that cannot be repeated"
        for file in files(MIGRATIONS / "mysql" / APP)
        if not repeatable(upgrade_text(file))
    ]
    print("\n".join(complaints) or "models and migrations agree")
    return 1 if complaints else 0


def generate_all(name: str) -> dict[str, str]:
    """Dialect → text of its new file; dialects without a change are left out. `migrations/` is not touched."""
    made = {}
    for dialect in URLS:
        with tempfile.TemporaryDirectory() as scratch:
            location = Path(scratch) / dialect
            if (MIGRATIONS / dialect).is_dir():
                shutil.copytree(MIGRATIONS / dialect, location)
            before = {file.name for file in files(location / APP)}
            run_alone(dialect, location, name)
            for file in files(location / APP):
                if file.name not in before:
                    made[dialect] = file.read_text("utf-8")
    return made


def run_alone(dialect: str, location: Path, name: str) -> None:
    """`generate` in a process of its own."""
    command = [sys.executable, __file__, name, "--dialect", dialect, "--location", str(location)]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "AERICH_MYSQL_VERSION": "8.0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{dialect}: {done.stdout}{done.stderr}")


async def generate(dialect: str, location: Path, name: str) -> None:
    """Let Aerich write the file of one dialect under `location`."""
    from aerich import Command  # noqa: PLC0415 - so that the parent process stays free of its class attributes

    config = {
        "connections": {APP: URLS[dialect]},
        "apps": {APP: {"models": ["sentri.models"], "default_connection": APP}},
    }
    command = Command(config, app=APP, location=str(location))
    if not files(location / APP):
        await command.init_migrations(safe=True)
        return
    await command.init(offline=True)
    await command.migrate(name, offline=True)


def files(folder: Path) -> list[Path]:
    """The migration files of a folder, in the order of their numbers."""
    found = [file for file in folder.glob("*.py") if re.match(r"\d+_", file.name)]
    return sorted(found, key=lambda file: int(file.name.split("_")[0]))


def upgrade_text(file: Path) -> str:
    """The SQL that a migration file applies."""
    namespace: dict[str, object] = {}
    exec(compile(file.read_text("utf-8"), str(file), "exec"), namespace)  # noqa: S102 - our own file
    return str(asyncio.run(namespace["upgrade"](None)))  # type: ignore[operator]


def repeatable(sql: str) -> bool:
    """Whether a script may be run again after it was killed between two of its statements."""
    statements = [statement for statement in sql.split(";") if statement.strip()]
    return len(statements) < 2 or all(REPEATABLE.match(statement) for statement in statements)


if __name__ == "__main__":
    sys.exit(main())
