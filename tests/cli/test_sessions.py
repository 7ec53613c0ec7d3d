"""`sentri sessions purge`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing


def fill(tmp_path, sentri):
    assert sentri("migrate").returncode == 0
    files = list(tmp_path.rglob("sentri.db"))
    with closing(sqlite3.connect(files[0])) as database, database:
        database.execute(
            "INSERT INTO sentri_users (id, identifier, identifier_key, password_hash, roles, created_at)"
            " VALUES ('00000000-0000-4000-8000-000000000000', 'a', 'a', 'x', '[]', '2020-01-01 00:00:00.000000+00:00')"
        )
        for number, year in enumerate((2020, 2021, 2199)):
            database.execute(
                "INSERT INTO sentri_sessions (id, user_id, created_at, expires_at, jti, rotated_at) VALUES"
                f" ('00000000-0000-4000-8000-00000000000{number}', '00000000-0000-4000-8000-000000000000',"
                f" '2020-01-01 00:00:00.000000+00:00', '{year}-06-01 00:00:00.000000+00:00', 'j',"
                " '2020-01-01 00:00:00.000000+00:00')"
            )
            database.execute(
                "INSERT INTO sentri_known_addresses (digest, user_id, seen_at) VALUES"
                f" ('{number:036x}', '00000000-0000-4000-8000-000000000000', '{year}-06-01 00:00:00.000000+00:00')"
            )


def purged(sentri, *options):
    done = sentri("sessions", "purge", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_purge_deletes_what_has_expired(sentri, tmp_path):
    fill(tmp_path, sentri)
    assert purged(sentri).splitlines() == [
        "2 expired sessions were deleted (sqlite://sentri.db).",
        "2 old addresses of logins were deleted (sqlite://sentri.db).",
    ]
    assert purged(sentri) == "0 expired sessions were deleted (sqlite://sentri.db).\n"


def test_purge_tells_programs_how_many_there_were(sentri, tmp_path):
    fill(tmp_path, sentri)
    assert json.loads(purged(sentri, "--json")) == {"sessions": 2, "addresses": 2}
    assert json.loads(purged(sentri, "--json")) == {"sessions": 0, "addresses": 0}
