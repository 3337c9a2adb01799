"""Which rail a payout goes over: by its amount, and after a definite refusal whose reason lies in the rail."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest
from tests.fixtures.authentication import configured
from tests.fixtures.house import House, house_on
from tests.fixtures.scripted_rail import Behaviour, ScriptedRail

from roadstead.config.anchor import Anchor
from roadstead.config.anchor_rules import consistency_problems
from roadstead.config.payout_terms import PayoutTerms
from roadstead.config.rail_terms import RailDeclaration
from roadstead.errors import BadInput
from roadstead.ledger.verify import verify
from roadstead.money import Money, amount_from_text, currency
from roadstead.operations.holds import HoldKind
from roadstead.payouts.choosing import LIES_IN_THE_RAIL, Ways, first_rail, next_rail
from roadstead.payouts.decisions import Hold, Move, Retry, Step, Tried, after_refusal, pause
from roadstead.payouts.reason_codes import ACTIONS, ActionClass
from roadstead.payouts.reasons import reason_of
from roadstead.payouts.states import PayoutStatus
from roadstead.payouts.store import order_over
from roadstead.rails.protocol import RailStatus
from roadstead.remittances.states import RemittanceStatus

EUR = currency("EUR")
SEPA = RailDeclaration(name="sepa", currency=EUR)
INSTANT = RailDeclaration(name="instant", currency=EUR, amount_max=Decimal(100_000))
WIRE = RailDeclaration(name="wire", currency=EUR)
TERMS = PayoutTerms()


def anchor_with(*rails: RailDeclaration, fallbacks: tuple[str, ...]) -> Anchor:
    anchor = configured().anchor
    methods = tuple(
        replace(method, fallbacks=fallbacks) if method.name == "SEPA" else method
        for method in anchor.funding_methods
    )
    names = {rail.name for rail in rails}
    others = tuple(rail for rail in anchor.rails if rail.name not in names)
    return replace(anchor, rails=(*rails, *others), funding_methods=methods)


def euros(text: str) -> Money:
    return amount_from_text(EUR, text)


class TestTheOrderOfRails:
    def test_a_payout_begins_with_the_first_that_carries_its_amount(self) -> None:
        small = replace(SEPA, amount_max=Decimal(500))
        anchor = anchor_with(small, INSTANT, fallbacks=("instant",))
        assert first_rail(anchor, "SEPA", euros("500.00")) == "sepa"
        assert first_rail(anchor, "SEPA", euros("500.01")) == "instant"

    def test_with_the_first_of_all_when_none_does(self) -> None:
        anchor = anchor_with(replace(SEPA, amount_min=Decimal(10)), fallbacks=())
        assert first_rail(anchor, "SEPA", euros("1")) == "sepa"

    def test_the_next_is_one_further_on_that_carries_it(self) -> None:
        anchor = anchor_with(SEPA, INSTANT, WIRE, fallbacks=("instant", "wire"))
        assert next_rail(anchor, "SEPA", "sepa", euros("10")) == "instant"
        assert next_rail(anchor, "SEPA", "sepa", euros("200000")) == "wire"
        assert next_rail(anchor, "SEPA", "wire", euros("10")) is None

    def test_a_rail_that_the_method_no_longer_names_leads_nowhere(self) -> None:
        assert next_rail(anchor_with(SEPA, fallbacks=()), "SEPA", "gone", euros("10")) is None


def follows(code: str, ways: Ways, *, attempts: int = 1) -> Step:
    tried = Tried(attempts=attempts, releases=0)
    askable = ("bank_account_number", "first_name")
    return after_refusal(reason_of(code), TERMS, tried, provided=askable, askable=askable, ways=ways)


class TestWhatFollowsARefusal:
    @pytest.mark.parametrize("code", sorted(ACTIONS))
    def test_another_rail_is_tried_exactly_where_the_reason_lies_in_the_rail(self, code: str) -> None:
        step = follows(code, Ways(onward="instant"))
        assert (step == Move(rail="instant")) == (ACTIONS[code] in LIES_IN_THE_RAIL)

    @pytest.mark.parametrize(
        "action",
        [
            ActionClass.COMPLIANCE,
            ActionClass.OUR_DUPLICATE,
            ActionClass.UNEXPLAINED,
            ActionClass.RECALLED,
            ActionClass.FIX_ACCOUNT,
        ],
    )
    def test_never_round_the_law_after_a_duplicate_or_without_a_reason(self, action: ActionClass) -> None:
        assert action not in LIES_IN_THE_RAIL

    def test_the_round_begins_again_with_the_rail_that_only_could_not_then(self) -> None:
        assert follows("AM02", Ways(back="sepa")) == Retry(after=pause(TERMS, 1), rail="sepa")

    def test_attempts_over_all_rails_count_together(self) -> None:
        assert isinstance(follows("TM01", Ways(onward="instant"), attempts=5), Hold)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        furnished.set_rails(SEPA, INSTANT, fallbacks=("instant",))
        yield furnished


@pytest.fixture
def instant() -> ScriptedRail:
    return ScriptedRail(name="instant")


async def refused(house: House, code: str) -> UUID:
    """A remittance whose first rail refused its payout for a reason."""
    opened = await house.open("100")
    await house.pay(opened.memo)
    await house.match()
    house.rail.script.append(Behaviour.REFUSE)
    house.rail.refusals.append(code)
    await house.work()
    return opened.id


async def rails_asked(house: House) -> list[str]:
    found: list[str] = await house.value("SELECT array_agg(rail ORDER BY number) FROM payout_attempts")
    return found


class TestAFallback:
    async def test_pays_what_the_first_rail_refused_and_stands_in_the_books(
        self, house: House, instant: ScriptedRail
    ) -> None:
        remittance_id = await refused(house, "AM02")
        await house.work()
        assert (await house.payout(remittance_id)).rail == "instant"
        instant.script.append(Behaviour.SETTLE)
        await house.work(instant)

        assert (await house.remittance(remittance_id)).status is RemittanceStatus.COMPLETED
        assert await rails_asked(house) == ["sepa", "instant"]
        first, second = house.rail.submissions[0], instant.submissions[0]
        assert first.end_to_end_id == second.end_to_end_id
        assert first.key != second.key
        assert (await house.books())["bank:instant EUR"] == "-99.40"
        assert "bank:sepa EUR" not in await house.books()
        assert (await verify(house.database)).findings == ()

    async def test_is_told_in_the_history(self, house: House) -> None:
        await refused(house, "TM01")
        await house.work()
        query = "SELECT array_agg(concat_ws(' ', status_to, rail) ORDER BY id) FROM payout_history"
        assert await house.value(query) == [
            "ordered sepa",
            "submitting sepa",
            "refused sepa",
            "ordered instant",
        ]

    async def test_waits_while_nobody_knows_what_became_of_the_attempt(self, house: House) -> None:
        opened = await house.open("100")
        await house.pay(opened.memo)
        await house.match()
        house.rail.script.append(Behaviour.LOSE_ANSWER)
        house.rail.away = True
        for _ in range(4):
            await house.work()
            await house.make_due()
        payout = await house.payout(opened.id)
        assert (payout.rail, payout.status) == ("sepa", PayoutStatus.UNKNOWN)

    async def test_waits_until_the_first_rail_stands_by_its_refusal(self, house: House) -> None:
        remittance_id = await refused(house, "TM01")
        house.rail.away = True
        await house.work()
        assert (await house.payout(remittance_id)).rail == "sepa"

        house.rail.away = False
        key = house.rail.submissions[0].key
        house.rail.known[key] = RailStatus.SETTLED
        await house.make_due()
        await house.work()
        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD

    async def test_is_not_taken_for_a_wrong_account(self, house: House) -> None:
        remittance_id = await refused(house, "AC01")
        await house.work()
        assert (await house.payout(remittance_id)).rail == "sepa"

    async def test_hears_of_a_late_settlement_over_the_first_rail_and_asks_people(
        self, house: House, instant: ScriptedRail
    ) -> None:
        remittance_id = await refused(house, "TM01")
        await house.work()
        instant.script.append(Behaviour.SETTLE)
        await house.work(instant)
        house.rail.tell(house.rail.submissions[0].key, RailStatus.SETTLED)
        await house.hear()

        assert (await house.payout(remittance_id)).status is PayoutStatus.HELD
        assert await house.held() == [HoldKind.PAYOUT_UNKNOWN]
        await house.decide(HoldKind.PAYOUT_UNKNOWN, "release", people=2)
        books = await house.books()
        assert (books["bank:sepa EUR"], books["bank:instant EUR"]) == ("-99.40", "-99.40")
        assert "payout_paid_twice" in await house.alerts()

    async def test_that_refuses_too_leaves_it_to_the_rail_that_only_could_not_then(
        self, house: House, instant: ScriptedRail
    ) -> None:
        remittance_id = await refused(house, "TM01")
        await house.work()
        instant.script.append(Behaviour.REFUSE)
        instant.refusals.append("AM02")
        await house.work(instant)
        await house.work(instant)
        payout = await house.payout(remittance_id)
        assert (payout.rail, payout.status, payout.back_to) == ("sepa", PayoutStatus.ORDERED, None)

        await house.make_due()
        house.rail.script.append(Behaviour.SETTLE)
        await house.work()
        assert (await house.payout(remittance_id)).status is PayoutStatus.SETTLED
        assert await rails_asked(house) == ["sepa", "instant", "sepa"]
        assert (await verify(house.database)).findings == ()

    async def test_is_taken_when_the_first_rail_would_refuse_the_amount_itself(
        self, house: House, instant: ScriptedRail
    ) -> None:
        opened = await house.open("100")
        await house.pay(opened.memo)
        await house.match()
        house.set_rails(replace(SEPA, amount_max=Decimal(50)), INSTANT, fallbacks=("instant",))
        await house.work()
        assert (await house.payout(opened.id)).rail == "instant"
        assert house.rail.submissions == []
        await house.work(instant)
        assert len(instant.submissions) == 1

    async def test_for_a_form_that_a_rail_refuses_tells_an_engineer(self, house: House) -> None:
        await refused(house, "FF01")
        await house.work()
        assert await house.alerts() == ["rail_avoided"]

    async def test_asks_people_again_who_approved_the_other_rail(
        self, house: House, instant: ScriptedRail
    ) -> None:
        house.set_rails(SEPA, INSTANT, fallbacks=("instant",), approval_above=Decimal(10), approvals=1)
        opened = await house.open("100")
        await house.pay(opened.memo)
        await house.match()
        await house.work()
        await house.decide(HoldKind.PAYOUT_RELEASE, "release")
        house.rail.script.append(Behaviour.REFUSE)
        house.rail.refusals.append("TM01")
        await house.work()
        await house.work()
        await house.work(instant)
        assert (await house.payout(opened.id)).status is PayoutStatus.HELD
        assert instant.submissions == []
        await house.decide(HoldKind.PAYOUT_RELEASE, "release")
        await house.work(instant)
        assert len(instant.submissions) == 1


class TestApprovalsOfARail:
    async def test_hold_a_payout_whatever_its_funding_method(self, house: House) -> None:
        house.set_rails(replace(SEPA, approval_above=Decimal(50), approvals=2), fallbacks=())
        opened = await house.open("100")
        await house.pay(opened.memo)
        await house.match()
        await house.work()
        assert await house.held() == [HoldKind.PAYOUT_RELEASE]
        assert await house.value("SELECT approvals FROM holds") == 2
        assert house.rail.submissions == []


class TestTheDatabase:
    async def test_lets_no_payout_change_its_rail_while_an_attempt_may_pay(self, house: House) -> None:
        opened = await house.open("100")
        await house.pay(opened.memo)
        await house.match()
        await house.work()
        payout = await house.payout(opened.id)
        with pytest.raises(asyncpg.RestrictViolationError, match="refused for good"):
            async with house.database.transaction() as connection:
                await order_over(
                    connection, payout, "instant", back_to=None, reason=None, now=house.clock.now()
                )

    async def test_writes_no_attempt_over_another_rail_than_the_payouts_own(self, house: House) -> None:
        opened = await house.open("100")
        await house.pay(opened.memo)
        await house.match()
        with pytest.raises(asyncpg.RestrictViolationError, match="goes over sepa"):
            await house.execute(
                "INSERT INTO payout_attempts (key, payout_id, rail, number, content) "
                "SELECT 'A1', id, 'instant', 1, 'x' FROM payouts"
            )

    async def test_lets_no_attempt_change_its_rail(self, house: House) -> None:
        await refused(house, "AC01")
        with pytest.raises(asyncpg.RestrictViolationError, match="fixed"):
            await house.execute("UPDATE payout_attempts SET rail = 'instant'")


class TestAfterARestore:
    async def test_nothing_is_sent_over_one_rail_that_another_told_it_pays(self, house: House) -> None:
        opened = await house.open("100")
        await house.pay(opened.memo)
        await house.match()
        payout = await house.payout(opened.id)
        await house.execute(
            "INSERT INTO restorations (taken_at, restored_at, cursors, ended_at, ended_by) "
            "VALUES ($1, $2, '{}', $2, 'a test')",
            house.clock.now() - timedelta(hours=1),
            house.clock.now() + timedelta(hours=1),
        )
        await house.execute(
            "INSERT INTO rail_events (rail, identity, key, end_to_end_id, status, detail, occurred_at, applied_at, "
            "conclusion) VALUES ('instant', '1', 'LOST', $1, 'settled', '', now(), now(), 'not ours')",
            payout.end_to_end_id,
        )
        await house.work()
        assert house.rail.submissions == []
        assert (await house.payout(opened.id)).status is PayoutStatus.HELD


class TestTheConfiguration:
    def test_a_fallback_has_to_exist_pay_the_same_currency_and_stand_once(self) -> None:
        yen = RailDeclaration(name="yen", currency=currency("JPY"))
        anchor = anchor_with(SEPA, yen, fallbacks=("yen", "nowhere", "sepa"))
        problems = " ".join(consistency_problems(anchor))
        assert "the fallback yen pays in iso4217:JPY" in problems
        assert "fallbacks: nowhere is not among [[rails]]" in problems
        assert "sepa stands there 2 times" in problems

    def test_the_least_of_a_rail_does_not_exceed_its_most(self) -> None:
        odd = replace(SEPA, amount_min=Decimal(10), amount_max=Decimal(1))
        assert "amount_min 10 is above amount_max 1" in " ".join(
            consistency_problems(anchor_with(odd, fallbacks=()))
        )


class TestOpening:
    async def test_an_amount_that_no_rail_carries_is_refused_before_it_is_paid(self, house: House) -> None:
        house.set_rails(replace(SEPA, amount_min=Decimal(1), amount_max=Decimal(50)), fallbacks=())
        with pytest.raises(BadInput, match="SEPA delivers at least 1 at most 50"):
            await house.open("100")
