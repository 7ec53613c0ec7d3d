"""How long an import of users with hashes takes.

python -m benchmarks.importing [USERS] [sqlite,postgres,mysql]

All or nothing, then with a report by row, each into a database that has only the users of the run before; and then the
same again, all of whom are skipped.
"""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter

import bcrypt

from benchmarks import databases
from benchmarks.credentials import PASSWORD, SECRET
from benchmarks.reporting import markdown
from sentri import AuthServer, create_auth


def main() -> None:
    users = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    kinds = sys.argv[2].split(",") if len(sys.argv) > 2 else ["sqlite", "postgres", "mysql"]
    lines = [line for kind in kinds for line in asyncio.run(_measured(kind, users))]
    print(markdown(["database", "import", "users", "seconds"], lines))


async def _measured(kind: str, users: int) -> list[list[str]]:
    database = await databases.create(kind)
    try:
        auth = create_auth(db=database.url, secret=SECRET, valid_roles=("user",), rate_limit=False)
        async with auth:
            await auth.migrate()
            return [
                await _line(kind, auth, users, all_or_nothing=together, existing=existing)
                for together in (True, False)
                for existing in ("fail", "skip")
            ]
    finally:
        await database.drop()


async def _line(kind: str, auth: AuthServer, users: int, *, all_or_nothing: bool, existing: str) -> list[str]:
    name = "all or nothing" if all_or_nothing else "by row"
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    rows = [
        {"identifier": f"{name} {number}@example.com", "password_hash": hashed, "roles": ["user"]}
        for number in range(users)
    ]
    begun = perf_counter()
    report = await auth.users.import_many(rows, all_or_nothing=all_or_nothing, existing=existing)
    seconds = perf_counter() - begun
    if report.created + report.skipped != users:
        raise RuntimeError(f"{report.created} created, {report.skipped} skipped of {users}")
    return [kind, f"{name}{', all skipped' if report.skipped else ''}", f"{users:,}", f"{seconds:.2f}"]


if __name__ == "__main__":
    main()
