"""Role names as configurations and callers write them."""

from __future__ import annotations

from enum import Enum, StrEnum

import pytest

from sentri import SentriError
from sentri.server.auth import server_of_options
from tests.support import SECRET


class Plain(StrEnum):
    USER = "user"
    ADMIN = "admin"


class Mixed(str, Enum):  # noqa: UP042 - what people had before StrEnum
    USER = "user"
    ADMIN = "admin"


def server(**options):
    return server_of_options({"db": "sqlite://:memory:", "secret": SECRET, "salt_rounds": 10} | options)


@pytest.mark.parametrize("roles", [Plain, Mixed, list(Plain), list(Mixed), ("user", "admin")], ids=str)
async def test_every_way_to_name_roles_means_the_same(roles):
    auth = server(valid_roles=roles)
    await auth.migrate()
    for role in (Plain.ADMIN, Mixed.ADMIN, "admin"):
        user = await auth.accounts.register(f"user {role!r}", "correct horse", [role])
        assert user.roles == ("admin",)
        auth.authorize(role)


def test_refuses_roles_that_no_token_could_hold():
    with pytest.raises(SentriError, match="valid_roles has names of more than 3072 bytes"):
        server(valid_roles=[f"{number:060}" for number in range(100)])


def test_names_the_role_that_is_there_twice():
    with pytest.raises(SentriError, match=r"valid_roles names \['user'\] more than once"):
        server(valid_roles=["user", "admin", "user"])
