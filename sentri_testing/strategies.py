"""Hypothesis strategies: what people type, what servers issue, and what attackers send."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from hypothesis import strategies as st

from sentri.accounts.identifiers import clean_identifier
from sentri.errors import SentriError
from sentri.identity import AuthUser
from sentri_testing.hostile import HOSTILE_TOKENS, HostileToken
from sentri_testing.tokens import TokenFactory
from sentri_testing.users import make_user

__all__ = [
    "hostile_tokens",
    "identifiers",
    "invalid_identifiers",
    "invalid_passwords",
    "passwords",
    "roles",
    "tokens",
    "users",
]

_LEAST_PASSWORD: Final = 8  # characters
_MOST_PASSWORD: Final = 72  # bytes in UTF-8
_LONGEST_IDENTIFIER: Final = 255
_NASTY: Final = "\u00df\u0130\u0131\ufb01\u1e9e\u212b\u03c2\u00e9e\u0301\uff21\U0001f600'\"%_\\"
"""What folds, composes, or is quoted."""


def _letters() -> st.SearchStrategy[str]:
    usual = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"])
    return st.one_of(st.sampled_from("abcXYZ019 @.-+"), st.sampled_from(_NASTY), usual)


def _is_identifier(text: str) -> bool:
    try:
        clean_identifier(text)
    except SentriError:
        return False
    return True


def identifiers() -> st.SearchStrategy[str]:
    """What a user may log in with, odd Unicode included."""
    return st.text(_letters(), min_size=1, max_size=40).filter(_is_identifier)


def invalid_identifiers() -> st.SearchStrategy[str]:
    """What no user may log in with: empty, too long, with characters that nobody sees."""
    unseen = st.sampled_from("\0\n\t\u200b\u202e\u00a0\ud800\ue000\u2028")
    with_unseen = st.tuples(identifiers(), unseen, identifiers()).map("".join)
    blank = st.text(" ", max_size=3)
    too_long = st.integers(_LONGEST_IDENTIFIER + 1, 400).map(lambda length: "a" * length)
    return st.one_of(with_unseen, blank, too_long)


def passwords() -> st.SearchStrategy[str]:
    """What a user may take as a password: at least 8 characters, at most 72 bytes in UTF-8, no NUL."""
    letters = st.one_of(_letters(), st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    return st.text(letters, min_size=_LEAST_PASSWORD, max_size=_MOST_PASSWORD).filter(_fits)


def invalid_passwords() -> st.SearchStrategy[str]:
    """What no user may take: too short, too long for bcrypt, or with a NUL."""
    short = st.text(st.characters(exclude_categories=["Cs"]), max_size=_LEAST_PASSWORD - 1)
    long = st.text(_letters(), min_size=_MOST_PASSWORD + 1, max_size=2 * _MOST_PASSWORD)
    with_nul = st.tuples(passwords(), st.just("\0"), st.text(_letters(), max_size=8)).map("".join)
    return st.one_of(short, long, with_nul)


def _fits(password: str) -> bool:
    return len(password.encode()) <= _MOST_PASSWORD


def roles(valid: Iterable[str] = ("user", "admin")) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of the roles that exist, or none, in any order."""
    names = [str(role) for role in valid]
    return st.lists(st.sampled_from(names), unique=True).map(tuple) if names else st.just(())


def users(valid: Iterable[str] = ("user", "admin")) -> st.SearchStrategy[AuthUser]:
    """Users in memory."""
    return st.builds(make_user, identifiers(), roles(valid))


def tokens(factory: TokenFactory, **claims: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """Valid tokens of a server, with any identifier and any roles, and with claims that strategies make."""
    drawn = {"identifier": identifiers(), "roles": roles().map(list), **claims}
    return st.fixed_dictionaries(drawn).map(lambda said: str(factory.valid(**said)))


def hostile_tokens(factory: TokenFactory, algorithm: str = "RS256") -> st.SearchStrategy[str]:
    """The texts of `HOSTILE_TOKENS` that can be sent to a server that signs with this algorithm."""

    def sent(token: HostileToken) -> bool:
        return token.travels and token.is_for(algorithm)

    names = [token.name for token in HOSTILE_TOKENS.values() if sent(token)]
    return st.sampled_from(names).map(factory)
