"""The built documentation: its search finds words, and its generated tables have what the code has."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sentri.config.client_options import CLIENT_HOOKS, ClientOptions
from sentri.config.options import HOOKS, ServerOptions
from sentri.errors import SENTRI_ERROR_STATUS
from sentri.web.endpoints.table import ENDPOINTS
from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The pages as they are built, where a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "docs", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_search_finds_words_in_their_pages(site):
    text = (site / "searchindex.js").read_text().removeprefix("Search.setIndex(").rstrip().rstrip(");")
    index = json.loads(text)
    for word, page in {
        "leeway": "glossary",
        "gunicorn": "deploying",
        "evict": "redis",
        "ownership": "roles-and-ownership",
        "scrypt": "migrating/from-better-auth",
    }.items():
        found = index["terms"].get(word, []) or index["titleterms"].get(word, [])
        found = [found] if isinstance(found, int) else list(found)
        title = index["titleterms"].get(word, [])
        found += [title] if isinstance(title, int) else list(title)
        assert page in {index["docnames"][number] for number in found}, word


def test_the_generated_page_has_what_the_code_has(site):
    shown = (site / "generated.html").read_text()
    names = [
        *ServerOptions.__dataclass_fields__,
        *ClientOptions.__dataclass_fields__,
        *SENTRI_ERROR_STATUS,
        *HOOKS,
        *(f"{row.method} {row.path}" for row in ENDPOINTS),
        "sentri keys retire",
        "sentri_auth_server",
    ]
    for name in names:
        assert all(f'<span class="pre">{part}</span>' in shown for part in name.split()), name


def test_the_generated_page_tells_which_hooks_client_mode_has(site):
    rows = re.findall(r"<tr.*?</tr>", (site / "generated.html").read_text(), re.DOTALL)
    told = {name[0] for row in rows if "server, client" in row and (name := re.search(r"on_\w+", row))}
    assert told == CLIENT_HOOKS.keys()
    assert told < HOOKS.keys(), "else the table has not all of them"
