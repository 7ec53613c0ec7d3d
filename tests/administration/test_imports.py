"""`auth.users.import_many`: all of them or none, or a report by row."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import bcrypt
import pytest

from sentri import ImportRefused, ImportReport, RowError, SentriError
from sentri.passwords.schemes import ARGON2_PROFILES, Argon2id
from sentri.randomness import new_id
from sentri.storage import Users
from sentri.storage.user_imports import UserImports
from tests.support import PASSWORD, PASSWORD_HASH

NEW_PASSWORD = "a password that nobody had"
TAKEN = "a user with this identifier exists already."


class Nowhere(tzinfo):
    """A time zone that does not know its offset: for Python such a datetime has none."""

    def utcoffset(self, _):
        return None


def row(identifier, **more):
    return {"identifier": identifier, "password_hash": PASSWORD_HASH, **more}


async def everybody(auth):
    return [user.identifier for user in (await auth.users.list(limit=100)).items]


async def test_users_come_with_hashes_or_with_passwords(auth, clock, events):
    cheap = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    argon2 = Argon2id(ARGON2_PROFILES["owasp"]).hash(PASSWORD)
    user_id = new_id()
    born = datetime(2020, 2, 29, 12, tzinfo=timezone(timedelta(hours=1)))
    rows = [
        row("Ann", roles=("user", "admin", "user"), id=user_id, created_at=born),
        row("Bob", disabled=True, created_at=1_000_000_000),
        {"identifier": "cheap", "password_hash": cheap},
        {"identifier": "2a", "password_hash": cheap.replace("$2b$", "$2a$")},
        {"identifier": "2y", "password_hash": cheap.replace("$2b$", "$2y$"), "password": None, "roles": None},
        {"identifier": "argon2", "password_hash": argon2},
        {"identifier": "plain", "password": NEW_PASSWORD},
    ]
    assert await auth.users.import_many(rows) == ImportReport(created=7)
    ann, bob = await auth.users.get(user_id), await auth.users.by_identifier("bob")
    assert (ann.roles, ann.created_at, ann.disabled_at) == (("user", "admin"), born.timestamp(), None)
    assert (bob.roles, bob.created_at, bob.disabled_at) == ((), 1_000_000_000, clock())
    for name in ("ann", "cheap", "2a", "2y", "argon2"):
        assert (await auth.accounts.login(name, PASSWORD)).user.identifier.lower() == name
    await auth.accounts.login("plain", NEW_PASSWORD)
    (event,) = [event for event in events if event.name == "user.imported"]
    assert event.details == {"users": 7, "roles": ("user", "admin")}


WRONG = {
    "no mapping": (5, "row", "VALIDATION_ERROR"),
    "unknown field": (row("x", email="x"), "row", "VALIDATION_ERROR"),
    "no identifier": ({"password_hash": PASSWORD_HASH}, "identifier", "VALIDATION_ERROR"),
    "empty identifier": (row(" "), "identifier", "VALIDATION_ERROR"),
    "invisible identifier": (row("a\u200bb"), "identifier", "VALIDATION_ERROR"),
    "no secret": ({"identifier": "x"}, "password", "VALIDATION_ERROR"),
    "both secrets": (row("x", password=NEW_PASSWORD), "password", "VALIDATION_ERROR"),
    "short password": ({"identifier": "x", "password": "short"}, "password", "VALIDATION_ERROR"),
    "long password": ({"identifier": "x", "password": "ü" * 40}, "password", "VALIDATION_ERROR"),
    "no hash": ({"identifier": "x", "password_hash": "secret"}, "password_hash", "VALIDATION_ERROR"),
    "empty hash": ({"identifier": "x", "password_hash": ""}, "password_hash", "VALIDATION_ERROR"),
    "number for a hash": ({"identifier": "x", "password_hash": 5}, "password_hash", "VALIDATION_ERROR"),
    "costly hash": (row("x", password_hash=PASSWORD_HASH.replace("$04$", "$17$")), "password_hash", "VALIDATION_ERROR"),
    "cost of none": (
        row("x", password_hash=PASSWORD_HASH.replace("$04$", "$03$")),
        "password_hash",
        "VALIDATION_ERROR",
    ),
    "faulty bcrypt": (
        row("x", password_hash=PASSWORD_HASH.replace("$2b$", "$2x$")),
        "password_hash",
        "VALIDATION_ERROR",
    ),
    "salt that is none": (
        row("x", password_hash=f"{PASSWORD_HASH[:28]}1{PASSWORD_HASH[29:]}"),
        "password_hash",
        "VALIDATION_ERROR",
    ),
    "roles that are text": (row("x", roles="user"), "roles", "VALIDATION_ERROR"),
    "role that is none": (row("x", roles=["boss"]), "roles", "INVALID_ROLE"),
    "disabled as text": (row("x", disabled="yes"), "disabled", "VALIDATION_ERROR"),
    "id that is none": (row("x", id="1"), "id", "VALIDATION_ERROR"),
    "naive instant": (row("x", created_at=datetime(2020, 1, 1)), "created_at", "VALIDATION_ERROR"),  # noqa: DTZ001
    "instant as text": (row("x", created_at="2020-01-01"), "created_at", "VALIDATION_ERROR"),
    "no number": (row("x", created_at=float("nan")), "created_at", "VALIDATION_ERROR"),
    "no number that a float holds": (row("x", created_at=10**400), "created_at", "VALIDATION_ERROR"),
    "a time zone that says nothing": (
        row("x", created_at=datetime(2020, 1, 1, tzinfo=Nowhere())),
        "created_at",
        "VALIDATION_ERROR",
    ),
    "before 1970": (row("x", created_at=-1), "created_at", "VALIDATION_ERROR"),
    "future": (row("x", created_at=datetime.now(UTC) + timedelta(days=9999)), "created_at", "VALIDATION_ERROR"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_row_that_is_wrong_is_named_and_not_shown(auth, wrong):
    given, field, code = WRONG[wrong]
    report = await auth.users.import_many([row("Ann"), given, row("Bob")], all_or_nothing=False)
    (error,) = report.failed
    assert (report.created, error.row, error.field, error.code) == (2, 2, field, code)
    assert "secret" not in repr(report)
    assert await everybody(auth) == ["Ann", "Bob"]


@pytest.mark.parametrize("wrong", WRONG)
async def test_all_or_nothing_makes_nobody_where_a_row_is_wrong(auth, wrong, events):
    given, field, code = WRONG[wrong]
    with pytest.raises(ImportRefused) as raised:
        await auth.users.import_many([row("Ann"), given, row("Bob")])
    assert (raised.value.code, raised.value.status_code) == ("IMPORT_REFUSED", 422)
    assert [(error.row, error.field, error.code) for error in raised.value.failed] == [(2, field, code)]
    assert f"row 2: {field}: " in raised.value.message
    assert "row: row:" not in raised.value.message
    assert "secret" not in raised.value.message
    assert await everybody(auth) == []
    assert events == []


async def test_users_who_are_there_and_rows_that_repeat_are_in_the_way(auth):
    there = await auth.users.create("There", PASSWORD)
    rows = [row("Ann"), row("THERE"), row("ann"), row("Bob", id=there.id), row("Cleo", id=there.id.replace("-", ""))]
    report = await auth.users.import_many(rows, all_or_nothing=False)
    assert report.created == 1
    assert report.failed[:3] == (
        RowError(2, "identifier", "USER_ALREADY_EXISTS", TAKEN),
        RowError(3, "identifier", "USER_ALREADY_EXISTS", "row 1 has this identifier already."),
        RowError(4, "id", "USER_ALREADY_EXISTS", "a user with this id exists already."),
    )
    with pytest.raises(ImportRefused) as raised:
        await auth.users.import_many([row("Dora"), row("Emil", id=there.id), row("dora"), row("there")])
    assert [(error.row, error.field) for error in raised.value.failed] == [
        (2, "id"),
        (3, "identifier"),
        (4, "identifier"),
    ]
    assert await everybody(auth) == ["Ann", "There"]


async def test_a_dry_run_tells_what_would_be_and_makes_nobody(auth, events, monkeypatch):
    there = await auth.users.create("There", PASSWORD)
    events.clear()
    monkeypatch.setattr("sentri.passwords.schemes.Bcrypt.hash", lambda *_: pytest.fail("it hashes"))
    rows = [row("there"), row("Emil", id=there.id), {"identifier": "Bob", "password": NEW_PASSWORD}, {}]
    rows += [row(f"user {number:04}") for number in range(600)] + [row("bob")]
    report = await auth.users.import_many(rows, all_or_nothing=False, dry_run=True)
    assert report.created == 601
    assert [(error.row, error.message) for error in report.failed if error.row != 4] == [
        (1, TAKEN),
        (2, "a user with this id exists already."),
        (605, "row 3 has this identifier already."),
    ]
    skipping = await auth.users.import_many(rows, all_or_nothing=False, existing="skip", dry_run=True)
    assert (skipping.created, skipping.skipped, [error.row for error in skipping.failed]) == (601, 2, [2, 4])
    with pytest.raises(ImportRefused):
        await auth.users.import_many(rows, dry_run=True)
    assert await auth.users.import_many(rows[4:], dry_run=True) == ImportReport(created=601)
    assert await everybody(auth) == ["There"]
    assert events == []


@pytest.mark.parametrize("all_or_nothing", [True, False])
async def test_an_import_that_skips_can_be_repeated(auth, all_or_nothing):
    rows = [row(f"user {number:04}", id=new_id()) for number in range(700)]
    assert await auth.users.import_many(rows[:600], all_or_nothing=all_or_nothing) == ImportReport(created=600)
    again = await auth.users.import_many(iter(rows), all_or_nothing=all_or_nothing, existing="skip")
    assert again == ImportReport(created=100, skipped=600)
    last = await auth.users.import_many([*rows, rows[0]], all_or_nothing=all_or_nothing, existing="skip")
    assert last == ImportReport(created=0, skipped=701)


async def test_skipping_overwrites_nothing(auth):
    there = await auth.users.create("There", PASSWORD, ["user"])
    skipped = [row("there", roles=["admin"], disabled=True)]
    assert await auth.users.import_many(skipped, existing="skip") == ImportReport(created=0, skipped=1)
    assert await auth.users.get(there.id) == there
    await auth.accounts.login("there", PASSWORD)


async def test_where_rows_exist_no_password_is_hashed(auth, monkeypatch):
    rows = [{"identifier": "Ann", "password": NEW_PASSWORD}]
    await auth.users.import_many(rows)
    hashed = []
    monkeypatch.setattr("sentri.passwords.schemes.Bcrypt.hash", lambda _, password: hashed.append(password) or "")
    await auth.users.import_many(rows, existing="skip")
    with pytest.raises(ImportRefused):
        await auth.users.import_many([*rows, {"identifier": "Bob", "password": NEW_PASSWORD}])
    assert hashed == []


async def test_nobody_is_imported_twice_by_several_at_once(auth, make_auth):
    rows = [row(f"user {number:04}") for number in range(300)]
    async with make_auth() as other:
        sides = [auth, other, auth, other]
        reports = await asyncio.gather(
            *(side.users.import_many(rows, all_or_nothing=False, existing="skip") for side in sides)
        )
    assert sum(report.created for report in reports) == 300
    assert sum(report.skipped for report in reports) == 900
    assert not any(report.failed for report in reports)


async def test_of_several_that_import_all_or_nothing_at_once_one_does(auth, make_auth):
    rows = [row(f"user {number:04}") for number in range(300)]
    async with make_auth() as other:
        answers = await asyncio.gather(
            *(side.users.import_many(rows) for side in (auth, other, auth)), return_exceptions=True
        )
    made = [answer for answer in answers if not isinstance(answer, ImportRefused)]
    assert made == [ImportReport(created=300)]
    refused = [answer for answer in answers if isinstance(answer, ImportRefused)]
    assert [len(answer.failed) for answer in refused] == [300, 300]


@pytest.mark.parametrize("dialect", ["postgres", "mysql"], indirect=True)  # SQLite has one writer at a time
async def test_an_import_that_commits_during_the_look_is_seen_whole(auth, make_auth, monkeypatch):
    rows = [row(f"user {number:04}") for number in range(300)]
    taken = UserImports._taken  # noqa: SLF001 - the moment in question is inside of it

    class Interrupted:
        """A session that lets somebody else import before its second search."""

        def __init__(self, session) -> None:
            self.run, self._rows, self._searches = session.run, session.rows, 0

        async def rows(self, *statement):
            self._searches += 1
            if self._searches == 2:
                monkeypatch.setattr(UserImports, "_taken", taken)
                async with make_auth() as other:
                    await other.users.import_many(rows)
            return await self._rows(*statement)

    monkeypatch.setattr(UserImports, "_taken", lambda self, session, rows: taken(self, Interrupted(session), rows))
    with pytest.raises(ImportRefused) as raised:
        await auth.users.import_many(rows)
    assert len(raised.value.failed) == 300


async def test_who_registers_meanwhile_is_in_the_way(auth, database, monkeypatch):
    """The look for those who exist comes before the hashes; what counts is the moment of the transaction."""
    original = Users.in_the_way

    async def in_the_way(users, given):
        found = await original(users, given)
        await auth.accounts.register("Bob", PASSWORD)
        return found

    monkeypatch.setattr(Users, "in_the_way", in_the_way)
    report = await auth.users.import_many([row("Ann"), row("bob"), row("Cleo")], all_or_nothing=False)
    assert report == ImportReport(1 + 1, 0, (RowError(2, "identifier", "USER_ALREADY_EXISTS", TAKEN),))
    assert await everybody(auth) == ["Ann", "Bob", "Cleo"]


async def test_rows_are_read_in_batches_and_what_was_imported_stays(auth):
    def rows():
        for number in range(600):
            yield row(f"user {number:04}")
        raise OSError("the file ends here")

    with pytest.raises(OSError, match="the file ends here"):
        await auth.users.import_many(rows(), all_or_nothing=False)
    assert len(await everybody(auth)) == 100  # a page of the 500
    with pytest.raises(OSError, match="the file ends here"):
        await auth.users.import_many(rows(), existing="skip")


async def test_nothing_is_nothing(auth, events):
    assert await auth.users.import_many([]) == await auth.users.import_many([], all_or_nothing=False) == ImportReport(0)
    assert events == []


async def test_refuses_another_way_with_those_who_exist(auth):
    with pytest.raises(SentriError) as raised:
        await auth.users.import_many([row("x")], existing="overwrite")
    assert (raised.value.code, raised.value.message) == ("VALIDATION_ERROR", "existing: must be 'fail' or 'skip'.")


async def test_a_validator_is_asked_for_every_row(make_auth):
    async with make_auth(identifier_validator=lambda identifier: identifier.endswith("@example.com")) as auth:
        report = await auth.users.import_many([row("ann@example.com"), row("bob")], all_or_nothing=False)
        assert [(error.row, error.field) for error in report.failed] == [(2, "identifier")]


async def test_others_have_their_turn_while_rows_are_read(make_auth):
    """However many there are: what else the event loop has to do does not wait for all of them."""
    turns, seen = 0, []

    async def look_on():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with make_auth(identifier_validator=lambda _: seen.append(turns)) as auth:
        looking = asyncio.create_task(look_on())
        with pytest.raises(ImportRefused):
            await auth.users.import_many([row(str(number), disabled="wrong") for number in range(1000)])
        looking.cancel()
    assert max(seen.count(turn) for turn in set(seen)) <= 100
