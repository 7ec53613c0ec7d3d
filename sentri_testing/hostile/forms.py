"""Texts, and more, that are no token in their one compact form."""

from __future__ import annotations

import json
from typing import Final

from sentri_testing.hostile.spelling import (
    bomb,
    encrypted,
    plain_base64,
    resigned,
    segments,
    with_spare_bits,
)
from sentri_testing.hostile.token import Section
from sentri_testing.minting import encoded

__all__ = ["SECTIONS"]

SECTIONS: Final = (
    Section(
        "another spelling of a token passes as the same one, or as another kind",
        "RFC 7515, sections 3.1, 5.2 and 7; RFC 4648, section 3.5",
        {
            "one segment": lambda m: m.good.split(".")[0],
            "two segments": lambda m: m.good.rpartition(".")[0],
            "four segments": lambda m: f"{m.good}.x",
            "five segments, as a JWE": lambda m: ".".join(
                [encoded(b'{"alg":"dir","enc":"A256GCM"}'), "", "aaaa", "bbbb", "cccc"]
            ),
            "five segments": lambda m: f"{m.good}.x.y",
            "an empty segment more": lambda m: f"{m.good}.",
            "an empty segment before": lambda m: f".{m.good}",
            "the JSON serialization": lambda m: json.dumps(
                dict(zip(("protected", "payload", "signature"), m.good.split("."), strict=True))
            ),
            "detached payload": lambda m: segments(m, lambda s: [s[0], "", s[2]]),
            "padding": lambda m: segments(m, lambda s: [*s[:2], s[2] + "=" * (-len(s[2]) % 4 or 4)]),
            "padding in the payload, signed": lambda m: resigned(m, lambda h, p: f"{h}.{p}{'=' * (-len(p) % 4 or 4)}"),
            "padding in the header, signed": lambda m: resigned(m, lambda h, p: f"{h}{'=' * (-len(h) % 4 or 4)}.{p}"),
            "a space inside the payload, signed": lambda m: resigned(m, lambda h, p: f"{h}.{p[:4]} {p[4:]}"),
            "a star inside the payload, signed": lambda m: resigned(m, lambda h, p: f"{h}.{p[:4]}*{p[4:]}"),
            "plain base64 instead of base64url": plain_base64,
            "other bits in the signature's last character": lambda m: with_spare_bits(m, 2),
            "other bits in the payload's last character": lambda m: with_spare_bits(m, 1),
            "other bits in the header's last character": lambda m: with_spare_bits(m, 0),
            "a character too many in the signature": lambda m: m.good + "A" * (5 - len(m.good.rpartition(".")[2]) % 4),
            "Bearer before it": lambda m: f"Bearer {m.good}",
            "quoted": lambda m: f'"{m.good}"',
            "a JWE encrypted to the server's key": encrypted,
            "a JWE that says it holds a JWT": lambda m: encrypted(m, cty="JWT"),
            "a JWE under the server's kid": lambda m: encrypted(m, kid=m.header.get("kid") or "k"),
            "a JWE that bursts when it is decompressed": bomb,
        },
    ),
    Section(
        "a text that no header carries passes",
        "RFC 7515, section 5.2; RFC 6750, section 2.1",
        {
            "empty": lambda m: "",
            "a dot": lambda m: ".",
            "two dots": lambda m: "..",
            "a space before": lambda m: f" {m.good}",
            "a space after": lambda m: f"{m.good} ",
            "a newline after": lambda m: f"{m.good}\n",
            "a newline inside the signature": lambda m: f"{m.good[:-5]}\n{m.good[-5:]}",
            "a newline inside the payload, signed": lambda m: resigned(m, lambda h, p: f"{h}.{p[:4]}\n{p[4:]}"),
            "a newline inside the header, signed": lambda m: resigned(m, lambda h, p: f"{h[:4]}\n{h[4:]}.{p}"),
            "a NUL": lambda m: f"{m.good}\0",
            "not ASCII": lambda m: m.good[:-1] + "é",
            "full-width letters": lambda m: m.good.replace("e", "\uff45", 1),
            "a lone surrogate": lambda m: m.good + "\ud800",
            "10 MB": lambda m: "A" * 10_000_000,
            "10 MB of dots": lambda m: "." * 10_000_000,
            "9 KB, validly signed": lambda m: m.token(more="x" * 9000),
        },
        travels=False,
    ),
    Section(
        "something that is no text passes",
        "RFC 7519, section 7.2",
        {
            "None": lambda m: None,
            "bytes": lambda m: m.good.encode(),
            "a number": lambda m: 1,
            "a list": lambda m: [m.good],
            "a dict": lambda m: {"token": m.good},
            "True": lambda m: True,
        },
        travels=False,
    ),
)
