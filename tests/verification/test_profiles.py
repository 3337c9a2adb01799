"""Mainnet and testnet side by side: the same build, file and collection of data, and only validation differs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fixtures.house import House, house_on
from tests.fixtures.verification import CALLER, ScriptedVerifier, VerifiedHouse

from roadstead.config.networks import Network, profile
from roadstead.config.settings import VerifierSettings
from roadstead.config.verifier_terms import VerifierDeclaration
from roadstead.customers.identity import Reference
from roadstead.customers.requirements import CustomerStatus
from roadstead.customers.views import CustomerView
from roadstead.errors import BadInput, CustomerInfoNeeded
from roadstead.verification.opening import open_verifiers
from roadstead.verification.protocol import Decision

INVENTED = {
    "first_name": "Anybody",
    "last_name": "Atall",
    "bank_account_number": "DE89370400440532013000",
    "address_country_code": "DEU",
}


def on(house: House, network: Network) -> VerifiedHouse:
    """The house as it is on a network: nothing else of its configuration changes."""
    configuration = house.configuration
    anchor = replace(configuration.anchor, verifiers=(VerifierDeclaration(name="identity"),))
    verifiers = {"identity": VerifierSettings(kind="tests:scripted")}
    settings = replace(configuration.settings, network=network, kyc_validation=None, verifiers=verifiers)
    house.configuration = replace(configuration, anchor=anchor, settings=settings, profile=profile(network))
    return VerifiedHouse(house=house, identity=ScriptedVerifier())


async def fresh(at: VerifiedHouse, memo: str, **fields: str) -> CustomerView:
    reference = Reference(memo=memo, type="sep31-receiver")
    await at.house.registry.register(CALLER, reference, fields)
    return await at.house.registry.look_up(CALLER, reference)


@pytest.mark.parametrize("network", list(Network))
class TestOnEveryNetwork:
    async def test_the_same_is_asked_for(self, database_url: str, network: Network) -> None:
        async with house_on(database_url) as house:
            at = on(house, network)
            view = await fresh(at, "91", first_name="Anybody")
            assert view.status is CustomerStatus.NEEDS_INFO
            assert set(view.required_missing) >= {"last_name", "bank_account_number"}

    async def test_the_same_forms_are_refused_at_once(self, database_url: str, network: Network) -> None:
        async with house_on(database_url) as house:
            at = on(house, network)
            with pytest.raises(BadInput, match="not an IBAN"):
                await fresh(at, "91", bank_account_number="DE00370400440532013000")


class TestWhatDiffers:
    @pytest.mark.parametrize("network", [Network.SANDBOX, Network.TESTNET])
    async def test_where_no_money_is_real_what_is_well_formed_is_accepted_at_once(
        self, database_url: str, network: Network
    ) -> None:
        async with house_on(database_url) as house:
            at = on(house, network)
            assert (await fresh(at, "91", **INVENTED)).status is CustomerStatus.ACCEPTED
            assert (await house.open()).is_payable
            assert open_verifiers(house.configuration, house.database, house.clock) == {}
            assert await house.value("SELECT count(*) FROM verification_cases") == 0

    async def test_where_it_is_the_same_data_wait_for_a_verifier(self, database_url: str) -> None:
        async with house_on(database_url) as house:
            at = on(house, Network.MAINNET)
            assert (await fresh(at, "91", **INVENTED)).status is CustomerStatus.PROCESSING
            with pytest.raises(CustomerInfoNeeded):
                await house.open()

            await at.hear(Decision.ACCEPTED)
            view = await house.registry.look_up(CALLER, Reference(memo="91", type="sep31-receiver"))
            assert view.status is CustomerStatus.ACCEPTED

    async def test_who_was_registered_before_anybody_was_verified_is_verified_when_money_becomes_real(
        self, database_url: str
    ) -> None:
        async with house_on(database_url) as house:
            at = on(house, Network.MAINNET)
            with pytest.raises(CustomerInfoNeeded):
                await house.open()
            await at.hear(Decision.ACCEPTED)
            assert (await house.open()).is_payable
