"""Registration, API keys, and changes of an account."""

from __future__ import annotations

import asyncio
import itertools

from tests.limits.visiting import THERE, WRONG, assert_limited
from tests.support import PASSWORD, assert_error, data_of

KEY = "an API key of more than thirty-two characters"


async def test_registrations_are_counted_by_address(visit, clock, hooks, told):
    visitors = await visit({"max_register_attempts": 2}, hooks=hooks)
    await data_of(await visitors.register("Ann"), 201)
    await assert_error(await visitors.register("Ann"), 409, "USER_ALREADY_EXISTS")
    await assert_limited(await visitors.register("Bob"))
    assert told[-1] == ("on_rate_limited", "register")
    await data_of(await visitors.register("Bob", THERE), 201)
    clock.advance(20 * 60)
    await data_of(await visitors.register("Eve"), 201)


async def test_what_cannot_be_registered_anyway_does_not_count(visit):
    visitors = await visit({"max_register_attempts": 1})
    for _ in range(3):
        response = await visitors.send("/auth/register", {"identifier": "Ann", "password": "short"})
        await assert_error(response, 400, "VALIDATION_ERROR")
    await data_of(await visitors.register("Ann"), 201)


async def test_an_api_key_registers_as_many_as_it_likes(visit):
    visitors = await visit({"max_register_attempts": 1}, api_key=KEY)
    for number in range(4):
        await data_of(await visitors.register(f"u{number}", headers={"X-Api-Key": KEY}), 201)


async def test_wrong_api_keys_are_counted_and_the_right_one_is_let_in(visit, hooks, told):
    visitors = await visit({"max_api_key_attempts": 3}, api_key=KEY, hooks=hooks)
    wrong = {"X-Api-Key": KEY + "!"}
    answers = await asyncio.gather(*(visitors.register("Ann", headers=wrong) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [401] * 3 + [429] * 17
    assert told[-1] == ("on_rate_limited", "api_key")
    await assert_limited(await visitors.register("Ann"))
    await assert_error(await visitors.register("Ann", THERE), 401, "UNAUTHORIZED")
    await data_of(await visitors.register("Ann", headers={"X-Api-Key": KEY}), 201)


async def change(visitors, pair, **body):
    path = "/auth/me/password" if "newPassword" in body else "/auth/me/identifier"
    return await visitors.send(path, body, method="PATCH", token=pair.access_token)


async def test_the_changes_of_one_user_are_counted(visit, hooks, told):
    visitors = await visit({"max_account_attempts": 3}, hooks=hooks)
    ann, bob = await visitors.api.session(), await visitors.api.session()
    await assert_error(
        await change(visitors, ann, currentPassword=WRONG, newPassword="another horse"), 401, "INVALID_CREDENTIALS"
    )
    await assert_error(await change(visitors, ann, identifier="x", currentPassword=WRONG), 401, "INVALID_CREDENTIALS")
    await assert_error(await change(visitors, ann, identifier=bob.user.identifier), 409, "USER_ALREADY_EXISTS")
    await assert_limited(await change(visitors, ann, identifier="free"))
    await assert_limited(await change(visitors, ann, currentPassword=PASSWORD, newPassword="another horse"))
    assert told[-1] == ("on_rate_limited", "account")
    await data_of(await change(visitors, bob, identifier="free"))


async def test_being_asked_for_the_password_first_does_not_count(visit, clock):
    """A page tries without, and asks its user when it has to: nothing was checked until then."""
    visitors = await visit({"max_account_attempts": 1}, reauth_within="5m")
    ann = await visitors.api.session()
    clock.advance("6m")
    for _ in range(3):
        await assert_error(await change(visitors, ann, identifier="free"), 403, "REAUTHENTICATION_REQUIRED")
    await data_of(await change(visitors, ann, identifier="free", currentPassword=PASSWORD))


async def test_a_password_that_was_changed_does_not_count(visit):
    visitors = await visit({"max_account_attempts": 1})
    user = await visitors.api.user("Ann")
    passwords = [PASSWORD, "another horse", "a third horse"]
    for current, new in itertools.pairwise(passwords):
        pair = await visitors.api.session(user)
        await data_of(await change(visitors, pair, currentPassword=current, newPassword=new))
    await data_of(await visitors.login("Ann", passwords[-1]))
