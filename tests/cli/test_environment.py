"""SENTRI_* variables, as the command line reads them."""

import dataclasses

import pytest

from sentri.config.environment import VARIABLES, read_environment
from sentri.config.options import ServerOptions


def test_nothing_set_gives_the_defaults():
    settings = read_environment({"PATH": "/bin"})
    assert settings.options == {"db": "sqlite://sentri.db", "valid_roles": ["user", "admin"]}
    assert (settings.host, settings.port, settings.production) == ("127.0.0.1", 8080, False)
    assert settings.findings == ()


@pytest.mark.parametrize(
    ("variable", "text", "option", "value"),
    [
        ("SENTRI_DATABASE_URL", "postgres://h/d", "db", "postgres://h/d"),
        ("SENTRI_SECRET", " as it is ", "secret", " as it is "),
        ("SENTRI_KEY_ENCRYPTION_SECRET", " a,b ", "key_encryption_secret", " a,b "),
        ("SENTRI_VALID_ROLES", "user, editor ,admin", "valid_roles", ["user", "editor", "admin"]),
        ("SENTRI_API_KEY", "a,b", "api_key", "a,b"),
        ("SENTRI_AUDIENCE", "https://a", "audience", ["https://a"]),
        ("SENTRI_REGISTRATION", "False", "registration", False),
        ("SENTRI_TELEMETRY", "true", "telemetry", True),
        ("SENTRI_MIGRATE_ON_STARTUP", "true", "migrate_on_startup", True),
        ("SENTRI_SALT_ROUNDS", " 13 ", "salt_rounds", 13),
        ("SENTRI_ACCESS_EXPIRES_IN", "5m", "access_expires_in", "5m"),
        ("SENTRI_ACCESS_EXPIRES_IN", "900", "access_expires_in", 900),
    ],
)
def test_variable_becomes_what_the_option_takes(variable, text, option, value):
    settings = read_environment({variable: text})
    assert settings.options[option] == value
    assert settings.stated == {option: variable}
    assert settings.findings == ()


def test_every_variable_sets_an_option_that_exists():
    own = {"host", "port", "production", "other_key_encryption_secret"}
    options = {field.name for field in dataclasses.fields(ServerOptions)} | own
    assert {variable.option for variable in VARIABLES.values()} <= options
    assert len({variable.option for variable in VARIABLES.values()}) == len(VARIABLES)


def test_argument_takes_the_place_of_its_variable_however_wrong_that_is():
    settings = read_environment({"SENTRI_PORT": "x", "SENTRI_HOST": "h"}, port=0, host=None)
    assert (settings.host, settings.port) == ("h", 0)
    assert settings.stated == {"port": "--port", "host": "SENTRI_HOST"}
    assert settings.findings == ()


def test_variables_of_the_test_suite_are_left_alone():
    assert read_environment({"SENTRI_TEST_SERVICES": "required"}).findings == ()


def test_a_second_encryption_secret_decrypts_after_the_first():
    settings = read_environment({"SENTRI_KEY_ENCRYPTION_SECRET": "a,a", "SENTRI_OTHER_KEY_ENCRYPTION_SECRET": "b"})
    assert settings.options["key_encryption_secret"] == ["a,a", "b"]
    assert settings.findings == ()


def test_an_algorithm_may_come_with_an_encryption_secret_alone():
    settings = read_environment({"SENTRI_KEY_ENCRYPTION_SECRET": "a", "SENTRI_ALGORITHM": "ES256"})
    assert settings.options["algorithm"] == "ES256"
    assert settings.findings == ()


@pytest.mark.parametrize(
    ("environ", "finding"),
    [
        ({"SENTRI_SECRT": "hunter2"}, "SENTRI_SECRT: unknown variable; did you mean SENTRI_SECRET?"),
        ({"SENTRI_ISSUER_FILE": "hunter2"}, "SENTRI_ISSUER_FILE: unknown variable; did you mean SENTRI_ISSUER?"),
        ({"SENTRI_API_KEY": ""}, "SENTRI_API_KEY is empty; give a value, or unset it"),
        ({"SENTRI_ISSUER": " "}, "SENTRI_ISSUER is empty; give a value, or unset it"),
        ({"SENTRI_PORT": "65536"}, "SENTRI_PORT is 65536; it must be a whole number from 0 to 65535"),
        ({"SENTRI_PORT": "9" * 5000}, f"SENTRI_PORT is '{'9' * 5000}'; it must be a whole number from 0 to 65535"),
        ({"SENTRI_PRODUCTION": "yes"}, "SENTRI_PRODUCTION is 'yes'; it must be True or False"),
        ({"SENTRI_ALGORITHM": "ES256"}, "SENTRI_ALGORITHM needs SENTRI_SECRET or SENTRI_SECRET_FILE"),
        ({"SENTRI_SECRET": "hunter2", "SENTRI_SECRET_FILE": "f"}, "SENTRI_SECRET and SENTRI_SECRET_FILE are both set"),
        ({"SENTRI_SECRET_FILE": "/no/such"}, "SENTRI_SECRET_FILE names '/no/such', which cannot be read: No such file"),
    ],
)
def test_what_cannot_be_read_is_found(environ, finding):
    (found,) = read_environment(environ).findings
    assert found.startswith(finding)
    assert "hunter2" not in found


def test_all_findings_are_kept():
    findings = read_environment({"SENTRI_A": "x", "SENTRI_PORT": "x", "SENTRI_API_KEY": ""}).findings
    assert len(findings) == 3


@pytest.mark.parametrize("variable", ["SENTRI_SECRET", "SENTRI_API_KEY", "SENTRI_DATABASE_URL"])
def test_secret_comes_from_a_file_without_its_last_newline(tmp_path, variable):
    (tmp_path / "secret").write_bytes(b" a\nb \r\n")
    settings = read_environment({f"{variable}_FILE": str(tmp_path / "secret")})
    assert settings.options[VARIABLES[variable].option] == " a\nb "
    assert settings.findings == ()


@pytest.mark.parametrize(("content", "reason"), [(b"\n", "which is empty"), (b"\xff", "which is not a file of UTF-8")])
def test_refuses_secret_file_without_text(tmp_path, content, reason):
    (tmp_path / "secret").write_bytes(content)
    settings = read_environment({"SENTRI_SECRET_FILE": str(tmp_path / "secret")})
    assert reason in settings.findings[0]
    assert "secret" not in settings.options


def test_repr_shows_no_secret():
    assert "hunter2" not in repr(read_environment({"SENTRI_SECRET": "hunter2"}))


def test_findings_about_options_are_told_in_the_words_of_the_command_line():
    settings = read_environment({"SENTRI_SECRET_FILE": "/no/such"}, database_url="x")
    told = settings.in_own_words("db has no known scheme; secret[1] is a secret; valid_roles is wrong; x")
    assert told == (
        "--database-url has no known scheme; SENTRI_SECRET_FILE[1] is a secret; SENTRI_VALID_ROLES is wrong; x"
    )


def test_leaves_the_variables_alone_that_kubernetes_sets_for_a_service_named_sentri():
    """They arrive unasked in every pod of the namespace."""
    environ = {
        "SENTRI_SERVICE_HOST": "10.0.0.7",
        "SENTRI_SERVICE_PORT_HTTP": "8080",
        "SENTRI_PORT": "tcp://10.0.0.7:8080",
        "SENTRI_PORT_8080_TCP_ADDR": "10.0.0.7",
    }
    assert read_environment(environ).findings == read_environment({}).findings
