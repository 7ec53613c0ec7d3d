"""docs/databases.md, what it says of the servers: TLS, time zones, rights and numbers of connections.

On servers of the module's own, which take nothing but TLS and live in other time zones.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from sentri import AuthServer, create_auth_server
from sentri.config.database import Database as DatabaseOptions
from sentri.config.database import read_database
from sentri.errors import SentriError
from sentri.storage import Database
from sentri.storage.failures import StorageError
from sentri.storage.inspecting import state_of_migrations
from tests.databases import chosen
from tests.docs.certificates import Authority
from tests.docs.pages import block
from tests.faults.mariadb import Mariadb
from tests.faults.postgres import Postgres
from tests.faults.service import Service, free_port, own, until, user_of_service
from tests.support import PASSWORD, SECRET, data_of, serving

ANN = {"identifier": "ann", "password": PASSWORD}
ENCRYPTED = {
    "postgres": "SELECT ssl::int AS yes FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    "mysql": "SELECT VARIABLE_VALUE <> '' AS yes FROM information_schema.SESSION_STATUS"
    " WHERE VARIABLE_NAME = 'Ssl_version'",
}


class SecurePostgres(Postgres):
    """Lets people in through TLS alone, and tells the time of New York."""

    def install(self) -> None:
        super().install()
        self.authority = Authority(self.folder)
        for file in self.authority.server():
            own(file, "postgres")
        access = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n"
        (self.folder / "data/pg_hba.conf").write_text(access)

    def command(self) -> Sequence[str]:
        settings = {
            "ssl": "on",
            "ssl_cert_file": self.folder / "server.pem",
            "ssl_key_file": self.folder / "server.key",
            "timezone": "America/New_York",
        }
        return [*super().command(), *(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))]


class SecureMariadb(Mariadb):
    """Likewise."""

    def install(self) -> None:
        super().install()
        self.authority = Authority(self.folder)
        for file in self.authority.server():
            own(file, "mysql")

    def command(self) -> Sequence[str]:
        certificate = (f"--ssl-cert={self.folder / 'server.pem'}", f"--ssl-key={self.folder / 'server.key'}")
        return [*super().command(), *certificate, "--require-secure-transport=ON", "--default-time-zone=-05:00"]


KINDS = {"postgres": SecurePostgres, "mysql": SecureMariadb}


@pytest.fixture(scope="module", params=KINDS)
def server(request) -> Iterator[SecurePostgres | SecureMariadb]:
    made = KINDS[chosen(request.param)]()
    yield made
    made.remove()


@pytest.fixture
def system_trusts(server, monkeypatch) -> None:
    """The server's authority is the only one that this system knows."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority.certificate))


async def encrypted(options: DatabaseOptions) -> bool:
    """Whether a connection is; raises what opening raises."""
    database = Database(options, timeout=20)
    await database.open()
    try:
        row = await database.call(lambda session: session.row(ENCRYPTED[options.dialect]))
    finally:
        await database.close()
    return bool(int(row["yes"]))


def url(server: Service, query: str, host: str = "localhost") -> DatabaseOptions:
    """The options that a URL of the page stands for."""
    options, scheme = server.options, {"postgres": "postgres", "mysql": "mysql"}[server.dialect]
    user = options.user if options.password is None else f"{options.user}:{options.password}"
    return read_database(f"{scheme}://{user}@{host}:{server.port}/{options.database}?{query}")


# --- TLS


async def test_a_certificate_that_the_system_trusts_is_enough(server, system_trusts):
    assert await encrypted(url(server, "ssl=true"))


async def test_refuses_a_certificate_for_another_name(server, system_trusts, caplog):
    """It is for `localhost`."""
    with pytest.raises(SentriError):
        await encrypted(url(server, "ssl=true", "127.0.0.1"))
    assert "SSLCertVerificationError" in caplog.text


async def test_refuses_a_certificate_that_the_system_does_not_trust(server, caplog):
    """And the log says why."""
    with pytest.raises(SentriError) as refused:
        await encrypted(url(server, "ssl=true"))
    assert refused.value.code == "SERVICE_UNAVAILABLE"
    assert "SSLCertVerificationError" in caplog.text


