"""The options of client mode: every wrong one is named, and nothing secret is shown."""

from __future__ import annotations

import logging
from enum import StrEnum

import pytest

from sentri import SentriError, TrustedIssuer, create_auth
from sentri.config.client_options import ClientKeywords, ClientOptions
from sentri_testing import ManualClock

URI = "https://auth.example.com/auth/keys"
PARTNER = TrustedIssuer("https://partner.example", "https://partner.example/keys", "shop")


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


def refusal(**options) -> str:
    with pytest.raises(SentriError) as refused:
        create_auth(mode="client", **options)
    assert refused.value.code == "CONFIGURATION_ERROR"
    return refused.value.message


GOOD = {
    "key_uri": [URI, "http://127.0.0.1:8080/keys", "http://127.9.9.9/keys", "http://[::1]/keys", f"{URI}?a=b",
                "https://[2001:db8::1]:8443/keys", "https://localhost/keys"],
    "issuer": [None, "https://auth.example.com"],
    "audience": [None, "shop", ["shop", "api"]],
    "trusted_issuers": [None, (), [PARTNER], [{"issuer": "a", "key_uri": "https://b.example/keys"}]],
    "valid_roles": [None, ["user"], Role],
    "algorithms": [None, ["RS256"], ("ES256", "EdDSA", "Ed25519"), {"RS512"}],
    "access_cookie": [None, {}, {"name": "at"}],
    "trusted_origins": [None, ["https://app.example.com"]],
    "cache_ttl": ["1h", 60, 1],
    "max_stale": ["24h", 0],
    "leeway": [0, "5s", 0.5, "1h"],
    "timeout": [5, "5s", 0.1],
    "allow_insecure_keys": [True, False],
    "is_token_revoked": [None, lambda session_id: False],
    "hooks": [None, {}, {"on_event": print}, {"on_permission_denied": print, "on_keys_change": print}],
    "telemetry": [True, False],
    "hook_timeout": [1],
    "clock": [ManualClock(), lambda: 1.5],
    "logger": [logging.getLogger("host")],
}  # fmt: skip
WRONG = {
    "key_uri": [None, 1, b"https://a.example", "", "auth.example.com", "ftp://a.example/keys", "https://", "https:///x",
                "https://a.example/keys#x", "https://a.example:99999/keys", "https://[::1/keys", "https://a b.example",
                "https://a.example/\nkeys", "file:///etc/passwd", "//a.example/keys",
                "http://auth.example.com/keys", "http://localhost/keys", "http://10.0.0.1/keys",
                "https://u:12/s3cret@a.example/keys", "https://a..example/keys", "https://a%3Ab:c@a.example/keys",
                "https://u:%E2%82%AC@a.example/keys", "http://127.0.0.1.example.com/keys", "http://0.0.0.0/keys", "http://127.0.0.1@evil.example/keys"],
    "issuer": [1, "", " "],
    "audience": [1, "", [], [1]],
    "trusted_issuers": [1, "https://a.example", PARTNER, [1], [{}], [{"issuer": "a"}], [PARTNER, PARTNER]],
    "valid_roles": ["user", [], [1], ["\ud800"]],
    "algorithms": ["RS256", [], ["HS256"], ["none"], ["RS256", "PS256"], [1]],
    "access_cookie": [1, {"nam": "x"}],
    "trusted_origins": ["*", ["app.example.com"]],
    "cache_ttl": [0, "soon", None],
    "max_stale": [-1, "x"],
    "leeway": [-1, "x", "2h"],
    "timeout": [0, "x", "10m"],
    "allow_insecure_keys": [1, "yes"],
    "is_token_revoked": [1, lambda: True],
    "hooks": [1, [], {"on_login": print}, {"on_event": 1}, {"on_event": lambda: None}],
    "telemetry": [None, 1, "yes"],
    "hook_timeout": [0],
    "clock": [None, 5, lambda: "now", lambda _: 5],
    "logger": ["sentri"],
}  # fmt: skip


def test_every_option_is_tried():
    assert set(GOOD) == set(WRONG) == set(ClientOptions.__dataclass_fields__) == set(ClientKeywords.__annotations__)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in GOOD for value in GOOD[name]])
def test_accepts(name, value):
    create_auth(mode="client", **{"key_uri": URI, name: value})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_refuses_and_names(name, value):
    assert name in refusal(**{"key_uri": URI, name: value})


def test_key_uri_is_required():
    assert refusal() == "key_uri is required"


def test_all_findings_come_in_one_message():
    message = refusal(key_uri="http://a.example/keys", algorithms=["HS256"], timeout="x", alogrithms=1, issuer=1)
    for name in (
        "key_uri",
        "algorithms has",
        "timeout",
        "alogrithms: unknown option; did you mean algorithms?",
        "issuer",
    ):
        assert name in message


