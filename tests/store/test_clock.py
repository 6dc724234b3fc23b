"""The database's clock goes on evenly; a jump of the wall clock is noticed once (R3, A42)."""

import time

from callboard.store.clock import JumpDetector, SqliteClock
from tests.store.settable_clock import SettableClock


def test_it_shows_the_wall_time_and_never_goes_back() -> None:
    clock = SqliteClock()
    assert abs(clock.now_ms() - time.time() * 1000) < 1_000  # noqa: TID251 - compared with the machine's own clock
    times = [clock.now_ms() for _ in range(1_000)]
    assert times == sorted(times)
    assert abs(clock.wall_ahead_ms()) < 1_000


def test_a_jump_is_noticed_once_and_drift_is_none() -> None:
    clock = SettableClock()
    detector = JumpDetector(clock)
    for ahead in (0, 4_000, 8_000, 12_000, 9_000):
        clock.ahead_ms = ahead
        assert not detector.jumped()
    for ahead in (3_600_000, -600_000):
        clock.ahead_ms = ahead
        assert detector.jumped()
        assert not detector.jumped()
