"""Why: for a run in any state a sentence that a person understands, a code of a closed list, and the next step."""

import re

import pytest

from callboard.client.calls import runners, runs
from callboard.domain.why_words import CODES
from callboard.wire.responses import Why
from tests.acceptance.conftest import Stage
from tests.support.coordinator import QUICK, Coordinator
from tests.support.world import World, hold

SENTENCE = re.compile(r"^[A-Z0-9_a-z][^\n]{10,}[.]$")
PLACEHOLDER = re.compile(r"[{}]|\bNone\b|_id\b")


def why(coordinator: Coordinator, run_id: str) -> Why:
    """The answer, which is a sentence and of the closed list whatever it says."""
    answer = coordinator.client.send(runs.why(run_id))
    assert answer.code in CODES
    assert SENTENCE.match(answer.sentence), answer.sentence
    assert PLACEHOLDER.search(f"{answer.sentence} {answer.next_step or ''}") is None
    for runner in answer.runners:
        assert all(SENTENCE.match(reason.sentence) for reason in runner.reasons)
        assert runner.fits or runner.reasons
    return answer


def test_a83_why_a_run_waits_for_a_runner(world: World) -> None:
    """A83: nobody there, nobody that fits, all full, draining, lost; then the place in the queue."""
    coordinator = world.coordinator(**QUICK)
    first = coordinator.start_run(hold("free"))
    nobody = why(coordinator, first.run_id)
    assert (nobody.code, nobody.next_step) == ("no_runner", "Start one: callboard runner")
    assert nobody.sentence.startswith("No runner is registered. Unless that changes within ")

    runner = world.runner(coordinator, name="single", slots=1)
    coordinator.until_event(first, "pre_tool")
    unfit = why(coordinator, coordinator.start_run("say x", executor_type="command").run_id)
    assert unfit.code == "no_matching_runner"
    assert unfit.sentence.startswith("No registered runner offers the executor command.")
    assert unfit.next_step == "Start a runner that offers it: callboard runner --executor command"
    outside = why(coordinator, coordinator.start_run("say x", project_dir="/srv/elsewhere").run_id)
    assert outside.runners[0].reasons[0].code == "outside_roots"
    assert "/srv/elsewhere" in outside.sentence

    second, third = (coordinator.start_run(f"say {word}") for word in ("second", "third"))
    full = why(coordinator, second.run_id)
    assert full.code == "no_free_slot"
    assert full.sentence == "The one runner that fits is single. All 1 slots of this runner are in use."
    places = [why(coordinator, one.run_id).place_in_queue for one in (second, third)]
    assert places[0] is not None
    assert places[1] == places[0] + 1

    coordinator.client.send(runners.drain(runner.runner_id))
    draining = why(coordinator, second.run_id)
    assert draining.code == "runner_draining"
    assert draining.next_step == f"Let it take runs again: callboard runner resume {runner.runner_id}"
    runner.program.freeze()
    coordinator.until_runner(runner.runner_id, "lost")
    lost = why(coordinator, second.run_id)
    assert lost.code == "runner_lost"
    assert re.search(r"has not been heard of for \d+ s\.$", lost.sentence)
    coordinator.until_event(first, "run_interrupted")
    interrupted = why(coordinator, first.run_id)
    assert interrupted.code == "interrupted"
    assert "unless the runner comes back within" in interrupted.sentence
    runner.program.thaw()
    world.let_go("free")


def test_a83_why_a_run_is_where_it_is(stage: Stage) -> None:
    """A83: at work, behind another run, being stopped, and ended in each way."""
    coordinator = stage.coordinator
    running = coordinator.start_run("ignore-term\nhang")
    coordinator.until_event(running, "message", role="user")
    at_work = why(coordinator, running.run_id)
    assert at_work.code == "running"
    assert re.fullmatch(r"It has been running on \S+ for \d+ s\.", at_work.sentence)
    behind = coordinator.resume(running.session_id, "say later")
    answer = why(coordinator, behind.run_id)
    assert (answer.code, answer.waits_for_run_id) == ("behind_run", running.run_id)
    assert answer.sentence == f"It waits for {running.run_id} of the same session, which is running."
    coordinator.client.send(runs.stop(running.run_id))
    stopping = coordinator.client.send(runs.why(running.run_id))
    assert stopping.code in ("stopping", "ended")
    coordinator.ended(running.run_id)
    assert why(coordinator, running.run_id).sentence == "A person stopped it."
    coordinator.ended(behind.run_id)
    assert why(coordinator, behind.run_id).sentence == "The agent finished its turn."


@pytest.mark.parametrize(
    ("script", "limits", "reason", "part"),
    [
        ("fail the tests are red", {}, "failed", "the tests are red"),
        ("crash", {}, "failed", "scripted crash"),
        ("exit 3", {}, "failed", "3"),
        ("hang", {"timeout_seconds": 0.5}, "timeout", "longer than its limit"),
    ],
)
def test_a83_why_a_run_failed(stage: Stage, script: str, limits: dict[str, float], reason: str, part: str) -> None:
    coordinator = stage.coordinator
    run = coordinator.ended(coordinator.start_run(script, limits=limits).run_id)
    answer = coordinator.client.send(runs.why(run.run_id))
    assert (answer.code, answer.reason, run.reason) == ("ended", reason, reason)
    assert part in answer.sentence
    assert answer.next_step is not None
    assert f"callboard retry {run.run_id}" in answer.next_step


def test_a83_why_a_run_waited_too_long(world: World) -> None:
    coordinator = world.coordinator(sweep_seconds=0.2)
    created = coordinator.start_run("say never", limits={"queue_timeout_seconds": 0.3})
    assert coordinator.ended(created.run_id).reason == "queue_timeout"
    answer = why(coordinator, created.run_id)
    assert answer.sentence == "The run waited longer than its limit."
    assert answer.next_step == (
        f"Raise limits.queue_timeout_seconds or add a runner, then: callboard retry {created.run_id}"
    )


def test_a83_why_is_said_by_the_command_line(stage: Stage) -> None:
    created = stage.coordinator.start_run("say x", additional_demands={"tags": ["quantum"]})
    shown = stage.callboard("why", created.session_id[-10:])
    assert shown.code == 0, shown.err
    assert "quantum" in shown.out
    value = stage.callboard("why", created.run_id, "--json").value
    assert (value["code"], value["status"]) == ("no_matching_runner", "pending")
    assert stage.callboard("stop", created.session_id).code == 0
    assert "A person stopped it." in stage.callboard("why", created.run_id).out
