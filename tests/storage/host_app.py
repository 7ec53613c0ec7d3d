"""A host with Tortoise and Aerich of its own, and two sentri databases in the same process: `test_isolation.py`.

    python host_app.py OPTIONS_A OPTIONS_B FOLDER ORDER

ORDER: host-first or host-last. Prints "isolated" when nobody ever saw a row of somebody else, and when the host's
settings are what the host made them.
"""
# ruff: noqa: SLF001, T201 - looks into Tortoise; heard through its output

import asyncio
import json
import os
import sys
import types
from datetime import datetime

from aerich import Command
from tortoise import Tortoise, fields
from tortoise.models import Model
from tortoise.router import router

from sentri.config.database import Database as DatabaseOptions
from sentri.randomness import new_id
from sentri.storage import Database, Sessions, Users, migrate
from tests.storage.samples import HASH, NOW, a_session, a_user

ROUNDS = 60


class Item(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50)
    made = fields.DatetimeField(auto_now_add=True)


class User(Model):
    """The host's own users, with sentri's own names."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50)

    class Meta:
        table = "sentri_users"


class HostRouter:
    def db_for_read(self, model):
        return "default"

    def db_for_write(self, model):
        return "default"


def host_config(folder):
    module = types.ModuleType("host_models")
    for model in (Item, User):
        model.__module__ = "host_models"
        setattr(module, model.__name__, model)
    sys.modules["host_models"] = module
    return {
        "connections": {"default": f"sqlite://{folder}/host.db"},
        "apps": {"models": {"models": ["host_models", "aerich.models"], "default_connection": "default"}},
        "routers": [HostRouter],
        "use_tz": False,
        "timezone": "Europe/Paris",
    }


async def start_host(config, folder):
    await Tortoise.init(config=config)
    command = Command(config, app="models", location=f"{folder}/host_migrations")
    await command.init_db(safe=True)
    await Tortoise.init(config=config)


async def sentri_work(database, label, number):
    users, sessions = Users(database), Sessions(database, lambda: NOW)
    user = a_user(f"{label} {number}")
    assert await users.add(user)
    assert not await users.add(a_user(f"{label} {number}"))
    session = a_session(user)
    assert await sessions.start(session, verified_hash=HASH)

    def decide(roles):
        return (*roles, label)

    assert (await users.change_roles(user.id, decide)).roles == ("user", label)
    assert (await sessions.find_active(session.id)).identifier == user.identifier
    assert await sessions.find_active(new_id()) is None
    if number % 3 == 0:
        assert await users.change_password(user.id, verified=HASH, renewed="x")
        assert await sessions.find_active(session.id) is None


async def host_work(number):
    item = await Item.create(name=f"host {number}")
    await User.create(name=f"host {number}")
    found = await Item.get(id=item.id)
    assert found.made.tzinfo is None
    assert abs((datetime.now() - found.made).total_seconds()) < 24 * 3600  # noqa: DTZ005 - a host without use_tz


async def main():
    a, b = (Database(DatabaseOptions(**json.loads(text))) for text in sys.argv[1:3])
    folder, order = sys.argv[3:]
    config = host_config(folder)
    if order == "host-first":
        await start_host(config, folder)
    before = dict(os.environ)
    for database in (a, b):
        await database.open()
        assert await migrate(database) == []
    assert dict(os.environ) == before
    if order == "host-last":
        await start_host(config, folder)
    settings = (os.environ["USE_TZ"], os.environ["TIMEZONE"], list(router._routers))
    work = [
        job
        for number in range(ROUNDS)
        for job in (sentri_work(a, "a", number), sentri_work(b, "b", number), host_work(number))
    ]
    await asyncio.gather(*work)
    assert (os.environ["USE_TZ"], os.environ["TIMEZONE"], list(router._routers)) == settings
    assert settings[:2] == ("False", "Europe/Paris")
    assert len(settings[2]) == 1
    assert (await Item.all().count(), await User.all().count()) == (ROUNDS, ROUNDS)
    for database, label in ((a, "a"), (b, "b")):
        rows = await database.call(lambda session: session.rows("SELECT identifier FROM sentri_users"))
        assert sorted(row["identifier"] for row in rows) == sorted(f"{label} {n}".title() for n in range(ROUNDS))
    command = Command(config, app="models", location=f"{folder}/host_migrations")
    await command.init()
    assert await command.upgrade() == []
    await a.close()
    assert await Item.all().count() == ROUNDS
    await Tortoise.close_connections()
    assert await Users(b).by_key("b 1")
    await b.close()
    print("isolated")


asyncio.run(main())
