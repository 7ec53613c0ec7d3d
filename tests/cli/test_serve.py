"""`sentri serve`."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess

import pytest

from tests.cli.conftest import PATIENCE, assert_refused

SECRET = "a secret of this test, of more than 32 bytes"
API_KEY = "an-api-key-of-this-test-of-more-than-32-bytes"
ADA = {"identifier": "ada@example.com", "password": "correct horse battery"}


def paste(lines: str, **variables: str) -> list[dict]:
    """What bash prints when the lines are pasted into it."""
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            required = os.environ.get("SENTRI_TEST_SERVICES") == "required"
            (pytest.fail if required else pytest.skip)(f"{program} is not installed")
    done = subprocess.run(
        ["bash"],
        input=lines,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        env={"PATH": os.environ["PATH"]} | variables,
    )
    assert done.stderr == ""
    answers = []
    while done.stdout:
        answer, end = json.JSONDecoder().raw_decode(done.stdout)
        answers.append(answer)
        done.stdout = done.stdout[end:].strip()
    return answers


def test_without_any_setting_serves_from_a_sqlite_file_and_warns_of_keys_in_memory(sentri):
    with sentri.serve() as serving:
        assert serving.url.startswith("http://127.0.0.1:")
        assert "sqlite://sentri.db" in serving.said
        assert [key["alg"] for key in serving.call("/keys")["keys"]] == ["RS256"]
        assert serving.call("/register", ADA)["data"]["user"]["identifier"] == ADA["identifier"]
        assert serving.stop() == 0
    assert "WARNING sentri: The signing keys live in this process's memory" in serving.log
    assert stat.S_IMODE((sentri.folder / "sentri.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("variables", "keys"),
    [
        ({}, {"algorithm": "RS256", "from": "memory"}),
        ({"SENTRI_SECRET": SECRET}, {"algorithm": "HS256", "from": "configuration"}),
        (
            {"SENTRI_KEY_ENCRYPTION_SECRET": SECRET, "SENTRI_ALGORITHM": "ES256"},
            {"algorithm": "ES256", "from": "database"},
        ),
    ],
)
def test_json_tells_a_program_where_it_is(sentri, variables, keys):
    with sentri.serve("--json", until="\n", **variables) as serving:
        said = json.loads(serving.said)
        assert serving.call("/openapi.json")["openapi"]
        assert serving.stop() == 0
    assert said == {"url": serving.url, "database": "sqlite://sentri.db", "keys": keys}
    assert json.loads(serving.said) == said  # and nothing else came


def test_lines_to_try_work_as_they_are_pasted(sentri):
    with sentri.serve() as serving:
        registered, me = paste(serving.lines_to_try())
    assert registered["statusCode"] == 201
    assert me["data"] == registered["data"]["user"]


def test_lines_to_try_send_the_api_key_where_registration_asks_for_one(sentri):
    with sentri.serve(SENTRI_API_KEY=API_KEY) as serving:
        assert API_KEY not in serving.said
        registered, me = paste(serving.lines_to_try(), SENTRI_API_KEY=API_KEY)
    assert registered["statusCode"] == 201
    assert me["statusCode"] == 200


def test_lines_to_try_make_a_user_on_the_command_line_where_nobody_can_register(sentri):
    with sentri.serve(SENTRI_REGISTRATION="false") as serving:
        first, _, others = serving.lines_to_try().partition("\n")
        assert first.startswith("sentri users create ada@example.com")
        assert sentri("users", "create", "ada@example.com", stdin=ADA["password"]).returncode == 0
        (me,) = paste(others)
    assert me["data"]["identifier"] == "ada@example.com"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_it_cleanly(sentri, number):
    with sentri.serve() as serving:
        assert serving.stop(number) == 0
    assert "Traceback" not in serving.log


def test_tokens_outlive_a_restart_with_a_secret_of_ones_own(sentri):
    settings = {"SENTRI_SECRET": SECRET}
    with sentri.serve(**settings) as serving:
        serving.call("/register", ADA)
        token = serving.call("/login", ADA)["data"]["accessToken"]
        assert serving.stop() == 0
    assert "memory" not in serving.said + serving.log
    assert SECRET not in serving.said + serving.log
    with sentri.serve(**settings) as serving:
        assert serving.call("/me", Authorization=f"Bearer {token}")["data"]["identifier"] == ADA["identifier"]


def test_secret_can_come_from_a_file(sentri):
    (sentri.folder / "secret").write_text(f"{SECRET}\n")
    with sentri.serve(SENTRI_SECRET_FILE="secret", SENTRI_ALGORITHM="HS256") as serving:
        assert "HS256, from SENTRI_SECRET_FILE" in serving.said


def test_serves_every_database(sentri, database_url):
    with sentri.serve(SENTRI_DATABASE_URL=database_url) as serving:
        serving.call("/register", ADA)
        token = serving.call("/login", ADA)["data"]["accessToken"]
        assert serving.call("/me", Authorization=f"Bearer {token}")["statusCode"] == 200
        assert "@" not in serving.said.partition("Try it")[0]


def test_front_page_lists_the_endpoints(sentri):
    with sentri.serve() as serving:
        endpoints = serving.call("/")["endpoints"]
    assert {"POST /auth/login", "GET /auth/me", "GET /auth/keys"} <= set(endpoints)
    assert "HEAD /auth/me" not in endpoints


def test_access_log_leaves_out_the_query(sentri):
    with sentri.serve() as serving:
        serving.call("/keys?token=hunter2", **{"User-Agent": "hunter3"})
        assert serving.stop() == 0
    assert '127.0.0.1 "GET /auth/keys" 200 ' in serving.log
    assert "hunter" not in serving.log


def test_arguments_take_the_place_of_variables(sentri):
    with sentri.serve(
        "--database-url", "sqlite://other.db", SENTRI_DATABASE_URL="nonsense", SENTRI_PORT="1"
    ) as serving:
        assert "sqlite://other.db" in serving.said
    assert not (sentri.folder / "sentri.db").exists()


def test_port_in_use_is_one_line_that_names_the_option(sentri):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refused(sentri("serve", "--port", port), 1, port, "in use", "--port")


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
def test_address_that_cannot_be_had_is_one_line(sentri, host):
    assert_refused(sentri("serve", "--port", "0", "--host", host), 1, host, "--host")


@pytest.mark.parametrize(("host", "there"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")])
def test_lines_to_try_reach_any_address_from_this_machine(sentri, host, there):
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 on this machine")
    with sentri.serve("--host", host) as serving:
        assert f"http://{there}:" in serving.lines_to_try()
        registered, me = paste(serving.lines_to_try())
    assert registered["statusCode"] == 201
    assert me["statusCode"] == 200


def test_database_that_does_not_answer_is_named_without_its_user(sentri):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = sentri("serve", "--port", "0", SENTRI_DATABASE_URL=f"postgres://joe:hunter2@127.0.0.1:{port}/shop")
    assert_refused(done, 1, f"postgres://127.0.0.1:{port}/shop does not answer")
    assert "hunter2" not in done.stderr
    assert "joe" not in done.stderr


def test_all_wrong_settings_are_in_one_message_by_variable(sentri):
    done = sentri(
        "serve",
        SENTRI_SECRET="hunter2",
        SENTRI_SALT_ROUNDS="3",
        SENTRI_API_KEY="hunter3",
        SENTRI_VALID_ROLE="user",
        SENTRI_ADMIN_ROLES="boss",
    )
    assert_refused(
        done,
        2,
        "CONFIGURATION_ERROR",
        "SENTRI_SECRET has 7 bytes; HS256 needs at least 32",
        "SENTRI_SALT_ROUNDS is 3",
        "SENTRI_API_KEY has 7 bytes",
        "SENTRI_VALID_ROLE: unknown variable; did you mean SENTRI_VALID_ROLES?",
        "SENTRI_ADMIN_ROLES has ['boss']",
    )
    assert "hunter" not in done.stderr


def test_production_refuses_with_every_reason(sentri):
    done = sentri("serve", "--production", SENTRI_SALT_ROUNDS="11", SENTRI_DATABASE_URL="sqlite://:memory:")
    assert_refused(
        done,
        2,
        "--production",
        "SENTRI_SECRET",
        "SENTRI_API_KEY",
        "SENTRI_REGISTRATION",
        "SENTRI_SALT_ROUNDS",
        "memory",
    )


@pytest.mark.parametrize(
    ("variables", "reasons"),
    [
        ({"SENTRI_REGISTRATION_ROLES": "user,admin"}, ("admin role 'admin'", "SENTRI_REGISTRATION_ROLES")),
        ({"SENTRI_TRUSTED_PROXIES": "0.0.0.0/0"}, ("0.0.0.0/0", "SENTRI_TRUSTED_PROXIES")),
    ],
)
def test_production_refuses_what_lets_everybody_in(sentri, variables, reasons):
    safe = {"SENTRI_SECRET": SECRET, "SENTRI_REGISTRATION": "true"}
    assert_refused(sentri("serve", "--production", **safe, **variables), 2, "--production refuses", *reasons)


def test_production_can_be_asked_for_by_variable(sentri):
    assert_refused(sentri("serve", SENTRI_PRODUCTION="true"), 2, "SENTRI_PRODUCTION refuses")


@pytest.mark.parametrize(
    "registration", [{"SENTRI_API_KEY": API_KEY}, {"SENTRI_REGISTRATION": "true"}, {"SENTRI_REGISTRATION": "false"}]
)
def test_production_serves_with_safe_settings(sentri, registration):
    with sentri.serve("--production", SENTRI_SECRET=SECRET, **registration) as serving:
        serving.call("/")
        assert serving.stop() == 0
    assert "curl" not in serving.said


def test_two_servers_share_a_new_database(sentri):
    with sentri.serve() as one, sentri.serve() as other:
        one.call("/register", ADA)
        assert other.call("/login", ADA)["statusCode"] == 200


def test_connection_that_was_under_way_at_sigterm_is_answered(sentri):
    """As a balancer's, which was told of the end at the same moment."""
    with sentri.serve() as serving:
        host, port = serving.url.split("/")[2].split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
            serving.process.send_signal(signal.SIGTERM)
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):  # nobody closes it
                client.recv(1)
            client.settimeout(PATIENCE)
            client.sendall(f"GET /auth/me HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 401")
        assert serving.process.wait(PATIENCE) == 0


def test_signal_during_a_request_lets_it_finish(sentri):
    with sentri.serve() as serving:
        host, port = serving.url.split("/")[2].split(":")
        body = json.dumps(ADA).encode()
        head = f"POST /auth/register HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
            client.sendall(f"{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 100")  # its handler runs, and waits for the body
            serving.process.send_signal(signal.SIGTERM)
            client.sendall(body)
            assert client.recv(100).startswith(b"HTTP/1.1 201")
        assert serving.process.wait(PATIENCE) == 0
