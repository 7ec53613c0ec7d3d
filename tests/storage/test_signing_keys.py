"""`SigningKeys` keeps the promises of `KeyStore` on every database."""

import pytest

from sentri.storage import SigningKeys
from sentri_testing.contracts import KeyStoreContract
from sentri_testing.contracts.signing_keys import REFRESH, key


@pytest.fixture
def signing_keys(database):
    return SigningKeys(database)


class TestSigningKeys(KeyStoreContract):
    @pytest.fixture
    def store(self, signing_keys):
        return signing_keys


async def test_reads_them_by_purpose_and_generation(signing_keys):
    await signing_keys.add(REFRESH, key(2), key(1))
    assert list(await signing_keys.read()) == [key(1), key(2), REFRESH]
