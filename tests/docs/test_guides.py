"""The guides run as they stand there, block after block, and what they say of the result is so."""

from __future__ import annotations

import textwrap
import time

import bcrypt
import jwt
import pytest
from aiohttp import web

from sentri import AuthServer, create_auth
from tests.docs.pages import ROOT, block, blocks, executed
from tests.support import assert_error, serving

ANN = {"identifier": "ann", "password": "correct horse"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty folder for the SQLite file of the examples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("KEY_ENCRYPTION_SECRET", "a secret for tests, of more than 32 bytes")


def run(page: str, *, but: str = "\0") -> dict:
    """The names that the page's blocks leave, one after the other."""
    names: dict = {}
    for text in blocks(page):
        if but not in text:
            names = executed(text, **names)
    return names


async def logged_in(client, auth, roles=("user",)) -> tuple[dict[str, str], str]:
    user = await auth.users.create(ANN["identifier"], ANN["password"], roles=roles)
    answer = await (await client.post("/auth/login", json=ANN)).json()
    return {"Authorization": f"Bearer {answer['data']['accessToken']}"}, user.id


async def test_a_protected_app_is_closed_but_for_what_is_named():
    names = run("docs/protect-an-app.md")
    names["test_nothing_else_is_open"]()
    async with serving(names["app"]) as client:
        assert (await client.get("/health")).status == 200
        assert await (await client.get("/prices")).json() == {"price": 10}
        for path in ("/profile", "/orders", "/chat", "/nowhere"):
            await assert_error(await client.get(path), 401, "UNAUTHORIZED")
        headers, user_id = await logged_in(client, names["auth"])
        assert await (await client.get("/prices", headers=headers)).json() == {"price": 9}
        assert (await (await client.get("/profile", headers=headers)).json())["id"] == user_id
        assert await (await client.get("/orders", headers=headers)).json() == {"of": "ann"}
        await assert_error(await client.delete("/orders", headers=headers), 403, "FORBIDDEN")


async def test_the_chat_ends_with_the_session():
    names = run("docs/protect-an-app.md")
    async with serving(names["app"]) as client:
        headers, user_id = await logged_in(client, names["auth"])
        async with client.ws_connect("/chat", headers=headers) as socket:
            await socket.send_str("hello")
            assert await socket.receive_json(timeout=10) == {"from": "ann", "text": "hello"}
            await names["auth"].sessions.revoke_all(user_id)
            await socket.send_str("still there?")
            assert (await socket.receive(timeout=10)).data == 4401


async def test_roles_of_ones_own_and_ownership():
    names = run("docs/roles-and-ownership.md")
    auth, app = names["auth"], names["app"]
    async with serving(app) as client:
        headers, user_id = await logged_in(client, auth, ["member"])
        app[names["DOCUMENTS"]]["plan"] = user_id
        app[names["DOCUMENTS"]]["secret"] = "somebody else"
        assert (await client.put("/documents/plan", headers=headers)).status == 200
        for other in ("secret", "nowhere"):
            await assert_error(await client.put(f"/documents/{other}", headers=headers), 403, "FORBIDDEN")
        await assert_error(await client.post("/publish", headers=headers), 403, "FORBIDDEN")

        await names["promote"](user_id, by=user_id)
        assert (await client.post("/publish", headers=headers)).status == 200
        await assert_error(await client.get("/auth/admin/users", headers=headers), 403, "FORBIDDEN")

        await auth.users.add_roles(user_id, ["super_admin"])
        assert (await client.put("/documents/secret", headers=headers)).status == 200
        assert (await client.get("/auth/admin/users", headers=headers)).status == 200


MOVING = "docs/migrating/hand-written-jwt.md"
OLD_SECRET = "the old secret, which is long enough for HS256"


def executed_before() -> dict:
    """What was written by hand."""
    return executed(block(MOVING, "# before").replace('"…"', repr(OLD_SECRET)))


def executed_after() -> dict:
    """What takes its place, with the import of the users."""
    return executed(block(MOVING, "import_users"), **executed(block(MOVING, "# after")))


def old_headers(**claims: object) -> dict[str, str]:
    claims = {"sub": "ann", "roles": ["admin"], "exp": int(time.time()) + 60} | claims
    return {"Authorization": f"Bearer {jwt.encode(claims, OLD_SECRET, 'HS256')}"}


async def test_hand_written_code_becomes_a_guard_and_its_users_come_along():
    names = executed_after()
    auth = names["auth"]
    async with serving(names["app"]) as client:
        old = bcrypt.hashpw(ANN["password"].encode(), bcrypt.gensalt(4)).decode()
        rows = [{"email": "ann", "password": old, "roles": ["admin"]}]
        await names["import_users"](rows)
        await names["import_users"](rows)
        answer = await (await client.post("/auth/login", json=ANN)).json()
        token = answer["data"]["accessToken"]
        told = await (await client.get("/reports", headers={"Authorization": f"Bearer {token}"})).json()
        assert told == {"of": answer["data"]["user"]["id"]}
        assert len((await auth.users.list()).items) == 1


@pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")  # it is what the example is about
async def test_what_was_written_by_hand_did_what_it_did_and_its_tokens_are_refused():
    before, after, headers = executed_before(), executed_after(), old_headers()
    old = web.Application()
    old.router.add_get("/reports", before["reports"])
    async with serving(old) as client, serving(after["app"]) as replaced:
        assert await (await client.get("/reports", headers=headers)).json() == {"of": "ann"}
        assert (await client.get("/reports")).status == 401
        await assert_error(await replaced.get("/reports", headers=headers), 401, "TOKEN_INVALID")


def both(auth: AuthServer) -> web.Application:
    """An application in between, whose handler is still the old one."""
    before = executed_before()
    text = textwrap.dedent(block(MOVING, "# both"))
    names = executed(text, **before | {"auth": auth})
    app = web.Application()
    auth.setup(app)
    app.router.add_get("/reports", names["either"](before["reports"].__wrapped__))
    return app


@pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")
async def test_for_a_while_old_tokens_and_new_ones_are_taken():
    """Each by the rules of its own kind."""
    auth = executed_after()["auth"]
    async with serving(both(auth)) as client:
        new, user_id = await logged_in(client, auth, ["admin"])
        for headers, of in ((old_headers(), "ann"), (new, user_id)):
            assert await (await client.get("/reports", headers=headers)).json() == {"of": of}
        for headers in ({}, old_headers(exp=1), {"Authorization": "Bearer x"}):
            assert (await client.get("/reports", headers=headers)).status == 401
        assert (await client.get("/reports", headers=old_headers(roles=[]))).status == 403
        await auth.sessions.revoke_all(user_id)
        assert (await client.get("/reports", headers=new)).status == 401
        assert (await client.get("/reports", headers=old_headers())).status == 200


@pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")
async def test_with_the_old_secret_somebody_who_has_logged_out_would_be_let_in():
    """Why the page says to give sentri keys of its own."""
    auth = create_auth(db="sqlite://:memory:", secret=OLD_SECRET, valid_roles=("user", "admin"))
    async with serving(both(auth)) as client:
        new, user_id = await logged_in(client, auth, ["admin"])
        await auth.sessions.revoke_all(user_id)
        assert (await client.get("/reports", headers=new)).status == 200


async def test_a_dependency_becomes_a_guard(capsys):
    names = run("docs/migrating/from-fastapi-users.md")
    async with serving(names["app"]) as client:
        await client.post("/auth/register", json={**ANN, "roles": ["user"]})
        token = (await (await client.post("/auth/login", json=ANN)).json())["data"]["accessToken"]
        told = await client.get("/hello", headers={"Authorization": f"Bearer {token}"})
        assert await told.json() == {"hello": "ann"}
        assert "has registered" in capsys.readouterr().out


async def test_the_configuration_beside_better_auths_does_not_register_anybody():
    async with serving(run("docs/migrating/from-better-auth.md")["app"]) as client:
        await assert_error(await client.post("/auth/register", json=ANN), 404, "NOT_FOUND")


async def test_the_front_page_runs():
    names = run("docs/index.md")
    async with serving(names["app"]) as client:
        headers, user_id = await logged_in(client, names["auth"])
        assert (await (await client.get("/profile", headers=headers)).json())["id"] == user_id


def test_every_guide_is_in_the_front_pages_list():
    front = (ROOT / "docs/index.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem == "index" or f"\n{page.stem}\n" in front, page.name
