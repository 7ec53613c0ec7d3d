"""Queries and paths: what is read from them, and what is refused by name, without an echo of what was sent."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from aiohttp.test_utils import make_mocked_request
from msgspec import Meta

from sentri import SentriError
from sentri.web.inputs import Query, UserPath
from sentri.web.parsing import read_path, read_query

MARKER = "zwiebelkuchen"
ID = "00000000-0000-4000-8000-000000000000"


class Listing(Query, frozen=True):
    page_size: Annotated[int, Meta(ge=1, le=100)] = 20
    search: Annotated[str, Meta(min_length=1, max_length=9)] = "x"
    state: Literal["enabled", "disabled"] = "enabled"
    newest_first: bool = False


def reading(query: str) -> Listing:
    return read_query(make_mocked_request("GET", f"/users?{query}"), Listing)


def located(user_id: str) -> UserPath:
    return read_path(make_mocked_request("GET", "/", match_info={"userId": user_id}), UserPath)


def refusal(function, value) -> str:
    with pytest.raises(SentriError) as refused:
        function(value)
    assert refused.value.code == "VALIDATION_ERROR"
    assert MARKER not in refused.value.message
    return refused.value.message


def test_a_query_is_read_into_its_types():
    read = reading("pageSize=5&search=a%20b&state=disabled&newestFirst=true")
    assert (read.page_size, read.search, read.state, read.newest_first) == (5, "a b", "disabled", True)


def test_what_is_left_out_has_its_default():
    assert reading("") == Listing()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("pageSize=0", "pageSize: must be at least 1."),
        ("pageSize=101", "pageSize: must be at most 100."),
        (f"pageSize={MARKER}", "pageSize: must be a whole number."),
        ("pageSize=" + "9" * 5000, "query: does not have the expected form."),
        ("search=", "search: must have at least 1 characters."),
        (f"search={MARKER}", "search: must have at most 9 characters."),
        (f"state={MARKER}", "state: is not one of the values that it may have."),
        (f"state={MARKER}%60%20-%20at%20%60%24.search%60", "state: is not one of the values that it may have."),
        ("newestFirst=perhaps", "newestFirst: must be true or false."),
        ("colour=red", "colour: is not a field of this request."),
        (f"{MARKER}%0A=1", "query: has an unknown field."),
        ("search=a&search=b", "query: has a parameter more than once."),
    ],
)
def test_a_query_that_is_not_of_its_type_is_refused_by_name(query, message):
    assert refusal(reading, query) == message


def test_a_path_is_read_into_its_types():
    assert located(ID).user_id == ID


@pytest.mark.parametrize("user_id", ["", "1", f"{ID}\n", f"{ID}0", ID.replace("-", ""), "A" + ID[1:], MARKER])
def test_an_id_that_is_no_canonical_uuid_is_refused_by_name(user_id):
    assert refusal(located, user_id) == "userId: must be a UUID in lower case."


def test_nothing_that_was_read_is_in_a_repr():
    assert repr(reading("search=abc")) == "<Listing>"
