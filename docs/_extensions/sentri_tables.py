"""`sentri-table`: a directive whose tables are made from the code, when the documentation is built."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, ClassVar

import asyncclick
from _pytest.fixtures import FixtureFunctionDefinition
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from sentri.cli.program import sentri
from sentri.config.client_options import CLIENT_HOOKS, ClientKeywords, ClientOptions
from sentri.config.options import HOOKS, ServerKeywords, ServerOptions
from sentri.errors import SENTRI_ERROR_STATUS
from sentri.web.endpoints.table import ENDPOINTS
from sentri_testing import async_fixtures, fixtures

__all__ = ["TABLES", "setup"]

Rows = Iterator[Sequence[str]]


def server_options() -> Rows:
    """Every option of server mode, with its type and default."""
    return _options(ServerKeywords, ServerOptions)


def client_options() -> Rows:
    """Every option of client mode, likewise."""
    return _options(ClientKeywords, ClientOptions)


def _options(keywords: type, read: Any) -> Rows:
    types = {name: hint for kind in reversed(keywords.__mro__) for name, hint in _own_hints(kind).items()}
    for bases in getattr(keywords, "__orig_bases__", ()):
        types = {**_inherited(bases), **types}
    for field in dataclasses.fields(read):
        kind = _type(types.get(field.name, field.type))
        yield f"`{field.name}`", f"`{kind}`", _default(field, seconds=kind.startswith("Duration"))


def _inherited(base: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for further in getattr(base, "__orig_bases__", ()):
        found |= _inherited(further)
    return found | _own_hints(base)


def _own_hints(kind: Any) -> dict[str, Any]:
    return dict(inspect.get_annotations(kind)) if isinstance(kind, type) else {}


def _type(hint: Any) -> str:
    text = getattr(hint, "__forward_arg__", None) or (hint if isinstance(hint, str) else str(hint))
    return re.sub(r"^(?:Not)?Required\[(.*)\]$", r"\1", text)


def _default(field: dataclasses.Field[Any], *, seconds: bool) -> str:
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return "required"
    value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    if seconds and isinstance(value, float):
        return f"{value:,.0f} s"
    return "none" if value is None else f"`{_shown(value)}`"


def _shown(value: object) -> str:
    if isinstance(value, logging.Logger):
        return f'logging.getLogger("{value.name}")'
    return value.__name__ if inspect.isroutine(value) else re.sub(r" at 0x\w+", "", repr(value))


def endpoints() -> Rows:
    """Every row of the table that the sub-application is built from."""
    for endpoint in ENDPOINTS:
        needs = endpoint.needs.name.lower().replace("_", " ")
        yield f"`{endpoint.method} {endpoint.path}`", needs, str(int(endpoint.status)), endpoint.summary


def errors() -> Rows:
    """Every code and its status."""
    return ((f"`{code}`", str(status)) for code, status in SENTRI_ERROR_STATUS.items())


def commands() -> Rows:
    """Every command with its arguments and options, and the first sentence of its help."""
    return _commands(sentri, "sentri")


def _commands(command: asyncclick.Command, name: str) -> Rows:
    if isinstance(command, asyncclick.Group):
        for part, further in sorted(command.commands.items()):
            yield from _commands(further, f"{name} {part}")
        return
    given = [_parameter(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    yield f"`{name}`", " ".join(f"`{text}`" for text in given), command.get_short_help_str(200)


def _parameter(parameter: asyncclick.Parameter) -> str:
    return parameter.opts[-1] if isinstance(parameter, asyncclick.Option) else str(parameter.name).upper()


def hooks() -> Rows:
    """Every hook with its arguments, and the modes that have it."""
    for name, arguments in HOOKS.items():
        yield f"`{name}`", f"`({', '.join(arguments)})`", "server, client" if name in CLIENT_HOOKS else "server"


def fixture_rows() -> Rows:
    """Every fixture of the pytest plugin, with the promise of its docstring."""
    return _fixtures(fixtures, async_fixtures)


def _fixtures(*modules: ModuleType) -> Rows:
    for module in modules:
        for name, value in sorted(vars(module).items()):
            if isinstance(value, FixtureFunctionDefinition) and not name.startswith("_"):
                yield f"`{name}`", (inspect.getdoc(value) or "").split("\n\n")[0]


TABLES: dict[str, tuple[Sequence[str], Callable[[], Rows]]] = {
    "server-options": (("option", "type", "default"), server_options),
    "client-options": (("option", "type", "default"), client_options),
    "endpoints": (("endpoint", "who", "status", ""), endpoints),
    "errors": (("code", "status"), errors),
    "commands": (("command", "arguments and options", ""), commands),
    "hooks": (("hook", "told", "mode"), hooks),
    "fixtures": (("fixture", ""), fixture_rows),
}


class SentriTable(SphinxDirective):
    """The table that the argument names."""

    required_arguments = 1
    option_spec: ClassVar = {}

    def run(self) -> list[nodes.Node]:
        """The table, as nodes."""
        self.env.note_reread()  # the code may have changed where the page has not
        titles, rows = TABLES[self.arguments[0]]
        group = nodes.tgroup(cols=len(titles))
        group += [nodes.colspec(colwidth=1) for _ in titles]
        head, body = nodes.thead(), nodes.tbody()
        head += _row(titles)
        body += [_row(row) for row in rows()]
        group += [head, body]
        table = nodes.table(classes=["generated"])
        table += group
        return [table]


def _row(cells: Sequence[str]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        paragraph = nodes.paragraph()
        for part in re.split(r"(`[^`]+`)", " ".join(cell.split())):
            literal = part.startswith("`")
            paragraph += nodes.literal(text=part.strip("`")) if literal else nodes.Text(part)
        row += nodes.entry("", paragraph)
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.add_directive("sentri-table", SentriTable)
    return {"parallel_read_safe": True}
