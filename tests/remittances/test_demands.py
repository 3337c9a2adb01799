"""What a remittance demands of its customers: fixed at the opening, asked again before the payout."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.house import LARGE_RECEIVER, LARGE_SENDER, PARTNER, House, house_on

from roadstead.config.anchor import CustomerGate
from roadstead.config.matching_terms import OtherAmount
from roadstead.customers.corridors import RequiredTypes
from roadstead.customers.identity import Reference
from roadstead.customers.requirements import CustomerStatus
from roadstead.errors import CustomerInfoNeeded
from roadstead.partners.principal import Principal
from roadstead.remittances.opening import Opened
from roadstead.remittances.release import release_waiting
from roadstead.remittances.states import RemittanceStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CALLER = Principal(account=PARTNER)
USUAL = RequiredTypes(sender="sep31-sender", receiver="sep31-receiver")
LARGE = RequiredTypes(sender="sep31-large-sender", receiver="sep31-large-receiver")


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


async def status_of(house: House, opened: Opened) -> RemittanceStatus:
    return (await house.remittance(opened.id)).status


async def arrived(house: House, opened: Opened, units: int = 20_000_000_000) -> None:
    await house.pay(opened.memo, units)
    await house.match()


class TestOpening:
    @pytest.mark.clause("SEP-31/post/customer-info-needed")
    async def test_a_large_amount_needs_more_of_both_and_says_which_type(self, house: House) -> None:
        for wanted, fields in (
            ("sep31-large-sender", LARGE_SENDER),
            ("sep31-large-receiver", LARGE_RECEIVER),
        ):
            with pytest.raises(CustomerInfoNeeded) as refusal:
                await house.open("2000")
            assert refusal.value.customer_type == wanted
            memo = "1" if wanted.endswith("sender") else "2"
            await house.registry.register(CALLER, Reference(memo=memo, type=wanted), fields)

        opened = await house.open("2000")
        assert (await house.remittance(opened.id)).required_types == LARGE

    async def test_the_same_customer_may_be_accepted_for_one_type_and_not_for_the_other(
        self, house: House
    ) -> None:
        usual = await house.registry.look_up(CALLER, Reference(memo="1", type="sep31-sender"))
        large = await house.registry.look_up(CALLER, Reference(memo="1", type="sep31-large-sender"))

        assert (usual.status, large.status) == (CustomerStatus.ACCEPTED, CustomerStatus.NEEDS_INFO)
        assert "id_number" in large.required_missing

    async def test_a_small_amount_is_opened_for_the_usual_types(self, house: House) -> None:
        assert (await house.remittance((await house.open("1000")).id)).required_types == USUAL

    async def test_what_was_demanded_stays_even_when_the_configuration_changes(self, house: House) -> None:
        opened = await house.open("1000")
        house.configuration = replace(
            house.configuration,
            anchor=replace(
                house.configuration.anchor,
                requirements=tuple(
                    replace(rule, above=rule.above and rule.above / 10)
                    for rule in house.configuration.anchor.requirements
                ),
            ),
        )
        await arrived(house, opened, 10_000_000_000)
        await house.work()

        assert (await house.remittance(opened.id)).required_types == USUAL
        assert await status_of(house, opened) is RemittanceStatus.PENDING_EXTERNAL

    async def test_nobody_can_change_it_afterwards(self, house: House) -> None:
        opened = await house.open()
        for change in ("sender_type = 'other'", "receiver_type = NULL", "types_fixed = false"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await house.execute(f"UPDATE remittances SET {change} WHERE id = $1", opened.id)


class TestBeforeThePayout:
    async def test_a_large_remittance_is_asked_for_its_own_types(self, house: House) -> None:
        await house.know_more()
        opened = await house.open("2000")
        await house.execute(
            "UPDATE customer_fields SET status = 'REJECTED' WHERE customer_id = $1 AND name = 'address'",
            house.sender_id,
        )
        await arrived(house, opened)
        await house.work()

        remittance = await house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
        assert "address" in (remittance.status_message or "")

    async def test_what_has_become_too_old_is_asked_again(self, house: House) -> None:
        await house.know_more()
        opened = await house.open("2000")
        await house.execute(
            "UPDATE customer_fields SET received_at = received_at - interval '366 days' WHERE name = 'address'"
        )
        await arrived(house, opened)
        await house.work()
        assert await status_of(house, opened) is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE

        await house.know_more()
        await house.make_due()
        await house.work()
        assert await status_of(house, opened) is RemittanceStatus.PENDING_EXTERNAL

    async def test_a_document_that_expired_meanwhile_is_asked_again(self, house: House) -> None:
        await house.know_more()
        opened = await house.open("2000")
        await house.execute(
            "UPDATE customer_fields SET valid_until = $1 WHERE valid_until IS NOT NULL", house.clock.now()
        )
        await arrived(house, opened)
        await house.work()

        remittance = await house.remittance(opened.id)
        assert remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
        for name in ("id_type", "id_number", "id_country_code", "id_expiration_date"):
            assert name in (remittance.status_message or "")

    async def test_a_type_that_is_no_longer_offered_needs_a_person(self, house: House) -> None:
        opened = await house.open()
        anchor = house.configuration.anchor
        house.configuration = replace(
            house.configuration,
            anchor=replace(
                anchor,
                customer_types=tuple(kind for kind in anchor.customer_types if "receiver" not in kind.name),
            ),
        )
        await arrived(house, opened, 1_000_000_000)
        await house.work()

        assert len(await house.held()) == 1

    async def test_a_remittance_from_before_is_asked_what_the_configuration_says(self, house: House) -> None:
        opened = await house.open()
        await house.execute("ALTER TABLE remittances DISABLE TRIGGER remittance_types")
        await house.execute(
            "UPDATE remittances SET sender_type = NULL, receiver_type = NULL, types_fixed = false"
        )
        await house.execute(
            "UPDATE customer_fields SET status = 'REJECTED' WHERE customer_id = $1 AND name = 'last_name'",
            house.sender_id,
        )
        await arrived(house, opened, 1_000_000_000)
        await house.work()

        assert (await house.remittance(opened.id)).required_types is None
        assert await status_of(house, opened) is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE


class TestWaiting:
    async def test_a_large_remittance_waits_until_its_own_types_are_complete(self, house: House) -> None:
        terms = replace(house.configuration.anchor.remittances, kyc=CustomerGate.ASYNCHRONOUS)
        house.configuration = replace(
            house.configuration, anchor=replace(house.configuration.anchor, remittances=terms)
        )
        opened = await house.open("2000")
        assert not opened.is_payable

        anchor = house.configuration.anchor
        assert await release_waiting(house.database, anchor, house.sender_id, house.clock) == 0
        await house.know_more()
        assert await release_waiting(house.database, anchor, house.sender_id, house.clock) == 1
        assert await status_of(house, opened) is RemittanceStatus.PENDING_SENDER


class TestAnotherAmountThanAgreed:
    async def test_much_does_not_arrive_as_if_it_were_little(self, house: House) -> None:
        house.set_policy(other_amount=OtherAmount.DELIVER_RECEIVED)
        opened = await house.open("900")
        await arrived(house, opened)

        assert await status_of(house, opened) is RemittanceStatus.PENDING_SENDER

    async def test_less_than_agreed_is_delivered_whatever_would_have_been_asked_for_that(
        self, house: House
    ) -> None:
        await house.know_more()
        house.set_policy(other_amount=OtherAmount.DELIVER_RECEIVED)
        opened = await house.open("2000")
        await arrived(house, opened, 5_000_000_000)

        assert await status_of(house, opened) is RemittanceStatus.PENDING_RECEIVER
        assert (await house.remittance(opened.id)).required_types == LARGE


class TestDocuments:
    async def valid_until(self, house: House) -> dict[str, str | None]:
        async with house.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT name, valid_until::date::text AS until FROM customer_fields WHERE customer_id = $1"
                " AND name LIKE 'id%'",
                house.sender_id,
            )
        return {row["name"]: row["until"] for row in rows}

    async def register(self, house: House, **fields: str) -> None:
        await house.registry.register(CALLER, Reference(memo="1", type="sep31-large-sender"), fields)

    async def test_everything_of_a_document_holds_as_long_as_it_does(self, house: House) -> None:
        await self.register(house, id_type="passport", id_number="C01X00T47")
        assert set((await self.valid_until(house)).values()) == {None}

        await self.register(house, id_expiration_date="2031-05-01")
        assert set((await self.valid_until(house)).values()) == {"2031-05-02"}

        await self.register(house, id_country_code="DEU")
        assert (await self.valid_until(house))["id_country_code"] == "2031-05-02"

    async def test_a_new_document_does_not_revive_what_belonged_to_the_old_one(self, house: House) -> None:
        await self.register(house, id_number="C01X00T47", id_expiration_date="2031-05-01")
        house.clock.advance(timedelta(days=10_000))
        await self.register(house, id_expiration_date="2061-05-01")

        assert await self.valid_until(house) == {
            "id_number": "2031-05-02",
            "id_expiration_date": "2061-05-02",
        }
        view = await house.registry.look_up(CALLER, Reference(memo="1", type="sep31-large-sender"))
        assert "id_number" in view.required_missing
        assert "id_expiration_date" not in view.required_missing
        assert UUID(str(view.id)) == house.sender_id