async def test_a_context_says_what_to_trust_instead(server):
    context = ssl.create_default_context(cafile=str(server.authority.certificate))
    assert await encrypted(replace(server.options, host="localhost", ssl=context))
    other = ssl.create_default_context(cafile=str(Authority(server.folder, "other").certificate))
    with pytest.raises(SentriError):
        await encrypted(replace(server.options, host="localhost", ssl=other))


@pytest.mark.parametrize("server", ["mysql"], indirect=True)
async def test_mariadb_is_spoken_to_in_clear_unless_told(server):
    with pytest.raises(SentriError, match="refuses the connection"):
        await encrypted(server.options)


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
class TestModesOfPostgres:
    @pytest.mark.parametrize("mode", ["prefer", "require"])
    async def test_encrypts_without_asking_whom_it_speaks_to(self, server, mode, monkeypatch):
        monkeypatch.setenv("HOME", str(server.folder))
        assert await encrypted(url(server, f"sslmode={mode}"))

    async def test_encrypts_where_the_server_can_unless_told(self, server):
        assert await encrypted(url(server, ""))
        with pytest.raises(SentriError, match="refuses the connection"):
            await encrypted(url(server, "sslmode=disable"))

    @pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
    async def test_verifies_with_the_root_certificate(self, server, mode, monkeypatch):
        """A file that there is makes `require` verify, too."""
        monkeypatch.setenv("PGSSLROOTCERT", str(server.authority.certificate))
        assert await encrypted(url(server, f"sslmode={mode}"))
        monkeypatch.setenv("PGSSLROOTCERT", str(Authority(server.folder, "other").certificate))
        with pytest.raises(SentriError):
            await encrypted(url(server, f"sslmode={mode}"))

    async def test_only_verify_full_compares_the_name(self, server, monkeypatch):
        monkeypatch.setenv("PGSSLROOTCERT", str(server.authority.certificate))
        assert await encrypted(url(server, "sslmode=verify-ca", "127.0.0.1"))
        with pytest.raises(SentriError):
            await encrypted(url(server, "sslmode=verify-full", "127.0.0.1"))

    @pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
    async def test_says_that_there_is_no_root_certificate(self, server, mode, monkeypatch):
        monkeypatch.setenv("HOME", str(server.folder))
        monkeypatch.delenv("PGSSLROOTCERT", raising=False)
        with pytest.raises(SentriError, match="no root certificate") as refused:
            await encrypted(url(server, f"sslmode={mode}"))
        assert refused.value.code == "CONFIGURATION_ERROR"


# --- rights, time zones, schemas, connections


PAGE = "docs/databases.md"
HERE = {"postgres": "-- PostgreSQL", "mysql": "-- MariaDB and MySQL"}


class Auth:
    """A database `auth` that was made as the page says, and auth servers that connect to it as one of its users."""

    def __init__(self, server: SecurePostgres | SecureMariadb) -> None:
        self._server = server
        context = ssl.create_default_context(cafile=str(server.authority.certificate))
        self._options = replace(server.options, host="localhost", ssl=context, password="…", database="auth")

    def as_(self, user: str, schema: str | None = None) -> DatabaseOptions:
        return replace(self._options, user=user, schema=schema)

    def server(self, user: str, schema: str | None = None, **options: Any) -> AuthServer:
        settings = {"valid_roles": ("user", "admin"), "key_encryption_secret": SECRET, "salt_rounds": 10}
        return create_auth_server(db=self.as_(user, schema), **settings | options)

    def make(self) -> None:
        self._server.administer(*statements(HERE[self._server.dialect]))

    def drop(self) -> None:
        force = " WITH (FORCE)" if self._server.dialect == "postgres" else ""
        self._server.administer(f"DROP DATABASE auth{force}", "DROP USER sentri_owner", "DROP USER sentri_app")

    async def run(self, *texts: str) -> None:
        """As the owner."""
        async with opened(self.as_("sentri_owner")) as database:
            for text in texts:
                await database.call(lambda session, text=text: session.run(text))


