"""Every fenced block of the documentation says, to whoever writes it, which test runs it; or why none can.

In the line before a block, or once for all blocks of a page that have no line of their own:

    <!-- run: tests/docs/test_guides.py::test_roles_of_ones_own_and_ownership -->
    <!-- all run: tests/docs/test_tutorial.py::test_the_tutorial_works_as_it_is_written -->
    <!-- not run: a drawing -->

Readers do not see the comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.docs.named_tests import NAMED, exists
from tests.docs.pages import ROOT

PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if "_build" not in page.parts
)
FENCED = re.compile(
    r"^ *(?P<fence>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^ *(?P=fence) *$", re.MULTILINE | re.DOTALL
)
COMMENT = re.compile(r"<!-- (?P<kind>run|all run|not run): (?P<value>.+?) -->")
NEVER_EXCUSED = {"python", "nginx", "ini", "toml", "json", "js"}
DRAWING = "a drawing"


class Block(NamedTuple):
    """A fenced block, and what its page says of it: tests, or a reason why there is none."""

    where: str
    page: str
    language: str
    tests: list[str]
    reason: str | None


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """Those that Sphinx does not make something else of."""
    usual = {found["kind"]: found["value"] for found in COMMENT.finditer(text)}.get("all run", "")
    for found in FENCED.finditer(text):
        if found["language"].startswith("{"):
            continue
        before = re.search(rf"{COMMENT.pattern}\s*\Z", text[: found.start()])
        said = before["value"] if before and before["kind"] != "all run" else usual
        where = f"{page}:{text.count(chr(10), 0, found.start()) + 1}"
        reason = said if before and before["kind"] == "not run" else None
        yield Block(where, page, found["language"].split(" ")[0], NAMED.findall(said), reason)


BLOCKS = [block for page in PAGES for block in blocks_of(page, (ROOT / page).read_text())]


def fault(block: Block) -> str | None:
    """What is wrong with what a page says of its block."""
    if block.reason is not None:
        excused = block.language not in NEVER_EXCUSED
        return None if excused else f"{block.language} is run, there is no excuse"
    if not block.tests:
        return "no test is named, and no reason why there is none"
    for name in block.tests:
        if not exists(name):
            return f"there is no {name}"
        if Path(block.page).name not in (ROOT / name.partition("::")[0]).read_text():
            return f"{name} does not read this page"
    return None


def test_every_block_is_run_or_says_why_not():
    faults = {block.where: found for block in BLOCKS if (found := fault(block))}
    assert faults == {}


def test_drawings_are_drawings():
    """No command hides among them."""
    for page in PAGES:
        for found in FENCED.finditer((ROOT / page).read_text()):
            if found["language"] == "text" and not re.search(r"[│═─►]", found["text"]):
                before = (ROOT / page).read_text()[: found.start()].rstrip().rsplit("\n", 1)[-1]
                assert DRAWING not in before, page


def test_no_comment_stands_before_nothing():
    """As it would after a block was moved or taken away."""
    for page in PAGES:
        text = (ROOT / page).read_text()
        for found in COMMENT.finditer(text):
            rest = text[found.end() :].lstrip()
            assert found["kind"] == "all run" or rest.startswith("```"), f"{page}: {found[0]}"


PLANTED = """
# Page

<!-- run: tests/docs/test_guides.py::test_that_nobody_wrote -->
```python
1
```

```sh
ls
```

<!-- not run: it is long -->
```python
2
```

<!-- run: tests/docs/test_every_block_is_run.py::test_what_is_wrong_is_noticed -->
```python
3
```

<!-- not run: better-auth's own -->
```ts
4
```
"""


def test_what_is_wrong_is_noticed():
    page = PAGES[0]  # of which this module says nothing else
    assert [fault(block) for block in blocks_of(page, PLANTED)] == [
        "there is no tests/docs/test_guides.py::test_that_nobody_wrote",
        "no test is named, and no reason why there is none",
        "python is run, there is no excuse",
        "tests/docs/test_every_block_is_run.py::test_what_is_wrong_is_noticed does not read this page",
        None,
    ]
