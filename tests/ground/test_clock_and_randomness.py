from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.clock import ManualClock, SystemClock, utc_text
from roadstead.randomness import MEMO_MAX, SeededRandomness, SystemRandomness, new_id, new_memo


class TestTime:
    def test_every_moment_is_written_in_utc_with_a_z(self) -> None:
        moment = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
        assert utc_text(moment) == "2026-01-01T00:00:00Z"

    def test_a_moment_without_a_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            utc_text(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test

    def test_the_system_clock_knows_its_zone(self) -> None:
        assert SystemClock().now().tzinfo is UTC

    def test_a_manual_clock_stands_until_it_is_moved(self) -> None:
        clock = ManualClock()
        before = clock.now()
        clock.advance(timedelta(seconds=-5))
        assert clock.now() == before - timedelta(seconds=5)


class TestRandomness:
    @given(st.integers())
    def test_a_memo_fits_a_signed_64_bit_number_and_is_never_zero(self, seed: int) -> None:
        assert 0 < new_memo(SeededRandomness(seed)) <= MEMO_MAX

    def test_zero_is_drawn_again(self) -> None:
        class FirstZero:
            def __init__(self) -> None:
                self.answers = [bytes(8), b"\x80" + bytes(7), b"\x00" * 7 + b"\x07"]

            def token_bytes(self, count: int) -> bytes:
                return self.answers.pop(0)

        assert new_memo(FirstZero()) == 7

    def test_an_id_is_a_random_uuid(self) -> None:
        one, other = new_id(SystemRandomness()), new_id(SystemRandomness())
        assert one.version == 4
        assert one != other

    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        assert SeededRandomness(7).token_bytes(16) == SeededRandomness(7).token_bytes(16)
