"""When a run of a portable session may leave the host of its conversation, and which transcript is right on a disk."""

from typing import Any

import pytest

from callboard.domain.demands import Demands
from callboard.domain.portability import (
    MAX_TRANSCRIPT_BYTES,
    STAYS,
    LocalTranscript,
    Preference,
    is_restored,
    moves_at_ms,
)
from callboard.domain.runner import LeaseRules
from callboard.domain.why import Answer
from tests.domain.test_why import MINUTE, a_runner, why

RULES = LeaseRules(portable_grace_ms=60_000, lost_run_ms=900_000)


def moves(**facts: Any) -> int | None:
    """When a run may move that waits since the time 1,000,000 for the host alpha, where a runner is registered."""
    known: dict[str, Any] = {"hostname": "alpha", "since_ms": 1_000_000, "registered": True}
    return moves_at_ms(Preference(**(known | facts)), RULES)


def test_a_run_waits_for_the_grace_or_for_nothing_when_the_host_has_no_runner() -> None:
    """10 Affinity."""
    assert moves() == 1_060_000
    assert moves(registered=False) == 1_000_000


def test_r2_a_lost_agent_may_be_at_work_so_other_hosts_wait_for_lost_seconds() -> None:
    """10: another host only after lost_seconds; also when nobody of that host is registered any more."""
    assert moves(lost_at_ms=990_000) == 1_890_000
    assert moves(lost_at_ms=990_000, registered=False) == 1_890_000
    assert moves(lost_at_ms=1_000) == 1_060_000


@pytest.mark.parametrize("reason", STAYS)
def test_what_cannot_move_never_does(reason: Any) -> None:
    """10: a workspace that is not fetchable; nothing kept to be restored."""
    assert moves(stays=reason, registered=False) is None


def a_local(sha256: str, beginning: str | None) -> LocalTranscript:
    """A transcript on a disk."""
    return LocalTranscript(size_bytes=10, sha256=sha256, beginning_sha256=beginning)


@pytest.mark.parametrize(
    ("local", "leads", "restored"),
    [
        (None, False, True),
        (None, True, True),
        (a_local("copy", "copy"), True, False),
        (a_local("copy", "copy"), False, False),
        (a_local("longer", "copy"), False, False),
        (a_local("longer", "copy"), True, True),
        (a_local("other", "differs"), False, True),
        (a_local("shorter", None), False, True),
        (a_local("shorter", None), True, True),
    ],
)
def test_a_stale_transcript_is_never_resumed(local: LocalTranscript | None, leads: bool, restored: bool) -> None:
    """10: the newer one wins; on the host that was last, what goes on where the copy ends is the newer one."""
    assert is_restored(local, "copy", leads=leads) == restored


def test_the_largest_transcript_is_documented() -> None:
    assert MAX_TRANSCRIPT_BYTES == 32 * 1024 * 1024


def waiting(*hosts: str, **facts: Any) -> Answer:
    """Why a run waits whose conversation is on alpha, with runners on these hosts; alpha's is lost."""
    runners = [a_runner(host, state="lost" if host == "alpha" else "online", quiet_ms=MINUTE) for host in hosts]
    known: dict[str, Any] = {"demands": Demands(executor_type="scripted", hostname="alpha"), "preferred_host": "alpha"}
    return why(*runners, **(known | facts))


def test_while_the_host_has_time_why_says_how_long_others_wait() -> None:
    """A83: the first phase."""
    answer = waiting("alpha", "beta", moves_at_ms=10 * MINUTE + 40_000)
    assert answer.code == "waits_for_host"
    assert "In 40 s another host may restore the conversation of alpha and take the run." in answer.sentence
    by_name = {one.runner.name: [(reason.code, reason.found) for reason in one.reasons] for one in answer.runners}
    assert by_name["beta"] == [("host_preferred", "40 s")]
    assert waiting("alpha", moves_at_ms=11 * MINUTE).code == "runner_lost"


def test_afterwards_why_says_that_another_host_restores_the_conversation() -> None:
    """A83: the second phase."""
    demands = Demands(executor_type="scripted")
    answer = waiting("beta", demands=demands, preferred_host=None, moves_from="alpha")
    assert answer.code == "next"
    assert "A runner of another host than alpha restores the conversation first." in answer.sentence


def test_why_says_what_keeps_a_portable_session_on_its_host() -> None:
    """A83."""
    answer = waiting("alpha", "beta", stays="too_large")
    assert answer.code == "runner_lost"
    assert answer.sentence.endswith(STAYS["too_large"])
    assert [reason.code for one in answer.runners for reason in one.reasons] == ["runner_lost", "hostname_differs"]
