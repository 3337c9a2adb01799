from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from roadstead.errors import InvariantViolated
from roadstead.payouts.identifiers import ATTEMPTS_MAX, attempt_key, end_to_end_id, payout_id_of

REMITTANCE = UUID("d4e9b7a2-52f4-4c0e-9a53-9d2f7e5b8c11")


class TestIdentifiersOutliveTheDatabase:
    def test_a_remittance_has_one_payout_id_for_ever(self) -> None:
        assert payout_id_of(REMITTANCE) == UUID("17aacf70-5526-5b07-b615-1906d5bdcddf")

    def test_the_keys_that_the_bank_knows_follow_from_the_remittance_alone(self) -> None:
        payout_id = payout_id_of(REMITTANCE)

        assert end_to_end_id(payout_id) == "PC6VM64CVEZNQPNQVDEDNLPON34"
        assert attempt_key(payout_id, 1) == "AC6VM64CVEZNQPNQVDEDNLPON34001"

    def test_two_remittances_never_share_a_payout(self) -> None:
        remittances = [uuid4() for _ in range(1000)]

        assert len({payout_id_of(remittance) for remittance in remittances}) == len(remittances)


class TestAttemptKeys:
    def test_each_attempt_has_its_own_key_of_at_most_thirty_letters_and_digits(self) -> None:
        keys = {attempt_key(payout_id_of(REMITTANCE), number) for number in range(1, ATTEMPTS_MAX + 1)}

        assert len(keys) == ATTEMPTS_MAX
        assert all(key.isascii() and key.isalnum() and len(key) <= 30 for key in keys)

    @pytest.mark.parametrize("number", [0, -1, ATTEMPTS_MAX + 1])
    def test_a_number_out_of_range_is_refused(self, number: int) -> None:
        with pytest.raises(InvariantViolated):
            attempt_key(payout_id_of(REMITTANCE), number)
