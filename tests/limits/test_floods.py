"""More logins than can be hashed: a bounded line, quick refusals, and everybody else is served."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter

import pytest

from sentri.passwords import schemes
from tests.support import PASSWORD, data_of


@pytest.mark.parametrize("backend", ["memory"], indirect=True)
async def test_a_flood_of_logins_is_refused_and_protected_requests_go_on(visit, monkeypatch):
    visitors = await visit({"max_address_attempts": 1000}, max_hash_wait="1s", salt_rounds=10)
    pair = await visitors.api.session()
    gate = threading.Event()
    real = schemes.bcrypt.checkpw
    monkeypatch.setattr(schemes.bcrypt, "checkpw", lambda *given: gate.wait(20) and real(*given))
    names = [(await visitors.api.user()).identifier for _ in range(200)]
    logins = [asyncio.create_task(visitors.login(name)) for name in names]
    async with asyncio.timeout(10):
        refused = [await first for first in itertools.islice(asyncio.as_completed(logins), 50)]
        assert (await visitors.api.call("GET", "/profile", token=pair.access_token)).status == 200
    for response in refused:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
    gate.set()
    statuses = Counter([(await task).status for task in logins])
    assert statuses[200] + statuses[503] == 200
    assert statuses[200] > 0
    await data_of(await visitors.login(names[-1], PASSWORD))
