"""Options for tests of the configuration: good ones, and what is said of bad ones."""

from __future__ import annotations

from typing import Any

import pytest

from sentri import SentriError, create_auth
from sentri.config.options import ServerOptions
from tests.support import SECRET

GOOD: dict[str, Any] = {"db": "sqlite://:memory:", "secret": SECRET, "valid_roles": ("user", "admin")}


def read(**options: Any) -> ServerOptions:
    return ServerOptions.read(GOOD | options)


def refusal(**options: Any) -> str:
    """The message of the one error that these options raise; it carries no other error along."""
    with pytest.raises(SentriError) as refused:
        create_auth(**(GOOD | options))
    assert refused.value.code == "CONFIGURATION_ERROR"
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return refused.value.message
