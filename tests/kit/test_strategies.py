"""What the strategies draw is what they say, by sentri's own judgement."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given

from sentri import SentriError
from sentri.accounts.identifiers import clean_identifier
from sentri.passwords.policy import PasswordPolicy
from sentri_testing import TestAuthServer, TokenFactory, strategies
from sentri_testing.minting import Mint


@given(strategies.identifiers())
def test_identifiers_are_accepted(identifier):
    assert clean_identifier(identifier)


@given(strategies.invalid_identifiers())
def test_invalid_identifiers_are_refused(identifier):
    with pytest.raises(SentriError, match="VALIDATION_ERROR"):
        clean_identifier(identifier)


@given(strategies.passwords())
def test_passwords_are_accepted(password):
    assert PasswordPolicy().check_new(password) == password


@given(strategies.invalid_passwords())
def test_invalid_passwords_are_refused(password):
    with pytest.raises(SentriError, match="VALIDATION_ERROR"):
        PasswordPolicy().check_new(password)


@given(strategies.users(valid=("a", "b", "c")))
def test_users_have_roles_that_exist(user):
    assert set(user.roles) <= {"a", "b", "c"}
    assert len(set(user.roles)) == len(user.roles)


def _server_and_factory() -> tuple[TestAuthServer, TokenFactory]:
    server = TestAuthServer()

    async def of_server() -> TokenFactory:
        async with server:
            return await TokenFactory.of(server)

    return server, asyncio.run(of_server())


SERVER, FACTORY = _server_and_factory()


@given(strategies.tokens(FACTORY))
def test_tokens_are_good(token):
    assert SERVER.verify_access_token(token)


@given(strategies.hostile_tokens(FACTORY))
def test_hostile_tokens_are_refused(token):
    with pytest.raises(SentriError):
        SERVER.verify_access_token(token)


def test_a_mint_shows_nothing():
    assert isinstance(FACTORY, TokenFactory)
    mint = Mint.of(FACTORY.valid(), FACTORY._mint.key, 0.0)  # noqa: SLF001 - the repr is the test
    assert "eyJ" not in repr(mint) + repr(FACTORY)