@pytest.mark.parametrize("name", ["db", "secret", "cookie", "router", "rate_limit", "key_encryption_secret"])
def test_options_of_the_server_are_none_of_the_client(name):
    assert f"{name}: unknown option" in refusal(key_uri=URI, **{name: None})


def test_http_needs_to_be_allowed():
    create_auth(mode="client", key_uri="http://auth.internal/keys", allow_insecure_keys=True)
    message = refusal(key_uri="http://ann:hunter2@auth.internal/keys?x=hunter3")
    assert "http://auth.internal/keys" in message
    assert "allow_insecure_keys" in message
    assert "hunter" not in message


def issuer(**changes):
    return {"issuer": "https://p.example", "key_uri": "https://p.example/keys", "audience": "shop", **changes}


@pytest.mark.parametrize(
    ("entry", "finding"),
    [
        ({"issuer": "a"}, "trusted_issuers [0] has no key_uri"),
        (issuer(isuer="a"), "trusted_issuers [0] has an unknown entry 'isuer'; did you mean issuer?"),
        ({"isuer": "a", "key_uri": "x"}, "trusted_issuers [0].key_uri is no http(s) URL; "),
        ({"isuer": "a", "key_uri": "x"}, "; trusted_issuers [0] has no issuer"),
        (issuer(key_uri="ftp://p.example/keys"), "trusted_issuers [0].key_uri has the scheme 'ftp'"),
        (issuer(issuer=""), "trusted_issuers [0].issuer is ''"),
        (issuer(key_uri="x"), "trusted_issuers [0].key_uri is no http(s) URL"),
        (issuer(key_uri="http://p.example/keys"), "trusted_issuers [0].key_uri is http://p.example/keys"),
        (issuer(audience=[]), "trusted_issuers [0].audience"),
        (issuer(audience=None, lenient_typ=True), "lenient_typ without an audience"),
        (issuer(roles="admin"), "trusted_issuers [0].roles"),
        (issuer(roles=["boss"]), "trusted_issuers [0].roles has ['boss'], not in valid_roles ['user', 'admin']"),
        (issuer(lenient_typ=1), "trusted_issuers [0].lenient_typ"),
        (issuer(roles_claim=()), "trusted_issuers [0].roles_claim"),
        (issuer(identifier_claim=1), "trusted_issuers [0].identifier_claim"),
        (issuer(issuer="https://own.example"), "is the option issuer already"),
        (issuer(key_uri=URI), "has the key_uri of key_uri; its keys would verify the tokens of both"),
    ],
)
@pytest.mark.parametrize("kind", ["mapping", "TrustedIssuer"])
def test_refuses_issuers(entry, finding, kind):
    if kind == "TrustedIssuer":
        try:
            entry = TrustedIssuer(**entry)
        except TypeError:
            return
    message = refusal(key_uri=URI, issuer="https://own.example", valid_roles=["user", "admin"], trusted_issuers=[entry])
    assert finding in message


@pytest.mark.parametrize(
    "uri", [URI.replace(".com", ".com:443"), URI.replace("auth.", "AUTH."), URI.replace("/auth/", "/auth/./"), URI]
)
def test_one_place_serves_one_issuer_however_it_is_written(uri):
    """Its keys would verify the tokens of both."""
    assert "has the key_uri of key_uri" in refusal(key_uri=URI, trusted_issuers=[issuer(key_uri=uri)])
    others = [issuer(key_uri=URI), issuer(issuer="https://q.example", key_uri=uri)]
    message = refusal(key_uri="https://own.example/keys", trusted_issuers=others)
    assert "trusted_issuers [1] has the key_uri of trusted_issuers [0].key_uri" in message


@pytest.mark.parametrize("value", [10**5000, -(10**5000)], ids=["huge", "tiny"])
def test_a_number_that_cannot_be_written_is_refused_like_any(value):
    assert "leeway is a number of thousands of digits" in refusal(key_uri=URI, leeway=value)


def test_an_issuer_shows_no_address_and_no_secret():
    partner = TrustedIssuer("https://p.example", "https://ann:hunter2@p.example/keys?token=hunter3", "shop")
    assert "hunter" not in repr(partner)
    for options in ({"issuer": partner}, {"audience": partner}, {"trusted_issuers": partner}, {"valid_roles": partner}):
        assert "hunter" not in refusal(key_uri=URI, **options)


def test_mode_is_named():
    with pytest.raises(SentriError, match="mode is 'clinet'; allowed are 'server' and 'client'"):
        create_auth(mode="clinet", key_uri=URI)


def test_unknown_roles_in_guards_are_refused_at_decoration():
    auth = create_auth(mode="client", key_uri=URI, valid_roles=["user"])
    with pytest.raises(SentriError, match="admin"):
        auth.authorize("admin")
    create_auth(mode="client", key_uri=URI).authorize("anything")
