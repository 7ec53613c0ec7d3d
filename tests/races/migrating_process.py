"""One process that migrates, for `test_migrating.py`: says "ready", waits for a line, migrates, says what it applied.

python migrating_process.py OPTIONS [--stop]     with --stop it stands still in the middle, under the lock
"""
# ruff: noqa: SLF001, T201 - held still from inside; heard through its output

import asyncio
import json
import sys

from sentri.config.database import Database as DatabaseOptions
from sentri.storage import Database, migrate, migrating


async def main() -> None:
    database = Database(DatabaseOptions(**json.loads(sys.argv[1])), timeout=30)
    await database.open()
    if "--stop" in sys.argv:
        migrating._Run._apply_one = stand_still
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps(await migrate(database)), flush=True)
    await database.close()


async def stand_still(run, migration) -> None:
    first, *_ = migrating.statements(migration.upgrade)
    await run._session.run(first)
    print("holding", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
