"""`sentri routes`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import assert_refused

SHOP = """
from aiohttp import web
from sentri import create_auth

auth = create_auth(db="sqlite://:memory:", secret="a secret for tests, of more than sixty-four bytes, which is enough",
                   valid_roles=("user", "admin"))

@auth.protect
async def orders(request): ...

@auth.authorize("admin")
async def reports(request): ...

async def health(request): ...

async def forgotten(request): ...

def make():
    app = web.Application()
    auth.setup(app)
    app.add_routes([web.get("/orders", orders), web.get("/reports", reports), web.get("/health", health)])
    return app

async def make_later():
    return make()

def make_open():
    app = make()
    app.router.add_post("/forgotten", forgotten)
    return app

def fails():
    raise RuntimeError("postgres://ada:hunter2@localhost/shop")

def misconfigured():
    create_auth(db="sqlite://:memory:", secret="short", valid_roles=("user",))

nothing = 7
app = make()
"""


@pytest.fixture
def shop(sentri):
    """A folder with an application in it."""
    (sentri.folder / "shop").mkdir()
    (sentri.folder / "shop" / "__init__.py").write_text("")
    (sentri.folder / "shop" / "main.py").write_text(SHOP)
    (sentri.folder / "broken.py").write_text("import aplication")
    return sentri


@pytest.mark.parametrize("name", ["shop.main:app", "shop.main:make", "shop.main:make()", "shop.main:make_later"])
def test_every_route_is_listed_with_its_guards(shop, name):
    done = shop("routes", name, "--public", "/health")
    assert done.returncode == 0, done.stderr
    heading, *rows = (line.split(None, 2) for line in done.stdout.splitlines())
    assert heading[:2] == ["METHOD", "ROUTE"]
    guards = {(method, route): rest for method, route, rest in rows}
    assert guards["GET", "/orders"].startswith("protect  ")
    assert guards["GET", "/reports"].startswith("authorize: admin  ")
    assert guards["GET", "/health"].startswith("public  ")
    assert guards["POST", "/auth/login"].startswith("itself (sentri's)  ")
    assert guards["GET", "/orders"].split()[-1].startswith("shop/main.py:")


def test_an_open_route_ends_with_3_and_is_named(shop):
    done = shop("routes", "shop.main:make_open", "--public", "/health")
    assert done.returncode == 3
    assert ["POST", "/forgotten", "OPEN"] in [line.split()[:3] for line in done.stdout.splitlines()]
    assert "1 route is open." in done.stderr
    assert "--public '/forgotten'" in done.stderr


def test_a_public_entry_that_is_out_of_date_ends_with_3(shop):
    done = shop("routes", "shop.main:app", "--public", "/health", "--public", "/helth", "--public", "/orders")
    assert done.returncode == 3
    assert "--public has '/helth', which no route has; did you mean /health?" in done.stderr
    assert "--public has '/orders', but GET /orders is guarded (protect): take it out" in done.stderr


def test_json_has_every_route(shop):
    done = shop("routes", "shop.main:app", "--public", "/health", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    by_pattern = {route["pattern"]: route for route in told["routes"]}
    assert told["wrong"] == []
    assert by_pattern["/reports"]["guards"] == ["authorize: admin"]
    assert by_pattern["/reports"]["handler"] == "shop.main:reports"
    assert {pattern: route["state"] for pattern, route in by_pattern.items() if "auth" not in pattern} == {
        "/orders": "guarded",
        "/reports": "guarded",
        "/health": "public",
    }
    assert {route["state"] for pattern, route in by_pattern.items() if pattern.startswith("/auth/")} == {"own"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("shop.main", "give module:attribute"),
        ("nowhere:app", "there is no module nowhere here"),
        ("shop.nowhere:app", "there is no module shop.nowhere here"),
        ("broken:app", "ModuleNotFoundError in "),
        ("shop.main:app_", "shop.main has no app_"),
        ("shop.main:nothing", "is of type int, not an aiohttp Application"),
        ("shop.main:fails", "RuntimeError in "),
        ("shop.main:misconfigured", "secret has 5 bytes"),
    ],
)
def test_refuses_what_is_no_application(shop, name, reason):
    done = shop("routes", name)
    assert_refused(done, 2, reason)
    assert "hunter2" not in done.stderr
