"""Tokens that no route may accept, by name, and what each is to be refused with.

    mint = Mint.of(a_good_token, key, now)
    HOSTILE_TOKENS["alg none"].build(mint)

Everything is signed by hand: what has to be refused for its claims carries a valid signature of the server's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sentri_testing.hostile import claims, forms, headers, payloads, signatures
from sentri_testing.hostile.token import HostileToken

__all__ = ["HOSTILE_TOKENS", "HostileToken"]

_MODULES: Final = (signatures, headers, payloads, claims, forms)

HOSTILE_TOKENS: Final[Mapping[str, HostileToken]] = MappingProxyType(
    {token.name: token for module in _MODULES for section in module.SECTIONS for token in section.tokens()}
)
"""Name → token."""
