"""Every example of every page: Python compiles, and shell names only commands, options, targets and paths that exist.

What runs beyond that is in the other tests here, by page.
"""

from __future__ import annotations

import ast
import re
import shlex

import asyncclick
import pytest

from sentri.cli.program import sentri
from sentri.web.endpoints.table import ENDPOINTS
from tests.docs.pages import ROOT, blocks

PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in page.parts
)
KNOWN = {"python", "sh", "text", "ini", "json", "nginx", "js", "html", "ts", "toml", "yaml", "css", "sql"}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PATHS = [re.compile(re.sub(r"\{\w+\}", "[^/]+", row.path) + r"\Z") for row in ENDPOINTS]


def examples(language: str) -> list[tuple[str, str]]:
    return [(page, text) for page in PAGES for text in blocks(page, language)]


def simple_commands(text: str) -> list[list[str]]:
    """The commands of a shell block, as words, without what they redirect."""
    found: list[list[str]] = [[]]
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars="|&;")
        words.whitespace_split = True
        for word in words:
            if set(word) <= set("|&;"):
                found.append([])
            else:
                found[-1].append(word)
        found.append([])
    return [_without_assignments(words) for words in found if words]


def _without_assignments(words: list[str]) -> list[str]:
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    return words


async def parse(words: list[str]) -> None:
    """What click says of the command, without running it."""
    command: asyncclick.Command = sentri
    context = asyncclick.Context(command, info_name="sentri")
    while isinstance(command, asyncclick.Group) and words and not words[0].startswith("-"):
        name, *words = words
        assert name in command.commands, f"no command {name}"
        command = command.commands[name]
        context = asyncclick.Context(command, parent=context, info_name=name)
    await command.make_parser(context).parse_args(words)


def test_no_block_is_in_a_language_that_nobody_checks():
    for page in PAGES:
        text = (ROOT / page).read_text()
        for language in re.findall(r"^```(\S*)[^\n]*\n(?:.*?)^```$", text, re.MULTILINE | re.DOTALL):
            assert language in KNOWN or language.startswith("{"), f"{page}: {language or 'no language'}"


@pytest.mark.parametrize(("page", "text"), examples("python"))
def test_python_compiles(page, text):
    """As a module, or, where it is the new body of a function, as one."""
    if re.match(r"(# .*\n)? {2}", text):
        text = f"async def _():\n{text}"
    compile(text, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


@pytest.mark.parametrize(("page", "text"), examples("sh"))
async def test_shell_names_what_exists(page, text):
    for words in simple_commands(text):
        if words and words[0] == "sentri":
            await parse(words[1:])
        elif words and words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= TARGETS, words
        elif words and words[0] == "curl":
            # /_control/ is the fake auth server's own.
            for path in re.findall(r"(?:\$AUTH/auth|\$AUTH|/auth)(/[\w/-]+)", " ".join(words)):
                assert path.startswith("/_control/") or any(pattern.match(path) for pattern in PATHS), path


@pytest.mark.parametrize("wrong", ["frobnicate", "users create ann --password x", "migrate --chek"])
async def test_a_command_that_does_not_exist_is_noticed(wrong):
    with pytest.raises((AssertionError, asyncclick.UsageError)):
        await parse(wrong.split())
