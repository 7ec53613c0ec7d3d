"""A host that lists `sentri.models` in its own Tortoise configuration: `test_isolation.py`.

    python models_app.py OPTIONS USE_TZ

Under an app label of its own, in the very database that sentri migrated, with a foreign key to our `User`.
Prints "queried".
"""
# ruff: noqa: T201 - heard through its output

import asyncio
import json
import sys
import types
from datetime import UTC, datetime, timedelta

from tortoise import Tortoise, fields
from tortoise.models import Model

from sentri.config.database import Database as DatabaseOptions
from sentri.models import Session, User
from sentri.storage import Database, Sessions, Users
from tests.storage.samples import HASH, NOW, a_session, a_user

ENGINES = {"sqlite": "sqlite", "postgres": "asyncpg", "mysql": "mysql"}


class Note(Model):
    id = fields.IntField(primary_key=True)
    author = fields.ForeignKeyField("people.User", related_name="notes", on_delete=fields.CASCADE)
    text = fields.CharField(max_length=50)

    class Meta:
        table = "host_notes"


def config(options, use_tz):
    module = types.ModuleType("notes_models")
    Note.__module__ = "notes_models"
    module.Note = Note
    sys.modules["notes_models"] = module
    if options.dialect == "sqlite":
        credentials = {"file_path": options.database}
    else:
        credentials = {name: getattr(options, name) for name in ("host", "port", "user", "database")}
        credentials["password"] = options.password or ""
    connection = {"engine": f"tortoise.backends.{ENGINES[options.dialect]}", "credentials": credentials}
    return {
        "connections": {"main": connection},
        "apps": {
            "notes": {"models": ["notes_models"], "default_connection": "main"},
            "people": {"models": ["sentri.models"], "default_connection": "main"},
        },
        "use_tz": use_tz,
        "timezone": "America/New_York",
    }


async def main():
    options = DatabaseOptions(**json.loads(sys.argv[1]))
    database = Database(options)
    await database.open()
    users, sessions = Users(database), Sessions(database, lambda: NOW)
    await Tortoise.init(config=config(options, sys.argv[2] == "True"))
    await Tortoise.generate_schemas(safe=True)

    ann = a_user("ann é", roles=("user", "admin"), disabled_at=None)
    session = a_session(ann)
    assert await users.add(ann)
    assert await sessions.start(session, verified_hash=HASH)

    found = await User.get(identifier_key="ann é")
    assert (str(found.id), found.identifier, found.identifier_key) == (ann.id, ann.identifier, "ann é")
    assert found.roles == ["user", "admin"]
    assert found.disabled_at is None
    assert await User.filter(identifier_key="Ann é").count() == 0
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(NOW * 1_000_000))
    assert found.created_at == instant
    assert found.created_at.tzinfo is not None
    assert await User.filter(created_at=instant).count() == 1
    assert await Session.filter(expires_at__gt=instant, expires_at__lt=instant + timedelta(days=1)).count() == 1
    assert await Session.filter(expires_at__gt=instant + timedelta(days=1)).count() == 0

    theirs = await Session.get(id=session.id).select_related("user")
    assert str(theirs.user.id) == str(theirs.user_id) == ann.id
    assert [str(s.id) async for s in found.sessions] == [session.id]

    note = await Note.create(author=found, text="hello")
    assert (await Note.get(id=note.id).select_related("author")).author.identifier == ann.identifier
    assert await Note.filter(author__identifier_key="ann é").count() == 1
    await found.delete()
    assert await sessions.read(session.id) is None
    assert await Note.all().count() == 0
    await Tortoise.close_connections()
    await database.close()
    print("queried")


asyncio.run(main())
