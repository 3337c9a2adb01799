"""Nothing is paid to or from somebody who may be on a list, until people say so; and partners see nothing of it."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest
from tests.fixtures.house import PARTNER, RECEIVER, House
from tests.fixtures.scripted_rail import Behaviour
from tests.screening.conftest import ImportList
from tests.screening.lists import NOBODY, ROSA, SENA, Listed, ofac

from roadstead.customers.identity import Reference
from roadstead.errors import Unavailable
from roadstead.operations.holds import HoldKind
from roadstead.partners.principal import Principal
from roadstead.payouts.states import PayoutStatus
from roadstead.remittances.states import RemittanceStatus
from roadstead.screening.clearance import requirements_of
from roadstead.screening.protocol import ListState, Screener, Screening
from roadstead.screening.screening import follow_lists, screen_due
from roadstead.screening.showing import record_of, rescreen
from roadstead.screening.staleness import watch_lists
from roadstead.screening.subjects import SCREENED_FIELDS, Subject
from roadstead.sep.transactions import describe

HIT = HoldKind.SCREENING_HIT


async def funded(house: House) -> UUID:
    opened = await house.open()
    await house.pay(opened.memo)
    await house.match()
    return opened.id


async def status(house: House, remittance_id: UUID) -> PayoutStatus:
    return (await house.payout(remittance_id)).status


async def register(house: House, memo: str, **fields: str) -> None:
    await house.registry.register(Principal(account=PARTNER), Reference(memo=memo), fields)


class TestACustomerWhoIsOnNoList:
    async def test_is_paid_as_ever(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY))
        remittance_id = await funded(house)
        await house.work()

        assert await status(house, remittance_id) is PayoutStatus.ACCEPTED
        assert (await house.held(), await house.alerts()) == ([], [])

    async def test_is_not_paid_before_it_was_screened(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY))
        remittance_id = await funded(house)
        screener, house.screener = house.screener, Away()
        await house.work()
        assert house.rail.submissions == []
        assert await status(house, remittance_id) is PayoutStatus.ORDERED

        house.screener = screener
        await house.execute("UPDATE screening_subjects SET lease_until = now() - interval '1 s'")
        await house.work()
        assert len(house.rail.submissions) == 1


class TestAHit:
    @pytest.mark.parametrize("listed", [ROSA, SENA])
    async def test_holds_the_payout_whichever_party_it_is(
        self, house: House, import_into: ImportList, listed: Listed
    ) -> None:
        await import_into(ofac(listed))
        remittance_id = await funded(house)
        await house.work()
        await house.make_due()
        await house.work()

        assert house.rail.submissions == []
        assert await status(house, remittance_id) is PayoutStatus.HELD
        assert (await house.held(), await house.alerts()) == ([HIT], [HIT])

    async def test_opens_a_case_at_registration(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY))
        await register(house, "7", first_name="Ignatius", last_name="Dredmoor")
        await house.screen()

        assert await house.held() == [HIT]

    async def test_puts_only_ids_and_codes_before_people(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(ROSA))
        await house.screen()
        content = json.loads(await house.value("SELECT content FROM holds"))

        assert content["customer"] == str(house.receiver_id)
        assert content["entry 01"].startswith("ofac 1 version ")
        everything = json.dumps(content) + await house.value("SELECT message FROM alerts")
        for secret in ("Rosa", "Receiver", RECEIVER["bank_account_number"]):
            assert secret not in everything

    async def test_needs_as_many_people_as_are_configured(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(ROSA))
        remittance_id = await funded(house)
        await house.work()
        await house.decide(HIT, "release", people=1)
        await house.work()
        assert await status(house, remittance_id) is PayoutStatus.HELD

    async def test_needs_one_person_where_one_is_configured(
        self, house: House, import_into: ImportList
    ) -> None:
        anchor = house.configuration.anchor
        terms = replace(anchor.screening, approvals=1)
        house.configuration = replace(house.configuration, anchor=replace(anchor, screening=terms))
        await import_into(ofac(ROSA))
        remittance_id = await funded(house)
        await house.work()
        await house.decide(HIT, "release", people=1)
        await house.work()

        assert await status(house, remittance_id) is PayoutStatus.ACCEPTED

    async def test_keeps_the_database_from_taking_an_attempt_whatever_the_program_does(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(ROSA))
        remittance_id = await funded(house)
        await house.screen()
        payout = await house.payout(remittance_id)

        with pytest.raises(asyncpg.RestrictViolationError, match="not cleared a party"):
            await house.execute(
                "INSERT INTO payout_attempts (key, payout_id, number, content, written_at, status_at) "
                "VALUES ('k', $1, 1, '', now(), now())",
                payout.id,
            )

    async def test_cannot_be_cleared_by_hand(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(ROSA))
        await house.screen()
        hold_id = await house.value("SELECT id FROM holds")

        with pytest.raises(asyncpg.RestrictViolationError, match="people have to decide"):
            await house.execute(
                "UPDATE screening_hits SET status = 'cleared', decided_at = now(), decided_by = $1", hold_id
            )

    async def test_stays_when_screening_is_switched_off(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(ROSA))
        await house.screen()
        settings = replace(house.configuration.settings, screening=False)
        house.configuration = replace(house.configuration, settings=settings)
        await funded(house)
        await house.work()

        assert house.rail.submissions == []


class TestAClearedHit:
    async def cleared(self, house: House, import_into: ImportList) -> UUID:
        await import_into(ofac(ROSA, NOBODY))
        remittance_id = await funded(house)
        await house.work()
        await house.decide(HIT, "release", people=2)
        await house.work()
        return remittance_id

    async def test_lets_the_payout_go_on_by_itself(self, house: House, import_into: ImportList) -> None:
        remittance_id = await self.cleared(house, import_into)

        assert await status(house, remittance_id) is PayoutStatus.ACCEPTED
        assert (await house.held(), await house.alerts()) == ([], [])

    async def test_is_remembered_for_the_next_payout_and_the_next_version_of_the_list(
        self, house: House, import_into: ImportList
    ) -> None:
        await self.cleared(house, import_into)
        await import_into(ofac(ROSA, NOBODY, Listed(uid=9, name="Somebody Else"), published="03/11/2021"))
        await funded(house)
        await house.work()

        assert len(house.rail.submissions) == 2
        assert await house.held() == []

    async def test_is_forgotten_when_the_entry_changes(self, house: House, import_into: ImportList) -> None:
        await self.cleared(house, import_into)
        changed = Listed(uid=ROSA.uid, name=ROSA.name, country="Malta")
        await import_into(ofac(changed, NOBODY, published="03/11/2021"))
        await funded(house)
        await house.work()

        assert len(house.rail.submissions) == 1
        assert await house.held() == [HIT]

    async def test_is_forgotten_when_the_customer_changes(
        self, house: House, import_into: ImportList
    ) -> None:
        await self.cleared(house, import_into)
        await register(house, "2", first_name="Rosaa")
        await funded(house)
        await house.work()

        assert len(house.rail.submissions) == 1
        assert await house.held() == [HIT]

    async def test_is_decided_again_when_people_ask_for_it(
        self, house: House, import_into: ImportList
    ) -> None:
        await self.cleared(house, import_into)
        await rescreen(house.database, house.receiver_id, anew=True, actor="tests")
        await house.screen()

        assert await house.held() == [HIT]


class TestAConfirmedHit:
    async def confirmed(self, house: House, import_into: ImportList) -> UUID:
        await import_into(ofac(SENA))
        remittance_id = await funded(house)
        await house.work()
        await house.decide(HIT, "refuse", people=2)
        for _ in range(2):
            await house.work()
            await house.make_due()
        return remittance_id

    async def test_keeps_the_money_where_it_is(self, house: House, import_into: ImportList) -> None:
        remittance_id = await self.confirmed(house, import_into)

        assert await status(house, remittance_id) is PayoutStatus.HELD
        assert (house.rail.submissions, house.ordered_refunds) == ([], [])
        assert await house.alerts() == ["screening_confirmed"]

    async def test_holds_the_next_payouts_too(self, house: House, import_into: ImportList) -> None:
        await self.confirmed(house, import_into)
        remittance_id = await funded(house)
        await house.work()

        assert await status(house, remittance_id) is PayoutStatus.HELD
        assert await house.held() == []

    async def test_lets_people_decide_alone_what_becomes_of_the_money(
        self, house: House, import_into: ImportList
    ) -> None:
        remittance_id = await self.confirmed(house, import_into)
        await house.cancel(remittance_id)

        assert await status(house, remittance_id) is PayoutStatus.CANCELLED
        assert len(house.ordered_refunds) == 1

    async def test_found_after_the_bank_refused_stops_the_refund_that_goes_by_itself(
        self, house: House, import_into: ImportList
    ) -> None:
        remittance_id = await funded(house)
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("AC04")
        await house.work()
        await import_into(ofac(SENA))
        await house.work()

        assert await status(house, remittance_id) is PayoutStatus.HELD
        assert house.ordered_refunds == []
        assert await house.held() == [HoldKind.PAYOUT_RELEASE, HIT]


class TestAnUpdateOfAList:
    async def test_screens_everybody_again_and_holds_what_has_not_gone_out(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(NOBODY))
        await house.screen()
        remittance_id = await funded(house)
        await import_into(ofac(NOBODY, ROSA, published="03/11/2021"))
        await house.work()

        assert house.rail.submissions == []
        assert await status(house, remittance_id) is PayoutStatus.HELD

    async def test_that_comes_between_screening_and_sending_is_heard(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(NOBODY))
        await house.screen()
        await funded(house)
        await import_into(ofac(NOBODY, ROSA, published="03/11/2021"))
        screener, house.screener = house.screener, Away()
        await house.work()

        assert house.rail.submissions == []
        house.screener = screener

    async def test_that_takes_the_entry_off_withdraws_the_case_and_lets_the_payout_go_on(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(ROSA, NOBODY))
        remittance_id = await funded(house)
        await house.work()
        await import_into(ofac(NOBODY, published="03/11/2021"), force=True)
        await house.work()

        assert await status(house, remittance_id) is PayoutStatus.ACCEPTED
        assert (await house.held(), await house.alerts()) == ([], [])

    async def test_is_gone_through_in_batches_by_many_workers_and_each_customer_once(
        self, house: House, import_into: ImportList
    ) -> None:
        for number in range(30):
            await register(house, str(100 + number), first_name="Number", last_name=f"Person {number}")
        await house.screen()
        await import_into(ofac(NOBODY))
        before = await house.value("SELECT count(*) FROM screenings")
        await asyncio.gather(*(screen_due(house.office) for _ in range(4)))

        await house.screen()
        assert await house.value("SELECT count(*) FROM screenings") == before + 32
        assert await house.value("SELECT count(DISTINCT edition) FROM screening_subjects") == 1


class TestAChangeOfData:
    async def test_is_counted_by_the_database_for_every_field_that_is_screened(self, house: House) -> None:
        for name in SCREENED_FIELDS:
            before = await house.value(
                "SELECT changes FROM screening_subjects WHERE customer_id = $1", house.receiver_id
            )
            await house.execute(
                "INSERT INTO customer_fields (customer_id, name, ciphertext, status) VALUES ($1, $2, '', 'REJECTED') "
                "ON CONFLICT (customer_id, name) DO UPDATE SET updated_at = now()",
                house.receiver_id,
                name,
            )
            after = await house.value(
                "SELECT changes FROM screening_subjects WHERE customer_id = $1", house.receiver_id
            )
            assert after > before, name

    async def test_of_another_field_is_not(self, house: House) -> None:
        await house.screen()
        await register(house, "2", bank_account_number="FR1420041010050500013M02606")

        assert (
            await house.value("SELECT count(*) FROM screening_subjects WHERE changes <> screened_changes")
            == 0
        )

    async def test_while_it_is_screened_is_not_lost(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY))
        await house.screen()
        await register(house, "2", first_name="Rosaline")
        screener, house.screener = house.screener, Meanwhile(house, house.screener)
        await screen_due(house.office)
        house.screener = screener

        assert (
            await house.value("SELECT count(*) FROM screening_subjects WHERE changes <> screened_changes")
            == 1
        )
        await house.screen()
        assert await house.held() == [HIT]

    async def test_takes_a_case_back_that_it_answers(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(ROSA))
        remittance_id = await funded(house)
        await house.work()
        await register(house, "2", first_name="Leopoldina", last_name="Zweig")
        await house.work()

        assert await status(house, remittance_id) is PayoutStatus.ACCEPTED
        assert await house.held() == []

    async def test_makes_a_decision_about_what_was_before_void(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(ROSA))
        await house.screen()
        await register(house, "2", first_name="Rosaa")
        while await screen_due(house.office):
            continue
        assert await house.value("SELECT count(*) FROM holds WHERE status = 'withdrawn'") == 1
        await house.decide(HIT, "release", people=2)
        await house.screen()

        assert await house.value("SELECT count(*) FROM screening_hits WHERE status = 'cleared'") == 1


class TestACrash:
    async def test_between_screening_and_recording_loses_nothing(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(ROSA))
        screener, house.screener = house.screener, Dies(house.screener)
        with pytest.raises(Killed):
            await screen_due(house.office)
        assert await house.value("SELECT count(*) FROM screening_hits") == 0

        house.screener = screener
        remittance_id = await funded(house)
        await house.work()
        assert await status(house, remittance_id) is PayoutStatus.ORDERED, "its lease is not over"
        await house.execute("UPDATE screening_subjects SET lease_until = now() - interval '1 s'")
        await house.work()
        assert await status(house, remittance_id) is PayoutStatus.HELD

    async def test_a_worker_that_comes_back_late_writes_nothing(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(ROSA))
        house.screener = LosesItsLease(house, house.screener)
        await screen_due(house.office)

        assert await house.value("SELECT count(*) FROM screenings") == 0
        assert await house.held() == []


class TestAStaleList:
    @pytest.fixture(autouse=True)
    def required(self, house: House) -> None:
        settings = replace(
            house.configuration.settings, screening_lists=("ofac",), screening_list_age_max_h=48
        )
        house.configuration = replace(house.configuration, settings=settings)

    async def watched(self, house: House) -> int:
        return await watch_lists(house.database, requirements_of(house.configuration), house.clock)

    async def test_that_was_never_imported_stops_payouts(self, house: House) -> None:
        remittance_id = await funded(house)
        await house.work()

        assert house.rail.submissions == []
        assert await status(house, remittance_id) is PayoutStatus.ORDERED
        assert await self.watched(house) == 1
        assert await house.alerts() == ["screening_list_stale"]

    async def test_stops_payouts_and_what_waits_goes_on_by_itself_when_one_arrives(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(NOBODY))
        house.clock.advance(timedelta(hours=49))
        remittance_id = await funded(house)
        for _ in range(3):
            await house.work()
        await self.watched(house)
        assert house.rail.submissions == []
        assert await house.alerts() == ["screening_list_stale"]

        await import_into(ofac(NOBODY))
        await house.work()
        assert await status(house, remittance_id) is PayoutStatus.ACCEPTED
        assert await self.watched(house) == 0
        assert await house.alerts() == []

    async def test_that_is_not_required_stops_nothing(self, house: House, import_into: ImportList) -> None:
        await import_into(ofac(NOBODY), "ofac")
        await import_into(ofac(NOBODY), "sample")
        await house.execute("UPDATE screening_lists SET current_at = 'epoch' WHERE name = 'sample'")
        await funded(house)
        await house.work()

        assert len(house.rail.submissions) == 1


class TestWhatAPartnerSees:
    async def test_of_a_held_payout_is_what_it_sees_of_any_that_is_worked_on(
        self, house: House, import_into: ImportList
    ) -> None:
        ordinary, waiting = await funded(house), await funded(house)
        await import_into(ofac(ROSA))
        await house.execute(
            "UPDATE payouts SET due_at = now() + interval '1 h' WHERE remittance_id = $1", ordinary
        )
        await house.work()
        assert await status(house, waiting) is PayoutStatus.HELD
        held = await self.seen(house, waiting)
        await house.decide(HIT, "refuse", people=2)
        await house.work()

        assert held == await self.seen(house, ordinary) == await self.seen(house, waiting)

    async def test_after_the_customers_data_were_completed_is_the_same_too(
        self, house: House, import_into: ImportList
    ) -> None:
        remittance_id = await funded(house)
        await house.execute(
            "UPDATE customer_fields SET status = 'REJECTED' WHERE customer_id = $1 AND name = 'bank_account_number'",
            house.receiver_id,
        )
        await house.work()
        asked = (await house.remittance(remittance_id)).status
        assert asked is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE
        await import_into(ofac(ROSA))
        await register(house, "2", bank_account_number="FR1420041010050500013M02606")
        await house.make_due()
        await house.work()

        assert await status(house, remittance_id) is PayoutStatus.HELD
        assert (await house.remittance(remittance_id)).status is RemittanceStatus.PENDING_RECEIVER

    async def test_of_a_customer_who_is_on_a_list_is_what_it_sees_of_any(
        self, house: House, import_into: ImportList
    ) -> None:
        caller, reference = Principal(account=PARTNER), Reference(memo="2")
        before = await house.registry.look_up(caller, reference)
        await import_into(ofac(ROSA))
        await house.screen()
        await house.decide(HIT, "refuse", people=2)
        await house.screen()

        assert await house.registry.look_up(caller, reference) == before

    async def seen(self, house: House, remittance_id: UUID) -> dict[str, object]:
        told = msgspec.to_builtins(describe(await house.remittance(remittance_id)))
        own = {
            "id",
            "started_at",
            "updated_at",
            "stellar_memo",
            "stellar_transaction_id",
            "user_action_required_by",
        }
        return {name: value for name, value in told.items() if name not in own}


class TestAnErasedCustomer:
    async def test_leaves_ids_and_no_data_and_is_screened_no_more(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(ROSA))
        await house.screen()
        await house.registry.delete(Principal(account=PARTNER), Reference(memo="2"))
        await house.screen()

        assert await house.value(
            "SELECT digest IS NULL FROM screening_subjects WHERE customer_id = $1", house.receiver_id
        )
        rows = await house.value("SELECT string_agg(h::text, ' ') FROM screening_hits AS h")
        assert "Rosa" not in rows
        await house.screen()
        assert (
            await house.value("SELECT count(*) FROM screening_subjects WHERE changes <> screened_changes")
            == 0
        )


class TestAScreenerOfSomebodyElse:
    async def test_says_which_lists_are_searched_and_a_new_version_screens_again(self, house: House) -> None:
        vendor = Vendor(house)
        house.screener = vendor
        await follow_lists(house.office)
        remittance_id = await funded(house)
        await house.work()
        assert await status(house, remittance_id) is PayoutStatus.ACCEPTED

        asked = vendor.asked
        vendor.version = "2"
        await follow_lists(house.office)
        await house.screen()
        assert vendor.asked == asked + 2

    async def test_that_is_away_clears_nobody(self, house: House) -> None:
        house.screener = Away()
        await funded(house)
        await house.work()

        assert house.rail.submissions == []


class TestTheRecord:
    async def test_shows_what_the_list_says_and_nothing_of_the_customer(
        self, house: House, import_into: ImportList
    ) -> None:
        await import_into(ofac(Listed(uid=4, name="Rosa Reciever", born="1990", country="Malta")))
        await house.screen()
        record = await record_of(house.database, house.receiver_id)

        (hit,) = record.hits
        assert (record.is_blocked, record.is_current) == (True, True)
        assert (hit.names, hit.births, hit.countries) == (
            ("Rosa Reciever",),
            ("1990-01-01/1990-12-31",),
            ("MLT",),
        )
        assert "may be on a list" in record.sentence


class Killed(BaseException):
    """As if the process had gone."""


class Dies:
    """A screener whose process is killed when it has answered."""

    def __init__(self, inner: Screener) -> None:
        self.inner = inner

    async def lists(self) -> tuple[ListState, ...]:
        return await self.inner.lists()

    async def screen(self, subject: Subject) -> Screening:
        await self.inner.screen(subject)
        raise Killed

    async def close(self) -> None:
        await self.inner.close()


class LosesItsLease(Dies):
    """One that takes so long that another worker has the customer meanwhile."""

    def __init__(self, house: House, inner: Screener) -> None:
        super().__init__(inner)
        self.house = house

    async def screen(self, subject: Subject) -> Screening:
        await self.house.execute("UPDATE screening_subjects SET lease_token = gen_random_uuid()")
        return await self.inner.screen(subject)


class Meanwhile(LosesItsLease):
    """One during whose work the customer's name changes, to one that is listed."""

    async def screen(self, subject: Subject) -> Screening:
        found = await self.inner.screen(subject)
        await register(self.house, "2", first_name="Ignatius", last_name="Dreadmoor")
        return found


class Away:
    """One that does not answer."""

    async def lists(self) -> tuple[ListState, ...]:
        raise Unavailable("The screener does not answer.")

    async def screen(self, subject: Subject) -> Screening:
        raise Unavailable("The screener does not answer.")

    async def close(self) -> None:
        return


class Vendor:
    """One that keeps its lists itself."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.version = "1"
        self.asked = 0

    async def lists(self) -> tuple[ListState, ...]:
        return (ListState(name="world", version=self.version, current_at=self.house.clock.now()),)

    async def screen(self, subject: Subject) -> Screening:
        self.asked += 1
        return Screening(algorithm="vendor-1", lists=await self.lists())

    async def close(self) -> None:
        return
