"""README's picture of the terminal: the tool draws it, and the one that is there shows what the commands print now."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT

PICTURE = ROOT / "docs/images/terminal.svg"


def words(picture: Path) -> str:
    """What is to be read in it."""
    lines = re.findall(r"<text[^>]*>([^<]*)</text>", picture.read_text(encoding="utf-8"))
    return html.unescape("\n".join(lines)).replace("\N{NO-BREAK SPACE}", " ")


def test_the_picture_is_that_of_this_version(tmp_path):
    """`make terminal-picture` makes it anew. Ids differ, and how fast a machine hashes."""
    new = tmp_path / "terminal.svg"
    subprocess.run([sys.executable, ROOT / "tools/terminal_picture.py", new], check=True, capture_output=True)
    applied = re.compile(r"Applied \S+")
    assert applied.findall(words(PICTURE)) == applied.findall(words(new)) != []
    assert "sentri users create" in words(new)
    assert "1 finding." in words(new)
