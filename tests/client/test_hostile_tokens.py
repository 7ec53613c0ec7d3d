"""Nothing but a good token passes; whatever a token's header says, keys are public ones and of the issuer."""

from __future__ import annotations

import pytest

from sentri import SentriError
from sentri.clock import system_clock
from tests import hostile_tokens
from tests.client.issuing import Issuer, running
from tests.hostile_tokens import Mint, key_of, mint_of, private_pem
from tests.support import assert_error

ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "EdDSA"]
REFUSED = {**hostile_tokens.HOSTILE, **hostile_tokens.HOSTILE_ASYMMETRIC}


@pytest.fixture(params=ALGORITHMS)
async def issuer(request):
    async with running(Issuer(request.param)) as (one,):
        yield one


@pytest.fixture
def mint(issuer) -> Mint:
    """Signs with the issuer's own key."""
    now = float(int(system_clock()))
    name = issuer.algorithm
    return mint_of(issuer.token(), issuer.keys[issuer.signing][1], name, now)


async def test_refuses_hostile_tokens(make_auth, issuer, mint):
    auth = make_auth(leeway=0, clock=lambda: mint.now)
    passed = []
    for name, build in REFUSED.items():
        try:
            await auth.authenticate(build(mint))
        except SentriError as error:
            if error.code != "TOKEN_INVALID":
                passed.append((name, error.code))
        else:
            passed.append((name, "accepted"))
    assert passed == []
    assert len(issuer.requests) <= 2, "one fetch for the first token, one for every unknown kid within 30 seconds"


@pytest.mark.parametrize("name", hostile_tokens.EXPIRED)
async def test_expired_tokens_are_called_expired(make_auth, mint, name):
    with pytest.raises(SentriError) as refused:
        await make_auth(leeway=0, clock=lambda: mint.now).authenticate(hostile_tokens.EXPIRED[name](mint))
    assert refused.value.code == "TOKEN_EXPIRED"


@pytest.mark.parametrize("name", hostile_tokens.HARMLESS)
async def test_good_tokens_pass(make_auth, mint, name):
    user = await make_auth(clock=lambda: mint.now).authenticate(hostile_tokens.HARMLESS[name](mint))
    assert user.identifier == "ann"


@pytest.mark.parametrize(
    "name", ["alg none", "typ JWT", "two segments", "HS256 with the public key, form 0", "kid missing", "exp null"]
)
async def test_what_needs_no_key_is_refused_without_one(start, issuer, mint, name):
    """A missing or malformed token is 401 while the auth server is down, not 503."""
    await issuer.go_down()
    service = await start()
    await assert_error(await service.get(REFUSED[name](mint)), 401, "TOKEN_INVALID")
    await assert_error(await service.get(mint.good), 503, "KEYS_UNAVAILABLE")


def _with_signature(mint: Mint, change) -> str:
    head, _, signature = mint.good.rpartition(".")
    return f"{head}.{change(signature)}"


MALFORMED = {
    "no signature": lambda m: _with_signature(m, lambda _: ""),
    "no base64url": lambda m: _with_signature(m, lambda _: "!!!"),
    "padding": lambda m: _with_signature(m, lambda s: s + "=" * (-len(s) % 4 or 4)),
    "a kid that no set can have": lambda m: m.token({"kid": "k" * 257}),
    "expired": lambda m: m.token(exp=1),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_no_key_could_save_needs_none(start, issuer, mint, name):
    await issuer.go_down()
    service = await start()
    await assert_error(await service.get(MALFORMED[name](mint)), 401, "TOKEN_INVALID")


async def test_expired_tokens_of_a_key_that_is_gone_cost_no_fetch(make_auth, issuer, mint):
    """A client that was forgotten somewhere must not use up what new keys need."""
    auth = make_auth()
    await auth.prefetch()
    for _ in range(3):
        with pytest.raises(SentriError) as refused:
            await auth.authenticate(mint.token({"kid": "gone"}, exp=1))
        assert refused.value.code == "TOKEN_INVALID"
    assert len(issuer.requests) == 1
    issuer.rotate()
    assert await auth.authenticate(issuer.token())


async def test_only_the_configured_algorithms_count(make_auth, issuer):
    others = [name for name in ALGORITHMS if name != issuer.algorithm]
    with pytest.raises(SentriError) as refused:
        await make_auth(algorithms=others).authenticate(issuer.token())
    assert refused.value.code == "TOKEN_INVALID"
    assert await make_auth(algorithms=[issuer.algorithm]).authenticate(issuer.token())


def _key(mint: Mint, other: str, *, same: bool):
    return key_of("Ed25519" if other == "EdDSA" else other, mint.key.pem if same else private_pem(other, 3))


@pytest.mark.parametrize("other", ["RS256", "RS384", "RS512", "ES256", "EdDSA"])
async def test_a_key_verifies_with_one_algorithm_only(make_auth, issuer, mint, other):
    """Another algorithm than the one that the key is published for, with the very key where that is possible (RFC 8725,
    section 3.1).
    """
    same_key = other[:2] == issuer.algorithm[:2]
    token = mint.token({"alg": other}, _key(mint, other, same=same_key).sign)
    if other == issuer.algorithm:
        assert await make_auth().authenticate(token)
        return
    with pytest.raises(SentriError) as refused:
        await make_auth().authenticate(token)
    assert refused.value.code == "TOKEN_INVALID"