@asynccontextmanager
async def opened(options: DatabaseOptions) -> AsyncIterator[Database]:
    database = Database(options, timeout=20)
    await database.open()
    yield database
    await database.close()


def statements(holding: str) -> list[str]:
    """Those of a block of the page."""
    lines = [line.partition("--")[0] for line in block(PAGE, holding, "sql").splitlines()]
    return [text.strip() for text in "\n".join(lines).split(";") if text.strip()]


@pytest.fixture
async def auth(server) -> AsyncIterator[Auth]:
    made = Auth(server)
    made.make()
    if server.dialect == "postgres":
        await made.run(*statements("ALTER DEFAULT PRIVILEGES"))
    yield made
    made.drop()


@pytest.mark.parametrize("on_startup", [False, True])
async def test_who_serves_needs_no_right_to_change_tables(auth, on_startup):
    """All that a server does, as a user who may read and write rows; with a look for migrations, or without."""
    async with auth.server("sentri_owner") as owner:
        await owner.migrate()
    serving_one = auth.server("sentri_app", migrate_on_startup=on_startup, reauth_within="1h")
    app = web.Application()
    serving_one.setup(app)
    async with serving(app) as client:
        await everything(client, serving_one)
    async with opened(auth.as_("sentri_app")) as database:
        assert (await state_of_migrations(database)).pending == ()
        with pytest.raises(StorageError):
            await database.call(lambda session: session.run("ALTER TABLE sentri_users ADD nickname varchar(9)"))


async def everything(client: Any, auth: AuthServer) -> None:
    """Each table read, written, changed and purged."""
    await data_of(await client.post("/auth/register", json=ANN), 201)
    tokens = await data_of(await client.post("/auth/login", json=ANN))
    tokens = await data_of(await client.post("/auth/refresh", json={"refreshToken": tokens["refreshToken"]}))
    headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
    user = await data_of(await client.get("/auth/me", headers=headers))
    await auth.users.add_roles(user["id"], ["admin"])
    await data_of(await client.get("/auth/admin/users", headers=headers))
    await auth.keys.rotate()
    await auth.keys.retire(now=False)
    await auth.accounts.purge()
    await data_of(await client.post("/auth/logout", headers=headers))
    await auth.users.disable(user["id"])
    await auth.users.delete(user["id"])


async def test_who_serves_cannot_migrate(auth):
    """And the first start says so, before anything listens."""
    async with auth.server("sentri_app") as app:
        with pytest.raises(Exception, match=r"42501|1142"):  # insufficient_privilege, ER_TABLEACCESS_DENIED
            await app.migrate()


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
async def test_two_servers_live_in_two_schemas_of_one_database(auth):
    """With a schema of that name, or with the right to make one."""
    await auth.run("CREATE SCHEMA shop")
    for schema in ("shop", "Black Market"):
        async with auth.server("sentri_owner", schema) as each:
            await each.migrate()
            await each.users.create("ann", PASSWORD)
    async with auth.server("sentri_owner", "shop") as shop:
        assert [user.identifier for user in (await shop.users.list()).items] == ["ann"]
    async with opened(auth.as_("sentri_owner")) as database:
        found = await database.call(lambda session: session.rows(WHERE))
    assert {row["schema"] for row in found} == {"shop", "Black Market"}


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
async def test_the_search_path_of_a_role_decides_where_no_schema_is_given(auth):
    await auth.run("CREATE SCHEMA shop", "ALTER ROLE sentri_owner SET search_path = shop")
    async with auth.server("sentri_owner") as owner:
        await owner.migrate()
    async with opened(auth.as_("sentri_owner")) as database:
        found = await database.call(lambda session: session.rows(WHERE))
    assert {row["schema"] for row in found} == {"shop"}


WHERE = "SELECT schemaname AS schema FROM pg_tables WHERE tablename IN ('sentri_users', 'aerich')"


