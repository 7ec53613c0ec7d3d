"""Applications in server mode, tested with the fixtures alone."""

from __future__ import annotations

import pytest

APP = """
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
import sentri

def create_app(auth):
    app = web.Application()
    auth.setup(app)

    @auth.authorize("admin")
    async def admin(request):
        return web.json_response(sentri.current_user(request).to_dict())

    @auth.protect
    async def profile(request):
        return web.json_response(sentri.current_user(request).to_dict())

    app.router.add_get("/admin", admin)
    app.router.add_get("/profile", profile)
    app.router.add_post("/profile", profile)
    return app
"""

CLIENT = """
import pytest_asyncio

@pytest_asyncio.fixture
async def client(sentri_auth_server):
    async with TestClient(TestServer(create_app(sentri_auth_server))) as client:
        yield client
"""


@pytest.fixture
def run_app(run):
    """Runs a module that has the application and a client."""
    return lambda module, **more: run(APP, CLIENT, module, **more)


def test_an_application_is_tested_with_security_on(run_app):
    result = run_app(
        """
        @pytest.mark.asyncio
        async def test_admins_only(client, as_user):
            assert (await client.get("/admin")).status == 401
            user = await as_user(client)
            assert (await user.get("/admin")).status == 403
            admin = await as_user(client, roles=["admin"])
            assert (await admin.get("/admin")).status == 200

        @pytest.mark.asyncio
        async def test_logs_in_with_a_password(client, sentri_user):
            ann = await sentri_user.saved("ann")
            said = {"identifier": "ann", "password": ann.password}
            assert (await client.post("/auth/login", json=said)).status == 200
        """
    )
    result.assert_outcomes(passed=2)


def test_time_is_moved(run_app):
    result = run_app(
        """
        @pytest.mark.asyncio
        @pytest.mark.sentri(access_expires_in="10m")
        async def test_expires(client, as_user, sentri_clock):
            user = await as_user(client)
            sentri_clock.advance("9m")
            assert (await user.get("/profile")).status == 200
            sentri_clock.advance("1m")
            assert (await user.get("/profile")).status == 401
        """
    )
    result.assert_outcomes(passed=1)


def test_runs_for_both_carriages(run_app):
    result = run_app(
        """
        @pytest.mark.asyncio
        async def test_profile(client, as_user, sentri_carriage, sentri_clock):
            user = await as_user(client, roles=["user"])
            assert user.carriage == sentri_carriage
            assert (await user.post("/profile")).status == 200
            sentri_clock.advance("16m")
            expired = {"bearer": 401, "cookie": 200}[sentri_carriage]  # a silent refresh
            assert (await user.get("/profile")).status == expired
        """,
        args=["-v"],
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_profile?bearer?*PASSED*", "*test_profile?cookie?*PASSED*"])


def test_options_come_from_conftest_and_from_markers_the_closest_first(run):
    result = run(
        """
        @pytest.mark.sentri(issuer="https://class.example", audience="class")
        class TestIt:
            @pytest.mark.sentri(issuer="https://function.example")
            @pytest.mark.asyncio
            async def test_it(self, sentri_auth_server, sentri_user):
                user = await sentri_user.saved(roles=["editor"])
                pair = await sentri_auth_server.log_in(user)
                assert pair.user.issuer == "https://function.example"
                assert sentri_auth_server.verify_access_token(pair.access_token).roles == ("editor",)
        """,
        conftest="""
        import pytest

        @pytest.fixture
        def sentri_options():
            return {"valid_roles": ("editor",), "issuer": "https://conftest.example"}
        """,
    )
    result.assert_outcomes(passed=1)


def test_every_test_has_a_database_of_its_own(run):
    result = run(
        """
        @pytest.mark.asyncio
        @pytest.mark.parametrize("time", range(3))
        async def test_it(sentri_user, sentri_auth_server, time):
            await sentri_user.saved("ann")
            with pytest.raises(ValueError, match="already"):
                await sentri_user.saved("ann")
        """
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("mode", ["auto"], indirect=True)
def test_works_with_pytest_aiohttp(run):
    result = run(
        APP,
        """
        async def test_it(aiohttp_client, sentri_auth_server, as_user):
            client = await aiohttp_client(create_app(sentri_auth_server))
            admin = await as_user(client, roles=["admin"])
            assert (await admin.get("/admin")).status == 200
        """,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("mode", ["auto"], indirect=True)
def test_works_with_xdist(run_app):
    result = run_app(
        """
        @pytest.mark.parametrize("number", range(8))
        async def test_it(client, as_user, number):
            user = await as_user(client)
            assert (await user.get("/profile")).status == 200
        """,
        args=["--numprocesses=2"],
    )
    result.assert_outcomes(passed=8)


@pytest.mark.parametrize("mode", ["strict"], indirect=True)
@pytest.mark.parametrize("scope", ["session", "module"])
def test_works_in_a_loop_that_tests_share(project, run_app, scope):
    ini = project.path / "tox.ini"
    ini.write_text(
        ini.read_text().replace("fixture_loop_scope = function", f"fixture_loop_scope = {scope}")
        + f"\nasyncio_default_test_loop_scope = {scope}\n"
    )
    result = run_app(
        """
        pytestmark = pytest.mark.asyncio

        @pytest.mark.parametrize("number", range(3))
        async def test_it(client, as_user, number):
            user = await as_user(client)
            assert (await user.get("/profile")).status == 200
        """
    )
    result.assert_outcomes(passed=3)


def test_a_failing_test_leaves_nothing_open(run_app):
    result = run_app(
        """
        @pytest.mark.asyncio
        async def test_fails(client, as_user):
            user = await as_user(client)
            raise AssertionError("on purpose")

        @pytest.mark.asyncio
        async def test_goes_on(client, as_user):
            assert (await (await as_user(client)).get("/profile")).status == 200
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: on purpose*"])
    result.stdout.no_fnmatch_line("*Warning*")


def test_a_failing_assertion_says_what_to_do(run_app):
    result = run_app(
        """
        from sentri_testing import assert_envelope

        @pytest.mark.asyncio
        async def test_it(client, as_user):
            user = await as_user(client)
            await assert_envelope(await user.get("/admin"), 200)
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*GET /admin gave 403 FORBIDDEN*as_user(client, roles=*"])
    result.stdout.no_fnmatch_line("*eyJ*")
