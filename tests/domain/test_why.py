"""Why a run is where it is: one sentence, one code and the next step for every state."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.demands import Demands, Offer
from callboard.domain.run import ENDED, REASON_SENTENCES, STATUSES, status_of
from callboard.domain.runner import STATES
from callboard.domain.why import Answer, Blocker, RunFacts, RunnerFacts, duration, explain
from callboard.domain.why_words import CODES
from callboard.domain.work_step import Emptied, Standing, next_move, next_step

MINUTE = 60_000


def a_runner(name: str = "one", **changes: Any) -> RunnerFacts:
    """An idle runner that fits what needs the executor `scripted` in /srv."""
    offer = {"hostname": name, "roots": ("/srv",), "executor_types": ("scripted",)}
    facts = {"runner_id": f"rnr_{name}", "name": name, "hostname": name, "state": "online"}
    numbers = {"quiet_ms": 0, "slots": 2, "live_runs": 0}
    offer_changes = {key: changes.pop(key) for key in list(changes) if key in Offer.__struct_fields__}
    return RunnerFacts(**(facts | numbers | changes), offer=Offer(**(offer | offer_changes)))


def why(*runners: RunnerFacts, status: str = "pending", **facts: Any) -> Answer:
    """The answer for a run that needs the executor `scripted`."""
    values: dict[str, Any] = {
        "run_id": "run_1",
        "session_id": "ses_1",
        "status": status,
        "demands": Demands(executor_type="scripted"),
        "now_ms": 10 * MINUTE,
    }
    return explain(RunFacts(**(values | {"runners": runners} | facts)))


def needing(**demands: Any) -> dict[str, Any]:
    """A run with these demands."""
    return {"demands": Demands(**({"executor_type": "scripted"} | demands))}


# ------------------------------------------------------------------------------------------------ waiting


def test_without_any_runner_it_says_so_and_how_to_start_one() -> None:
    """A83."""
    answer = why(no_match_deadline_ms=14 * MINUTE)
    assert answer.code == "no_runner"
    assert answer.sentence == "No runner is registered. Unless that changes within 4 min, the run fails."
    assert answer.next_step == "Start one: callboard runner"


@pytest.mark.parametrize(
    ("demands", "sentence", "step"),
    [
        ({"tags": ("gpu",)}, "No registered runner has the tag gpu.", "--tag gpu"),
        ({"executor_type": "codex"}, "No registered runner offers the executor codex.", "--executor codex"),
        ({"hostname": "build"}, "No registered runner is on the host build.", "Start the runner on build."),
        ({"project_dir": "/home"}, "No registered runner may work in /home.", "--root /home"),
        ({"project_dir": "/home"}, "No registered runner may work in /home.", "callboard run --project-dir /srv"),
        (
            {"tags": ("gpu", "linux")},
            "No registered runner has the tag gpu, and none has the tag linux.",
            "--tag gpu",
        ),
    ],
)
def test_what_every_runner_lacks_is_named(demands: dict[str, Any], sentence: str, step: str) -> None:
    """A10, A83: the sentence names the missing tag."""
    answer = why(a_runner("one"), a_runner("two", tags=("arm",)), **needing(**demands))
    assert answer.code == "no_matching_runner"
    assert answer.sentence == sentence
    assert step in (answer.next_step or "")


def test_when_each_lacks_something_else_the_nearest_runner_is_named() -> None:
    """A83."""
    runners = (a_runner("one", tags=("gpu",), executor_types=()), a_runner("two", roots=("/opt",)))
    answer = why(*runners, **needing(tags=("gpu",), project_dir="/srv/shop"))
    assert answer.sentence == (
        "None of the 2 registered runners meets all demands. "
        "Nearest is one: The run needs the executor scripted; this runner offers none."
    )
    assert [[reason.code for reason in one.reasons] for one in answer.runners] == [
        ["executor_missing"],
        ["outside_roots", "tag_missing"],
    ]


def test_a_runner_that_wants_a_shared_tag_says_so() -> None:
    """A09, A83."""
    answer = why(a_runner(tags=("gpu",), require_matching_tags=True))
    assert answer.code == "no_matching_runner"
    assert answer.sentence == "No registered runner takes runs that share none of its tags."


@pytest.mark.parametrize(
    ("runners", "code", "sentence"),
    [
        (
            [a_runner(state="lost", quiet_ms=50_000)],
            "runner_lost",
            "The one runner that fits is one. This runner has not been heard of for 50 s.",
        ),
        (
            [a_runner(state="draining")],
            "runner_draining",
            "The one runner that fits is one. This runner is draining and takes no new runs.",
        ),
        (
            [a_runner(live_runs=2)],
            "no_free_slot",
            "The one runner that fits is one. All 2 slots of this runner are in use.",
        ),
        (
            [a_runner("one", state="lost"), a_runner("two", live_runs=2), a_runner("three", state="draining")],
            "no_free_slot",
            "Of the 3 runners that fit, the nearest is two. All 2 slots of this runner are in use.",
        ),
    ],
)
def test_a_fitting_runner_that_takes_nothing_now_says_why(runners: list[RunnerFacts], code: str, sentence: str) -> None:
    """A83."""
    answer = why(*runners, a_runner("other", executor_types=("codex",)))
    assert (answer.code, answer.sentence) == (code, sentence)


def test_place_in_the_queue_is_told_while_others_are_before_it() -> None:
    """A83."""
    assert why(a_runner(), before=1).sentence == "1 run with the same demands is before it in the queue."
    assert why(a_runner(), before=7).code == "in_queue"
    assert why(a_runner()).sentence == "one takes it with its next poll."


def test_the_run_that_is_before_it_in_its_session_is_named() -> None:
    """A83."""
    blocker = Blocker(run_id="run_0", status="running", external=False)
    answer = why(a_runner(), blocker=blocker)
    assert answer.code == "behind_run"
    assert answer.sentence == "It waits for run_0 of the same session, which is running."
    assert why(blocker=Blocker(run_id="run_0", status="running", external=True)).code == "behind_external"


# ------------------------------------------------------------------------------------------------ live and ended


def test_a_live_run_says_where_it_is_and_since_when() -> None:
    """A83."""
    facts = {"runner_name": "one", "since_ms": 7 * MINUTE}
    assert why(status="running", **facts).sentence == "It has been running on one for 3 min."
    assert why(status="claimed", **facts).sentence == "one took the run 3 min ago and has not started the agent yet."
    assert why(status="running", external=True, **facts).code == "external"
    stopping = why(status="running", stop_requested=True, **facts)
    assert stopping.sentence == "A stop was asked for; one ends the agent and all its processes."


def test_an_interrupted_run_says_what_follows_and_when() -> None:
    """A83, promise 5: interrupted, not dead."""
    facts = {"runner_name": "one", "since_ms": 8 * MINUTE, "lost_deadline_ms": 24 * MINUTE}
    waiting = why(status="interrupted", **facts)
    assert waiting.sentence == (
        "Contact with one was lost 2 min ago. "
        "The agent may still be at work; unless the runner comes back within 14 min, the run fails."
    )
    stopping = why(status="interrupted", stop_requested=True, **facts)
    assert "gets the stop first when it comes back" in stopping.sentence
    assert why(status="interrupted", since_ms=0).sentence.endswith("What follows is decided at once.")


@pytest.mark.parametrize("reason", REASON_SENTENCES)
def test_every_end_has_its_sentence_and_its_error(reason: str) -> None:
    """A83."""
    answer = why(status=status_of(reason), reason=reason, error_message="exit 3: no such file")
    assert answer.code == "ended"
    assert answer.sentence.startswith(REASON_SENTENCES[reason]) == (reason != "budget_exceeded"), "that tells its own"
    assert ("no such file" in answer.sentence) == (reason not in ("completed", "stopped"))
    assert (answer.next_step is None) == (reason == "completed")


def test_who_stopped_a_run_is_told() -> None:
    """A83, 10: stopped_by."""
    answer = why(status="stopped", reason="stopped", stopped_by="parent", error_message=REASON_SENTENCES["stopped"])
    assert answer.sentence == "Its parent session stopped it."


def work(**facts: Any) -> Standing:
    """Stuck work on the issues 4 and 5."""
    return Standing(**({"session_id": "ses_4", "handle": "4", "issues": (4, 5), "lifecycle": "stuck"} | facts))


EMPTY = Emptied(session_id="ses_0", unit="tokens")
RESTART = 'callboard forward 4 "…", then callboard restart 4'


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ({}, RESTART),
        ({"guided": True}, "callboard restart 4"),
        ({"worktree_gone": True}, "callboard delete 4 --keep-branch, then callboard spawn 4 5 --reuse-branch"),
        ({"worktree_gone": True, "lifecycle": "working"}, None),
        (
            {"worktree_gone": True, "lifecycle": "paused", "task": 4},
            "callboard delete 4 --keep-branch, then callboard task run 4 --reuse-branch",
        ),
        ({"emptied": EMPTY}, RESTART),
        (
            {"emptied": EMPTY, "waits_for_budget": True},
            "Raise it, and it goes on: callboard budget ses_0 --budget-tokens TOKENS",
        ),
        ({"waits_for_budget": True}, RESTART),
        ({"lifecycle": "paused", "before": "working"}, "callboard resume 4"),
        ({"lifecycle": "paused", "before": "stuck"}, f"callboard resume 4, then {RESTART}"),
        ({"lifecycle": "working", "waits_for_report": True}, None),
        ({"lifecycle": "working", "waits_for_report": True, "milestone": 2}, "callboard milestone end 2"),
        ({"lifecycle": "complete"}, None),
        ({"lifecycle": "deleted", "milestone": 2}, "Begin anew: callboard milestone start 2"),
        (
            {"lifecycle": "deleted", "milestone": 2, "milestone_through": True},
            "callboard milestone end 2 --summary TEXT",
        ),
        ({"lifecycle": "cancelled"}, "Begin anew: callboard delete ses_4, then callboard spawn 4 5"),
        ({"lifecycle": "cancelled", "worktree": "undone"}, "When that is mended: callboard spawn 4 5"),
    ],
)
def test_work_that_rests_has_one_next_step_for_all_who_tell_it(facts: dict[str, Any], step: str | None) -> None:
    """A83: a step that fails the same way again is none."""
    stands = work(**facts)
    assert next_step(stands) == step
    assert (next_move(stands) is None) == (step is None)
    told = why(status="failed", reason="failed", work=stands).next_step
    assert told == step or (told, step, stands.lifecycle) == ("callboard retry run_1", None, "working")


@pytest.mark.parametrize(
    ("facts", "move"),
    [
        ({"worktree_gone": True, "waits_for_budget": True, "emptied": EMPTY}, "begin_from_branch"),
        ({"worktree_gone": True, "lifecycle": "deleted"}, "begin_anew"),
        ({"waits_for_budget": True, "emptied": EMPTY}, "raise_budget"),
        ({"lifecycle": "paused", "before": "stuck"}, "resume"),
        ({}, "restart"),
    ],
)
def test_the_next_step_has_a_word_for_programs(facts: dict[str, Any], move: str) -> None:
    """A81: the pages offer what leads on, and nothing that fails the same way again."""
    assert next_move(work(**facts)) == move


def test_a_reason_is_told_once_and_also_of_work_whose_last_run_completed() -> None:
    """A83."""
    stands = work(stuck_reason="After 3 iterations the checks fail: test.")
    done = why(status="completed", reason="completed", work=stands)
    assert done.sentence.endswith("The work on 4 is stuck: After 3 iterations the checks fail: test.")
    check = work(stuck_reason="No check 'nix'. Then: callboard trust /srv")
    facts = {"error_message": check.stuck_reason, "error_code": "check_unknown"}
    sentence = f"No agent was started. {check.stuck_reason} — The work on 4 is stuck."
    assert why(status="failed", reason="failed", work=check, **facts).sentence == sentence
    failed = why(status="failed", reason="failed", error_message=stands.stuck_reason, work=stands)
    assert (failed.sentence.count("After 3"), failed.sentence.endswith("The work on 4 is stuck.")) == (1, True)


@pytest.mark.parametrize(
    ("time_ms", "words"), [(-5, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (7_200_000, "2 h"), (10**9, "11 days")]
)
def test_spans_of_time_are_in_words(time_ms: int, words: str) -> None:
    assert duration(time_ms) == words


@given(
    status=st.sampled_from(STATUSES),
    states=st.lists(st.tuples(st.sampled_from(STATES), st.integers(0, 3), st.booleans()), max_size=4),
    tags=st.lists(st.sampled_from(["gpu", "arm"]), max_size=2),
    before=st.integers(0, 3),
    stop_requested=st.booleans(),
)
def test_every_run_has_an_answer_from_the_closed_list(
    status: str, states: list[tuple[Any, int, bool]], tags: list[str], before: int, stop_requested: bool
) -> None:
    """A83: one sentence, always."""
    runners = [
        a_runner(str(number), state=state, live_runs=live, executor_types=("scripted",) if fits else ())
        for number, (state, live, fits) in enumerate(states)
    ]
    reason = {"completed": "completed", "failed": "failed", "stopped": "stopped"}.get(status)
    answer = why(
        *runners,
        status=status,
        reason=reason,
        before=before,
        stop_requested=stop_requested,
        **needing(tags=tuple(sorted(set(tags)))),
    )
    assert answer.code in CODES
    assert answer.sentence.endswith(".")
    assert "{" not in answer.sentence + (answer.next_step or "")
    assert len(answer.runners) == (len(runners) if status == "pending" else 0)
    assert (answer.code == "ended") == (status in ENDED)
