"""Single sign-on in three processes: an auth server, and two services that know nothing but where its keys are.

SSO_PORT, SSO_ORDERS_PORT, SSO_REPORTS_PORT    8000, 8001, 8002 by default; 0 takes a free one
SSO_FOLDER                                     where users and keys are kept; a temporary folder by default
SENTRI_KEY_ENCRYPTION_SECRET_FILE              a file with the secret; by default one is made in that folder
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from string import Template

from examples.starting import start, wait_for

HERE = Path(__file__).parent


def shown(path: Path) -> str:
    """A path for a shell, short where it is below the current folder."""
    short = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return shlex.quote(str(short))


def main() -> None:
    """Start the three, say what to try, and stay until Ctrl-C or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    with ExitStack() as stack:
        folder = Path(os.environ.get("SSO_FOLDER") or stack.enter_context(tempfile.TemporaryDirectory())).absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = Path(os.environ.get("SENTRI_KEY_ENCRYPTION_SECRET_FILE") or folder / "key-encryption-secret")
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_urlsafe(32))
        settings = {
            "SENTRI_DATABASE_URL": f"sqlite://{folder / 'auth.db'}",
            "SENTRI_KEY_ENCRYPTION_SECRET_FILE": str(secret.absolute()),
        }
        server, address = start(stack, HERE / "auth_server.py", os.environ | settings)
        auth = f"{address}/auth"
        wait_for(f"{auth}/keys")
        # Only the auth server gets the settings: the services have no use for them.
        services = [
            start(stack, HERE / script, os.environ | {"SSO_AUTH": auth}) for script in ("orders.py", "reports.py")
        ]
        for _, service in services:
            wait_for(f"{service}/ready")
        text = Template((HERE / "walkthrough.txt").read_text()).substitute(
            auth=auth,
            pid=server.pid,
            orders=services[0][1],
            reports=services[1][1],
            here=shlex.quote(str(Path.cwd())),
            python=shown(Path(sys.executable)),
            sentri=shown(Path(sys.executable).with_name("sentri")),
            database=shlex.quote(settings["SENTRI_DATABASE_URL"]),
            secret=shlex.quote(settings["SENTRI_KEY_ENCRYPTION_SECRET_FILE"]),
        )
        print(text, flush=True)
        for process, _ in ((server, auth), *services):
            process.wait()


if __name__ == "__main__":
    main()
