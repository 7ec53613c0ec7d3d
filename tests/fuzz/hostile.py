"""What attackers and broken clients send, as Hypothesis strategies. Whatever they choose holds `MARKER`, so that
an echo of it shows.
"""

from __future__ import annotations

import gzip
import json
from typing import Any, Final

from hypothesis import strategies as st

from tests.fuzz.serving import GUARDED
from tests.fuzz.wire import Sent

__all__ = ["ENDPOINTS", "MARKER", "bodies", "framings", "headers", "requests", "targets"]

MARKER: Final = "zwiebelkuchen"
_ID: Final = "00000000-0000-4000-8000-000000000000"
_PRINTED: Final = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
_ANY_BYTE: Final = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")

ENDPOINTS: Final = (
    *(("POST", f"/auth{path}") for path in ("/register", "/login", "/refresh", "/logout", "/logout-all")),
    *(("GET", f"/auth{path}") for path in ("/me", "/keys", "/openapi.json")),
    *(("PATCH", f"/auth{path}") for path in ("/me/identifier", "/me/password")),
    ("POST", f"/auth/users/{_ID}/roles"),
    ("GET", "/auth/me/sessions"),
    ("DELETE", f"/auth/me/sessions/{_ID}"),
    ("GET", "/auth/admin/users"),
    ("POST", "/auth/admin/user-imports"),
    ("PUT", f"/auth/admin/users/{_ID}/password"),
    ("DELETE", f"/auth/admin/users/{_ID}/roles/admin"),
    ("DELETE", f"/auth/admin/sessions/{_ID}"),
)

Header = tuple[str | bytes, str | bytes]


def _texts(alphabet: st.SearchStrategy[str] = _ANY_BYTE, most: int = 60) -> st.SearchStrategy[str]:
    return st.text(alphabet, max_size=most)


