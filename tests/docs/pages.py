"""The examples of the documentation, to be run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str, language: str = "python") -> list[str]:
    """The fenced blocks of a page in this language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def block(page: str, holding: str, language: str = "python") -> str:
    """The first of them that holds the text."""
    return next(text for text in blocks(page, language) if holding in text)


def executed(text: str, **names: Any) -> dict[str, Any]:
    """The names that a block leaves."""
    namespace = {"__name__": "block", **names}
    exec(compile(text, "block", "exec"), namespace)
    return namespace
