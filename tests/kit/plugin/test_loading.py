"""What the plugin costs whoever does not ask for it, and what it says to those who ask wrongly."""

from __future__ import annotations

import pytest

from sentri.config.options import ServerKeywords
from sentri_testing.plugin import SERVER_OPTIONS

ONE_MODE = pytest.mark.parametrize("mode", ["strict"], indirect=True)


def test_the_marker_knows_every_option():
    assert ServerKeywords.__annotations__.keys() | {"clock"} == SERVER_OPTIONS


@ONE_MODE
def test_loads_nothing_before_a_fixture_asks(run):
    result = run(
        """
        import sys

        def test_nothing_is_there():
            assert "sentri_testing.plugin" in sys.modules
            assert {"sentri", "aiohttp", "hypothesis", "sentri_testing.server"}.isdisjoint(sys.modules)

        def test_asks(sentri_clock):
            assert "sentri" in sys.modules
        """,
        args=["-p", "no:aiohttp", "-p", "no:hypothesispytest"],
    )
    result.assert_outcomes(passed=2)


@ONE_MODE
def test_can_be_left_out(run):
    result = run("def test_asks(sentri_clock): pass", args=["-p", "no:sentri_testing"])
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'sentri_clock' not found*"])


@ONE_MODE
def test_its_fixtures_explain_themselves(run):
    result = run("def test_nothing(): pass", args=["--fixtures"])
    result.stdout.fnmatch_lines_random(
        [
            "sentri_auth_server*",
            "*A real auth server on an in-memory database*",
            "sentri_clock*",
            "sentri_user*",
            "as_user*",
            "sentri_carriage*",
            "fake_auth_server*",
            "make_fake_auth_server*",
            "token_factory*",
            "hostile_token*",
            "sentri_options*",
        ]
    )


@ONE_MODE
@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("valid_role=('a',)", "*::test_one: *.sentri has no option 'valid_role'; did you mean 'valid_roles'?"),
        ("acces_cookie={}", "*has no option 'acces_cookie'; did you mean 'access_cookie'?"),
        ("zzz=1", "*has no option 'zzz'"),
        ("'admin'", "*takes options by name*"),
    ],
)  # fmt: skip
def test_a_wrong_marker_stops_the_run(run, marker, said):
    result = run(f"@pytest.mark.sentri({marker})\ndef test_one(): pass")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


@ONE_MODE
def test_tells_of_every_wrong_marker_at_once(run):
    result = run(
        """
        @pytest.mark.sentri(one=1)
        def test_one(): pass

        @pytest.mark.sentri(two=2)
        class TestTwo:
            def test_it(self): pass
        """
    )
    result.stderr.fnmatch_lines(["*::test_one: *'one'*", "*::test_it: *'two'*"])


@ONE_MODE
def test_a_wrong_value_is_the_servers_own_error(run):
    result = run(
        """
        @pytest.mark.sentri(access_expires_in="soon")
        @pytest.mark.asyncio
        async def test_one(sentri_auth_server): pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*CONFIGURATION_ERROR: access_expires_in is 'soon'; *"])


@ONE_MODE
@pytest.mark.parametrize("name", ["sentri_auth_server", "fake_auth_server", "make_fake_auth_server", "token_factory"])
def test_says_what_to_install_where_pytest_asyncio_is_missing(pytester, name, mode):
    pytester.makepyfile(test_theirs=f"def test_one({name}): pass")
    result = pytester.runpytest_subprocess(
        "-p", "no:schemathesis", "-p", "no:asyncio", "-p", "no:aiohttp", "-p", "no:cacheprovider", timeout=60
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{name} needs pytest-asyncio*pip install 'sentri-auth*testing*'*"])


@ONE_MODE
def test_what_needs_no_loop_works_without_pytest_asyncio(pytester, mode):
    pytester.makepyfile(
        test_theirs="""
        def test_one(sentri_clock, sentri_user):
            assert sentri_user("ann", roles=["admin"]).roles == ("admin",)
            assert sentri_clock.advance("15m") == sentri_clock.now
        """
    )
    result = pytester.runpytest_subprocess(
        "-p", "no:schemathesis", "-p", "no:asyncio", "-p", "no:aiohttp", "-p", "no:cacheprovider", timeout=60
    )
    result.assert_outcomes(passed=1)
