"""Keys: never weaker than their algorithm asks for, and published without a private member."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from sentri import SentriError, create_auth, create_auth_server
from sentri.keys.algorithms import ALGORITHMS, algorithm_named
from sentri.keys.keyring import FixedKeys, GeneratedKeys
from sentri.keys.signing import SigningKey
from tests.hostile_tokens import decoded, encoded, private_pem
from tests.unit.test_access_tokens import USER, server

LEAST = {"HS256": 32, "HS384": 48, "HS512": 64}
ASYMMETRIC = ["RS256", "RS384", "RS512", "ES256", "EdDSA"]
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def pem_of(key, encryption=None, form=PrivateFormat.PKCS8):
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def refusal(algorithm, secret):
    with pytest.raises(SentriError) as refused:
        create_auth(db="sqlite://:memory:", valid_roles=["user"], secret=secret, algorithm=algorithm)
    assert refused.value.code == "CONFIGURATION_ERROR"
    return refused.value.message


def certificate():
    key = load_pem_private_key(private_pem("RS256").encode(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime(2030, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    signed = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(1)).sign(key, SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


def public(pem):
    key = load_pem_private_key(pem.encode(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(("algorithm", "least"), LEAST.items())
def test_a_secret_has_as_many_bytes_as_its_algorithm_asks_for(algorithm, least):
    message = refusal(algorithm, "x" * (least - 1))
    assert message == f"secret has {least - 1} bytes; {algorithm} needs at least {least} (RFC 7518, 3.2)"
    assert server(algorithm, secret="x" * least)
    assert server(algorithm, secret="é" * (least // 2))  # bytes, not characters


def _der_as_text():
    return base64.b64encode(load_pem_private_key(private_pem("RS256").encode(), None).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()  # fmt: skip


REFUSED = {
    "RSA-1024": ("RS256", lambda: pem_of(rsa.generate_private_key(65537, 1024)), "has 1024 bits"),
    "P-384 for ES256": ("ES256", lambda: pem_of(ec.generate_private_key(ec.SECP384R1())), "another kind"),
    "secp256k1 for ES256": ("ES256", lambda: pem_of(ec.generate_private_key(ec.SECP256K1())), "another kind"),
    "RSA for ES256": ("ES256", lambda: private_pem("RS256"), "another kind"),
    "EC for RS256": ("RS256", lambda: private_pem("ES256"), "another kind"),
    "Ed25519 for RS256": ("RS256", lambda: private_pem("EdDSA"), "another kind"),
    "RSA for EdDSA": ("EdDSA", lambda: private_pem("RS256"), "another kind"),
    "Ed448 for EdDSA": ("EdDSA", lambda: pem_of(ed448.Ed448PrivateKey.generate()), "another kind"),
    "X25519 for EdDSA": ("EdDSA", lambda: pem_of(x25519.X25519PrivateKey.generate()), "another kind"),
    "DSA for RS256": ("RS256", lambda: pem_of(dsa.generate_private_key(1024)), "another kind"),
    "encrypted": ("RS256", lambda: pem_of(load_pem_private_key(private_pem("RS256").encode(), None),
        BestAvailableEncryption(b"x")), "encrypted"),
    "public": ("RS256", lambda: public(private_pem("RS256")), "is a public key"),
    "public EC": ("ES256", lambda: public(private_pem("ES256")), "is a public key"),
    "certificate": ("RS256", certificate, "is a public key"),
    "a shared secret": ("RS256", lambda: "x" * 64, "no private key in PEM"),
    "half a PEM": ("RS256", lambda: private_pem("RS256")[:200], "no private key in PEM"),
    "DER in base64": ("RS256", _der_as_text, "no private key in PEM"),
    "a path": ("RS256", lambda: "/etc/ssl/private/key.pem", "no private key in PEM"),
    "a JWK": ("EdDSA", lambda: '{"kty":"OKP","crv":"Ed25519","d":"x"}', "no private key in PEM"),
    "PEM for HS256": ("HS256", lambda: private_pem("RS256"), "is a PEM"),
    "public PEM for HS256": ("HS256", lambda: public(private_pem("RS256")), "is a PEM"),
    "certificate for HS512": ("HS512", certificate, "is a PEM"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    algorithm, make, why = REFUSED[name]
    secret = make()
    message = refusal(algorithm, secret)
    assert message.startswith("secret ")
    assert why in message
    for line in secret.splitlines():
        assert line.startswith("-----") or len(line) < 12 or line not in message


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL, PrivateFormat.OpenSSH])
def test_takes_a_private_key_in_every_usual_form(algorithm, form):
    if algorithm == "EdDSA" and form is PrivateFormat.TraditionalOpenSSL:
        return  # there is no such form
    pem = pem_of(load_pem_private_key(private_pem(algorithm).encode(), None), form=form)
    if form is PrivateFormat.OpenSSH:
        assert "no private key in PEM" in refusal(algorithm, pem)
        return
    token = server(algorithm, secret=f"\n{pem}\n\n").sign_access_token(USER)
    assert server(algorithm, secret=private_pem(algorithm)).verify_access_token(token) == USER


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_a_list_names_each_entry_that_is_wrong(algorithm):
    one, two = ("a" * 40, "b" * 40) if algorithm == "HS256" else (private_pem(algorithm), private_pem(algorithm, 7))
    assert refusal(algorithm, [one, two, one]) == "secret[2] repeats an earlier one"
    message = refusal(algorithm, [one, "short", two, two])
    assert "secret[1] " in message
    assert "secret[3] repeats an earlier one" in message


def test_the_same_key_in_another_form_is_a_repetition():
    again = pem_of(load_pem_private_key(private_pem("RS256").encode(), None), form=PrivateFormat.TraditionalOpenSSL)
    assert "secret[1] repeats" in refusal("RS256", [private_pem("RS256"), again])


def test_the_table_of_algorithms_is_complete_and_read_only():
    assert set(ALGORITHMS) == {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "Ed25519"}
    assert algorithm_named("EdDSA") is algorithm_named("Ed25519") is ALGORITHMS["Ed25519"]
    for name in ("none", "hs256", "PS256", "ES384", "EDDSA", "", None, 1, ["HS256"]):
        assert algorithm_named(name) is None
    with pytest.raises(TypeError):
        ALGORITHMS["none"] = None
    with pytest.raises(AttributeError):
        ALGORITHMS["HS256"].least_bytes = 0


# --- RFC 7638: the key id


def thumbprint(jwk):
    """By the RFC's own recipe, section 3."""
    required = {"RSA": "e kty n", "EC": "crv kty x y", "OKP": "crv kty x"}[jwk["kty"]].split()
    canonical = json.dumps({name: jwk[name] for name in sorted(required)}, separators=(",", ":"))
    return encoded(hashlib.sha256(canonical.encode()).digest())


