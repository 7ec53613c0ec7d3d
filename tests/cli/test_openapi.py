"""`sentri openapi`."""

from __future__ import annotations

import json

from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.cli.conftest import assert_refused

NOWHERE = "postgres://ann:hunter2@127.0.0.1:1/none"


def test_prints_the_document_of_the_settings_without_a_database(sentri):
    done = sentri("openapi", SENTRI_DATABASE_URL=NOWHERE, SENTRI_REGISTRATION="false", SENTRI_VALID_ROLES="a,b")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": "/auth"}]
    assert "/register" not in document["paths"]
    assert document["components"]["schemas"]["Role"]["enum"] == ["a", "b"]
    assert "hunter2" not in done.stdout + done.stderr


def test_may_be_asked_for_json_as_every_command(sentri):
    assert json.loads(sentri("openapi", "--json").stdout) == json.loads(sentri("openapi").stdout)


def test_makes_no_database(sentri):
    assert sentri("openapi").returncode == 0
    assert not list(sentri.folder.iterdir())


def test_writes_a_file(sentri):
    done = sentri("openapi", "--output", "api.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert (sentri.folder / "api.json").read_text() == sentri("openapi").stdout


def test_a_file_that_cannot_be_written_is_one_line(sentri):
    assert_refused(sentri("openapi", "--output", "no/such/folder/api.json"), 1, "cannot write no/such/folder/api.json")


def test_wrong_settings_are_refused_by_name(sentri):
    assert_refused(sentri("openapi", SENTRI_SALT_ROUNDS="3"), 2, "SENTRI_SALT_ROUNDS")


def test_is_what_a_running_server_answers(sentri):
    with sentri.serve() as running:
        assert running.call("/openapi.json") == json.loads(sentri("openapi").stdout)
