"""Everything that an auth object tells: to its hooks, and to its log."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sentri import Event
from sentri.happenings import HAPPENINGS


class Watch(logging.Handler):
    """Hooks and a logger for an auth object, and what they were told.

    Attributes:
        options: give them to the auth object.
        calls: the hook's name, then its arguments.
        records: of the logger and of those below it.
    """

    def __init__(self, hooks: Sequence[str]) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []
        self.records: list[logging.LogRecord] = []
        logger = logging.getLogger(f"watched-{secrets.token_hex(8)}")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        self.options: Mapping[str, Any] = {
            "hooks": {name: partial(self._called, name) for name in hooks},
            "logger": logger,
        }

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def _called(self, name: str, *what: object) -> None:
        self.calls.append((name, *what))

    @property
    def events(self) -> list[Event]:
        """What `on_event` was told."""
        return [what for name, what in ((call[0], call[1]) for call in self.calls) if name == "on_event"]

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    def records_of(self, name: str) -> list[logging.LogRecord]:
        """The records that have an event of this name for machines to read."""
        return [record for record in self.records if getattr(record, "sentri", {}).get("event") == name]

    def assert_told_once(self, event: Event) -> None:
        """Once by the log, at the level of the table and in the same words, and once to each of its hooks."""
        happening = HAPPENINGS[event.name]
        assert event.reason is None or event.reason in happening.reasons
        assert set(event.details) <= set(happening.details)
        same = [record for record in self.records_of(event.name) if record.sentri == event.to_dict()]
        [record] = same
        assert record.name.endswith(".events")
        assert (record.levelno, record.getMessage()) == (happening.level, str(event))
        if happening.hook_takes_event:
            assert self.calls.count((happening.hook, event)) == 1
        assert self.calls.count(("on_event", event)) == 1
