"""What follows a refusal, by reason, policy and how often it was tried."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.config.payout_terms import PayoutTerms, Response
from roadstead.messages.catalogue import shipped_messages
from roadstead.payouts.decisions import (
    AskCustomer,
    AskTransaction,
    Hold,
    Refund,
    Retry,
    Step,
    Tried,
    after_refusal,
    pause,
    response_to,
)
from roadstead.payouts.reason_codes import ACTIONS, ActionClass
from roadstead.payouts.reasons import PURPOSE, REFERENCE, explanation, reason_of

TERMS = PayoutTerms()
ENGLISH = {message.english for message in shipped_messages()}
ASKABLE = ("first_name", "last_name", "bank_account_number", "bank_number", "address_country_code")
PROVIDED = ("first_name", "last_name", "bank_account_number", "address_country_code")


def follows(
    code: str | None,
    *,
    attempts: int = 1,
    releases: int = 0,
    terms: PayoutTerms = TERMS,
    askable: tuple[str, ...] = ASKABLE,
) -> Step:
    tried = Tried(attempts=attempts, releases=releases)
    return after_refusal(reason_of(code), terms, tried, provided=PROVIDED, askable=askable)


class TestByDefault:
    def test_a_wrong_account_is_asked_for(self) -> None:
        assert follows("AC01") == AskCustomer(fields=("bank_account_number",))

    def test_a_wrong_bank_is_asked_for_by_its_number(self) -> None:
        assert follows("RC01") == AskCustomer(fields=("bank_number",))

    def test_a_wrong_bank_is_asked_for_by_the_account_where_the_type_asks_no_bank_number(self) -> None:
        assert follows("RC01", askable=("bank_account_number",)) == AskCustomer(
            fields=("bank_account_number",)
        )

    def test_a_name_that_does_not_suit_is_asked_for(self) -> None:
        assert follows("BE01") == AskCustomer(fields=("first_name", "last_name"))

    def test_a_missing_address_is_asked_for(self) -> None:
        assert follows("BE04") == AskCustomer(fields=("address_country_code",))

    @pytest.mark.parametrize("code", ["AC04", "AC06", "AM02", "CUST"])
    def test_what_no_data_can_change_goes_back(self, code: str) -> None:
        assert follows(code) == Refund(cause=f"payout refused {code}")

    def test_a_purpose_is_asked_of_the_transaction(self) -> None:
        step = follows("FF07")
        assert isinstance(step, AskTransaction)
        assert list(step.fields) == [PURPOSE]

    def test_a_reference_is_asked_of_the_transaction(self) -> None:
        step = follows("RR09")
        assert isinstance(step, AskTransaction)
        assert list(step.fields) == [REFERENCE]

    @pytest.mark.parametrize("code", ["AM04", "TM01", "ED05"])
    def test_what_passes_is_tried_again(self, code: str) -> None:
        assert follows(code) == Retry(after=timedelta(seconds=300))

    @pytest.mark.parametrize("code", ["RR04", "AM05", "FF01", "MS03", "XX99", "", None])
    def test_everything_else_is_for_a_person(self, code: str | None) -> None:
        assert isinstance(follows(code), Hold)

    def test_a_code_is_read_in_any_case(self) -> None:
        assert follows(" ac04 ") == follows("AC04")

    def test_asking_for_what_the_type_does_not_ask_is_for_a_person(self) -> None:
        assert isinstance(follows("AC01", askable=("first_name",)), Hold)


class TestTheOperatorsPolicy:
    @pytest.mark.parametrize("action", [one for one in ActionClass if one is not ActionClass.OUR_DUPLICATE])
    def test_decides_about_every_class_but_one(self, action: ActionClass) -> None:
        terms = replace(TERMS, **{action.value: Response.REFUND})  # type: ignore[arg-type]  # each class has a key

        assert response_to(action, terms) is Response.REFUND

    def test_does_not_let_a_duplicate_be_sent_or_refunded_without_a_person(self) -> None:
        assert response_to(ActionClass.OUR_DUPLICATE, TERMS) is Response.HOLD


class TestTheCeiling:
    @pytest.mark.parametrize("code", ["AC01", "TM01", "FF07"])
    def test_ends_in_a_persons_decision(self, code: str) -> None:
        assert not isinstance(follows(code, attempts=4), Hold)
        assert isinstance(follows(code, attempts=5), Hold)

    def test_is_raised_by_as_much_each_time_a_person_lets_it_go_on(self) -> None:
        assert not isinstance(follows("TM01", attempts=9, releases=1), Hold)
        assert isinstance(follows("TM01", attempts=10, releases=1), Hold)

    @given(attempts=st.integers(1, 1000), code=st.sampled_from([*ACTIONS, "XX99"]))
    def test_lets_nothing_be_sent_for_ever(self, attempts: int, code: str) -> None:
        step = follows(code, attempts=attempts)

        assert attempts < TERMS.attempts_max or isinstance(step, Hold | Refund)

    @given(attempts=st.integers(1, 1000))
    def test_pauses_grow_up_to_the_longest(self, attempts: int) -> None:
        first, longest = timedelta(seconds=300), timedelta(seconds=21_600)

        assert first <= pause(TERMS, attempts) <= pause(TERMS, attempts + 1) <= longest


PUBLISHED = {
    line.split()[0]
    for line in (Path(__file__).parent / "external_reason_codes.txt").read_text().splitlines()
    if not line.startswith("#")
}
"""The codes of both sets as ISO publishes them."""
OF_SCHEMES = {"CUTA", "LEGL"}
"""Codes of recalls and of the law, which some schemes give for payouts too."""


class TestTheTable:
    def test_knows_every_published_code_and_no_other(self) -> None:
        assert len(PUBLISHED) > 300
        assert ACTIONS.keys() == PUBLISHED | OF_SCHEMES

    def test_has_every_class(self) -> None:
        assert set(ACTIONS.values()) == set(ActionClass)

    @pytest.mark.parametrize("action", [ActionClass.FIX_ACCOUNT, ActionClass.FIX_IDENTITY])
    def test_asks_for_something_and_says_why_where_data_can_be_mended(self, action: ActionClass) -> None:
        for code in (code for code, asked in ACTIONS.items() if asked is action):
            assert isinstance(follows(code), AskCustomer), code
            assert explanation(reason_of(code)) in ENGLISH, code

    def test_says_nothing_of_compliance(self) -> None:
        assert {
            explanation(reason_of(code)) for code, asked in ACTIONS.items() if asked is ActionClass.COMPLIANCE
        } == {""}

    @pytest.mark.parametrize("code", ["AC02", "BE07", "RC03", "RR01", "RR02"])
    def test_does_not_ask_the_receiving_client_for_what_is_wrong_with_us(self, code: str) -> None:
        assert ACTIONS[code] is ActionClass.OUR_FORMAT

    @pytest.mark.parametrize("code", ["DU01", "DUPL", "AM05", "RF01"])
    def test_takes_no_duplicate_for_a_failure(self, code: str) -> None:
        assert isinstance(follows(code), Hold)
