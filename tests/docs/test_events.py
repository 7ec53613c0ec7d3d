"""docs/events.md: its formatter writes what it says."""

from __future__ import annotations

import json
import logging

import pytest

from sentri.digests import Digests
from sentri.hooks import HookRunner
from sentri.telling import Events
from tests.docs.pages import block, blocks, executed


@pytest.fixture
def configured():
    """What the page configures, undone."""
    logger, events = logging.getLogger("sentri"), logging.getLogger("sentri.events")
    before = list(logger.handlers), events.level
    yield logger
    logger.handlers, events.level = before


async def test_events_are_lines_of_json(configured, capsys):
    executed(block("docs/events.md", "JsonLines"))
    events = Events(HookRunner({}, timeout=1, logger=configured), Digests([b"x"]), lambda: 5.0, configured)
    await events.tell("user.disabled", user_id="ann")
    configured.warning("something else")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    usual = {"level": "INFO", "logger": "sentri.events", "message": "user.disabled user_id=ann"}
    assert lines == [
        {**usual, "event": "user.disabled", "at": 5.0, "user_id": "ann"},
        {"level": "WARNING", "logger": "sentri", "message": "something else"},
    ]


def test_the_line_of_the_log_has_the_form_that_events_have():
    [line] = [text for text in blocks("docs/events.md", "text") if text.startswith("login.failed")]
    name, *fields = line.replace('"POST /auth/login"', "POST").split()
    assert (name, [field.partition("=")[0] for field in fields]) == (
        "login.failed",
        ["user_id", "client", "request", "reason", "identifier"],
    )
