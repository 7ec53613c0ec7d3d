"""What Hypothesis draws for several of these tests."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from sentri import SentriError
from sentri.accounts.identifiers import clean_identifier

PURE = settings(max_examples=150, deadline=None, derandomize=True)
"""For what only computes."""


def is_identifier(value: str) -> bool:
    try:
        clean_identifier(value)
    except SentriError:
        return False
    return True


identifiers = st.text(min_size=1, max_size=60).filter(is_identifier).map(clean_identifier)
role_names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
roles = st.lists(role_names, unique=True, max_size=5).map(tuple)
ids = st.uuids().map(str)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
