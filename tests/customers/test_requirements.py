"""How customers stand, from what is asked and what was received."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.config.anchor import CustomerField, CustomerRole, CustomerType
from roadstead.customers.requirements import (
    CustomerStatus,
    FieldStatus,
    customer_status,
    gate_decision,
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


class TestJudgingType:
    MORE = customer_type("more", FIRST, LAST, CustomerField(name="city", description="City"))
    LESS = customer_type("less", FIRST)

    def test_the_registered_type_counts(self) -> None:
        provided = {"first_name": ACCEPTED}

        assert judging_type((self.LESS, self.MORE), "more", provided) is self.MORE

    def test_without_one_the_first_that_is_complete(self) -> None:
        provided = {"first_name": ACCEPTED}

        assert judging_type((self.MORE, self.LESS), None, provided) is self.LESS
        assert judging_type((self.MORE, self.LESS), "no longer offered", provided) is self.LESS

    def test_when_none_is_complete_the_first(self) -> None:
        assert judging_type((self.MORE, self.LESS), None, {}) is self.MORE

    def test_where_there_are_no_types_there_is_none(self) -> None:
        assert judging_type((), "people", {}) is None
