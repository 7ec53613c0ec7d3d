"""`python -m sentri_testing serve`: a fake auth server for front-end teams and for services in other languages."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from sentri.errors import SentriError
from sentri_testing.issuer import FakeAuthServer
from sentri_testing.users import PASSWORD

__all__ = ["main"]

_WELCOME: Final = """\
A fake auth server for tests: whoever reaches it gets any token. Its keys are gone when it ends.

  issuer    {issuer}
  key_uri   {key_uri}

Log in, as {users} with the password {password!r}:
  curl -s -X POST {url}{prefix}/login -H 'Content-Type: application/json' \\
       -d '{{"identifier": "{first}", "password": "{password}"}}'
Any token:
  curl -s -X POST {url}/_control/issue_token -d '{{"roles": ["admin"]}}'
Other switches are POST {url}/_control/… with their arguments as JSON:
  {switches}
What it was asked so far:
  curl -s {url}/_control/requests
"""

_SWITCHES: Final = ("fail", "go_down", "issue_token", "recover", "redirect", "rotate_keys", "serve_garbage", "slow")
_UNTIL_ANSWERED: Final = 0.1  # seconds
_LONGEST: Final = 3600  # seconds


def main(arguments: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    given = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(given))
    except (OSError, SentriError, ValueError) as error:
        print(f"sentri_testing: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sentri_testing", description=__doc__)
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser("serve", help="run until it is stopped")
    serve.add_argument("--host", default="127.0.0.1", help="an address of this machine (%(default)s)")
    serve.add_argument("--port", type=int, default=8090, help="0 takes a free one (%(default)s)")
    serve.add_argument("--prefix", default="/auth", help="where the endpoints are (%(default)s)")
    serve.add_argument("--issuer", help="the iss of its tokens (its address)")
    serve.add_argument("--audience", help="the aud of its tokens (none)")
    serve.add_argument("--algorithm", default="RS256", help="RS256, ES256, EdDSA, ... (%(default)s)")
    serve.add_argument("--access-expires-in", default="15m", help="how long access tokens live (%(default)s)")
    serve.add_argument("--cookies", action="store_true", help="tokens in cookies, as browser apps have them, over http")
    serve.add_argument("--role", action="append", help="a role that exists; may be repeated (user, admin)")
    serve.add_argument(
        "--user", action="append", type=_user, help="NAME or NAME:ROLE,ROLE; may be repeated (ann, and boss:admin)"
    )
    return parser


def _user(text: str) -> tuple[str, tuple[str, ...] | None]:
    name, given, roles = text.rpartition(":")
    return (name, tuple(filter(None, roles.split(",")))) if given else (text, None)


async def _serve(given: argparse.Namespace) -> None:
    roles = tuple(given.role or ("user", "admin"))
    default_users = [("ann", None), ("boss", ("admin",))] if "admin" in roles else [("ann", None)]
    users = given.user or default_users
    control = _Control()
    cookie: dict[str, Any] = {"cookie": {"secure": False}, "access_cookie": {"secure": False}}
    server = control.server = FakeAuthServer(
        issuer=given.issuer,
        audience=given.audience,
        algorithm=given.algorithm,
        host=given.host,
        port=given.port,
        prefix=given.prefix,
        roles=roles,
        routes=[
            web.get("/_control/requests", control.requests),
            web.post("/_control/{switch}", control.switch),
        ],
        access_expires_in=given.access_expires_in,
        **(cookie if given.cookies else {}),
    )
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with server:
        for name, own in users:
            await server.add_user(name, roles=own)
        print(_welcome(server, given.prefix, [name for name, _ in users]), flush=True)  # noqa: T201 - a command
        await stopped.wait()


def _welcome(server: FakeAuthServer, prefix: str, users: list[str]) -> str:
    return _WELCOME.format(
        issuer=server.issuer,
        key_uri=server.key_uri,
        url=server.url,
        prefix=prefix.rstrip("/"),
        users=" or ".join(users),
        first=users[0],
        password=PASSWORD,
        switches=", ".join(_SWITCHES),
    )


class _Control:
    """The switches, over HTTP. No fault strikes them.

    Attributes:
        server: whose switches they are.
    """

    server: FakeAuthServer

    async def requests(self, _: web.Request) -> web.Response:
        """What the server was asked, but for the switches."""
        log = [each for each in self.server.requests if not each.path.startswith("/_control/")]
        return web.json_response([{"method": each.method, "path": each.path} for each in log])

    async def switch(self, request: web.Request) -> web.Response:
        """Call the switch that the path names with the arguments of the body."""
        name = request.match_info["switch"]
        if name not in _SWITCHES:
            raise web.HTTPNotFound(text=f"there is no switch {name!r}; there are {', '.join(_SWITCHES)}\n")
        switch: Callable[..., Any] = self._go_down if name == "go_down" else getattr(self.server, name)
        try:
            result = switch(**_arguments(await request.text()))
            if isinstance(result, Awaitable):
                await result
                result = None
        except (TypeError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"{name}: {error}\n") from None
        return web.json_response({"token": result} if name == "issue_token" else {})

    def _go_down(self, *, seconds: float) -> None:
        """Refuse connections for so long, from the answer to this one on: nobody could call it back."""
        if type(seconds) not in (int, float) or not 0 < seconds <= _LONGEST:
            raise ValueError(f"seconds is {seconds!r}; it is a number above 0, at most {_LONGEST}")
        loop = asyncio.get_running_loop()
        loop.call_later(_UNTIL_ANSWERED, self.server.go_down)
        loop.call_later(_UNTIL_ANSWERED + seconds, self.server.come_back)


def _arguments(body: str) -> dict[str, Any]:
    """Those of a switch. Raises `ValueError` for what is no JSON object."""
    arguments = json.loads(body or "{}")
    if not isinstance(arguments, dict):
        raise ValueError("the body has to be a JSON object, such as {}")  # noqa: TRY004 - as what else is wrong with it
    return arguments


if __name__ == "__main__":
    sys.exit(main())
