from datetime import UTC, datetime, timedelta

import pytest
from tests.sandbox.bank.bank_process import instruction

from roadstead.errors import BadInput, Conflict, InvariantViolated
from roadstead.money import amount_from_text, currency
from roadstead.sandbox.bank.book import Book, Status
from roadstead.sandbox.bank.decisions import BankTerms, next_due, opening, submit
from roadstead.sandbox.bank.events import Instruction, Settled
from roadstead.sandbox.bank.rules import Course, checked, checked_key, fate_of

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
EUR = currency("EUR")
TERMS = BankTerms(
    settlement_delay=timedelta(seconds=10),
    return_delay=timedelta(seconds=20),
    opening_balances={"EUR": amount_from_text(EUR, "100")},
)


class Bank:
    """The pure parts, put together with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.book = Book()
        self.now = NOW
        for event in opening(self.book, TERMS, new_bank_id="B0000001", now=NOW):
            self.book.apply(event)

    def submit(self, key: str, **changes: str) -> Status:
        wanted = checked(Instruction(**instruction(**changes)))
        for event in submit(self.book, key, wanted, terms=TERMS, now=self.now):
            self.book.apply(event)
        self.work()
        return self.book.payouts[key].status

    def work(self, after_s: int = 0) -> None:
        self.now += timedelta(seconds=after_s)
        while (event := next_due(self.book, TERMS, self.now)) is not None:
            self.book.apply(event)

    def status(self, key: str) -> tuple[Status, str | None]:
        payout = self.book.payouts[key]
        return payout.status, payout.reason

    def money(self) -> tuple[str, str]:
        balance = self.book.balances["EUR"]
        return balance.booked.text, balance.available.text


class TestThePathOfAPayout:
    def test_an_accepted_payout_reserves_money_and_a_settled_one_takes_it(self) -> None:
        bank = Bank()
        assert bank.submit("K1", amount="30") is Status.ACCEPTED
        assert bank.money() == ("100.00", "70.00")
        bank.work(after_s=10)
        assert bank.status("K1") == (Status.SETTLED, None)
        assert bank.money() == ("70.00", "70.00")
        assert bank.book.executed == ["K1"]

    def test_nothing_settles_before_the_settlement_delay(self) -> None:
        bank = Bank()
        bank.submit("K1")
        bank.work(after_s=9)
        assert bank.status("K1") == (Status.ACCEPTED, None)
        assert bank.book.executed == []

    def test_the_same_instruction_again_is_the_same_payout(self) -> None:
        bank = Bank()
        bank.submit("K1", amount="30")
        bank.submit("K1", amount="30.00")
        bank.work(after_s=10)
        bank.submit("K1", amount="30.00")
        bank.work(after_s=100)
        assert bank.book.executed == ["K1"]
        assert bank.money() == ("70.00", "70.00")

    @pytest.mark.parametrize(
        "change",
        [{"amount": "31"}, {"name": "Another"}, {"account": "GB33BUKB20201555555555"}, {"information": "x"}],
    )
    def test_a_known_key_with_other_content_is_a_conflict(self, change: dict[str, str]) -> None:
        bank = Bank()
        bank.submit("K1", amount="30")
        with pytest.raises(Conflict):
            bank.submit("K1", **({"amount": "30"} | change))
        assert bank.money() == ("100.00", "70.00")

    def test_money_that_is_reserved_cannot_be_promised_twice(self) -> None:
        bank = Bank()
        bank.submit("K1", amount="60")
        bank.submit("K2", amount="60")
        assert bank.status("K2") == (Status.REFUSED, "AM04")
        bank.work(after_s=10)
        assert bank.money() == ("40.00", "40.00")

    def test_the_last_cent_can_be_paid(self) -> None:
        bank = Bank()
        assert bank.submit("K1", amount="100") is Status.ACCEPTED
        bank.work(after_s=10)
        assert bank.money() == ("0.00", "0.00")

    def test_an_account_in_a_new_currency_is_opened_with_a_large_balance(self) -> None:
        bank = Bank()
        assert bank.submit("K1", currency="JPY", amount="1000", account="1234567") is Status.ACCEPTED
        assert bank.book.balances["JPY"].booked.text == "1000000000000"


class TestMagicAccounts:
    def test_an_account_is_refused_at_once_with_its_reason(self) -> None:
        bank = Bank()
        bank.submit("K1", account="0000990104")
        assert bank.status("K1") == (Status.REFUSED, "AC04")
        bank.work(after_s=100)
        assert bank.book.executed == []
        assert bank.money() == ("100.00", "100.00")

    def test_an_account_is_refused_when_it_should_settle_and_the_money_is_free_again(self) -> None:
        bank = Bank()
        assert bank.submit("K1", account="0000991101") is Status.ACCEPTED
        bank.work(after_s=10)
        assert bank.status("K1") == (Status.REFUSED, "AC01")
        assert bank.money() == ("100.00", "100.00")

    def test_a_returned_payout_was_executed_and_its_money_is_back(self) -> None:
        bank = Bank()
        bank.submit("K1", account="0000992106", amount="40")
        bank.work(after_s=10)
        assert bank.money() == ("60.00", "60.00")
        bank.work(after_s=20)
        assert bank.status("K1") == (Status.RETURNED, "AC06")
        assert bank.money() == ("100.00", "100.00")
        assert bank.book.executed == ["K1"]

    def test_a_silent_account_stays_accepted(self) -> None:
        bank = Bank()
        bank.submit("K1", account="0000993000")
        bank.submit("K2")
        bank.work(after_s=100_000)
        assert bank.status("K1") == (Status.ACCEPTED, None)
        assert bank.status("K2") == (Status.SETTLED, None)

    @pytest.mark.parametrize("account", ["0000990999", "0000995101", "1190101", "9901014", "ABCD"])
    def test_every_other_account_is_paid(self, account: str) -> None:
        assert fate_of(account).course is Course.PAID


class TestWhatTheBankReads:
    @pytest.mark.parametrize(
        "change",
        [
            {"amount": "0"},
            {"amount": "-1"},
            {"amount": "1e3"},
            {"amount": "1.005"},
            {"amount": "NaN"},
            {"currency": "eur"},
            {"account": "123"},
            {"account": "DE89 3704"},
            {"name": "  "},
            {"name": "x" * 71},
            {"information": "x" * 141},
            {"bank_number": "a/b"},
            {"end_to_end_id": ""},
            {"end_to_end_id": "x" * 36},
        ],
    )
    def test_a_field_of_another_form_is_bad_input(self, change: dict[str, str]) -> None:
        with pytest.raises(BadInput):
            checked(Instruction(**instruction(**change)))

    @pytest.mark.parametrize("key", ["", "a b", "x" * 37, "ключ", "a\n"])
    def test_a_key_of_another_form_is_bad_input(self, key: str) -> None:
        with pytest.raises(BadInput):
            checked_key(key)


class TestTheBook:
    def test_it_refuses_an_event_that_cannot_have_happened(self) -> None:
        bank = Bank()
        bank.submit("K1")
        bank.work(after_s=10)
        with pytest.raises(InvariantViolated):
            bank.book.apply(Settled(at=NOW, key="K1"))
        with pytest.raises(InvariantViolated):
            bank.book.apply(Settled(at=NOW, key="never-seen"))
        assert bank.book.executed == ["K1"]
