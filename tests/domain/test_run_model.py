"""A Hypothesis model of a run and of its session: whatever happens, the table's promises hold."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from callboard.domain.run import (
    END_REASONS,
    ENDED,
    LIVE,
    MAX_TRIES,
    REASON_SENTENCES,
    RUN,
    STATUSES,
    after_lost,
    exit_code_of,
    queue_key,
    status_of,
)
from callboard.domain.session import group_of, session_status
from callboard.domain.transitions import IllegalTransition

EVENTS = sorted({event for _, event in RUN.table})


class RunOfASession(RuleBasedStateMachine):
    """Random events on one run: legal ones move it as the table says, illegal ones do nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.status = "pending"
        self.attempt = 0
        self.ends = 0
        self.lost = False

    @rule(event=st.sampled_from(EVENTS))
    def something_happens(self, event: str) -> None:
        """One event; a pending run only reconnects, or is recalled, while its lost attempt is the latest."""
        before = self.status
        if before == "pending" and event in ("reconnect", "recall") and not self.lost:
            return
        try:
            self.status = RUN.next_state(before, event)
        except IllegalTransition:
            assert before in ENDED or (before, event) not in RUN.table
            return
        self.attempt += event == "claim"
        self.lost = event == "lose" or (self.lost and event == "retry")
        self.ends += self.status in ENDED

    @precondition(lambda self: self.status in ENDED)
    @rule(event=st.sampled_from(EVENTS))
    def an_ended_run_stays_ended(self, event: str) -> None:
        """A34: an end is final, so failed after completed changes nothing."""
        try:
            RUN.next_state(self.status, event)
        except IllegalTransition:
            return
        raise AssertionError(f"{event} moved a run that was {self.status}")

    @invariant()
    def promises(self) -> None:
        """At most one end; a live run has been claimed."""
        assert self.ends <= 1
        assert self.status in STATUSES
        assert self.status not in LIVE or self.attempt > 0


TestRunOfASession = RunOfASession.TestCase
TestRunOfASession.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_the_table_knows_exactly_the_documented_states() -> None:
    """80: states live in one place."""
    assert RUN.states == set(STATUSES)
    assert RUN.final == set(ENDED)


@given(reason=st.sampled_from(END_REASONS), code=st.none() | st.integers(-255, 255))
def test_only_completed_has_exit_code_zero(reason: str, code: int | None) -> None:
    """A82: 0 only for completed, else the agent's own non-zero code, else 1."""
    result = exit_code_of(reason, code)
    assert (result == 0) == (reason == "completed")
    assert reason == "completed" or result == (code or 1)
    assert status_of(reason) in ENDED
    assert REASON_SENTENCES[reason].endswith(".")


def test_a_lost_run_is_tried_again_only_if_repeatable_and_at_most_three_times() -> None:
    """R19."""
    assert after_lost("retry", MAX_TRIES - 1, repeatable=True) == "retry"
    assert after_lost("retry", MAX_TRIES, repeatable=True) == "exhausted"
    assert after_lost("retry", 1, repeatable=False) == "wait"
    assert after_lost("fail", 1, repeatable=True) == "give_up"
    assert after_lost("wait", 1, repeatable=True) == "wait"


def test_one_step_of_priority_is_worth_a_minute_of_waiting() -> None:
    """A33: the queue is first come first served within a priority."""
    assert queue_key(60_000, 1) == queue_key(0, 0)
    assert queue_key(1, 0) > queue_key(0, 0)


@given(live=st.sampled_from([None, *LIVE]), stop=st.booleans(), last=st.sampled_from([None, *ENDED]))
def test_a_session_shows_its_live_run_before_its_last_end(live: str | None, stop: bool, last: str | None) -> None:
    """10: the status is derived in one place."""
    status = session_status(live, stop, last)
    if live == "interrupted":
        assert status == "interrupted"
    elif live and stop:
        assert status == "stopping"
    elif live == "running":
        assert status == "running"
    elif last:
        assert status == {"completed": "finished", "failed": "failed", "stopped": "stopped"}[last]
    else:
        assert status == "pending"


def test_groups_say_who_must_act_next() -> None:
    """60: Needs you, Ready for review, Working, Queued, Done."""
    assert group_of("running", waiting_for="approval", live=True) == "needs_you"
    assert group_of("interrupted", live=True) == "needs_you"
    assert group_of("finished", undeliverable=True) == "needs_you"
    assert group_of("finished", lifecycle="stuck") == "needs_you"
    assert group_of("finished", lifecycle="pr_ready") == "ready_for_review"
    assert group_of("stopping", live=True) == "working"
    assert group_of("finished", queued_runs=1) == "queued"
    assert group_of("failed") == "done"
