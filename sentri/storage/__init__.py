"""Where users and sessions live: SQL through Tortoise's drivers and pools, on PostgreSQL, MySQL/MariaDB and SQLite.

database    one transaction or one statement, safe against cancellation, time-outs and lost connections
drivers     what differs between the three, one file each
values      how ids, instants, roles and keys look in a column
users, sessions                 the stores that the flows ask for
signing_keys                    the store of the server's own keys
migrating   Aerich's migration files, applied under a lock
"""

from __future__ import annotations

from sentri.storage.database import Database
from sentri.storage.migrating import migrate
from sentri.storage.sessions import Sessions
from sentri.storage.signing_keys import SigningKeys
from sentri.storage.users import Users

__all__ = ["Database", "Sessions", "SigningKeys", "Users", "migrate"]
