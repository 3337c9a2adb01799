"""What arrives twice, late or in another order leads to the same end: statuses and books, remittance by remittance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.house import House, house_on
from tests.fixtures.logs import silenced
from tests.fixtures.model import trials
from tests.fixtures.scripted_rail import Behaviour

from roadstead.ledger.verify import verify
from roadstead.rails.protocol import RailEvent, RailStatus

HUNDRED_UNITS = 1_000_000_000

STORIES = {
    "paid": (RailStatus.RECEIVED, RailStatus.ACCEPTED, RailStatus.SETTLED),
    "refused": (RailStatus.RECEIVED, RailStatus.ACCEPTED, RailStatus.REFUSED),
    "returned": (RailStatus.RECEIVED, RailStatus.ACCEPTED, RailStatus.SETTLED, RailStatus.RETURNED),
}
"""What a bank tells of one attempt, in the order in which it happened."""

End = tuple[str, str, dict[str, str]]

_identities = count(1)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


@pytest.fixture
def ends() -> dict[str, End]:
    """How each story ends when it is told in its order."""
    return {}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of remittances say too much."""
    with silenced():
        yield


def tell(house: House, key: str, status: RailStatus) -> None:
    """Let a bank say something of an attempt, under an identity of its own."""
    house.rail.events.append(
        RailEvent(
            identity=f"told {next(_identities)}",
            key=key,
            end_to_end_id=house.rail.attempts[key].end_to_end_id,
            status=status,
            occurred_at=house.clock.now(),
            reference=f"REF{key[-6:]}",
            reason="AC04" if status in {RailStatus.REFUSED, RailStatus.RETURNED} else None,
        )
    )


async def end_of(house: House, told: list[RailStatus], answer: Behaviour, pauses: list[bool]) -> End:
    """Fund a remittance, submit its payout, and let the bank tell so; what is paused for is heard before the next."""
    # What became of earlier remittances goes no further, so that the bank is asked to pay this one alone.
    await house.execute("UPDATE payouts SET due_at = NULL")
    opened = await house.open("100")
    await house.pay(opened.memo, HUNDRED_UNITS)
    await house.match()
    house.rail.script.append(answer)
    await house.work()
    key = house.rail.submissions[-1].key
    for number, status in enumerate(told):
        tell(house, key, status)
        if pauses[number : number + 1] == [True]:
            await house.hear()
    await house.hear()
    return (
        str((await house.remittance(opened.id)).status),
        str((await house.payout(opened.id)).status),
        await house.books(opened.id),
    )


class TestWhatTheBankTells:
    @pytest.mark.parametrize("story", STORIES)
    @trials(25)
    @given(
        repeated=st.lists(st.integers(min_value=0, max_value=3), max_size=6),
        answer=st.sampled_from([Behaviour.ACCEPT, Behaviour.LOSE_ANSWER]),
        pauses=st.lists(st.booleans(), max_size=10),
        places=st.lists(st.integers(min_value=0, max_value=99), min_size=10, max_size=10),
    )
    async def test_leads_to_one_end_in_any_order_and_however_often(
        self,
        house: House,
        ends: dict[str, End],
        story: str,
        *,
        repeated: list[int],
        answer: Behaviour,
        pauses: list[bool],
        places: list[int],
    ) -> None:
        told = STORIES[story]
        if story not in ends:
            ends[story] = await end_of(house, list(told), Behaviour.ACCEPT, [True] * len(told))
        everything = [*told, *(told[number % len(told)] for number in repeated)]
        shuffled = [status for _, status in sorted(zip(places, everything, strict=False), key=itemgetter(0))]
        assert await end_of(house, shuffled, answer, pauses) == ends[story]
        assert (await verify(house.database)).is_sound


class TestWhatIsPaid:
    @trials(20)
    @given(
        payments=st.lists(
            st.tuples(st.integers(min_value=0, max_value=2), st.sampled_from([-1, 0, 0, 0, 1])),
            min_size=1,
            max_size=6,
        ),
        pauses=st.lists(st.booleans(), max_size=6),
    )
    async def test_is_matched_the_same_one_by_one_or_in_batches_of_any_size(
        self, house: House, payments: list[tuple[int, int]], pauses: list[bool]
    ) -> None:
        one_by_one = await matched(house, payments, [True] * len(payments))
        assert await matched(house, payments, pauses) == one_by_one
        assert (await verify(house.database)).is_sound


async def matched(house: House, payments: list[tuple[int, int]], pauses: list[bool]) -> list[object]:
    """Pay two remittances, or nobody's, in this order; return what became of each payment and each remittance."""
    opened = [await house.open("100") for _ in range(2)]
    memos = [opened[0].memo, opened[1].memo, 1]
    operations = []
    for number, (which, difference) in enumerate(payments):
        operations.append(await house.pay(memos[which], HUNDRED_UNITS + difference))
        if pauses[number : number + 1] == [True]:
            await house.match()
    await house.match()
    dispositions = [
        await house.value(
            "SELECT disposition || COALESCE(' ' || reason, '') FROM payments WHERE operation_id = $1",
            operation,
        )
        for operation in operations
    ]
    books = [await house.books(one.id) for one in opened]
    return [*dispositions, *books, *[(await house.remittance(one.id)).status for one in opened]]
