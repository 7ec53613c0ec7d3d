"""Private keys at rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sentri.clock import system_clock
from sentri.keys.algorithms import ALGORITHMS
from sentri.keys.encrypting import KeyEncryption, NotDecrypted
from sentri.keys.making import KeyMaker
from tests.keys.conftest import NEW, OLD, OTHER

ASYMMETRIC = [name for name in ALGORITHMS if ALGORITHMS[name].asymmetric]


async def made(*secrets, algorithm="ES256", purpose="access"):
    encryption = KeyEncryption(secrets or (NEW,))
    maker = KeyMaker(ALGORITHMS[algorithm], encryption, system_clock, token_lifetime=900)
    return encryption, await maker.make(purpose, 1)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
async def test_a_key_comes_back_as_it_was(algorithm):
    encryption, record = await made(algorithm=algorithm)
    key = encryption.decrypt(record)
    assert (key.kid, key.algorithm.name) == (record.kid, algorithm)
    assert key.public_jwk() == record.public_key


async def test_a_refresh_key_comes_back_as_it_was():
    encryption, record = await made(purpose="refresh")
    assert record.public_key is None
    assert encryption.decrypt(record) == encryption.decrypt(record)
    assert encryption.decrypt(record).algorithm.name == "HS256"


async def test_two_encryptions_of_one_key_differ():
    encryption, record = await made()
    key = encryption.decrypt(record)
    assert encryption.encrypt(key, record.kid) != encryption.encrypt(key, record.kid)


async def test_another_secret_does_not_decrypt():
    _, record = await made(NEW)
    with pytest.raises(NotDecrypted):
        KeyEncryption([OLD]).decrypt(record)


async def test_any_secret_of_a_list_decrypts_and_the_first_encrypts():
    _, record = await made(OLD)
    both = KeyEncryption([NEW, OLD])
    renewed = replace(record, private_key=both.renewed(record))
    assert KeyEncryption([NEW]).decrypt(renewed).kid == both.decrypt(record).kid == record.kid
    assert both.renewed(renewed) is None
    assert KeyEncryption([OTHER]).renewed(record) is None
    assert both.renewed(replace(record, private_key=None)) is None


@pytest.mark.parametrize("purpose", ["access", "refresh"])
async def test_rows_cannot_be_swapped(purpose):
    encryption, one = await made(purpose=purpose)
    _, two = await made(purpose=purpose)
    for swapped in (replace(one, private_key=two.private_key), replace(one, kid=two.kid)):
        with pytest.raises(NotDecrypted):
            encryption.decrypt(swapped)


async def test_a_row_cannot_change_its_algorithm_or_its_purpose():
    encryption, record = await made(algorithm="RS256")
    _, refresh = await made(purpose="refresh")
    for changed in (
        replace(record, algorithm="RS512"),
        replace(record, algorithm="none"),
        replace(record, purpose="refresh"),
        replace(refresh, purpose="access"),
    ):
        with pytest.raises(NotDecrypted):
            encryption.decrypt(changed)


async def test_every_changed_character_is_noticed():
    encryption, record = await made()
    text = record.private_key
    for position in range(0, len(text) - 1, 7):
        other = "A" if text[position] != "A" else "B"
        with pytest.raises(NotDecrypted):
            encryption.decrypt(replace(record, private_key=text[:position] + other + text[position + 1 :]))


@pytest.mark.parametrize("text", ["", "x", "....", "a.b.c.d.e", "é" * 9, "eyJhbGciOiJub25lIn0....", "[" * 9000])
async def test_what_is_no_jwe_is_refused(text):
    encryption, record = await made()
    with pytest.raises(NotDecrypted):
        encryption.decrypt(replace(record, private_key=text))


async def test_nothing_shows_a_secret_or_a_private_part():
    encryption, record = await made()
    assert NEW not in repr(encryption)
    assert record.private_key not in repr(record)
    assert "d" not in record.public_key
