"""Whatever customers do and whenever the bank works: the money adds up, and the journal alone rebuilds the state."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.bank.bank_process import IBAN, instruction

from roadstead.errors import Conflict
from roadstead.money import amount_from_text, currency
from roadstead.sandbox.bank.book import Book, Status
from roadstead.sandbox.bank.decisions import BankTerms, next_due, opening, submit
from roadstead.sandbox.bank.events import BankEvent, Instruction
from roadstead.sandbox.bank.journal import decode_line, encode_line
from roadstead.sandbox.bank.rules import checked

OPENING = amount_from_text(currency("EUR"), "500")
TERMS = BankTerms(
    settlement_delay=timedelta(seconds=3),
    return_delay=timedelta(seconds=5),
    opening_balances={"EUR": OPENING},
)

submissions = st.tuples(
    st.sampled_from([f"K{number}" for number in range(12)]),
    st.sampled_from(["0.01", "99.99", "250"]),
    st.sampled_from([IBAN, "0000990101", "0000991104", "0000992106", "0000993000"]),
)
waits_s = st.integers(0, 6)
histories = st.lists(submissions | waits_s, max_size=40)


def run(history: list[tuple[str, str, str] | int]) -> tuple[Book, list[BankEvent], set[str]]:
    """Play a history; return the book, the journal, and the keys that the customer was told are known."""
    now, book, journal, told = datetime(2026, 5, 4, tzinfo=UTC), Book(), list[BankEvent](), set[str]()

    def record(event: BankEvent) -> None:
        book.apply(event)
        journal.append(event)

    for event in opening(book, TERMS, new_bank_id="B0000001", now=now):
        record(event)
    for step in history:
        if isinstance(step, int):
            now += timedelta(seconds=step)
            while (due := next_due(book, TERMS, now)) is not None:
                record(due)
            continue
        key, amount, account = step
        wanted = checked(Instruction(**instruction(amount=amount, account=account)))
        try:
            for event in submit(book, key, wanted, terms=TERMS, now=now):
                record(event)
        except Conflict:
            continue
        told.add(key)
    return book, journal, told


class TestAnyHistory:
    @given(history=histories)
    def test_the_balance_is_the_opening_less_what_is_executed_and_not_returned(
        self, history: list[tuple[str, str, str] | int]
    ) -> None:
        book, _, _ = run(history)
        booked, reserved = OPENING, OPENING - OPENING
        for payout in book.payouts.values():
            match payout.status:
                case Status.SETTLED:
                    booked -= payout.instruction.money
                case Status.ACCEPTED:
                    reserved += payout.instruction.money
                case _:
                    pass
        assert (book.balances["EUR"].booked, book.balances["EUR"].reserved) == (booked, reserved)
        assert book.balances["EUR"].available.units >= 0

    @given(history=histories)
    def test_no_key_is_executed_twice_and_none_that_was_told_is_forgotten(
        self, history: list[tuple[str, str, str] | int]
    ) -> None:
        book, _, told = run(history)
        assert all(times == 1 for times in Counter(book.executed).values())
        assert told == set(book.payouts)
        executed = {key for key, payout in book.payouts.items() if payout.executed_at is not None}
        assert executed == set(book.executed)

    @given(history=histories)
    def test_the_journal_alone_rebuilds_the_book(self, history: list[tuple[str, str, str] | int]) -> None:
        book, journal, _ = run(history)
        rebuilt, written, read = Book(), 0, 0
        for event in journal:
            line, written = encode_line(event, written)
            decoded, read = decode_line(line, read)
            rebuilt.apply(decoded)
        assert rebuilt == book
