"""No secret, password, key or user information shows in an error or a repr, however wrong the options are; nor in an
event.
"""

from __future__ import annotations

import asyncio
import json
import logging
import traceback

from hypothesis import example, given
from hypothesis import strategies as st

from sentri import Database, SentriError, create_auth, create_auth_server
from sentri.config.options import ServerOptions
from sentri.digests import Digests
from sentri.events import Event
from sentri.hooks import HookRunner
from sentri.telling import Events, Source
from tests.properties.strategies import PURE

MARKER = "mArKeR7121"
ODD = st.text(":/@?#[]%& \\\"'abc019\té=.", max_size=6)
secrets = st.builds("{}{}{}".format, ODD, st.just(MARKER), ODD)
schemes = st.sampled_from(["postgres://", "mysql://", "oracle://", "postgres:", "", "POSTGRES://"])
ends = st.sampled_from(
    ["@host/db", "@host:5432/db", "@host:port/db", "@[::1/db", "@host", "@", "@host/db?sslmode=require", "@host/db?x=y"]
)
urls = st.one_of(
    st.builds("{}user:{}{}".format, schemes, secrets, ends),
    st.builds("{}{}:pw{}".format, schemes, secrets, ends),
    st.builds("{}u:p@host/db?password={}".format, schemes, secrets),
    secrets,
)
wrong_parts = st.sampled_from([{}, {"prot": 1}, {"port": "x"}, {"max": 0}, {"ssl": "x"}, {"dialect": "x"}, {"host": 1}])
databases = st.one_of(
    urls,
    urls.map(lambda url: {"connection_string": url}),
    urls.map(lambda url: {"connection_string": url, "host": "x"}),
    st.builds(lambda secret, more: {"database": "d", "user": secret, "password": secret, **more}, secrets, wrong_parts),
    st.builds(lambda secret: {"database": "d", "password": [secret]}, secrets),
    st.builds(lambda secret: Database(database="", user=secret, password=secret), secrets),
    st.builds(lambda secret: Database(dialect="sqlite", database="x", password=secret), secrets),
)
keys = st.one_of(
    secrets,
    secrets.map(lambda secret: secret * 8),
    secrets.map(lambda secret: f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----"),
    secrets.map(lambda secret: f"-----BEGIN PUBLIC KEY-----\n{secret}\n-----END PUBLIC KEY-----"),
    secrets.map(lambda secret: [secret, secret]),
    secrets.map(lambda secret: {"secret": secret}),
    secrets.map(str.encode),
    secrets.map(lambda secret: [secret.encode()]),
)


def said(make, *given, **options):
    """All that is to be seen: the error with its whole traceback, or the objects themselves."""
    try:
        made = make(*given, **options)
    except SentriError as error:
        shown = "".join(traceback.format_exception(error))
        return f"{error} {error!r} {error.args} {vars(error)} {shown}"
    return f"{made!r} {made}"


MORE = st.sampled_from([{}, {"salt_rounds": 1}, {"sekret": 1}])


@PURE
@given(db=databases, more=MORE)
@example(db=f"postgres://u:1/{MARKER}@h/d", more={})
@example(db=f"postgres://u:1#{MARKER}@h/d", more={})
@example(db=f"postgres://u:1?{MARKER}@h/d", more={})
@example(db=f"postgres://u:p@h/d#{MARKER}", more={})
@example(db=f"postgres://u:{MARKER}@[h/d", more={})
def test_a_database_shows_nothing_of_who_connects(db, more):
    options = {"valid_roles": ["user"], "db": db, **more}
    assert MARKER not in said(create_auth, **options, secret="x" * 64)
    assert MARKER not in said(create_auth_server, **options)
    assert MARKER not in said(ServerOptions.read, {**options, "secret": "x" * 64})


@PURE
@given(secret=keys, algorithm=st.sampled_from(["HS256", "RS256", "ES256", "EdDSA", "none"]), more=MORE)
def test_a_secret_is_not_shown(secret, algorithm, more):
    options = {"valid_roles": ["user"], "db": "sqlite://:memory:", "secret": secret, **more}
    assert MARKER not in said(create_auth, **options, algorithm=algorithm)
    assert MARKER not in said(create_auth_server, **options)
    assert MARKER not in said(ServerOptions.read, options)


@PURE
@given(api_key=keys, more=MORE)
def test_an_api_key_is_not_shown(api_key, more):
    options = {"valid_roles": ["user"], "db": "sqlite://:memory:", "api_key": api_key, **more}
    assert MARKER not in said(create_auth, **options, secret="x" * 64)
    assert MARKER not in said(ServerOptions.read, {**options, "secret": "x" * 64})


@PURE
@given(secret=secrets)
def test_what_is_right_shows_nothing_either(secret):
    long = (secret + "x" * 64)[:100]
    db = Database(database="d", user=secret, password=secret)
    assert MARKER not in f"{db!r} {db.shown}"
    assert MARKER not in said(create_auth, db=db, valid_roles=["user"], secret=long, api_key="k" * 40)
    assert MARKER not in said(ServerOptions.read, {"db": db, "valid_roles": ["user"], "secret": long})


class Heard(logging.Handler):
    """All that a record has, formatted or not."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.getMessage()} {vars(record)!r} {json.dumps(record.sentri)}"


@PURE
@given(session_id=secrets, client=secrets, identifier=secrets)
def test_an_event_shows_no_session_no_address_and_no_identifier(session_id, client, identifier):
    logger, heard = logging.getLogger("test_secrecy"), Heard()
    logger.setLevel(logging.INFO)
    logger.handlers = [heard]
    told = []
    hooks = HookRunner(
        {"on_event": lambda event: told.append(repr(event) + str(event.to_dict()))}, timeout=1, logger=logger
    )
    events = Events(hooks, Digests([b"secret"]), lambda: 0.0, logger)
    digest = events.digest("identifier", identifier)
    about = {"session_id": session_id, "source": Source("POST /x", client), "identifier": digest}
    asyncio.run(events.tell("login.failed", **about))
    assert digest in heard.text
    assert digest in told[0]
    assert MARKER not in heard.text + told[0]


anything = st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text()).map(tuple))


@PURE
@given(user_id=st.text(), details=st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), anything))
@example(user_id="x\r\nlogin.succeeded user_id=admin", details={"a": "\u2028\x85\x1b[31m"})
def test_an_event_is_one_line_whatever_it_holds(user_id, details):
    """Nobody forges a line of the log, or its end."""
    event = Event(name="user.deleted", at=0.0, user_id=user_id, details=details)
    line = str(event)
    assert line.isascii()
    assert line.isprintable()
    assert line.splitlines() == [line]
    assert json.loads(json.dumps(event.to_dict())) == event.to_dict()
