"""The table of events, the code that tells them, the page that explains them and the tests that provoke them agree."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

import sentri
from sentri.config.client_options import CLIENT_HOOKS, ClientHooks
from sentri.config.options import HOOKS, Hooks
from sentri.happenings import EVENT_HOOKS, HAPPENINGS
from tests.client.test_events import EVENTS as OF_CLIENT_MODE
from tests.client.test_events import REFUSED
from tests.docs.pages import ROOT
from tests.events.provoking import SCENARIOS

SOURCES = [path.read_text() for path in Path(sentri.__file__).parent.rglob("*.py") if path.name != "happenings.py"]
OF_THE_ADMINISTRATION = {"user.created", "user.imported", "user.disabled", "user.enabled", "user.deleted"}
"""Told by the administration API, and provoked by its tests."""
ITS_REASONS = {
    "password.changed": {"admin"},
    "session.revoked": {"user", "admin", "user_disabled", "user_deleted"},
}


def row(name: str) -> str:
    happening = HAPPENINGS[name]
    level = " (warning)" if happening.level == logging.WARNING else ""
    told = [happening.meaning]
    for field, words in (("reason", happening.reasons), ("details", happening.details)):
        if words:
            told.append(f"`{field}`: {', '.join(f'`{word}`' for word in words)}.")
    return f"| `{name}`{level} | {' '.join(told)} | `{happening.hook}` |"


def test_everything_is_at_one_of_two_levels():
    assert {happening.level for happening in HAPPENINGS.values()} == {logging.INFO, logging.WARNING}


@pytest.mark.parametrize("name", HAPPENINGS)
def test_the_page_has_it_in_these_words(name):
    assert row(name) in (ROOT / "docs" / "events.md").read_text().splitlines()


def test_the_page_has_no_others():
    events = (ROOT / "docs" / "events.md").read_text().partition("## Metrics")[0]
    named = re.findall(r"^\| `([a-z_]+\.[a-z_]+)`", events, re.MULTILINE)
    assert named == list(HAPPENINGS)


@pytest.mark.parametrize("name", sorted(set(HAPPENINGS) - OF_THE_ADMINISTRATION))
def test_the_code_tells_it(name):
    assert any(f'"{name}"' in source for source in SOURCES)


def test_the_code_tells_no_others():
    told = {
        name
        for source in SOURCES
        for name in re.findall(r"tell(?:_soon|_unless_told|_failed)?\(\s*\"([a-z_]+\.[a-z_]+)\"", source)
    }
    assert len(told) > 15, "the pattern finds them"
    assert told <= set(HAPPENINGS)


def test_tests_provoke_every_one():
    provoked = {name for name, _ in SCENARIOS} | OF_CLIENT_MODE
    assert provoked | OF_THE_ADMINISTRATION == set(HAPPENINGS)
    assert not provoked & OF_THE_ADMINISTRATION


async def test_tests_provoke_every_reason():
    """Each scenario compares the reason that is told with a string of its own; here they are only found."""
    text = (Path(__file__).parent / "provoking.py").read_text()
    shown = {about["reason"] for about in REFUSED.values()}
    for name, happening in HAPPENINGS.items():
        for reason in set(happening.reasons) - ITS_REASONS.get(name, set()) - shown:
            assert f'"{reason}"' in text, f"nothing provokes {name} with the reason {reason}"


@pytest.mark.parametrize("name", HAPPENINGS)
def test_its_hook_is_one_that_can_be_given(name):
    assert HAPPENINGS[name].hook in HOOKS
    assert HAPPENINGS[name].meaning.endswith(".")


def test_the_hooks_have_types():
    assert set(HOOKS) == set(Hooks.__annotations__)
    assert set(CLIENT_HOOKS) == set(ClientHooks.__annotations__)
    assert set(EVENT_HOOKS) <= set(HOOKS)
    assert all(HOOKS[name] == ("event",) for name in EVENT_HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_page_of_hooks_has_every_hook(hook):
    assert f"| `{hook}({', '.join(HOOKS[hook])})` |" in (ROOT / "docs" / "hooks-and-services.md").read_text()
