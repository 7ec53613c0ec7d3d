"""Stock Aerich over sentri's files, for `test_migrating.py`: prints what `Command.upgrade()` found to do.

python aerich_process.py OPTIONS LOCATION
"""
# ruff: noqa: T201 - heard through its output

import asyncio
import json
import sys

from aerich import Command

ENGINES = {"sqlite": "sqlite", "postgres": "asyncpg", "mysql": "mysql"}


async def main() -> None:
    options = json.loads(sys.argv[1])
    if options["dialect"] == "sqlite":
        credentials = {"file_path": options["database"]}
    else:
        credentials = {name: options[name] for name in ("host", "port", "user", "password", "database")}
        credentials["password"] = credentials["password"] or ""
    connection = {"engine": f"tortoise.backends.{ENGINES[options['dialect']]}", "credentials": credentials}
    config = {
        "connections": {"sentri": connection},
        "apps": {"sentri": {"models": ["sentri.models", "aerich.models"], "default_connection": "sentri"}},
    }
    async with Command(config, app="sentri", location=sys.argv[2]) as command:
        print(json.dumps([await command.upgrade(), await command.heads(), await command.history()]))


asyncio.run(main())
