"""Roles: what a protected GET in client mode takes for tokens with more and more of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Final

from benchmarks.checking import WrongAnswer, ask, check_bare, check_protected
from benchmarks.credentials import owner
from benchmarks.drawing import Chart
from benchmarks.growing.steps import BARE, Extent, Found, Steps, load, protected, warm_up
from benchmarks.loading import connected
from benchmarks.processes import ServerProcess
from benchmarks.reporting import markdown
from benchmarks.stage import Stage
from benchmarks.traffic import Once, Traffic

__all__ = ["measure"]

REMEMBERED: Final = "sentri, protect"
WITH_ROLE: Final = "sentri, authorize"
FIRST: Final = "sentri, a token seen first"
KEPT: Final = 1_000
"""Tokens of each number of roles, in turn."""


def measure(stage: Stage, extent: Extent) -> Found:
    """Bare, guarded and with a role, for tokens that are remembered and for new ones."""
    steps = Steps()
    loads = {number: _loads(stage, extent, number) for number in extent.roles}
    with ExitStack() as running:
        bare = running.enter_context(ServerProcess("bare", {}))
        check_bare(bare.port, stage)
        remembering, first = (running.enter_context(_server(stage)) for _ in range(2))
        servers = {BARE: bare, REMEMBERED: remembering, WITH_ROLE: remembering, FIRST: first}
        for number in extent.roles:
            with connected(remembering.port, extent.busy) as sockets:
                warm_up(sockets, loads[number][0])
        for _ in range(extent.rounds):
            for number in extent.roles:
                for name, server in servers.items():
                    with connected(server.port, extent.busy) as sockets:
                        steps.add(name, number, load(server, sockets, loads[number][1][name], extent.seconds))
    return Found("Roles", steps, [_table(steps, extent)], _charts(steps))


def _loads(stage: Stage, extent: Extent, roles: int) -> tuple[list[bytes], Mapping[str, Traffic]]:
    """The requests of the tokens that are remembered, and what each contender is sent."""
    kept = min(extent.tokens, KEPT)
    wanted = kept + extent.rounds * extent.first_seen
    tokens = stage.key.tokens(map(owner, range(wanted)), [f"role-{number}" for number in range(roles)])
    requests, traffic = protected(tokens[:kept])
    _, with_role = protected(tokens[:kept], "/with-role")
    first, _ = protected(list(islice(tokens, kept, None)))
    once = Once(first, extent.first_seen)
    return requests, {BARE: traffic, REMEMBERED: traffic, WITH_ROLE: with_role, FIRST: once}


@contextmanager
def _server(stage: Stage) -> Iterator[ServerProcess]:
    """One that was asked whether it answers right. The stage's tokens have another role."""
    with ServerProcess("client_sentri", {"key_uri": stage.key_uri, "wiring": "setup"}) as process:
        check_protected(process.port, stage)
        status, _, _ = ask(process.port, "GET", "/with-role", headers={"Authorization": f"Bearer {stage.tokens[0]}"})
        if status != 403:
            raise WrongAnswer(f"a token without the role is answered with {status}, not 403")
        yield process


def _table(steps: Steps, extent: Extent) -> str:
    names = (BARE, REMEMBERED, WITH_ROLE, FIRST)
    head = (
        "roles",
        *(f"{name}, µs" for name in names),
        *(f"bare / {name.removeprefix('sentri, ')}" for name in names[1:]),
    )
    rows = []
    for number in extent.roles:
        costs = [f"{steps.typical(name, number)['cpu']:.1f}" for name in names]
        ratios = [f"{steps.ratio(BARE, name, number, lambda one: one.cpu):.2f}" for name in names[1:]]
        rows.append((str(number), *costs, *ratios))
    return markdown(head, rows)


def _charts(steps: Steps) -> dict[str, Chart]:
    curves = {name: steps.curve(name, "cpu") for name in (FIRST, WITH_ROLE, REMEMBERED, BARE)}
    return {"growth-roles": Chart("A protected GET, client mode", "roles in the token", "CPU per request, µs", curves)}
