"""Options: what is right is taken as meant, and what is wrong is said once, all of it, without a secret."""

from __future__ import annotations

import logging
from datetime import timedelta
from enum import StrEnum
from ssl import create_default_context

import pytest

from sentri import Database, SentriError, create_auth, create_auth_server
from sentri.config.options import ServerOptions
from tests.support import SECRET
from tests.unit.given import GOOD, read, refusal


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


def test_the_defaults_are_those_of_the_contract():
    options = read()
    assert options.algorithm == "HS256"
    assert (options.access_expires_in, options.refresh_expires_in) == (900, 7 * 86400)
    assert (options.session_expires_in, options.refresh_leeway) == (90 * 86400, 60)
    assert (options.salt_rounds, options.hook_timeout) == (12, 5)
    assert options.registration is True
    assert options.registration_roles == ("user",)
    assert options.admin_roles == ("admin",)
    assert options.migrate_on_startup is True
    assert options.logger is logging.getLogger("sentri")
    for name in ("api_key", "hooks", "is_token_revoked", "router", "issuer", "audience", "reauth_within"):
        assert getattr(options, name) is None, name


@pytest.mark.parametrize(
    ("roles", "registration", "admin"),
    [(["a"], (), ()), (["user"], ("user",), ()), (["admin", "x"], (), ("admin",)), (Role, ("user",), ("admin",))],
)
def test_the_role_options_follow_from_the_valid_roles(roles, registration, admin):
    options = read(valid_roles=roles)
    assert (options.registration_roles, options.admin_roles) == (registration, admin)


@pytest.mark.parametrize(
    "roles", [("user", "admin"), ["user", "admin"], {"admin", "user"}, frozenset(Role), Role, list(Role)]
)
def test_takes_roles_in_any_collection(roles):
    found = read(valid_roles=roles).valid_roles
    assert set(found) == {"user", "admin"}
    assert all(type(role) is str for role in found)


DURATIONS = [
    ("30s", 30),
    ("15m", 900),
    ("1h", 3600),
    ("7d", 604_800),
    (1, 1),
    (0.5e3, 500),
    (timedelta(minutes=2), 120),
]


@pytest.mark.parametrize(("given", "seconds"), DURATIONS)
@pytest.mark.parametrize(
    "name",
    [
        "access_expires_in",
        "refresh_expires_in",
        "session_expires_in",
        "refresh_leeway",
        "reauth_within",
        "hook_timeout",
    ],
)
def test_takes_durations_as_people_write_them(name, given, seconds):
    assert getattr(read(**{name: given}), name) == seconds


def test_a_leeway_of_nothing_is_a_leeway():
    assert read(refresh_leeway=0).refresh_leeway == 0