def test_the_recipe_gives_what_rfc_7638_section_3_1_has():
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn"
        "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM"
        "QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz"
        "KnqDKgw"
    )
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_the_key_id_is_the_thumbprint_and_nothing_private_is_published(algorithm):
    ring = FixedKeys([private_pem(algorithm), private_pem(algorithm, 7)], algorithm_named(algorithm)).ring()
    published = ring.published()["keys"]
    assert [jwk["kid"] for jwk in published] == [thumbprint(jwk) for jwk in published]
    assert published[0]["kid"] == ring.signing.kid
    for jwk in published:
        assert jwk["use"] == "sig"
        assert jwk["alg"] == ("Ed25519" if algorithm == "EdDSA" else algorithm)
        assert not PRIVATE_MEMBERS & set(jwk)
    header = json.loads(decoded(server(algorithm).sign_access_token(USER).split(".")[0]))
    assert header["kid"] == published[0]["kid"]


def test_shared_secrets_are_neither_published_nor_named():
    ring = FixedKeys(["a" * 40], ALGORITHMS["HS256"]).ring()
    assert ring.published() is None
    assert ring.signing.kid is None
    assert "kid" not in json.loads(decoded(server().sign_access_token(USER).split(".")[0]))


def test_the_short_way_makes_a_key_of_its_own_each_time():
    one, two = (create_auth_server(valid_roles=["user"], db="sqlite://:memory:") for _ in range(2))
    token = one.sign_access_token(USER)
    assert json.loads(decoded(token.split(".")[0]))["alg"] == "RS256"
    assert one.verify_access_token(token) == USER
    with pytest.raises(SentriError, match="TOKEN_INVALID"):
        two.verify_access_token(token)


def test_a_key_is_generated_once_and_only_when_needed():
    made = []

    def generate(algorithm):
        made.append(algorithm)
        return SigningKey.generate(algorithm)

    keys = GeneratedKeys(ALGORITHMS["ES256"], generate)
    assert not made
    assert keys.ring() is keys.ring()
    assert len(made) == 1


@pytest.mark.parametrize("name", [name for name in ALGORITHMS if ALGORITHMS[name].asymmetric])
def test_generates_keys_of_every_asymmetric_algorithm(name):
    key = SigningKey.generate(ALGORITHMS[name])
    assert key.kid == thumbprint(key.published())
    assert "PRIVATE" not in repr(key)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_a_key_shows_nothing_of_itself(algorithm):
    secret = "a" * 40 if algorithm == "HS256" else private_pem(algorithm)
    key = FixedKeys([secret], ALGORITHMS[algorithm]).ring().signing
    assert repr(key) == f"<SigningKey {algorithm} kid={key.kid}>"
    assert key.kid is None or len(key.kid) == 43
