"""`sentri` itself: how it starts, and how it fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sentri import SentriError, __version__
from sentri.cli.failures import exit_code, told
from sentri.storage.failures import Fault, Nature, StorageError
from tests.cli.conftest import PATIENCE, assert_refused


def python(sentri, code: str) -> subprocess.CompletedProcess[str]:
    """Run a piece of Python where the command line runs."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=sentri.folder,
        env=sentri.environment({}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["serve", "--help"], ["users", "create", "--help"]])
def test_help(sentri, arguments):
    done = sentri(*arguments)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: sentri")


@pytest.mark.parametrize("group", [(), ("users",), ("sessions",), ("keys",)])
def test_what_a_command_does_is_told_whole_in_80_columns(sentri, group):
    done = sentri(*group, "--help", COLUMNS="80")
    assert "..." not in done.stdout.partition("Commands:")[2]


def test_version(sentri):
    assert sentri("--version").stdout == f"sentri, version {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["users"], ["sreve"], ["serve", "--port", "65536"], ["serve", "more"]])
def test_wrong_usage_ends_with_2(sentri, arguments):
    assert sentri(*arguments).returncode == 2


def test_help_loads_no_database(sentri):
    done = python(
        sentri,
        "import sys; sys.argv = ['sentri', '--help']\n"
        "from sentri.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('loaded', sorted({'tortoise', 'aerich', 'rich'} & sys.modules.keys()))",
    )
    assert "loaded []" in done.stdout, done.stderr


def test_missing_extra_is_told_in_words(sentri):
    done = python(sentri, "import sys; sys.modules['asyncclick'] = None\nfrom sentri.cli import main; main()")
    assert done.returncode == 2
    assert done.stderr == 'The command line needs asyncclick: pip install "sentri-auth[cli]"\n'


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SentriError("CONFIGURATION_ERROR", "x"), 2),
        (SentriError("VALIDATION_ERROR", "x"), 2),
        (SentriError("INVALID_ROLE", "x"), 2),
        (SentriError("USER_ALREADY_EXISTS", "x"), 1),
        (SentriError("SERVICE_UNAVAILABLE", "x"), 1),
        (ValueError("x"), 1),
    ],
)
def test_exit_code_tells_wrong_input_from_failure(error, code):
    assert exit_code(error) == code


def test_refused_statement_is_told_with_its_code():
    told_of = told(StorageError(Fault(Nature.WRONG, "UndefinedTableError", "42P01")))
    assert "UndefinedTableError 42P01" in told_of
    assert "sentri migrate" in told_of


def test_a_full_disk_is_told_as_what_it_is(sentri):
    assert told(OSError(28, "No space left on device")) == "No space left on device"
    assert told(OSError(2, "No such file or directory", "users.csv")) == "users.csv: No such file or directory"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            sentri.command("migrate"),
            cwd=sentri.folder, env=sentri.environment({}), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(("users", "create", "ann"), "expected on standard input"), (("users", "delete", "ann"), "--yes")],
)
def test_closed_standard_input_is_like_an_empty_one(sentri, arguments, reason):
    done = sentri.closing("stdin", *arguments)
    assert_refused(done, 2, reason)


def test_closed_standard_output_is_no_failure(sentri):
    assert sentri("migrate").returncode == 0
    done = sentri.closing("stdout", "users", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_character_that_the_terminal_lacks_is_escaped(sentri):
    sentri("users", "create", "zoë☃", stdin="correct horse battery")
    shown = sentri("users", "list", PYTHONIOENCODING="ascii:strict")
    assert shown.returncode == 0, shown.stderr
    latin = sentri("users", "list", PYTHONIOENCODING="latin-1", decoding="latin-1")
    assert "zoë\\u2603" in latin.stdout, latin.stderr
    listed = sentri("users", "list", "--json", PYTHONIOENCODING="latin-1", decoding="latin-1")
    assert json.loads(listed.stdout)[0]["identifier"] == "zoë☃"


def test_unexpected_error_is_told_without_its_message():
    try:
        int("hunter2")
    except ValueError as error:
        line = told(error)
    assert "hunter2" not in line
    assert line.startswith(f"unexpected ValueError in {__file__}, line ")


@pytest.mark.parametrize(
    ("shell", "says"), [("bash", "complete -o nosort"), ("zsh", "#compdef sentri"), ("fish", "complete")]
)
def test_shells_get_a_script_that_completes(sentri, shell, says):
    done = python(sentri, CALL.format(shell=f"{shell}_source", words="", position=0))
    assert says in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [("sentri ke", 1, "keys"), ("sentri keys ro", 2, "rotate"), ("sentri doctor --pro", 2, "--processes")],
)
def test_commands_and_options_are_completed(sentri, words, position, expected):
    done = python(sentri, CALL.format(shell="bash_complete", words=words, position=position))
    assert f"plain,{expected}" in done.stdout.split(), done.stderr


CALL = """
import os, sys
sys.argv = ["sentri"]
os.environ.update(_SENTRI_COMPLETE="{shell}", COMP_WORDS="{words}", COMP_CWORD="{position}")
from sentri.cli import main
main()
"""
