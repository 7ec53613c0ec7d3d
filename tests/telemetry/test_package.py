"""The package: an extra, of which the API alone is used; and the table of metrics."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import sentri
from sentri.telemetry.metrics import METRICS
from tests.client.conftest import Service, application, issuer, make_auth, start, timer
from tests.docs.pages import ROOT
from tests.support import assert_error

__all__ = ["Service", "application", "issuer", "make_auth", "start", "timer"]

SERVER = "sentri.create_auth(db='sqlite://:memory:', secret='x' * 32, valid_roles=['user'], telemetry={on})"
CLIENT = "sentri.create_auth(mode='client', key_uri='https://auth.example/keys', telemetry={on})"
BLOCKED = "import sys\nfor name in {names!r}: sys.modules[name] = None\n"
SOURCES = [path.read_text() for path in Path(sentri.__file__).parent.rglob("*.py") if path.name != "metrics.py"]


def run(program: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("made", [SERVER, CLIENT])
def test_without_the_option_the_package_is_not_even_loaded(made):
    assert run(f"import sys, sentri\n{made.format(on=False)}\nprint('opentelemetry' in sys.modules)") == "False\n"


@pytest.mark.parametrize("made", [SERVER, CLIENT])
def test_without_the_package_the_option_says_how_to_install_it(made):
    program = BLOCKED.format(names=["opentelemetry"]) + (
        f"import sentri\ntry: {made.format(on=True)}\nexcept sentri.SentriError as error: print(error)"
    )
    assert run(program) == (
        "CONFIGURATION_ERROR: telemetry is True, which needs opentelemetry-api: pip install 'sentri-auth[otel]'\n"
    )


@pytest.mark.parametrize("made", [SERVER, CLIENT])
def test_the_api_alone_is_enough(made):
    program = BLOCKED.format(names=["opentelemetry.sdk", "opentelemetry.semconv"])
    assert run(program + f"import sentri\nprint({made.format(on=True)})").startswith("<Auth")


async def test_client_mode_measures_too(start, issuer, collected):
    service = await start(telemetry=True)
    await assert_error(await service.get("no token"), 401, "TOKEN_INVALID")
    await assert_error(await service.get(issuer.token(roles=["user"]), "/admin"), 403, "FORBIDDEN")
    points = collected.points()
    [failures], [events] = points["sentri.authentication.failures"], points["sentri.events"]
    assert (dict(failures.attributes), failures.value) == ({"error.type": "TOKEN_INVALID"}, 1)
    denied = {"sentri.event.name": "permission.denied", "sentri.event.reason": "roles"}
    assert (dict(events.attributes), events.value) == (denied, 1)


# --- the table


def row(name: str) -> str:
    metric = METRICS[name]
    attributes = ", ".join(f"`{attribute}`" for attribute in metric.attributes)
    return f"| `{name}` | {metric.kind}, {metric.unit} | {metric.meaning} | {attributes} |"


@pytest.mark.parametrize("name", METRICS)
def test_the_page_has_each_metric_in_these_words(name):
    assert row(name) in (ROOT / "docs" / "events.md").read_text().splitlines()


def test_the_code_measures_these_and_no_others():
    found = {name for source in SOURCES for name in re.findall(r"\.(?:add|record)\(\s*\"(sentri\.[a-z.]+)\"", source)}
    assert found == set(METRICS)


def test_the_page_has_every_flow():
    flows = {name for source in SOURCES for name in re.findall(r"@traced\(\"([a-z_]+)\"\)", source)}
    assert len(flows) > 8, "the pattern finds them"
    [line] = [line for line in (ROOT / "docs" / "events.md").read_text().splitlines() if "`sentri.<flow>`" in line]
    assert set(re.findall(r"`([a-z_]+)`", line)) >= flows
