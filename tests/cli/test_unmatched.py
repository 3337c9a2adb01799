"""The queue of unmatched payments at a terminal: what people see, propose and agree to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.fixtures.house import house_on
from tests.fixtures.terminal import TerminalInHouse

from roadstead.payouts.ordering import payout_orderer
from roadstead.remittances.deciding import Hands, apply_decision
from roadstead.remittances.policies import policies_of
from roadstead.remittances.queue_watch import RATE_AWAITED_MAX, watch_queue, watch_rates
from roadstead.service import gauges
from roadstead.service.metrics import registry

EUR = 10_000_000


class Desk(TerminalInHouse):
    """A terminal at which somebody works through the queue."""

    async def alerts(self, kind: str) -> list[dict[str, Any]]:
        """List the open alerts of a kind."""
        return [alert for alert in await self.json(None, "alerts", "list") if alert["kind"] == kind]

    async def carry_out(self) -> bool:
        """Let a worker carry out what was decided."""
        house = self.house
        hands = Hands(
            policies=policies_of(house.configuration),
            order_payouts=payout_orderer(house.configuration.anchor),
            order_refunds=house.order_refunds,
            rates=house.rates.snapshot(),
        )
        return await apply_decision(house.database, hands, house.clock.now())


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with house_on(database_url) as house:
        made = Desk(house, database_url)
        await made.lets_in("anna", "administrator", by=None)
        await made.lets_in("piet", "approver", by="anna")
        await made.lets_in("olga", "operator", by="anna")
        yield made


class TestTheQueue:
    async def test_is_listed_with_reasons_and_shown_with_its_history(self, desk: Desk) -> None:
        operation_id = await desk.house.pay(12345, 7 * EUR)
        await desk.house.match()
        (entry,) = await desk.json(None, "payments", "unmatched")
        assert (entry["operation_id"], entry["reason"], entry["memo"]) == (
            operation_id,
            "unknown_memo",
            "12345",
        )
        assert "unknown_memo" in (await desk.types(None, "payments", "unmatched")).output
        shown = await desk.json(None, "payments", "show", str(operation_id))
        assert [line["disposition_to"] for line in shown["history"]] == ["unmatched"]
        assert "is unmatched" in (await desk.types(None, "payments", "show", str(operation_id))).output
        assert (await desk.types(None, "payments", "show", "1")).exit_code == 1

    async def test_is_measured(self, desk: Desk) -> None:
        await desk.house.pay(12345, 7 * EUR)
        await desk.house.match()
        await gauges.refresh(desk.house.database)
        names = {"asset": desk.house.eurx.id, "reason": "unknown_memo"}
        assert registry.get_sample_value("roadstead_unmatched_payments", names) == 1
        assert registry.get_sample_value("roadstead_unmatched_units", names) == 7 * EUR
        assert registry.get_sample_value("roadstead_unmatched_oldest_age_seconds", names) is not None

    async def test_is_made_heard_when_something_waits_too_long_and_only_then(self, desk: Desk) -> None:
        house = desk.house
        operation_id = await house.pay(12345, 7 * EUR)
        await house.match()
        policies = policies_of(house.configuration)
        assert await watch_queue(house.database, policies, house.clock.now()) == 0
        house.clock.advance(timedelta(days=2))
        for _ in range(2):
            assert await watch_queue(house.database, policies, house.clock.now()) == 1
        (alert,) = await desk.alerts("unmatched_old")
        assert (alert["subject"], alert["count"]) == (house.eurx.id, 1)
        assert "roadstead payments unmatched" in alert["message"]
        await desk.json("piet", "payments", "refund", str(operation_id), "--reason", "asked for")
        await desk.carry_out()
        assert await watch_queue(house.database, policies, house.clock.now()) == 0
        assert await desk.alerts("unmatched_old") == []


class TestDeciding:
    async def test_an_approver_decides_small_amounts_alone(self, desk: Desk) -> None:
        opened = await desk.house.open("100")
        operation_id = await desk.house.pay(12345)
        await desk.house.match()
        words = (
            "payments",
            "match",
            str(operation_id),
            "--remittance",
            str(opened.id),
            "--reason",
            "wrong memo",
        )
        result = await desk.types("piet", *words)
        assert result.exit_code == 0, result.output
        assert "It is decided" in result.output
        assert await desk.carry_out()
        assert (await desk.house.remittance(opened.id)).funded_by == operation_id

    async def test_large_amounts_wait_for_a_second_person(self, desk: Desk) -> None:
        operation_id = await desk.house.pay(12345, 1001 * EUR)
        await desk.house.match()
        words = ("payments", "refund", str(operation_id), "--reason", "asked for")
        result = await desk.types("olga", *words)
        assert "Another person has to agree" in result.output
        (hold,) = await desk.json(None, "holds", "list")
        approve = ("holds", "approve", hold["id"], "--digest", hold["digest"])
        assert (await desk.types("olga", *approve)).exit_code == 1
        assert await desk.carry_out() is False
        assert (await desk.types("piet", *approve)).exit_code == 0
        assert await desk.carry_out()
        assert [order.operation_id for order in desk.house.ordered_refunds] == [operation_id]

    async def test_nobody_decides_without_saying_who_they_are(self, desk: Desk) -> None:
        operation_id = await desk.house.pay(12345)
        await desk.house.match()
        words = ("payments", "refund", str(operation_id), "--reason", "asked for")
        assert (await desk.types(None, *words)).exit_code == 1
        assert (await desk.types("olga", *words)).exit_code == 1, "alone, only an approver decides"
        assert await desk.house.value("SELECT count(*) FROM holds") == 0

    async def test_what_is_not_possible_is_said_in_a_sentence(self, desk: Desk) -> None:
        opened = await desk.house.open("100")
        operation_id = await desk.house.pay(opened.memo)
        await desk.house.match()
        result = await desk.types("piet", "payments", "refund", str(operation_id), "--reason", "asked for")
        assert result.exit_code == 1
        assert await desk.house.value("SELECT count(*) FROM holds") == 0


class TestSendingBackWhatFunded:
    async def test_is_proposed_with_a_name_and_decided_by_as_many_as_the_amount_needs(
        self, desk: Desk
    ) -> None:
        house = desk.house
        await house.know_more()
        small, large, unpaid = await house.open("100"), await house.open("2000"), await house.open("100")
        await house.pay(small.memo)
        await house.pay(large.memo, 2000 * EUR)
        await house.match()
        reason = ("--reason", "the partner asked for it")
        decided = await desk.json("piet", "remittances", "refund", str(small.id), *reason)
        assert (decided["hold"]["kind"], decided["hold"]["status"]) == ("remittance_refund", "decided")
        proposed = await desk.json("olga", "remittances", "refund", str(large.id), *reason)
        assert (proposed["hold"]["approvals"], proposed["hold"]["status"]) == (2, "proposed")
        assert (await desk.types("piet", "remittances", "refund", str(unpaid.id), *reason)).exit_code == 1
        assert await house.value("SELECT count(*) FROM holds") == 2


class TestRatesThatAreAwaited:
    async def test_a_pair_without_a_rate_is_made_heard(self, desk: Desk) -> None:
        house = desk.house
        usdc = house.configuration.asset("USDC").asset
        opened = await house.open(
            "100", asset_code="USDC", destination_asset="iso4217:EUR", funding_method="SEPA"
        )
        await house.pay(opened.memo, asset=usdc)
        house.rates = house.rates.__class__((), {}, {}, house.clock)
        await house.match()
        assert await watch_rates(house.database, {}, house.clock.now()) == 0
        house.clock.advance(RATE_AWAITED_MAX + timedelta(seconds=1))
        assert await watch_rates(house.database, {}, house.clock.now()) == 1
        (alert,) = await desk.alerts("rate_awaited")
        assert alert["subject"].endswith("iso4217:EUR")
