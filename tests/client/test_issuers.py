"""Several issuers: each verified by its own keys, each with the roles that it was given, other makes too."""

from __future__ import annotations

from uuid import uuid4

import pytest

from sentri import AuthUser, SentriError, TrustedIssuer, create_auth
from sentri.clock import system_clock
from tests.client.issuing import Issuer, running
from tests.hostile_tokens import GONE, mint_of

OWN = "https://auth.example.com"
PARTNER = "https://login.partner.example"


@pytest.fixture
async def partner():
    async with running(Issuer("ES256", number=50)) as (one,):
        one.claims = {"iss": PARTNER, "aud": "shop", "roles": ["editor", "admin"]}
        yield one


def trusting(issuer, partner, *, own=OWN, **more):
    trusted = TrustedIssuer(**{"issuer": PARTNER, "key_uri": partner.key_uri, "audience": "shop", **more})
    return create_auth(mode="client", key_uri=issuer.key_uri, issuer=own, trusted_issuers=[trusted])


async def refusal(auth, token) -> str:
    with pytest.raises(SentriError) as refused:
        await auth.authenticate(token)
    return refused.value.code


async def test_each_issuer_is_known_by_name(issuer, partner):
    auth = trusting(issuer, partner)
    assert (await auth.authenticate(issuer.token(iss=OWN))).issuer == OWN
    assert (await auth.authenticate(partner.token())).issuer == PARTNER


async def test_only_the_roles_given_to_an_issuer_count(issuer, partner):
    assert (await trusting(issuer, partner).authenticate(partner.token())).roles == ()
    auth = trusting(issuer, partner, roles=("editor", "viewer"))
    assert (await auth.authenticate(partner.token())).roles == ("editor",)
    assert (await auth.authenticate(issuer.token(iss=OWN, roles=["admin"]))).roles == ("admin",)


@pytest.mark.parametrize("own", [OWN, None])
async def test_a_key_never_verifies_the_tokens_of_another_issuer(issuer, partner, own):
    auth = trusting(issuer, partner, own=own)
    assert await refusal(auth, partner.token(iss=OWN)) == "TOKEN_INVALID"
    assert await refusal(auth, partner.token(iss=GONE)) == "TOKEN_INVALID"
    assert await refusal(auth, partner.token(iss="https://nobody.example")) == "TOKEN_INVALID"
    assert await refusal(auth, issuer.token(iss=PARTNER, aud="shop")) == "TOKEN_INVALID"


async def test_a_partner_that_publishes_our_key_id_gains_nothing(issuer, partner):
    """The attack: the partner's set has a key of its own under the key id of ours."""
    auth = trusting(issuer, partner)
    partner.keys[issuer.signing] = partner.keys[partner.signing]
    assert await auth.authenticate(partner.token())
    assert await refusal(auth, partner.token(iss=OWN, kid=issuer.signing)) == "TOKEN_INVALID"


async def test_own_issuer_and_audience_are_required_when_they_are_given(issuer):
    auth = create_auth(mode="client", key_uri=issuer.key_uri, issuer=OWN, audience=["shop", "api"])
    assert await auth.authenticate(issuer.token(iss=OWN, aud="shop"))
    assert await auth.authenticate(issuer.token(iss=OWN, aud=["other", "api"]))
    for claims in ({"iss": OWN}, {"aud": "shop"}, {"iss": OWN, "aud": "sho"}, {"iss": OWN + "/", "aud": "shop"}):
        assert await refusal(auth, issuer.token(**claims)) == "TOKEN_INVALID"


async def test_a_token_for_somebody_else_is_refused_where_no_audience_is_given(issuer, make_auth):
    assert await refusal(make_auth(), issuer.token(aud="somebody else")) == "TOKEN_INVALID"


# --- other makes


@pytest.mark.parametrize("typ", ["JWT", "jwt", GONE, "at+jwt", "application/at+jwt"])
async def test_lenient_typ_accepts_what_other_servers_write(issuer, partner, typ):
    auth = trusting(issuer, partner, lenient_typ=True)
    user = await auth.authenticate(partner.token(typ=typ, sub="auth0|123", sid=GONE, roles=GONE, email="a@b.example"))
    assert user == AuthUser("auth0|123", "ann", (), None, PARTNER)


@pytest.mark.parametrize("typ", ["rt+jwt", "id_token+jwt", "dpop+jwt", "logout+jwt", "", None, 1])
async def test_lenient_typ_is_no_free_pass(issuer, partner, typ):
    auth = trusting(issuer, partner, lenient_typ=True)
    mint = mint_of(partner.token(), partner.keys[partner.signing][1], "ES256", system_clock())
    assert await refusal(auth, mint.token({"typ": typ})) == "TOKEN_INVALID"