async def test_the_servers_time_zone_is_no_matter(server, auth):
    """It is five hours behind, or four; the columns hold UTC, and come back as it."""
    async with auth.server("sentri_owner") as owner:
        await owner.migrate()
        before = time.time()
        user = await owner.users.create("ann", PASSWORD)
        pair = await owner.accounts.start_session(user.id)
        assert await owner.authenticate(pair.access_token)
        assert before - 1 <= (await owner.users.get(user.id)).created_at <= time.time() + 1
        [session] = (await owner.sessions.list(user.id)).items
        assert 6.9 < (session.expires_at - before) / 86_400 < 7.1
    async with opened(auth.as_("sentri_owner")) as database:
        row = await database.call(lambda session: session.row(AGE[server.dialect]))
    assert -5 < float(row["age"]) < 60


AGE = {
    "postgres": "SELECT extract(epoch FROM now() - created_at) AS age FROM sentri_users",
    "mysql": "SELECT TIMESTAMPDIFF(SECOND, created_at, UTC_TIMESTAMP()) AS age FROM sentri_users",
}


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
async def test_guards_take_two_connections_however_many_requests_wait(server, auth):
    async with auth.server("sentri_owner") as owner:
        await owner.migrate()
        user = await owner.users.create("ann", PASSWORD)
        tokens = [(await owner.accounts.start_session(user.id)).access_token for _ in range(50)]
    async with auth.server("sentri_owner") as fresh:
        await asyncio.gather(*(fresh.authenticate(token) for token in tokens * 10))
        async with opened(auth.as_("sentri_app")) as database:
            row = await database.call(lambda session: session.row(CONNECTIONS))
    assert 1 <= row["count"] <= 3, "two for sessions, and one that looked for keys"


CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'sentri_owner'"


# --- PgBouncer


class PgBouncer:
    """In front of the server, which it reaches as `sentri`."""

    def __init__(self, server: SecurePostgres, program: str, mode: str) -> None:
        self.options = replace(server.options, port=free_port())
        folder = server.folder / f"pgbouncer-{self.options.port}"
        folder.mkdir()
        (folder / "ini").write_text(
            f"[databases]\nsentri = user=sentri host={server.folder} port={server.port}\n"
            f"[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={self.options.port}\nunix_socket_dir=\n"
            f"auth_type=any\npool_mode={mode}\nlogfile={folder / 'log'}\n"
        )
        own(folder, "postgres")
        self._process = subprocess.Popen(
            [*user_of_service("postgres"), program, folder / "ini"], stderr=subprocess.DEVNULL
        )
        until(self._listens, "pgbouncer listens")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.options.port)) == 0


@pytest.fixture
def pgbouncer(server) -> Iterator[PgBouncer]:
    """Nothing else here needs it, so it is never demanded."""
    program = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if program is None:
        pytest.skip("pgbouncer is not installed")
    made = PgBouncer(server, program, "session")
    yield made
    made.stop()


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
async def test_pgbouncer_keeps_a_connection_for_each_session_and_refuses_a_schema(pgbouncer, server):
    auth = create_auth_server(db=pgbouncer.options, valid_roles=("user", "admin"), salt_rounds=10)
    app = web.Application()
    auth.setup(app)
    async with serving(app) as client:
        tokens = [await signed_up(client, name) for name in ("ann", "bob", "cy")]
        answers = await asyncio.gather(*(client.get("/auth/me", headers=headers) for headers in tokens * 20))
        assert {answer.status for answer in answers} == {200}
    with pytest.raises(SentriError) as refused:
        await Database(replace(pgbouncer.options, schema="shop")).open()
    assert refused.value.code == "SERVICE_UNAVAILABLE"


async def signed_up(client: Any, name: str) -> dict[str, str]:
    credentials = {"identifier": name, "password": PASSWORD}
    await data_of(await client.post("/auth/register", json=credentials), 201)
    tokens = await data_of(await client.post("/auth/login", json=credentials))
    return {"Authorization": f"Bearer {tokens['accessToken']}"}