BAD_DURATIONS = [
    "", "15", "15 m", "15M", " 15m", "15m ", "-15m", "1.5h", "1w", "m", "15mm", "\u0661\u0665m", "1h30m", "PT15M", -1,
        float("nan"),
    float("inf"), True, None, [], timedelta(seconds=-1), timedelta.max, 10**400, "999999999d", "15m\n", b"15m",
]  # fmt: skip
BAD = {
    "db": [None, 1, "", "auth.db", "oracle://x/y", "postgres://host", "mysql://host/", "sqlite://", b"sqlite://x", {},
        {"host": "x"},
           {"database": 1}, {"database": "x", "prot": 1}, {"connection_string": 1},
               {"connection_string": "sqlite://x", "host": "y"},
           "postgres://host:port/x", "postgres://host:99999/x", "postgres://[::1/x", "sqlite://x?mode=ro",
               "postgres://h/x?max=0", "postgres://u:1/2@h/d", "postgres://u/p@h/d", "postgres://u:p@h/d#x",
                   "postgres://u:1#2@h/d",
           "postgres://h/x?max=many", {"database": "x", "max": True}, {"database": "x", "max": 0}, {"database": "x",
               "port": "5432"},
           {"dialect": "sqlite", "database": "x", "host": "y"}, {"dialect": "oracle", "database": "x"},
               {"database": "x", "ssl": "maybe"},
           Database(database=""), Database(database="x", max=0),
           *({"database": "x", "timeout": wrong} for wrong in (*BAD_DURATIONS, 0, 0.05, 301, "6m")),
           "postgres://h/x?timeout=", "postgres://h/x?timeout=soon", "sqlite://x?timeout=0", "sqlite://x?timeout=1e1"],
    "valid_roles": [None, (), [], "user", b"user", 1, ["user", "user"], [""], [" user"], ["user", 1], ["x" * 101],
        {"user": 1}, [None],
                    ("user" for _ in [1]), [["user"]]],
    "secret": [None, "", "short", "x" * 31, 1, b"x" * 64, [], ["x" * 32, ""], ["x" * 32, "x" * 32], ["x" * 32, None],
        {"a": "b"},
               "\ud800" * 40, "-----BEGIN PRIVATE KEY-----" + "x" * 64],
    "algorithm": ["none", "None", "hs256", "HS1", "RS256 ", "PS256", "ES512", "dir", "", None, 1, ["HS256"], "HS256\0"],
    "access_expires_in": [*BAD_DURATIONS, 0, 0.5, "0s", "3651d"],
    "refresh_expires_in": BAD_DURATIONS,
    "session_expires_in": BAD_DURATIONS,
    "refresh_leeway": BAD_DURATIONS,
    "salt_rounds": [9, 32, 0, -1, 12.0, "12", True, None, [12]],
    "max_sessions": [0, -1, 1001, True, "5"],
    "session_details": [None, 1, "yes"],
    "max_hash_wait": BAD_DURATIONS,
    "password_hash": [None, "md5", "argon2", b"bcrypt", ["bcrypt"]],
    "argon2_profile": [None, "cheap", 1],
    "password_policy": [None, "none", {}],
    "refuse_common_passwords": [1, "yes"],
    "api_key": ["", "short", "x" * 31, ["x" * 32, "short"], 1, b"x" * 40, [], " " + "x" * 40, "x" * 40 + "\n",
        "é" * 40],
    "key_encryption_secret": ["", "short", "x" * 31, ["x" * 32, "short"], 1, b"x" * 40, [], [None], "x" * 40],  # HS256
    "registration": [None, 0, 1, "no", []],
    "registration_roles": ["user", ["root"], ["user", "user"], 1, [None], ["User"]],
    "admin_roles": ["admin", ["root"], ["admin", "nobody"], 1, [1]],
    "hooks": [1, [], {"on_logn": print}, {"on_login": 1}, {"on_login": lambda: None},
        {"on_token_reuse": lambda user: None}, {1: print}],
    "telemetry": [None, 1, "yes"],
    "hook_timeout": [0, -1, "soon", None],
    "is_token_revoked": [1, "revoked", lambda: True, lambda a, b: True, True],
    "router": [1, {"logn": print}, {"login": 1}, {"login": lambda user: None}, {"login": lambda identifier: None}],
    "issuer": ["", " ", 1, b"x", []],
    "audience": ["", [], [""], 1, [1], b"x", {"a": 1}],
    "identifier_validator": [1, lambda: True],
    "password_validator": ["strong", lambda a, b: True],
    "reauth_within": [0, -1, "soon", True],
    "rate_limit": [None, 5, "on", {"max_logins": 5}, {"max_login_attempts": 0}, {"duration": "25h"}],
    "redis_url": [1, "", "127.0.0.1", "http://host", "redis://", "redis://host/db", "redis://host:x", "redis://h/0?x=1"],
    "namespace": [None, "", 1, "two words", "x" * 101],
    "cookie": [1, "refresh_token", {"http_only": False}, {"nam": "x"}],
    "access_cookie": [1, "access_token", {"same_site": "None", "secure": False}],
    "trusted_origins": [1, ["app.example.com"], [1]],
    "trusted_proxies": [1, ["proxy"], [1]],
    "migrate_on_startup": [None, 1, "yes"],
    "clock": [None, 5, lambda: "now", lambda _: 5],
    "logger": [None, "sentri", print],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [pytest.param(n, value, id=f"{n}-{i}") for n, values in BAD.items() for i, value in enumerate(values)],
)
def test_refuses(name, value):
    """Every option's bad values, by the option's name and in one finding."""
    message = refusal(**{name: value})
    assert message.startswith(name)
    assert len(message) < 400


