"""Tokens that must not be accepted, by name.

    mint = Mint.of(a_good_token, secret, algorithm, now)
    HOSTILE["alg none"](mint)            # for every algorithm
    HOSTILE_ASYMMETRIC["kid unknown"](mint)
    EXPIRED["exp now"](mint)             # valid in everything but `exp`
    HARMLESS["typ in capitals"](mint)    # the other side: these are good

Everything is signed here, by hand: what must be refused for its claims carries a valid signature of the server's key.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

Signer = Callable[[bytes], bytes]
Builder = Callable[["Mint"], Any]

GONE: Final = object()
"""In the changes to a header or to claims: without this member."""
OTHER_SECRET: Final = "another secret, which the server does not know, of more than sixty-four bytes"
OTHER_ID: Final = "11111111-2222-4333-8444-555555555555"


def encoded(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hmac_signer(secret: bytes, name: str = "HS256") -> Signer:
    return lambda message: hmac.digest(secret, message, f"sha{name[2:]}")


def rsa_signer(key: rsa.RSAPrivateKey, name: str = "RS256") -> Signer:
    hashing = {"256": SHA256, "384": SHA384, "512": SHA512}[name[2:]]
    return lambda message: key.sign(message, padding.PKCS1v15(), hashing())


@cache
def private_key(pem: str) -> Any:
    return load_pem_private_key(pem.encode(), None)


def signer_of(name: str, secret: str | bytes) -> Signer:
    """What signs with the server's own `secret` and algorithm."""
    if isinstance(secret, bytes) or name.startswith("HS"):
        return hmac_signer(secret if isinstance(secret, bytes) else secret.encode(), name)
    match private_key(secret):
        case rsa.RSAPrivateKey() as key:
            return rsa_signer(key, name)
        case ec.EllipticCurvePrivateKey() as key:
            return lambda message: _es256(key, message)
        case ed25519.Ed25519PrivateKey() as key:
            return key.sign
    raise ValueError(name)


def _es256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@cache
def private_pem(name: str, number: int = 0) -> str:
    """A key for the algorithm, the same for the whole test run; another `number` is another key."""
    del number
    match name[:2]:
        case "RS":
            key: Any = rsa.generate_private_key(65537, 2048)
        case "ES":
            key = ec.generate_private_key(ec.SECP256R1())
        case _:
            key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True)
class Mint:
    """Signs whatever it is told with the key of the server under attack."""

    algorithm: str
    secret: Any = field(repr=False)
    now: float
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    good: str = field(repr=False)

    @classmethod
    def of(cls, good: str, secret: str | bytes, algorithm: str, now: float) -> Mint:
        header, payload, _ = good.split(".")
        return cls(algorithm, secret, now, json.loads(decoded(header)), json.loads(decoded(payload)), good)

    def token(self, header: Mapping[str, Any] | None = None, signer: Signer | None = None, **claims: Any) -> str:
        """The good token with other members in its header and other claims; validly signed unless told otherwise."""
        return self.raw(_json(self.header, header or {}), _json(self.claims, claims), signer)

    def raw(self, header: bytes, payload: bytes, signer: Signer | None = None) -> str:
        """A token of exactly this header and this payload."""
        message = f"{encoded(header)}.{encoded(payload)}"
        signature = (signer or signer_of(self.algorithm, self.secret))(message.encode())
        return f"{message}.{encoded(signature)}"

    def payload(self, text: str) -> str:
        return self.raw(_json(self.header, {}), text.encode("utf-8", "surrogatepass"))

    def member(self, name: str, text: str) -> str:
        """The good claims with `name` written as this JSON text."""
        rest = {key: value for key, value in self.claims.items() if key != name}
        return self.payload(f'{json.dumps(rest)[:-1]}, "{name}": {text}}}')

    def public_forms(self) -> list[bytes]:
        """What a server might have at hand as "the key": each a classic HMAC secret of an HS/RS confusion."""
        public = private_key(self.secret).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return [pem, pem.strip(), public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)]


def _json(members: Mapping[str, Any], changes: Mapping[str, Any]) -> bytes:
    merged = {name: value for name, value in {**members, **changes}.items() if value is not GONE}
    return json.dumps(merged).encode()


def _unsigned(_: bytes) -> bytes:
    return b""


def _segments(mint: Mint, change: Callable[[list[str]], list[str]]) -> str:
    return ".".join(change(mint.good.split(".")))


