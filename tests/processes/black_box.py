"""Which tests see nothing of a server but what comes over HTTP and what is in the database."""

from __future__ import annotations

from typing import Any

INSIDE = {"caplog", "monkeypatch", "in_process"}
"""Fixtures of tests that look into the process that serves, or change something in it."""


def is_black_box(metafunc: Any) -> bool:
    """Whether a test can run against other processes: it asks for an application, and for nothing of its inside."""
    return "make_api" in metafunc.fixturenames and not INSIDE & set(metafunc.fixturenames)
