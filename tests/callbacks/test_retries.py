"""When a callback is tried again, and which hosts are left alone."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as some

from roadstead.callbacks.resting import FAILURES_BEFORE_REST, HOSTS_MAX, REST_MAX_S, RestingHosts
from roadstead.callbacks.retries import AGE_MAX, FIRST_PAUSE, PAUSE_MAX, TRIES_MAX, next_pause


class TestPauses:
    def test_they_double_up_to_an_hour(self) -> None:
        pauses = [next_pause(tries=tries, age=timedelta(0), chance=0) for tries in range(1, 13)]
        assert pauses[:4] == [FIRST_PAUSE * factor for factor in (1, 2, 4, 8)]
        assert pauses[-1] == PAUSE_MAX

    def test_a_day_or_forty_tries_are_enough(self) -> None:
        assert next_pause(tries=1, age=AGE_MAX, chance=0) is None
        assert next_pause(tries=TRIES_MAX, age=timedelta(0), chance=0) is None

    @given(some.integers(1, TRIES_MAX - 1), some.integers(0, 255))
    def test_chance_shortens_them_by_half_at_most(self, tries: int, chance: int) -> None:
        longest = next_pause(tries=tries, age=timedelta(0), chance=0)
        pause = next_pause(tries=tries, age=timedelta(0), chance=chance)
        assert longest is not None
        assert pause is not None
        assert longest / 2 <= pause <= longest

    def test_the_tries_last_for_the_whole_day(self) -> None:
        age, tries = timedelta(0), 1
        while pause := next_pause(tries=tries, age=age, chance=0):
            age, tries = age + pause, tries + 1
        assert age >= AGE_MAX


class TestResting:
    def test_a_host_rests_after_failures_in_a_row_longer_each_time_up_to_a_limit(self) -> None:
        seconds = 0.0
        resting = RestingHosts(time_s=lambda: seconds)
        for _ in range(FAILURES_BEFORE_REST - 1):
            resting.note("dead.example", is_ill=True)
        assert resting.hosts() == []
        resting.note("dead.example", is_ill=True)
        assert resting.hosts() == ["dead.example"]
        seconds = 1.0
        assert resting.hosts() == []
        for _ in range(30):
            resting.note("dead.example", is_ill=True)
        seconds += REST_MAX_S - 0.1
        assert resting.hosts() == ["dead.example"]
        seconds += 0.1
        assert resting.hosts() == []

    def test_one_good_answer_ends_the_illness(self) -> None:
        resting = RestingHosts(time_s=lambda: 0.0)
        for _ in range(10):
            resting.note("ill.example", is_ill=True)
        resting.note("ill.example", is_ill=False)
        assert resting.hosts() == []

    def test_the_memory_is_bounded(self) -> None:
        resting = RestingHosts(time_s=lambda: 0.0)
        for number in range(HOSTS_MAX + 10):
            for _ in range(FAILURES_BEFORE_REST):
                resting.note(f"{number}.example", is_ill=True)
        assert len(resting.hosts()) == HOSTS_MAX
