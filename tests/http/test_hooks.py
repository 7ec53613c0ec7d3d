"""Hooks: told what was committed, and never in the way of the answer."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sentri.storage import Users
from tests.support import PASSWORD, assert_error, data_of, host_application

IDENTIFIER = "ann-of-the-hooks"


@pytest.fixture
async def api(make_api, hooks):
    return await make_api(hooks=hooks)


async def register(api, identifier=IDENTIFIER):
    return await api.post("/auth/register", {"identifier": identifier, "password": PASSWORD, "roles": ["user"]})


async def fail_to_log_in(api):
    await assert_error(await api.login(IDENTIFIER, "wrong horse"), 401, "INVALID_CREDENTIALS")


async def go_away(api, begun):
    """Fail to log in, and close the connection while the hook runs."""
    attempt = asyncio.create_task(api.login(IDENTIFIER, "wrong horse"))
    await begun.wait()
    attempt.cancel()
    await asyncio.gather(attempt, return_exceptions=True)


# --- what they are told (the others: beside their endpoints)


async def test_on_register(api, told):
    user = (await data_of(await register(api), 201))["user"]
    [(hook, shown)] = told
    assert (hook, shown.to_dict()) == ("on_register", user)


async def test_on_login(api, told):
    user = await api.user(IDENTIFIER)
    tokens = await data_of(await api.login(IDENTIFIER))
    [(hook, shown)] = told
    assert (hook, shown.id, shown.identifier, shown.roles) == ("on_login", user.id, IDENTIFIER, ("user",))
    assert shown.session_id == api.auth.verify_access_token(tokens["accessToken"]).session_id


@pytest.mark.parametrize("exists", [True, False])
async def test_on_failed_login(api, told, exists):
    """Alike for those who exist and those who do not; as it was cleaned."""
    if exists:
        await api.user(IDENTIFIER)
    await assert_error(await api.login(f" {IDENTIFIER} ", "wrong horse"), 401, "INVALID_CREDENTIALS")
    assert told == [("on_failed_login", IDENTIFIER)]


@pytest.mark.parametrize(("identifier", "password"), [("a\nb", PASSWORD), ("", PASSWORD), (IDENTIFIER, "x" * 73)])
async def test_on_failed_login_is_told_validated_identifiers_of_real_attempts_only(api, told, identifier, password):
    await assert_error(await api.login(identifier, password), 400, "VALIDATION_ERROR")
    assert told == []


async def test_a_refresh_and_a_protected_request_tell_nobody(api, told):
    pair = await api.session()
    await data_of(await api.refresh(pair.refresh_token))
    await data_of(await api.me(pair.access_token))
    assert told == []


async def test_the_services_in_python_tell_nobody(api, told):
    """Whoever calls them knows."""
    user = await api.auth.accounts.register(IDENTIFIER, PASSWORD)
    pair = await api.auth.accounts.login(IDENTIFIER, PASSWORD)
    await api.auth.accounts.logout(pair.user.session_id)
    await api.auth.accounts.assign_roles(user.id, ["user"])
    assert told == []


# --- when and how


async def test_a_hook_sees_what_was_committed(make_api, database):
    seen = []

    async def on_register(user):
        seen.append(await Users(database).by_id(user.id))

    api = await make_api(hooks={"on_register": on_register})
    user = (await data_of(await register(api), 201))["user"]
    assert [record.id for record in seen] == [user["id"]]


async def test_an_async_hook_is_awaited_before_the_answer(make_api):
    seen = []

    async def on_failed_login(identifier):
        await asyncio.sleep(0)
        seen.append(identifier)

    api = await make_api(hooks={"on_failed_login": on_failed_login})
    await fail_to_log_in(api)
    assert seen == [IDENTIFIER]


def raises(_):
    raise LookupError(f"no room for {_}")


async def raises_later(_):
    raise LookupError(f"no room for {_}")


@pytest.mark.parametrize("hook", [raises, raises_later])
async def test_an_exception_in_a_hook_changes_nothing_and_is_logged_without_the_identifier(make_api, caplog, hook):
    api = await make_api(hooks={"on_register": hook, "on_failed_login": hook})
    with caplog.at_level(logging.DEBUG):
        user = (await data_of(await register(api), 201))["user"]
        await fail_to_log_in(api)
    assert (await Users(api.database).by_id(user["id"])).identifier == IDENTIFIER
    logged = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(logged) == 2
    for hook_name, message in zip(("on_register", "on_failed_login"), logged, strict=True):
        assert message.startswith(f"The hook {hook_name} raised LookupError")
        assert "test_hooks.py" in message
    assert IDENTIFIER not in caplog.text


async def test_a_cancelled_hook_changes_nothing(make_api):
    async def hook(_):
        raise asyncio.CancelledError

    api = await make_api(hooks={"on_failed_login": hook})
    await fail_to_log_in(api)


async def test_a_slow_hook_is_left_to_finish_after_hook_timeout(make_api):
    let_go, finished = asyncio.Event(), asyncio.Event()

    async def slow(_):
        await let_go.wait()
        finished.set()

    api = await make_api(hooks={"on_failed_login": slow}, hook_timeout=0.01)
    await fail_to_log_in(api)
    assert not finished.is_set()
    let_go.set()
    await finished.wait()


async def test_hooks_that_still_run_are_flushed_at_shutdown(make_api, in_process):
    """Before the database is closed, and before the host closes what they may need."""
    begun, let_go, seen = asyncio.Event(), asyncio.Event(), []

    async def slow(_):
        begun.set()
        await let_go.wait()
        seen.append((await api.auth.accounts.start_session(user.id)).user.id)

    async def clean_up(_):
        seen.append("the host's clean-up")

    def app(auth):
        host = host_application(auth)
        host.on_cleanup.insert(0, clean_up)
        return host

    api = await make_api(app=app, hooks={"on_failed_login": slow})
    user = await api.user()
    await go_away(api, begun)
    let_go.set()
    await api.client.close()
    assert seen == [user.id, "the host's clean-up"]


async def test_a_hook_that_never_ends_does_not_hold_up_the_shutdown(make_api, in_process):
    cancelled = asyncio.Event()

    async def endless(_):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    api = await make_api(hooks={"on_failed_login": endless}, hook_timeout=0.01)
    await fail_to_log_in(api)
    await api.client.close()
    assert cancelled.is_set()


async def test_a_hook_outlives_the_client_that_went_away(make_api):
    """Its handler is cancelled; what happened is told all the same."""
    begun, let_go, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hook(_):
        begun.set()
        await let_go.wait()
        finished.set()

    api = await make_api(hooks={"on_failed_login": hook})
    await go_away(api, begun)
    let_go.set()
    await finished.wait()