def _not_canonical(segment: str) -> str:
    """The same bytes in another spelling: unused bits of the last character set (RFC 4648, section 3.5)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = alphabet[alphabet.index(segment[-1]) + 1]
    assert decoded(segment) == decoded(segment[:-1] + other)
    return segment[:-1] + other


def _with_spare_bits(mint: Mint, position: int) -> str:
    """A valid token in which this segment has unused bits, and has them set."""
    for filler in ("", " ", "  "):
        message_header = _json(mint.header, {}) + (filler.encode() if position == 0 else b"")
        payload = _json(mint.claims, {}) + (filler.encode() if position == 1 else b"")
        if position == 2 or len((message_header, payload)[position]) % 3:
            break
    parts = mint.raw(message_header, payload).split(".")
    if position == 2:
        parts[2] = _not_canonical(parts[2])
        return ".".join(parts)
    parts[position] = _not_canonical(parts[position])
    signature = signer_of(mint.algorithm, mint.secret)(f"{parts[0]}.{parts[1]}".encode())
    return f"{parts[0]}.{parts[1]}.{encoded(signature)}"


def _resigned(mint: Mint, change: Callable[[str, str], str]) -> str:
    """The good token with its header and payload respelled, and signed as they are then."""
    message = change(*mint.good.split(".")[:2])
    return f"{message}.{encoded(signer_of(mint.algorithm, mint.secret)(message.encode()))}"


def _plain_base64(mint: Mint) -> str:
    payload = encoded(_json(mint.claims, {"x": "~~~???>>>"})).replace("-", "+").replace("_", "/")
    return _resigned(mint, lambda header, _: f"{header}.{payload}")


def _other_key(mint: Mint) -> Signer:
    if mint.algorithm.startswith("HS"):
        return hmac_signer(OTHER_SECRET.encode(), mint.algorithm)
    return signer_of(mint.algorithm, private_pem(mint.algorithm, 666))


def _other_jwk(mint: Mint) -> dict[str, Any]:
    """The attacker's public key as a JWK (RFC 7517); for HMAC their secret."""
    if mint.algorithm.startswith("HS"):
        return {"kty": "oct", "k": encoded(OTHER_SECRET.encode())}
    match private_key(private_pem(mint.algorithm, 666)).public_key():
        case rsa.RSAPublicKey() as key:
            numbers = key.public_numbers()
            return {"kty": "RSA", "n": encoded(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
        case ec.EllipticCurvePublicKey() as key:
            point = key.public_numbers()
            x, y = (encoded(part.to_bytes(32, "big")) for part in (point.x, point.y))
            return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        case ed25519.Ed25519PublicKey() as key:
            return {"kty": "OKP", "crv": "Ed25519", "x": encoded(key.public_bytes_raw())}
    raise ValueError(mint.algorithm)


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def _header(mint: Mint, **header: Any) -> str:
    return mint.token(header)


HOSTILE: dict[str, Builder] = {
    # the signature and its algorithm (RFC 8725, sections 2.1, 3.1, 3.2)
    "alg none": lambda m: m.token({"alg": "none"}, _unsigned),
    "alg None": lambda m: m.token({"alg": "None"}, _unsigned),
    "alg NONE": lambda m: m.token({"alg": "NONE"}, _unsigned),
    "alg nOnE": lambda m: m.token({"alg": "nOnE"}, _unsigned),
    "alg none, signed": lambda m: m.token({"alg": "none"}),
    "alg none with a space": lambda m: m.token({"alg": "none "}, _unsigned),
    "alg empty": lambda m: m.token({"alg": ""}),
    "alg missing": lambda m: m.token({"alg": GONE}),
    "alg null": lambda m: m.token({"alg": None}),
    "alg a list": lambda m: m.token({"alg": [m.algorithm]}),
    "alg in small letters": lambda m: m.token({"alg": m.algorithm.swapcase()}),
    "alg of the same family": lambda m: m.token(
        {"alg": "HS512"}, hmac_signer(m.secret if isinstance(m.secret, bytes) else m.secret.encode(), "HS512")
    ),
    "alg twice, the last none": lambda m: m.raw(_json(m.header, {})[:-1] + b', "alg": "none"}', b"{}", _unsigned),
    "signed with another key": lambda m: m.token(signer=_other_key(m)),
    "signed with an empty secret": lambda m: m.token(signer=hmac_signer(b"")),
    "no signature": lambda m: m.token(signer=_unsigned),
    "half a signature": lambda m: m.good[:-20],
    "a signature of zeros": lambda m: m.token(signer=lambda _: b"\0" * 64),
    "a signature too long": lambda m: m.token(signer=lambda text: signer_of(m.algorithm, m.secret)(text) + b"\0"),
    "claims changed after signing": lambda m: _segments(m, lambda s: [s[0], encoded(_json(m.claims,
        {"roles": ["admin"]})), s[2]]),
    "header changed after signing": lambda m: _segments(m, lambda s: [encoded(_json(m.header, {"x": 1})), *s[1:]]),
    # keys that the token brings along
    "jwk in the header": lambda m: m.token({"jwk": _other_jwk(m)}, _other_key(m)),
    "jwk in the header, without kid": lambda m: m.token({"jwk": _other_jwk(m), "kid": GONE}, _other_key(m)),
    "jku in the header": lambda m: m.token({"jku": "https://attacker.example/keys"}, _other_key(m)),
    "x5u in the header": lambda m: m.token({"x5u": "https://attacker.example/cert"}, _other_key(m)),
    "x5c in the header": lambda m: m.token({"x5c": [encoded(b"certificate")]}, _other_key(m)),
    # header parameters
    "crit empty": lambda m: _header(m, crit=[]),
    "crit unknown": lambda m: m.token({"crit": ["exp"], "exp": 1}),
    "crit b64": lambda m: m.token({"crit": ["b64"], "b64": True}),
    "crit null": lambda m: _header(m, crit=None),
    "b64 false": lambda m: _header(m, b64=False),
    "b64 true": lambda m: _header(m, b64=True),
    "typ missing": lambda m: m.token({"typ": GONE}),
    "typ JWT": lambda m: _header(m, typ="JWT"),
    "typ of a refresh token": lambda m: _header(m, typ="rt+jwt"),
    "typ of an id token": lambda m: _header(m, typ="id_token+jwt"),
    "typ null": lambda m: _header(m, typ=None),
    "typ a list": lambda m: _header(m, typ=["at+jwt"]),
    "typ with a space": lambda m: _header(m, typ="at+jwt "),
    "typ application twice": lambda m: _header(m, typ="application/application/at+jwt"),
    "header a list": lambda m: m.raw(b'["alg"]', _json(m.claims, {})),
    "header null": lambda m: m.raw(b"null", _json(m.claims, {})),
    "header a string": lambda m: m.raw(b'"alg"', _json(m.claims, {})),
    "header no JSON": lambda m: m.raw(b"{alg:", _json(m.claims, {})),
    "header not UTF-8": lambda m: m.raw(b'{"alg": "\xff"}', _json(m.claims, {})),
    "header empty": lambda m: m.raw(b"", _json(m.claims, {})),
    "header of nested lists": lambda m: m.raw(
        _json(m.header, {})[:-1] + f', "deep": {_nested(2000)}}}'.encode(), _json(m.claims, {"exp": GONE})
    ),
    # the payload
    "payload a list": lambda m: m.payload("[]"),
    "payload a string": lambda m: m.payload('"claims"'),
    "payload a number": lambda m: m.payload("1"),
    "payload null": lambda m: m.payload("null"),
    "payload true": lambda m: m.payload("true"),
    "payload empty": lambda m: m.payload(""),
    "payload an empty object": lambda m: m.payload("{}"),
    "payload no JSON": lambda m: m.payload("{'sub': 1}"),
    "payload of two objects": lambda m: m.payload(json.dumps(dict(m.claims)) + "{}"),
    "payload not UTF-8": lambda m: m.raw(_json(m.header, {}), b'{"sub": "\xff"}'),
    "payload with a byte order mark": lambda m: m.payload("\ufeff" + json.dumps(dict(m.claims))),
    "payload UTF-16": lambda m: m.raw(_json(m.header, {}), json.dumps(dict(m.claims)).encode("utf-16")),
    "payload of nested lists": lambda m: m.payload(_nested(2500)),
    "payload of nested objects": lambda m: m.payload('{"a":' * 1000 + "1" + "}" * 1000),
    "a claim of nested lists in a bad token": lambda m: m.token(deep=json.loads(_nested(900)), exp=GONE),
    "5,000 levels": lambda m: m.payload(_nested(5000)),
    "100,000 levels": lambda m: m.payload(_nested(100_000)),
    # exp, iat, nbf
    **{f"exp {text}": (lambda m, text=text: m.member("exp", text)) for text in (
        "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "true", "false", '"9999999999"', "null", "-1",
            "[9999999999]", "{}",
        "1e300", "9007199254740994", "1" + "0" * 400, '""',
    )},
    "exp twice, the last null": lambda m: m.payload(json.dumps(dict(m.claims))[:-1] + ', "exp": null}'),
    **{f"iat {text}": (lambda m, text=text: m.member("iat", text)) for text in ("NaN", "true", '"1"', "null", "-1",
        "1e400")},
    "iat 61 seconds ahead": lambda m: m.token(iat=m.now + 61),
    "nbf 61 seconds ahead": lambda m: m.token(nbf=m.now + 61),
    "nbf a year ahead": lambda m: m.token(nbf=m.now + 31_536_000),
    "nbf a string": lambda m: m.token(nbf="0"),
    "nbf true": lambda m: m.token(nbf=True),
    "nbf null": lambda m: m.token(nbf=None),
    # missing claims
    **{f"without {name}": (lambda m, name=name: m.token(**{name: GONE})) for name in ("exp", "sub", "sid",
        "identifier", "roles")},
    # ids
    **{f"{name} {form}": (lambda m, name=name, change=change: m.token(**{name: change(m.claims[name])}))
       for name in ("sub", "sid")
       for form, change in {
           "in upper case": lambda _: "AAAAAAAA-2222-4333-8444-555555555555",
           "in braces": lambda value: f"{{{value}}}",
           "as a URN": lambda value: f"urn:uuid:{value}",
           "without hyphens": lambda value: value.replace("-", ""),
           "with a newline": lambda value: f"{value}\n",
           "with a space": lambda value: f" {value}",
           "a number": lambda _: 1,
           "null": lambda _: None,
           "a list": lambda value: [value],
           "an object": lambda value: {"id": value},
           "empty": lambda _: "",
           "a path": lambda _: "../../../etc/passwd",
           "SQL": lambda _: "' OR 1=1 --",
           "with other digits": lambda _: "\u0661" * 8 + "-2222-4333-8444-555555555555",
       }.items()},
    # identifier and roles
    **{f"identifier {text}": (lambda m, text=text: m.member("identifier", text)) for text in ("null", "1", '""', "[]",
        '"\\ud800"', "{}")},
    **{f"roles {text}": (lambda m, text=text: m.member("roles", text)) for text in (
        "null", '"admin"', '{"admin": true}', "[1]", '["user", null]', '[["admin"]]', "true", "0", '["\\udfff"]',
    )},
    # iss, aud
    **{f"iss {text}": (lambda m, text=text: m.member("iss", text)) for text in ("null", "1", '""', '["a"]')},
    **{f"aud {text}": (lambda m, text=text: m.member("aud", text)) for text in (
        "null", "1", '""', "[]", '"somebody else"', '["somebody else"]', "[1]", '{"a": "b"}', "[null]", '[["x"]]',
    )},
    # the compact form
    "empty": lambda m: "",
    "a dot": lambda m: ".",
    "two dots": lambda m: "..",
    "one segment": lambda m: m.good.split(".")[0],
    "two segments": lambda m: m.good.rpartition(".")[0],
    "four segments": lambda m: f"{m.good}.x",
    "five segments, as a JWE": lambda m: ".".join([encoded(b'{"alg":"dir","enc":"A256GCM"}'), "", "aaaa", "bbbb",
        "cccc"]),
    "five segments": lambda m: f"{m.good}.x.y",
    "an empty segment more": lambda m: f"{m.good}.",
    "an empty segment before": lambda m: f".{m.good}",
    "the JSON serialization": lambda m: json.dumps(dict(zip(("protected", "payload", "signature"), m.good.split("."),
        strict=True))),
    "detached payload": lambda m: _segments(m, lambda s: [s[0], "", s[2]]),
    "padding": lambda m: _segments(m, lambda s: [*s[:2], s[2] + "=" * (-len(s[2]) % 4 or 4)]),
    "padding in the payload, signed": lambda m: _resigned(m, lambda h, p: f"{h}.{p}{'=' * (-len(p) % 4 or 4)}"),
    "padding in the header, signed": lambda m: _resigned(m, lambda h, p: f"{h}{'=' * (-len(h) % 4 or 4)}.{p}"),
    "a space before": lambda m: f" {m.good}",
    "a space after": lambda m: f"{m.good} ",
    "a newline after": lambda m: f"{m.good}\n",
    "a newline inside the signature": lambda m: f"{m.good[:-5]}\n{m.good[-5:]}",
    "a space inside the payload, signed": lambda m: _resigned(m, lambda h, p: f"{h}.{p[:4]} {p[4:]}"),
    "a newline inside the payload, signed": lambda m: _resigned(m, lambda h, p: f"{h}.{p[:4]}\n{p[4:]}"),
    "a star inside the payload, signed": lambda m: _resigned(m, lambda h, p: f"{h}.{p[:4]}*{p[4:]}"),
    "a newline inside the header, signed": lambda m: _resigned(m, lambda h, p: f"{h[:4]}\n{h[4:]}.{p}"),
    "plain base64 instead of base64url": _plain_base64,
    "other bits in the signature's last character": lambda m: _with_spare_bits(m, 2),
    "other bits in the payload's last character": lambda m: _with_spare_bits(m, 1),
    "other bits in the header's last character": lambda m: _with_spare_bits(m, 0),
    "a character too many in the signature": lambda m: m.good + "A" * (5 - len(m.good.rpartition(".")[2]) % 4),
    "Bearer before it": lambda m: f"Bearer {m.good}",
    "quoted": lambda m: f'"{m.good}"',
    "a NUL": lambda m: f"{m.good}\0",
    "not ASCII": lambda m: m.good[:-1] + "é",
    "full-width letters": lambda m: m.good.replace("e", "\uff45", 1),
    "a lone surrogate": lambda m: m.good + "\ud800",
    "10 MB": lambda m: "A" * 10_000_000,
    "10 MB of dots": lambda m: "." * 10_000_000,
    "9 KB, validly signed": lambda m: m.token(more="x" * 9000),
    # no string at all
    "None": lambda m: None,
    "bytes": lambda m: m.good.encode(),
    "a number": lambda m: 1,
    "a list": lambda m: [m.good],
    "a dict": lambda m: {"token": m.good},
    "True": lambda m: True,
}  # fmt: skip

HOSTILE_ASYMMETRIC: dict[str, Builder] = {
    **{f"HS256 with the public key, form {number}": (
        lambda m, number=number: m.token({"alg": "HS256"}, hmac_signer(m.public_forms()[number]))
    ) for number in range(3)},
    **{f"HS256 with the public key under the server's alg, form {number}": (
        lambda m, number=number: m.token(signer=hmac_signer(m.public_forms()[number]))
    ) for number in range(3)},
    "kid unknown": lambda m: _header(m, kid="unknown"),
    "kid missing": lambda m: m.token({"kid": GONE}),
    "kid empty": lambda m: _header(m, kid=""),
    "kid null": lambda m: _header(m, kid=None),
    "kid a number": lambda m: _header(m, kid=1),
    "kid a list": lambda m: _header(m, kid=[m.header["kid"]]),
    "kid an object": lambda m: _header(m, kid={"kid": m.header["kid"]}),
    "kid a path": lambda m: _header(m, kid="../../../dev/null"),
    "kid SQL": lambda m: _header(m, kid="x' UNION SELECT 'key"),
    "kid a URL": lambda m: _header(m, kid="https://attacker.example/key"),
}  # fmt: skip

EXPIRED: dict[str, Builder] = {
    "exp now": lambda m: m.token(exp=m.now),
    "exp a second ago": lambda m: m.token(exp=m.now - 1),
    "exp half a second ago": lambda m: m.token(exp=m.now - 0.5),
    "exp zero": lambda m: m.token(exp=0),
}

HARMLESS: dict[str, Builder] = {
    "the good token itself": lambda m: m.good,
    "signed anew": lambda m: m.token(),
    "typ in capitals": lambda m: _header(m, typ="AT+JWT"),
    "typ as a media type": lambda m: _header(m, typ="application/at+jwt"),
    "a claim that nobody knows": lambda m: m.token(extra={"a": [1, None]}),
    "exp a second ahead": lambda m: m.token(exp=m.now + 1),
    "exp with a fraction": lambda m: m.token(exp=m.now + 0.5),
    "iat 60 seconds ahead": lambda m: m.token(iat=m.now + 60),
    "nbf now": lambda m: m.token(nbf=m.now),
    "without roles in the list": lambda m: m.token(roles=[]),
}
