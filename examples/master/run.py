"""The three on this machine, on a PostgreSQL and a Redis that already run: `make example-master`.

MASTER_DATABASE_URL    postgres://postgres@127.0.0.1:5432/postgres?schema=sentri_example by default
MASTER_REDIS_URL       redis://127.0.0.1:6379/0 by default; every key begins with master, orders or billing
MASTER_PORT, ORDERS_PORT, BILLING_PORT    8000, 8001, 8002 by default; 0 takes a free one
MASTER_FOLDER          where the secret of the keys is kept; examples/master/.kept by default
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from string import Template

from examples.starting import start, wait_for

HERE = Path(__file__).parent
DATABASE = "postgres://postgres@127.0.0.1:5432/postgres?schema=sentri_example"
REDIS = "redis://127.0.0.1:6379/0"
ROOT_PASSWORD = "battery staple"  # for a demonstration on your own machine


def make_root(environment: dict[str, str]) -> None:
    """The first super admin, as the command line makes one; an earlier run may have made it."""
    made = subprocess.run(
        [sys.executable, "-m", "sentri", "users", "create", "root", "--role", "super_admin"],
        env=environment,
        input=ROOT_PASSWORD,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode and "USER_ALREADY_EXISTS" not in made.stderr:
        sys.exit(made.stderr.strip())


def kept_secret(folder: Path) -> Path:
    """The file with the secret, made where there is none."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = folder / "key-encryption-secret"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(48))
    return secret


def main() -> None:
    """Start the three, say what to try, and stay until Ctrl-C or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    secret = kept_secret(Path(os.environ.get("MASTER_FOLDER") or HERE / ".kept").absolute())
    database = os.environ.get("MASTER_DATABASE_URL", DATABASE)
    shared = {"REDIS_URL": os.environ.get("MASTER_REDIS_URL", REDIS), "ISSUER": "https://shop.example"}
    settings = {"SENTRI_KEY_ENCRYPTION_SECRET_FILE": str(secret)}
    make_root(os.environ | settings | {"SENTRI_DATABASE_URL": database, "SENTRI_VALID_ROLES": "customer,super_admin"})
    with ExitStack() as stack:
        ports = {name: os.environ.get(f"{name}_PORT") for name in ("MASTER", "ORDERS", "BILLING")}
        given = {name: {} if port is None else {"PORT": port} for name, port in ports.items()}
        master, address = start(
            stack,
            HERE / "master.py",
            os.environ | shared | settings | {"DATABASE_URL": database} | given["MASTER"],
        )
        wait_for(f"{address}/ready")
        trusting = os.environ | shared | {"KEYS": f"{address}/auth/keys"}
        orders, orders_address = start(stack, HERE / "orders.py", trusting | given["ORDERS"])
        billing, billing_address = start(stack, HERE / "billing.py", trusting | given["BILLING"])
        for service in (orders_address, billing_address):
            wait_for(f"{service}/ready")
        text = Template((HERE / "walkthrough.txt").read_text()).substitute(
            master=address, orders=orders_address, billing=billing_address, python=shlex.quote(sys.executable)
        )
        print(text, flush=True)
        for process in (master, orders, billing):
            process.wait()


if __name__ == "__main__":
    main()