def _marked(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(strategy, st.just(MARKER), strategy).map("".join)


def tokens() -> st.SearchStrategy[str]:
    """What is no token."""
    part = st.text("abcXYZ012_-", max_size=20)
    dotted = st.lists(part, max_size=6).map(".".join)
    return st.one_of(dotted, _marked(dotted), _marked(_texts()), st.integers(1, 7000).map(lambda n: MARKER + "a" * n))


def _authorizations() -> st.SearchStrategy[Header]:
    schemes = st.sampled_from(
        ["Bearer", "bearer", "BEARER", "Basic", "Digest", "Token", "Bearer,", '"Bearer"', "Bearer\t", "", "ⅿ", MARKER]
    )
    gaps = st.sampled_from([" ", "  ", "\t", "", ",", "=", " Bearer "])
    value = st.tuples(schemes, gaps, tokens()).map(lambda parts: "".join(parts).encode("utf-8"))
    return st.tuples(st.sampled_from(["Authorization", "authorization", "Proxy-Authorization"]), value)


def _cookies() -> st.SearchStrategy[Header]:
    names = st.sampled_from(
        ["access_token", "refresh_token", "ACCESS_TOKEN", " access_token", '"access_token"', "$Version", "", "a" * 300]
    )
    values = st.one_of(tokens(), tokens().map(lambda t: f'"{t}"'), st.sampled_from(["", '"', '""', '"\\"', "\\", "="]))
    pairs = st.tuples(names, st.sampled_from(["=", "==", "", " = "]), values).map("".join)
    joined = st.tuples(st.sampled_from([";", "; ", ",", ";;", " ;\t"]), st.lists(pairs, max_size=40))
    return joined.map(lambda parts: ("Cookie", parts[0].join(parts[1])[:7500].encode("latin-1", "replace")))


def _forwarded() -> st.SearchStrategy[Header]:
    addresses = st.sampled_from(
        ["", "unknown", "1.2.3.4", "1.2.3.4:99999", "999.1.1.1", "[::1", "::1%eth0", "[2001:db8::1]:x", "_hidden",
         "0x7f.1", "127.0.0.1", "::ffff:127.0.0.1", MARKER, '"', "for=", "1.2.3.4\t", "١٢٣.1.1.1", "1" * 500]
    )  # fmt: skip
    listed = st.lists(addresses, max_size=30).map(",".join)
    forwarded = st.lists(
        st.tuples(
            st.sampled_from(["for", "For", "by", "proto", "host", "", MARKER]),
            st.sampled_from(["=", "", '="']),
            addresses,
        ).map("".join),
        max_size=20,
    )
    return st.one_of(
        st.tuples(st.sampled_from(["X-Forwarded-For", "X-Real-IP", "X-Forwarded-Proto", "X-Forwarded-Host"]), listed),
        st.tuples(st.just("Forwarded"), forwarded.map("; ".join)),
        st.tuples(st.just("Forwarded"), forwarded.map(",".join)),
    ).map(lambda header: (header[0], header[1][:7500].encode()))


def _origins() -> st.SearchStrategy[Header]:
    origins = [
        "null",
        "https://evil.example",
        "http://127.0.0.1",
        "http://[::1",
        "//x",
        MARKER,
        "",
        "http://127.0.0.1:1",
    ]
    sites = ["same-origin", "none", "cross-site", "same-site", "SAME-ORIGIN", "", MARKER, "same-origin, cross-site"]
    return st.one_of(
        st.tuples(st.sampled_from(["Origin", "Referer"]), st.sampled_from(origins)),
        st.tuples(st.just("Sec-Fetch-Site"), st.sampled_from(sites)),
        st.tuples(st.sampled_from(["Sec-Fetch-Mode", "Sec-Fetch-Dest"]), st.sampled_from(["navigate", "document", ""])),
        st.tuples(st.just("Access-Control-Request-Method"), st.sampled_from(["GET", "POST", MARKER])),
    )


def _content_types() -> st.SearchStrategy[Header]:
    known = [
        "application/json", "APPLICATION/JSON;charset=utf-8", "application/json; charset=", "application/json;;;",
        f"application/json; charset={MARKER}", "application/json; charset=utf-16", "application/json\t", "json", "",
        "application/json, text/plain", "multipart/form-data", f"multipart/form-data; boundary={MARKER}",
        "application/x-www-form-urlencoded", "text/html", "*/*", '"application/json"',
        'application/json; charset="utf-8',
    ]  # fmt: skip
    return st.tuples(st.just("Content-Type"), st.one_of(st.sampled_from(known), _marked(_texts())))


def _keys() -> st.SearchStrategy[Header]:
    names = st.sampled_from(["Idempotency-Key", "X-Idempotency-Key", "idempotency-key"])
    values = st.one_of(
        _marked(_texts()), st.sampled_from(["", '"', '"a', '"a"b"', '"\\a"', "a" * 256, "k", '"k"', "é"])
    )
    return st.tuples(names, values.map(lambda value: value.encode("latin-1")))


def _odds() -> st.SearchStrategy[Header]:
    names = [
        "X-Api-Key", "If-None-Match", "Expect", "Range", "Accept", "Accept-Encoding", "Upgrade", "TE", "Via",
        "Max-Forwards",
        "X-Http-Method-Override", "Content-Encoding", "Sec-WebSocket-Key", "If-Modified-Since", "If-Match", MARKER,
    ]  # fmt: skip
    values = st.one_of(
        _marked(_texts()),
        st.sampled_from(
            ["100-continue", "websocket", '"""', '"*', "*", "bytes=0-", "gzip", "deflate", "br", "identity", "h2c"]
        ),
    )
    return st.tuples(st.sampled_from(names), values)


def headers() -> st.SearchStrategy[list[Header]]:
    """Any of them, each as often as it likes. Together they fit into what a server reads of a head."""
    one = st.one_of(
        _authorizations(), _cookies(), _forwarded(), _origins(), _content_types(), _keys(), _odds(),
        st.tuples(st.text(_PRINTED, min_size=1, max_size=20), _texts()),
    )  # fmt: skip
    return st.lists(one, max_size=8)


# --- bodies


def _values() -> st.SearchStrategy[Any]:
    leaves = st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=20), st.just(MARKER)
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=8,
    )


_FIELDS: Final = (
    "identifier",
    "password",
    "roles",
    "refreshToken",
    "currentPassword",
    "newPassword",
    "__proto__",
    MARKER,
)


def _objects() -> st.SearchStrategy[bytes]:
    some = st.dictionaries(st.sampled_from(_FIELDS), _values(), max_size=5)
    return some.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _repeated() -> st.SearchStrategy[bytes]:
    pair = st.tuples(st.sampled_from(_FIELDS), st.sampled_from(["1", '"a"', "null", "[]", f'"{MARKER}"']))
    members = st.lists(pair.map(lambda p: f'"{p[0]}":{p[1]}'), max_size=400).map(",".join)
    return members.map(lambda text: f"{{{text}}}".encode())


