"""A house under whatever may happen to it, beside a model of what did: the books are sound after every step.

`make model` tries for longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.fixtures.database import Administrator
from tests.fixtures.house import house_on
from tests.fixtures.logs import silenced
from tests.fixtures.model import Model, longer, trials
from tests.fixtures.scripted_rail import Behaviour

from roadstead.rails.protocol import RailStatus
from roadstead.refunds.ordering import refund_orderer
from roadstead.remittances.states import RemittanceStatus

AMOUNTS = st.sampled_from(["1", "20.05", "99.1234567", "100"])
SOME = st.integers(min_value=0, max_value=50)
BEHAVIOURS = st.lists(st.sampled_from(list(Behaviour)), max_size=4)
BOUNDARIES = st.integers(min_value=1, max_value=12)
HELD_BY_THE_BANK = (RailStatus.RECEIVED, RailStatus.ACCEPTED)


class Harbour(RuleBasedStateMachine):
    """One house with its own database; every rule is something that the world may do."""

    def __init__(self, administrator: Administrator, template: str) -> None:
        super().__init__()
        self.administrator = administrator
        self.name = administrator.fresh_name()
        administrator.execute(f"CREATE DATABASE {self.name} TEMPLATE {template} STRATEGY file_copy")
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        house = self.runs(self.stack.enter_async_context(house_on(administrator.server.database(self.name))))
        house.refunder = refund_orderer(house.configuration, house.randomness)
        self.model = Model(house=house)

    def runs(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            self.runs(self.model.settle_down())
            self.runs(self.everything_is_heard())
        finally:
            self.runs(self.stack.aclose())
            self.runner.close()
            self.administrator.drop(self.name)

    async def everything_is_heard(self) -> None:
        assert await self.model.books() == await self.model.expected()
        assert await self.model.complaints() == []
        for one, status in zip(self.model.remittances, await self.model.statuses(), strict=True):
            if not one.is_funded:
                assert status is RemittanceStatus.PENDING_SENDER
            else:
                assert status is not RemittanceStatus.PENDING_SENDER

    @property
    def count(self) -> int:
        return len(self.model.remittances)

    @initialize(amount=AMOUNTS)
    def one_is_open(self, amount: str) -> None:
        self.runs(self.model.open(amount))

    @precondition(lambda self: self.count < 6)
    @rule(amount=AMOUNTS)
    def open(self, amount: str) -> None:
        self.runs(self.model.open(amount))

    @rule(which=SOME)
    def pay(self, which: int) -> None:
        index = which % self.count
        self.runs(self.model.send(index, self.model.remittances[index].agreed.amount_in.units))

    @rule(which=SOME, difference=st.sampled_from([-1, 1, 10_000_000, -9_999_999]))
    def pay_another_amount(self, which: int, difference: int) -> None:
        index = which % self.count
        agreed = self.model.remittances[index].agreed.amount_in.units
        self.runs(self.model.send(index, max(1, agreed + difference)))

    @rule(which=SOME)
    def pay_late(self, which: int) -> None:
        index = which % self.count
        units = self.model.remittances[index].agreed.amount_in.units
        self.runs(self.model.send(index, units, is_late=True))

    @rule(units=st.integers(min_value=1, max_value=10**10))
    def pay_with_a_memo_of_nobodys(self, units: int) -> None:
        self.runs(self.model.send(None, units))

    @rule()
    def match(self) -> None:
        self.runs(self.model.match())

    @rule(behaviours=BEHAVIOURS)
    def work(self, behaviours: list[Behaviour]) -> None:
        self.runs(self.model.work(*behaviours))

    @rule(behaviours=BEHAVIOURS, after=BOUNDARIES)
    def die_while_working(self, behaviours: list[Behaviour], after: int) -> None:
        self.runs(self.model.die_during(self.model.work(*behaviours), after=after))

    @rule(after=BOUNDARIES)
    def die_while_matching(self, after: int) -> None:
        self.runs(self.model.die_during(self.model.house.match(), after=after))
        self.runs(self.model.match())

    @rule(after=BOUNDARIES)
    def die_while_hearing(self, after: int) -> None:
        self.runs(self.model.die_during(self.model.house.hear(), after=after))

    @rule()
    def hear(self) -> None:
        self.runs(self.model.house.hear())

    @precondition(lambda self: self.model.attempts(*HELD_BY_THE_BANK))
    @rule(which=SOME, status=st.sampled_from([RailStatus.SETTLED, RailStatus.REFUSED]), is_told=st.booleans())
    def bank_decides(self, which: int, status: RailStatus, is_told: bool) -> None:  # noqa: FBT001 - hypothesis calls it
        keys = self.model.attempts(*HELD_BY_THE_BANK)
        self.model.decide(keys[which % len(keys)], status, is_told=is_told)

    @precondition(lambda self: self.model.attempts(RailStatus.SETTLED))
    @rule(which=SOME, kept=st.sampled_from([0, 0, 1, 50]))
    def bank_returns(self, which: int, kept: int) -> None:
        keys = self.model.attempts(RailStatus.SETTLED)
        self.model.decide(keys[which % len(keys)], RailStatus.RETURNED, kept=kept)

    @rule(number=SOME)
    def bank_repeats_itself(self, number: int) -> None:
        self.model.repeat(number)

    @rule(seconds=st.sampled_from([-600, 1, 3600, 90_000]))
    def clock_jumps(self, seconds: int) -> None:
        self.model.house.clock.advance(timedelta(seconds=seconds))

    @rule(which=SOME)
    def give_up(self, which: int) -> None:
        self.runs(self.model.give_up(which % self.count))

    @rule()
    def settle_down(self) -> None:
        self.runs(self.model.settle_down())
        self.runs(self.everything_is_heard())

    @invariant()
    def the_books_are_sound(self) -> None:
        assert self.runs(self.model.complaints()) == []


@pytest.mark.timeout(300 * longer())
def test_whatever_happens_the_books_are_sound_and_nothing_is_paid_twice(
    administrator: Administrator, database_template: str
) -> None:
    class Fresh(Harbour):
        def __init__(self) -> None:
            super().__init__(administrator, database_template)

    with silenced():
        run_state_machine_as_test(Fresh, settings=trials(20, steps=25))


async def test_the_model_knows_that_what_comes_back_is_refunded(database_url: str) -> None:
    async with house_on(database_url) as house:
        house.refunder = refund_orderer(house.configuration, house.randomness)
        model = Model(house=house)
        await model.open("100")
        await model.send(0, model.remittances[0].agreed.amount_in.units)
        await model.settle_down()
        (key,) = model.attempts(*HELD_BY_THE_BANK)
        model.decide(key, RailStatus.SETTLED)
        await model.settle_down()
        model.decide(key, RailStatus.RETURNED, kept=50)
        await model.settle_down()

        assert await model.books() == await model.expected()
        assert await model.complaints() == []
        assert (await model.books())["fees:bank", "EUR"] == 50