async def test_strict_issuers_write_at_jwt_and_uuids(issuer, partner):
    auth = trusting(issuer, partner)
    for changes in ({"typ": "JWT"}, {"typ": GONE}, {"sub": "auth0|123"}, {"sid": GONE}, {"roles": GONE}):
        assert await refusal(auth, partner.token(**changes)) == "TOKEN_INVALID"


async def test_leniency_for_one_issuer_is_none_for_another(issuer, partner):
    auth = trusting(issuer, partner, lenient_typ=True)
    assert await refusal(auth, issuer.token(iss=OWN, typ="JWT")) == "TOKEN_INVALID"


@pytest.mark.parametrize("aud", [GONE, "another", ["another"], "", "shop2"])
async def test_lenient_typ_still_asks_for_the_audience(issuer, partner, aud):
    auth = trusting(issuer, partner, lenient_typ=True)
    assert await refusal(auth, partner.token(typ="JWT", aud=aud)) == "TOKEN_INVALID"


async def test_claims_may_have_other_names(issuer, partner):
    auth = trusting(
        issuer,
        partner,
        lenient_typ=True,
        roles=["editor"],
        roles_claim=("realm_access", "roles"),
        identifier_claim="email",
    )
    token = partner.token(
        typ="JWT", email="a@b.example", realm_access={"roles": ["offline", "editor"]}, roles=["admin"]
    )
    user = await auth.authenticate(token)
    assert (user.identifier, user.roles) == ("a@b.example", ("editor",))


async def test_a_claim_with_dots_in_its_name_is_one_name(issuer, partner):
    name = "https://shop.example/roles"
    auth = trusting(issuer, partner, roles=["editor"], roles_claim=name)
    assert (await auth.authenticate(partner.token(**{name: ["editor"]}))).roles == ("editor",)


@pytest.mark.parametrize("realm", ["admin", ["editor"], 1, None, {"roles": "editor"}, {"roles": [1]}, {"roles": None}])
async def test_ill_typed_roles_are_refused_wherever_they_are(issuer, partner, realm):
    auth = trusting(issuer, partner, lenient_typ=True, roles=["editor"], roles_claim=("realm_access", "roles"))
    assert await refusal(auth, partner.token(typ="JWT", realm_access=realm)) == "TOKEN_INVALID"


async def test_a_lenient_token_without_the_identifier_goes_by_its_sub(issuer, partner):
    auth = trusting(issuer, partner, lenient_typ=True)
    user = await auth.authenticate(partner.token(typ="JWT", sub="42", identifier=GONE))
    assert (user.id, user.identifier) == ("42", "42")
    assert await refusal(auth, partner.token(typ="JWT", sub="42", identifier=1)) == "TOKEN_INVALID"


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256", "EdDSA"])
async def test_tokens_and_key_sets_of_pyjwt(algorithm):
    """A key that names no `alg` verifies with the usual one of its type, and with no other."""
    async with running(Issuer(algorithm, number=60)) as (other,):
        auth = create_auth(mode="client", key_uri=other.key_uri)
        assert await auth.authenticate(other.token())
        other.jwk = lambda kid: {**Issuer.jwk(other, kid), "alg": None}
        bare = {name: value for name, value in other.jwk(other.signing).items() if name not in ("alg", "use")}
        other.jwk = lambda _: bare
        again = create_auth(mode="client", key_uri=other.key_uri, algorithms=[algorithm])
        assert await again.authenticate(other.token())


async def test_an_issuer_that_is_down_harms_no_other(issuer, partner):
    auth = trusting(issuer, partner)
    await partner.go_down()
    assert await refusal(auth, partner.token()) == "KEYS_UNAVAILABLE"
    assert await auth.authenticate(issuer.token(iss=OWN))
    assert auth.keys.status().state == "fresh"
    assert auth.keys.status(PARTNER).state == "unavailable"
    assert "partner" not in (auth.keys.status(PARTNER).last_error or "")
    with pytest.raises(SentriError, match=r"none of the trusted_issuers"):
        auth.keys.status("https://nobody.example")


async def test_sessions_of_other_servers_can_be_revoked_by_their_sid(issuer, partner):
    asked = []
    session_id = str(uuid4())
    auth = create_auth(
        mode="client",
        key_uri=issuer.key_uri,
        trusted_issuers=[TrustedIssuer(PARTNER, partner.key_uri, "shop", lenient_typ=True)],
        is_token_revoked=lambda sid: asked.append(sid) is None and sid == session_id,
    )
    assert await auth.authenticate(partner.token(sid=GONE))
    assert asked == [], "no session, nothing that could be revoked"
    assert await refusal(auth, partner.token(sid=session_id)) == "UNAUTHORIZED"
    assert asked == [session_id]
