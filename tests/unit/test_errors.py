"""`SentriError` on its way between processes."""

from __future__ import annotations

import pickle

import pytest

from sentri import SentriError
from sentri.errors import ConfigurationError


class OutOfStock(SentriError):
    """A host's own error, with arguments of its own."""

    def __init__(self, left: int) -> None:
        super().__init__("OUT_OF_STOCK", f"There are {left} left.", 409, headers={"Retry-After": "60"})
        self.left = left


@pytest.mark.parametrize(
    "error", [SentriError("FORBIDDEN", "No."), ConfigurationError("db is missing"), OutOfStock(3)], ids=str
)
def test_an_error_comes_out_of_another_process_as_it_was(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.args, str(again)) == (error.args, str(error))
    assert again.__dict__ == error.__dict__ | {"headers": dict(error.headers)}
