"""How customers stand, from what is asked and what was received."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.config.anchor import CustomerField, CustomerRole, CustomerType
from roadstead.config.sep9 import STANDARD_FIELDS
from roadstead.customers.requirements import (
    DOCUMENT_END,
    DOCUMENT_FIELDS,
    CustomerStatus,
    FieldStatus,
    Received,
    customer_status,
    document_ends_at,
    fresh,
    gate_decision,
    in_date,
    judging_type,
    missing_fields,
    provided_fields,
)


def customer_type(name: str, *fields: CustomerField) -> CustomerType:
    return CustomerType(name=name, description="People", role=CustomerRole.SENDER, fields=fields)


FIRST = CustomerField(name="first_name", description="Given name")
LAST = CustomerField(name="last_name", description="Family name")
EMAIL = CustomerField(name="email_address", description="Email address", optional=True)
PEOPLE = customer_type("people", FIRST, LAST, EMAIL)
NOTHING = customer_type("nothing")

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ACCEPTED = FieldStatus.ACCEPTED
PROCESSING = FieldStatus.PROCESSING
REJECTED = FieldStatus.REJECTED
TO_VERIFY = FieldStatus.VERIFICATION_REQUIRED


class TestStatus:
    @pytest.mark.parametrize(
        ("first", "last", "status"),
        [
            (ACCEPTED, ACCEPTED, CustomerStatus.ACCEPTED),
            (ACCEPTED, None, CustomerStatus.NEEDS_INFO),
            (None, None, CustomerStatus.NEEDS_INFO),
            (ACCEPTED, REJECTED, CustomerStatus.NEEDS_INFO),
            (ACCEPTED, TO_VERIFY, CustomerStatus.NEEDS_INFO),
            (ACCEPTED, PROCESSING, CustomerStatus.PROCESSING),
            (PROCESSING, None, CustomerStatus.NEEDS_INFO),
            (PROCESSING, REJECTED, CustomerStatus.NEEDS_INFO),
        ],
    )
    def test_the_worst_required_field_decides(
        self, first: FieldStatus | None, last: FieldStatus | None, status: CustomerStatus
    ) -> None:
        provided = {n: s for n, s in (("first_name", first), ("last_name", last)) if s is not None}

        assert customer_status(PEOPLE, provided) is status

    def test_one_that_was_rejected_is_asked_for_although_it_is_optional(self) -> None:
        provided = {
            "first_name": ACCEPTED,
            "last_name": ACCEPTED,
            "email_address": FieldStatus.REJECTED,
        }

        assert customer_status(PEOPLE, provided) is CustomerStatus.NEEDS_INFO

    @pytest.mark.parametrize("email", [one for one in FieldStatus if one is not FieldStatus.REJECTED])
    def test_an_optional_field_never_holds_a_customer_up(self, email: FieldStatus) -> None:
        provided = {"first_name": ACCEPTED, "last_name": ACCEPTED, "email_address": email}

        assert customer_status(PEOPLE, provided) is CustomerStatus.ACCEPTED

    def test_where_nothing_is_asked_everybody_is_accepted(self) -> None:
        assert customer_status(NOTHING, {}) is CustomerStatus.ACCEPTED


class TestFields:
    def test_what_is_absent_or_rejected_can_be_sent(self) -> None:
        provided = {"first_name": ACCEPTED, "last_name": REJECTED, "city": ACCEPTED}

        assert missing_fields(PEOPLE, provided) == (LAST, EMAIL)
        assert provided_fields(PEOPLE, provided) == ((FIRST, ACCEPTED), (LAST, REJECTED))

    @given(
        st.dictionaries(
            st.sampled_from(["first_name", "last_name", "email_address"]), st.sampled_from(FieldStatus)
        )
    )
    def test_an_accepted_customer_is_asked_for_optional_fields_only(
        self, provided: dict[str, FieldStatus]
    ) -> None:
        is_accepted = customer_status(PEOPLE, provided) is CustomerStatus.ACCEPTED

        if is_accepted:
            assert all(field.optional for field in missing_fields(PEOPLE, provided))


class TestGate:
    def test_it_opens_when_every_required_field_is_accepted(self) -> None:
        assert gate_decision(PEOPLE, ["last_name", "first_name"]) == ()
        assert gate_decision(NOTHING, []) == ()

    def test_it_names_what_is_missing(self) -> None:
        assert gate_decision(PEOPLE, {"last_name", "email_address"}) == ("first_name",)

    def test_it_opens_exactly_for_accepted_customers(self) -> None:
        for first, last in itertools.product(FieldStatus, repeat=2):
            provided = {"first_name": first, "last_name": last}
            accepted = [name for name, status in provided.items() if status is ACCEPTED]

            is_accepted = customer_status(PEOPLE, provided) is CustomerStatus.ACCEPTED
            assert (gate_decision(PEOPLE, accepted) == ()) is is_accepted


def received(*names: str, at: datetime = NOW, valid_until: datetime | None = None) -> dict[str, Received]:
    return {name: Received(status=ACCEPTED, received_at=at, valid_until=valid_until) for name in names}


class TestBeingInDate:
    YEARLY = customer_type(
        "yearly", FIRST, CustomerField(name="address", description="Address", valid_days=365)
    )

    @pytest.mark.parametrize(
        ("age", "left"),
        [(364, {"first_name", "address"}), (365, {"first_name"}), (10_000, {"first_name"})],
    )
    def test_a_field_is_asked_again_after_its_days(self, age: int, left: set[str]) -> None:
        at = NOW - timedelta(days=age)
        kept = in_date(self.YEARLY, received("first_name", "address", at=at), NOW)

        assert kept.keys() == left
        assert fresh(self.YEARLY, {"first_name": at, "address": at}, NOW) == kept.keys()

    def test_the_same_field_may_hold_longer_for_another_type(self) -> None:
        old = received("first_name", "address", at=NOW - timedelta(days=400))

        assert customer_status(self.YEARLY, in_date(self.YEARLY, old, NOW)) is CustomerStatus.NEEDS_INFO
        assert in_date(PEOPLE, old, NOW).keys() == old.keys()

    def test_a_document_holds_until_the_end_of_its_last_day(self) -> None:
        ends_at = document_ends_at(date(2026, 5, 1))
        one = received("id_number", valid_until=ends_at)

        assert ends_at == datetime(2026, 5, 2, tzinfo=UTC)
        assert in_date(PEOPLE, one, ends_at - timedelta(seconds=1))
        assert not in_date(PEOPLE, one, ends_at)

    def test_a_document_without_an_end_is_no_error(self) -> None:
        assert document_ends_at(date.max) == datetime(9999, 12, 31, tzinfo=UTC)

    def test_everything_of_a_document_is_a_field_of_sep9(self) -> None:
        assert DOCUMENT_END in DOCUMENT_FIELDS <= STANDARD_FIELDS.keys()


class TestJudgingType:
    MORE = customer_type("more", FIRST, LAST, CustomerField(name="city", description="City"))
    LESS = customer_type("less", FIRST)
    PROVIDED = received("first_name")

    def test_the_registered_type_counts(self) -> None:
        assert judging_type((self.LESS, self.MORE), "more", self.PROVIDED, NOW) is self.MORE

    def test_without_one_the_first_that_is_complete(self) -> None:
        assert judging_type((self.MORE, self.LESS), None, self.PROVIDED, NOW) is self.LESS
        assert judging_type((self.MORE, self.LESS), "no longer offered", self.PROVIDED, NOW) is self.LESS

    def test_when_none_is_complete_the_first(self) -> None:
        assert judging_type((self.MORE, self.LESS), None, {}, NOW) is self.MORE

    def test_where_there_are_no_types_there_is_none(self) -> None:
        assert judging_type((), "people", {}, NOW) is None
