"""What the database says, asked without changing it."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from sentri.cli.doctor.catalogue import Deployment, Finding
from sentri.config.options import ServerOptions
from sentri.errors import SentriError
from sentri.keys.encrypting import KeyEncryption, NotDecrypted
from sentri.keys.records import KeyRecord
from sentri.keys.timeline import KeyTimes, Timeline
from sentri.storage import Database, SigningKeys
from sentri.storage.inspecting import (
    clock_of,
    holders_of_sessions,
    most_connections,
    schema_differences,
    state_of_migrations,
)

__all__ = ["MOST_SKEW", "database_findings"]

MOST_SKEW: Final = 5.0
"""Seconds by which two clocks may differ before it is told."""


async def database_findings(options: ServerOptions, deployment: Deployment) -> AsyncIterator[Finding]:
    """The pitfalls of the database and of what is in it."""
    if options.db.database == ":memory:":
        return
    of_file = _of_file(Path(options.db.database)) if options.db.dialect == "sqlite" else []
    for finding in of_file:
        yield finding
        if finding.id == "schema-pending":
            return
    database = Database(options.db, logger=options.logger)
    try:
        await database.open()
        async for finding in _of_opened(database, options, deployment):
            yield finding
    except SentriError as error:
        yield Finding("database-unreachable", f"{options.db.shown} does not answer, or refuses: {error.code}.")
    finally:
        await database.close()


def _of_file(path: Path) -> list[Finding]:
    if not path.exists():
        return [Finding("schema-pending", f"{path} does not exist yet.")]
    rights = stat.S_IMODE(path.stat().st_mode)
    others = rights & (stat.S_IRWXG | stat.S_IRWXO)
    found = Finding("database-readable", f"{path} has the rights {rights:o}: others read the password hashes.")
    return [found] if others else []


async def _of_opened(database: Database, options: ServerOptions, deployment: Deployment) -> AsyncIterator[Finding]:
    theirs = await clock_of(database)
    if theirs is not None and abs(skew := theirs - options.clock()) > MOST_SKEW:
        yield Finding("clock-skew", f"The clock of {options.db.shown} differs from this machine's by {skew:+.0f} s.")
    most, wanted = await most_connections(database), options.db.max * deployment.processes
    if most is not None and wanted > most:
        yield Finding(
            "too-many-connections",
            f"{deployment.processes} processes may open {wanted} connections; {options.db.shown} takes {most} from "
            "everybody together.",
        )
    if holders := await holders_of_sessions(database):
        yield Finding("sessions-held", f"Sessions that rows of {', '.join(holders)} point at cannot be deleted.")
    migrations = await state_of_migrations(database)
    if migrations.unknown:
        yield Finding("schema-newer", f"Migrations that this version does not know: {', '.join(migrations.unknown)}.")
    if migrations.pending:
        yield Finding("schema-pending", f"Migrations that were not applied: {', '.join(migrations.pending)}.")
    elif missing := await schema_differences(database):
        yield Finding("schema-drift", f"The database lacks {', '.join(missing)}.")
    else:
        for finding in await _of_keys(database, options):
            yield finding


async def _of_keys(database: Database, options: ServerOptions) -> list[Finding]:
    if options.key_encryption_secret is None:
        return []
    encryption = KeyEncryption(options.key_encryption_secret)
    records = await SigningKeys(database).read()
    verifying = Timeline(records, "access", KeyTimes()).verifying(options.clock())
    unreadable = (r for r in records if r.private_key is not None and not _is_readable(r, encryption))
    short = (r for r in verifying if r.token_lifetime < options.access_expires_in)
    return [
        *(Finding("keys-unreadable", f"key_encryption_secret does not decrypt the key {r.kid}.") for r in unreadable),
        *(_of_lifetime(record, options.access_expires_in) for record in short),
    ]


def _of_lifetime(record: KeyRecord, lifetime: float) -> Finding:
    return Finding(
        "key-overlap-short",
        f"Access tokens live for {lifetime:.0f} s here, and the key {record.kid} is kept for "
        f"{record.token_lifetime:.0f} s after it has signed its last: other processes are set otherwise.",
    )


def _is_readable(record: KeyRecord, encryption: KeyEncryption) -> bool:
    try:
        encryption.decrypt(record)
    except NotDecrypted:
        return False
    return True