def test_every_option_has_its_bad_values_here():
    assert set(BAD) == set(ServerOptions.__dataclass_fields__)


@pytest.mark.parametrize("name", ["db", "secret", "valid_roles"])
def test_names_what_is_required(name):
    with pytest.raises(SentriError, match=f"{name} is required"):
        create_auth(**{key: value for key, value in GOOD.items() if key != name})


def test_says_everything_that_is_wrong_at_once():
    message = refusal(
        db="oracle://x", valid_roles=[], secret="short", salt_rounds=1, acces_expires_in="1h", issuer="",
            api_key="short", hooks={"on_logn": print}
    )  # fmt: skip
    for name in ("db", "valid_roles", "secret", "salt_rounds", "acces_expires_in", "issuer", "api_key", "hooks"):
        assert sum(part.startswith(name) for part in message.split("; ")) == 1, name


@pytest.mark.parametrize(
    ("option", "value", "findings"),
    [
        ("cookie", {"name": "a b", "same_site": "weird", "http_only": False, "pth": "/"}, 4),
        ("access_cookie", {"http_only": "yes", "secure": "no", "path": "x", "domain": "a b"}, 4),
        ("hooks", {"on_logn": print, "on_login": 5, "on_logout": lambda: None}, 3),
        ("router", {"logn": print, "login": 5}, 2),
        ("db", {"hots": "x", "usr": "y"}, 2),
        ("db", {"host": 5, "database": "auth", "port": 99999, "max": 0, "ssl": "x"}, 4),
        ("db", {"dialect": "sqlite", "database": "auth.db", "host": "h", "user": "u"}, 2),
        ("rate_limit", {"max_logins": 1, "duration": "x"}, 2),
        ("valid_roles", ["", 5, " x"], 3),
        ("trusted_origins", ["a", "*"], 2),
        ("trusted_proxies", ["a", "10.0.0.1/99"], 2),
    ],
)
def test_says_everything_that_is_wrong_within_one_option(option, value, findings):
    parts = refusal(**{option: value}).split("; ")
    assert sum(part.startswith(f"{option} ") for part in parts) == findings, parts


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("db", "oracle://ann:hunter2@host/auth", "the scheme 'oracle'"),
        ("redis_url", "http://ann:hunter2@host", "the scheme 'http'"),
        ("db", {"host": "h", "database": "d", "port": 99999}, "a port that is 99999"),
        ("db", {"host": "h", "database": "d", "max": "hunter2"}, "a max that is a str"),
        ("db", {"host": "h", "database": "d", "dialect": "oracle"}, "the dialect 'oracle'"),
        ("db", "ann:hunter2@host://auth", "no known scheme"),
    ],
)
def test_says_what_was_given_unless_it_may_be_a_secret(option, value, shown):
    message = refusal(**{option: value})
    assert f"{option} has {shown}; " in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("acces_expires_in", "access_expires_in"),
        ("validRoles", "valid_roles"),
        ("apikey", "api_key"),
        ("salt_round", "salt_rounds"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest_right_name(wrong, right):
    message = refusal(**{wrong: 1})
    assert message.startswith(f"{wrong}: unknown option")
    assert f"did you mean {right}?" in message


def test_an_unknown_option_like_no_other_is_refused_too():
    assert refusal(xyzzy=1) == "xyzzy: unknown option"


@pytest.mark.parametrize("name", ["algorithm", "secret"])
def test_the_short_way_takes_neither_algorithm_nor_secret(name):
    with pytest.raises(SentriError, match=f"{name} is not an option of create_auth_server") as refused:
        create_auth_server(valid_roles=["user"], db="sqlite://:memory:", **{name: "x" * 40})
    assert "xxxx" not in str(refused.value)


@pytest.mark.parametrize("mode", ["serve", None, 1])
def test_refuses_modes_that_it_does_not_have(mode):
    with pytest.raises(SentriError, match="CONFIGURATION_ERROR: mode is"):
        create_auth(mode, **GOOD)


def test_options_cannot_be_changed():
    options = read()
    with pytest.raises(AttributeError):
        options.salt_rounds = 4


def test_what_the_host_changes_afterwards_changes_nothing():
    roles, hooks, keys = ["user"], {"on_login": print}, [SECRET]
    options = read(valid_roles=roles, hooks=hooks, secret=keys)
    roles.append("root")
    hooks["on_logout"] = print
    keys.append("x")
    assert options.valid_roles == ("user",)
    assert options.hooks.keys() == {"on_login"}
    assert options.secret == (SECRET,)


# --- where the database is

URLS = {
    "postgres://u:p@h:5433/d": ("postgres", "h", 5433, "u", "p", "d"),
    "postgresql://h/d": ("postgres", "h", 5432, None, None, "d"),
    "POSTGRES://h/d": ("postgres", "h", 5432, None, None, "d"),
    "mysql://u@h/d": ("mysql", "h", 3306, "u", None, "d"),
    "mariadb://h/d": ("mysql", "h", 3306, None, None, "d"),
    "postgres:///d": ("postgres", "127.0.0.1", 5432, None, None, "d"),
    "postgres://u:p%40%3A%2F%3F%23%5B@h/d%20e": ("postgres", "h", 5432, "u", "p@:/?#[", "d e"),
    "postgres://u%40x:%25@h/d": ("postgres", "h", 5432, "u@x", "%", "d"),
    "postgres://u:p@[::1]:5433/d": ("postgres", "::1", 5433, "u", "p", "d"),
    "mysql://[2001:db8::1]/d": ("mysql", "2001:db8::1", 3306, None, None, "d"),
    "postgres://u:@h/d": ("postgres", "h", 5432, "u", "", "d"),
    "sqlite://auth.db": ("sqlite", None, None, None, None, "auth.db"),
    "sqlite:///var/auth.db": ("sqlite", None, None, None, None, "/var/auth.db"),
    "sqlite://:memory:": ("sqlite", None, None, None, None, ":memory:"),
    "sqlite://with%20space.db": ("sqlite", None, None, None, None, "with space.db"),
}  # fmt: skip


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("form", ["url", "connection_string"])
def test_reads_a_database_url(url, form):
    db = read(db=url if form == "url" else {"connection_string": url}).db
    assert (db.dialect, db.host, db.port, db.user, db.password, db.database) == URLS[url]
    assert db.max == 10


def test_reads_the_parts_of_a_database():
    parts = {"host": "h", "port": 6000, "database": "d", "user": "u", "password": "p", "max": 3}
    for given in (parts, Database(**parts)):
        assert read(db=given).db == Database(**parts)
    assert read(db={"connection_string": "postgres://u:p@h:6000/d", "max": 3}).db == Database(**parts)
    assert read(db="postgres://u:p@h:6000/d?max=3").db == Database(**parts)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("postgres://h/d", 5.0),
        ("postgres://h/d?timeout=2", 2.0),
        ("mysql://h/d?timeout=0.5", 0.5),
        ("sqlite://d?timeout=30s", 30.0),
        ({"database": "d", "timeout": "1m"}, 60.0),
        ({"database": "d", "timeout": timedelta(seconds=2)}, 2.0),
        ({"connection_string": "postgres://h/d", "timeout": 0.1}, 0.1),
        (Database(database="d", timeout="300s"), 300.0),
    ],
)
def test_reads_how_long_to_wait_for_the_database(given, seconds):
    assert read(db=given).db.timeout == seconds
    assert create_auth(**GOOD | {"db": given})._database.timeout == seconds  # noqa: SLF001 - nobody else shows it


@pytest.mark.parametrize("ssl", ["require", "verify-full", "disable"])
def test_reads_how_the_connection_is_secured(ssl):
    assert read(db=f"postgres://h/d?sslmode={ssl}").db.ssl == ssl
    context = create_default_context()
    for scheme in ("postgres", "mysql"):
        assert read(db=f"{scheme}://h/d?ssl=true").db.ssl is True
        assert read(db={"dialect": scheme, "database": "d", "ssl": context}).db.ssl is context


def test_a_database_is_shown_without_user_and_query():
    url = "postgres://marker1:marker2@h/d?sslmode=require"
    db = read(db=url).db
    assert db.shown == "postgres://h:5432/d"
    assert "marker" not in repr(db) + str(db) + db.shown + repr(read(db=url)) + repr(
        create_auth(**(GOOD | {"db": url}))
    )
