"""An auth server with kept keys in a process of its own, for `test_keys.py`: one JSON list a line, one answer a line.

python keys_process.py OPTIONS SECRET [LIFETIME]

["serve"] → port     ["rotate"] → kid     ["retire", KID] → state     ["states"] → [[kid, state], …]
"""

import asyncio
import json
import sys

from aiohttp import web

from sentri import Database, create_auth


def say(answer) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


async def serve(auth) -> int:
    app = web.Application()
    auth.setup(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner.addresses[0][1]


async def answer(auth, action, *arguments):
    match action:
        case "serve":
            return await serve(auth)
        case "rotate":
            return (await auth.keys.rotate()).kid
        case "retire":
            return (await auth.keys.retire(*arguments, now=True)).state
        case "states":
            return [[key.kid, key.state] for key in await auth.keys.list() if key.purpose == "access"]


async def main() -> None:
    auth = create_auth(
        db=Database(**json.loads(sys.argv[1])),
        key_encryption_secret=sys.argv[2],
        algorithm="RS256",
        valid_roles=("user", "admin"),
        salt_rounds=10,
    )
    say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        say(await answer(auth, *json.loads(line)))


asyncio.run(main())
