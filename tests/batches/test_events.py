"""What a status report means for the payments of a batch: nothing is concluded that the bank did not say of them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from roadstead.batches.events import KnownItem, of_account, of_report
from roadstead.batches.store import BatchStatus
from roadstead.money import amount_from_text, currency
from roadstead.rails.iso20022.reading import AccountReport
from roadstead.rails.iso20022.reports import PaymentVerdict, StatusReport
from roadstead.rails.iso20022.statuses import Verdict
from roadstead.rails.protocol import RailStatus
from roadstead.rails.statements import BankStatement, StatementLine

AMOUNT = amount_from_text(currency("EUR"), "98.50")
ITEMS = {key: KnownItem(key=key, end_to_end_id=f"E{key}", amount=AMOUNT) for key in ("K1", "K2", "K3")}


def said(
    key: str | None, code: str, reason: str | None = None, end_to_end_id: str | None = None
) -> PaymentVerdict:
    return PaymentVerdict(
        key=key, end_to_end_id=end_to_end_id, batch="B1", verdict=Verdict(code=code, reason=reason)
    )


def report(group: Verdict | None, *payments: PaymentVerdict, batch: Verdict | None = None) -> StatusReport:
    return StatusReport(
        message_id="M",
        created_at=datetime(2026, 9, 28, tzinfo=UTC),
        original_message_id="B",
        group=group,
        batches=(("B1", batch),) if batch else (),
        payments=payments,
    )


def lines(*told: StatementLine) -> list[RailStatus]:
    statement = BankStatement(identity="S", account=" de1 ", lines=told)
    report = AccountReport(is_statement=True, statements=(statement,))
    return [event.status for event in of_account(report, "DE1")]


def told(one: StatusReport) -> dict[str | None, tuple[str, str | None]]:
    return {event.key: (event.status.value, event.reason) for event in of_report(one, ITEMS).events}


class TestAReport:
    def test_that_names_no_payment_speaks_of_all(self) -> None:
        one = report(Verdict(code="RJCT", reason="FF01"))
        assert told(one) == dict.fromkeys(ITEMS, ("refused", "FF01"))
        answer = of_report(one, ITEMS).answer
        assert answer is not None
        assert answer.status is BatchStatus.REFUSED

    def test_of_a_batch_counts_before_that_of_the_file(self) -> None:
        one = report(Verdict(code="PART"), batch=Verdict(code="ACCP"))
        assert told(one) == dict.fromkeys(ITEMS, ("accepted", None))

    @pytest.mark.parametrize("code", ["RJCT", "ACCP", "ACSC", "PART"])
    def test_that_names_one_says_nothing_of_the_others(self, code: str) -> None:
        """A later report of one refusal may have `RJCT` for its group, and the others may be paid by then."""
        one = report(Verdict(code=code), said("K2", "RJCT", "AC01"), batch=Verdict(code=code))
        assert told(one) == {"K2": ("refused", "AC01")}
        answer = of_report(one, ITEMS).answer
        assert answer is not None
        assert answer.status is BatchStatus.ACKNOWLEDGED

    def test_that_names_a_payment_by_its_end_to_end_id_is_understood(self) -> None:
        assert told(report(None, said(None, "ACSC", end_to_end_id="EK3"))) == {"K3": ("settled", None)}

    def test_of_payments_of_others_says_nothing(self) -> None:
        assert told(report(None, said("K9", "RJCT"), said(None, "RJCT", end_to_end_id="EK9"))) == {}

    @pytest.mark.parametrize("code", ["RCVD", "ACTC", "PDNG", "ACWP"])
    def test_that_is_no_decision_is_no_news(self, code: str) -> None:
        assert told(report(Verdict(code=code))) == {}

    @pytest.mark.parametrize("reason", ["DUPL", "AM05", "DU03"])
    def test_of_a_duplicate_refuses_nothing(self, reason: str) -> None:
        whole = of_report(report(Verdict(code="RJCT", reason=reason)), ITEMS)
        assert whole.events == ()
        assert whole.answer is not None
        assert whole.answer.is_duplicate
        single = of_report(report(None, said("K1", "RJCT", reason)), ITEMS)
        assert (single.events, single.duplicates) == ((), ("K1",))

    @pytest.mark.parametrize("code", ["RJCT", "CANC"])
    def test_of_a_duplicate_file_refuses_nothing_whatever_stands_below_it(self, code: str) -> None:
        """A bank may give the reason once, for the file, and refuse its batch and its payments without one."""
        duplicate = Verdict(code="RJCT", reason="DUPL")
        for one in (
            report(duplicate, batch=Verdict(code=code)),
            report(Verdict(code="RJCT"), batch=duplicate),
            report(duplicate, said("K1", code), said("K2", code, "AC01")),
        ):
            meant = of_report(one, ITEMS)
            assert meant.events == ()
            assert meant.answer is not None
            assert meant.answer.is_duplicate
            assert meant.answer.status is BatchStatus.ACKNOWLEDGED

    def test_with_a_code_that_nobody_knows_concludes_nothing_and_says_so(self) -> None:
        meant = of_report(report(Verdict(code="ZZZZ")), ITEMS)
        assert (meant.events, meant.puzzles) == ((), ("ZZZZ",))

    def test_told_twice_is_one_event(self) -> None:
        one = report(None, said("K1", "RJCT", "AC01"))
        (first,), (second,) = of_report(one, ITEMS).events, of_report(one, ITEMS).events
        assert first.identity == second.identity
        assert first.status is RailStatus.REFUSED


class TestALineOfOurAccount:
    """It tells of a payment only what the same line means in a statement."""

    DEBIT = StatementLine(identity="1", amount=AMOUNT, is_credit=False, end_to_end_id="EK1")

    def test_settles_or_returns_what_it_names(self) -> None:
        back = replace(self.DEBIT, is_credit=True, reason="AC04")
        assert lines(self.DEBIT, back) == [RailStatus.SETTLED, RailStatus.RETURNED]

    @pytest.mark.parametrize(
        "changes",
        [
            {"is_credit": True},
            {"is_credit": True, "is_reversal": True},
            {"is_credit": True, "is_reversal": True, "reason": "AC04"},
            {"is_reversal": True},
            {"reason": "AC04"},
            {"is_booked": False},
            {"end_to_end_id": None},
        ],
    )
    def test_tells_nothing_where_people_have_to_look(self, changes: dict[str, Any]) -> None:
        assert lines(replace(self.DEBIT, **changes)) == []
