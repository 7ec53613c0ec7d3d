"""How long `sentri users import` takes, from the shell's point of view.

python -m benchmarks.importing_csv [USERS] [sqlite,postgres,mysql]

A file of users with hashes, each time into a database with tables and without users; and then the same file again, all
of whom are skipped. Three times each, in seconds, the start of Python included.
"""

from __future__ import annotations

import asyncio
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import bcrypt

from benchmarks import databases
from benchmarks.credentials import PASSWORD
from benchmarks.reporting import markdown

_TIMES = 3


def main() -> None:
    users = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    kinds = sys.argv[2].split(",") if len(sys.argv) > 2 else ["sqlite", "postgres", "mysql"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "users.csv")
        _write(file, users)
        lines = [line for kind in kinds for line in asyncio.run(_measured(kind, file, users))]
    print(markdown(["database", "import", "users", "median, s", "lowest-highest"], lines))


def _write(file: Path, users: int) -> None:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("identifier", "password_hash", "roles"))
        writer.writerows((f"user {number}@example.com", hashed, "user") for number in range(users))


async def _measured(kind: str, file: Path, users: int) -> list[list[str]]:
    made, skipped = [], []
    for _ in range(_TIMES):
        database = await databases.create(kind)
        try:
            _run(database.url, "migrate")
            made.append(_run(database.url, "users", "import", str(file)))
            skipped.append(_run(database.url, "users", "import", str(file)))
        finally:
            await database.drop()
    return [_line(kind, "new", users, made), _line(kind, "there already", users, skipped)]


def _run(url: str, *arguments: str) -> float:
    begun = perf_counter()
    subprocess.run(
        [sys.executable, "-m", "sentri", *arguments],
        env=os.environ | {"SENTRI_DATABASE_URL": url},
        capture_output=True,
        check=True,
    )
    return perf_counter() - begun


def _line(kind: str, what: str, users: int, seconds: list[float]) -> list[str]:
    spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
    return [kind, what, f"{users:,}", f"{statistics.median(seconds):.2f}", spread]


if __name__ == "__main__":
    main()