_ODD_BODIES: Final = (
    b"", b" ", b"null", b"[]", b'"', b"NaN", b'{"identifier":NaN}', b'{"identifier":1e999999}', b"\xef\xbb\xbf{}",
    b"{}{}",
    b'{"identifier":"\xff"}', b'{"identifier":"\\ud800"}', b'{"identifier":"\xed\xa0\x80"}',
    b'{"identifier":"\\u0000"}',
    b'{"identifier":' + b"9" * 20_000 + b"}", b"[" * 30_000, b'{"a":' * 10_000, b'{"identifier":' + b"[" * 20_000,
    '{"identifier":"a"}'.encode("utf-16"), '{"identifier":"a"}'.encode("utf-32"), gzip.compress(b'{"identifier":"a"}'),
    b" " * 70_000, b'{"identifier":"' + b"a" * 66_000 + b'"}', b"\x00" * 100, b"identifier=a&password=b",
    b'--x\r\nContent-Disposition: form-data; name="identifier"\r\n\r\na\r\n--x--\r\n',
    b'{"roles":[' + b"1," * 9000 + b"1]}",
)  # fmt: skip


def bodies() -> st.SearchStrategy[bytes]:
    """What is hardly ever right."""
    wrong = st.one_of(_objects(), _repeated(), st.sampled_from(_ODD_BODIES), st.binary(max_size=200))
    cut = st.tuples(_objects(), st.integers(1, 20)).map(lambda parts: parts[0][: -parts[1]])
    return st.one_of(wrong, cut)


# --- targets and methods


def targets() -> st.SearchStrategy[tuple[str, str]]:
    """Method and target: those that there are, spelt as they are, or nearly so."""
    known = st.sampled_from([*ENDPOINTS, *GUARDED, ("GET", "/socket"), ("GET", "/inside/a/b")])
    methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
    return st.one_of(known, st.tuples(methods, known.map(lambda one: one[1])), st.tuples(methods, _paths()))


def _paths() -> st.SearchStrategy[str]:
    parts = st.sampled_from(
        ["auth", "me", "users", "login", "keys", "profile", "inside", "..", ".", "", "%2e%2e", "%2f", "%00", "%0d%0a",
         "%ff",
         "%", "%zz", "%25%32%65", "auth;a=1", "AUTH", "a" * 300, "%e2%80%ae", _ID, f"{_ID}%0a", MARKER,
         "{userId}", "~", "@"]
    )  # fmt: skip
    queries = st.one_of(st.just(""), _marked(st.text("ab=&%;?/+", max_size=20)).map("?".__add__))
    return st.tuples(st.lists(parts, max_size=8).map(lambda some: "/" + "/".join(some)), queries).map("".join)


# --- framing


def framings(body: bytes) -> st.SearchStrategy[tuple[list[Header], bytes, bool]]:
    """Headers that say how long the body is, the bytes that follow, and whether the two agree."""
    length = str(len(body))
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    right = [([("Content-Length", length)], body, True), ([("Transfer-Encoding", "chunked")], chunked, True)]
    lengths = [
        "-1",
        "+5",
        "5, 5",
        "0x5",
        "5 ",
        "1e3",
        "",
        str(len(body) + 7),
        str(2**64),
        "٣",
        f"{length}, {length}",
        MARKER,
    ]
    codings = [
        "gzip, chunked",
        "chunked, identity",
        "identity",
        "xchunked",
        "\tchunked",
        "chunked;q=1",
        "chunked\x0b",
        MARKER,
    ]
    wrong: list[tuple[list[Header], bytes, bool]] = [
        *(([("Content-Length", each.encode("utf-8"))], body, False) for each in lengths),
        *(([("Transfer-Encoding", each)], chunked, False) for each in codings),
        ([("Content-Length", length), ("Content-Length", str(len(body) + 1))], body, False),
        ([("Content-Length", length), ("Transfer-Encoding", "chunked")], chunked, False),
        ([("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "identity")], chunked, False),
        ([("Content-Length ", length)], body, False),
        ([("Transfer-Encoding", "chunked")], b"zz\r\n" + body, False),
        ([("Transfer-Encoding", "chunked")], b"ffffffffffffffff\r\n" + body, False),
        ([("Transfer-Encoding", "chunked")], chunked[:-2], False),
        ([("Transfer-Encoding", "chunked")], b"5;" + MARKER.encode() * 800 + b"\r\n{}   \r\n0\r\n\r\n", False),
        ([("Transfer-Encoding", "chunked")], b"2\r\n{}\r\n0\r\nX: " + MARKER.encode() + b"\r\n\r\n", False),
        ([("Content-Length", "0")], b"GET /auth/me HTTP/1.1\r\nHost: x\r\n\r\n" + body, False),
    ]
    return st.one_of(st.sampled_from(right), st.sampled_from(right), st.sampled_from(wrong))


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """A request with all of it."""
    method, target = draw(targets())
    body = draw(bodies())
    framing, sent, is_framed = draw(framings(body))
    others = draw(headers())
    if not any(name == "Content-Type" for name, _ in others) and draw(st.booleans()):
        others.append(("Content-Type", "application/json"))
    return Sent(method, target, [*others, *framing], sent, is_framed)
