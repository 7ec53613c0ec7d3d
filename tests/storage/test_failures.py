"""What a server reports is taken for what it is: an outage, a conflict, a row in the way, or a mistake."""

from contextlib import suppress

import pytest

from sentri.errors import SentriError
from sentri.storage.failures import StillReferenced, StorageError, UniqueViolation

on_postgres = pytest.mark.parametrize("dialect", ["postgres"], indirect=True)
on_mysql = pytest.mark.parametrize("dialect", ["mysql"], indirect=True)
MYSQL_OUTAGES = {
    "disk": [1021, 1026, 1030, 1114, 1180],
    "network": [1043, 1129, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031],
    "too much": [1037, 1040, 1041, 1135, 1203, 1205, 1206, 1226, 1637, 1969, 3024],
    "a cluster": [1047, 1053, 1290, 1317, 1792, 1836, 3032],
}


def reported(database, code):
    """What becomes of a statement that the server answers with this error, and how often it was tried."""
    sql = {
        "postgres": f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$",
        "mysql": f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'planted'",
    }[database.dialect]
    return lambda session: session.run(sql)


def refuses():
    return pytest.raises(SentriError, match=r"^SERVICE_UNAVAILABLE: The database does not answer")


@on_mysql
@pytest.mark.parametrize("number", [number for numbers in MYSQL_OUTAGES.values() for number in numbers])
async def test_an_outage_of_mysql_is_a_503(database, number):
    with refuses():
        await database.call(reported(database, number))


@on_postgres
@pytest.mark.parametrize("code", ["08006", "25006", "25P03", "25P04", "40003", "53100", "55P03", "57P01", "58030"])
async def test_an_outage_of_postgres_is_a_503(database, code):
    with refuses():
        await database.call(reported(database, code))


@pytest.mark.parametrize(
    ("dialect", "code"),
    [("postgres", "40001"), ("postgres", "40P01"), *(("mysql", number) for number in (1020, 1213, 1412, 3101))],
    indirect=["dialect"],
)
async def test_a_conflict_is_tried_again(database, code):
    tries = []

    async def work(session):
        tries.append(code)
        await reported(database, code)(session)

    with suppress(SentriError):
        await database.unit(work)
    assert len(tries) > 1


@pytest.mark.parametrize(
    ("dialect", "code", "kind"),
    [
        ("postgres", "23505", UniqueViolation),
        ("postgres", "23503", StillReferenced),
        ("postgres", "42P01", StorageError),
        *(("mysql", number, UniqueViolation) for number in (1022, 1062, 1586)),
        *(("mysql", number, StillReferenced) for number in (1216, 1217, 1451, 1452)),
        ("mysql", 1146, StorageError),
    ],
    indirect=["dialect"],
)
async def test_what_is_wrong_with_a_row_or_a_statement_is_no_outage(database, code, kind):
    with pytest.raises(StorageError) as raised:
        await database.call(reported(database, code))
    assert type(raised.value) is kind
