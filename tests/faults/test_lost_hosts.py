"""Machines that die or freeze while their agents work: noticed in time, decided by policy, nothing done twice."""

import time
from pathlib import Path
from typing import Any, Final

import httpx2
import psutil
import pytest

from callboard.wire.responses import RunCreated
from tests.faults.hosts import freeze_host, kill_host, own_machine, thaw_host
from tests.faults.times import SOON
from tests.support.coordinator import Coordinator, payload_of, until
from tests.support.database import on_both_databases
from tests.support.history import assert_promises_kept
from tests.support.processes import agents_of
from tests.support.runner import Runner
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(90)]

RETRIED: Final[dict[str, Any]] = {"on_lost": "retry", "repeatable": True}
BUSY_MACHINE_SECONDS: Final = 10.0
"""What a machine with two cores and other work may add to any time; `lost_run_seconds` is far beyond it."""


def at_work(coordinator: Coordinator, script: str = "say ready\nhang", **fields: Any) -> RunCreated:
    """A run whose agent has said that it is ready."""
    run = coordinator.start_run(script, **fields)
    coordinator.until_event(run, "message", role="assistant")
    return run


@on_both_databases
def test_r1_five_sessions_of_a_dead_host_are_interrupted_in_time_and_then_policy_decides(world: World) -> None:
    """R1: within a lease and a sweep; `wait` waits and fails in the end, `fail` fails, `retry` runs again."""
    coordinator = world.coordinator(**SOON, lost_run_seconds=4)
    runner = world.runner(coordinator, slots=5)
    waiting = [at_work(coordinator) for _ in range(3)]
    failing = at_work(coordinator, on_lost="fail")
    retried = at_work(coordinator, context="fresh", **RETRIED)
    everybody = [*waiting, failing, retried]
    began = time.monotonic()
    kill_host(runner)

    lost = [coordinator.until_event(run, "run_interrupted") for run in everybody]
    seconds = time.monotonic() - began
    assert seconds < SOON["lease_seconds"] + SOON["sweep_seconds"] + BUSY_MACHINE_SECONDS
    assert [payload_of(event)["follows"] for event in lost] == ["wait", "wait", "wait", "give_up", "retry"]
    assert all("not been heard of" in payload_of(event)["why"] for event in lost)
    assert {coordinator.session(run.session_id).status for run in waiting} == {"interrupted"}
    assert coordinator.ended(failing.run_id).reason == "interrupted"
    assert coordinator.run(retried.run_id).status == "pending"

    other = world.runner(coordinator, name="other")
    coordinator.until_event(retried, "run_start", attempt=2, runner_id=other.runner_id)
    ends = [coordinator.ended(run.run_id) for run in waiting]
    assert {(run.status, run.reason, run.attempt) for run in ends} == {("failed", "interrupted", 1)}
    assert_promises_kept(coordinator, *(run.session_id for run in everybody))


@on_both_databases
def test_r2_a_frozen_host_that_thaws_is_refused_everything_and_ends_its_tree(world: World) -> None:
    """R2: the run went to another machine; whatever the first one says then is stale, and its agents are gone."""
    coordinator = world.coordinator(**SOON)
    first = world.runner(coordinator, name="first", within=own_machine())
    run = at_work(coordinator, "say ready\ndaemon 300\nignore-term\nhang", context="fresh", **RETRIED)
    old_tree = agents_of(run.run_id)
    assert old_tree
    freeze_host(first)
    coordinator.until_event(run, "run_interrupted")
    second = world.runner(coordinator, name="second", within=own_machine())
    # The requeued run may first be given to the poll that the frozen runner still holds: a claim that nobody speaks of.
    owner = payload_of(coordinator.until_event(run, "run_start", runner_id=second.runner_id))["attempt"]

    thaw_host(first)
    _, living = psutil.wait_procs(old_tree, timeout=10)
    assert living == []
    until(lambda: first.attempts() == [], 20, "the first runner lets go")
    assert_all_refused(coordinator, first, run, owner)
    assert coordinator.run(run.run_id).status == "running"
    coordinator.http.post(f"/runs/{run.run_id}/stop").raise_for_status()
    ended = coordinator.ended(run.run_id)
    assert (ended.status, ended.attempt, ended.runner_id) == ("stopped", owner, second.runner_id)
    assert_promises_kept(coordinator, run.session_id)


def assert_all_refused(coordinator: Coordinator, runner: Runner, run: RunCreated, owner: int) -> None:
    """Every report of attempt 1 gets `stale_attempt` with the owner's name; nothing is written, but usage is booked."""
    (folder,) = Path(runner.state_dir, "runners").iterdir()
    epoch = coordinator.http.get(f"/runners/{runner.runner_id}").json()["epoch"]
    sender = {"runner_id": runner.runner_id, "epoch": epoch, "attempt": 1, "run_id": run.run_id}
    event = {"client_key": "1.000000000000.00", "type": "message", "payload": {"role": "assistant", "content": []}}
    row = {"model": "m", "message_id": "late", "input_tokens": 7, "turns": 1}
    bound = {"executor_session_id": "late", "executor_type": "scripted", "hostname": "h"}
    before = coordinator.session(run.session_id)
    reports: dict[str, dict[str, Any]] = {
        f"/sessions/{run.session_id}/events": {"events": [event]},
        f"/sessions/{run.session_id}/bind": bound,
        f"/runner/runs/{run.run_id}/started": {"session_token_sha256": "0" * 64},
        f"/runner/runs/{run.run_id}/not_launched": {},
        f"/runner/runs/{run.run_id}/completed": {"event_count": 0, "result_text": "late"},
        f"/runner/runs/{run.run_id}/failed": {"event_count": 0},
        f"/runner/runs/{run.run_id}/stopped": {"event_count": 0},
        f"/runner/runs/{run.run_id}/usage": {"rows": [row]},
    }
    with coordinator.with_token((folder / "credential").read_text(encoding="ascii").strip()) as http:
        answers = {path: http.post(path, json=sender | body) for path, body in reports.items()}
    assert {path: refusal_of(answer) for path, answer in answers.items()} == dict.fromkeys(reports, "stale_attempt")
    assert all(answer.json()["errors"][0]["attempt"] == owner for answer in answers.values())
    after = coordinator.session(run.session_id)
    assert (after.last_seq - before.last_seq, after.usage.input_tokens - before.usage.input_tokens) == (1, 7)


def refusal_of(answer: httpx2.Response) -> str:
    """The code of a 409."""
    return str(answer.json()["code"]) if answer.status_code == 409 else answer.text


def test_r19_a_run_that_is_lost_three_times_is_not_tried_again(world: World) -> None:
    """R19: three machines die of it; then it fails as max_attempts, with every loss in its log."""
    coordinator = world.coordinator(**SOON)
    run = coordinator.start_run("say ready\nhang", context="fresh", **RETRIED)
    for attempt in (1, 2, 3):
        runner = world.runner(coordinator, name=f"number{attempt}")
        coordinator.until_event(run, "run_start", attempt=attempt, runner_id=runner.runner_id)
        kill_host(runner)
        coordinator.until_event(run, "run_interrupted", attempt=attempt)
    ended = coordinator.ended(run.run_id)
    assert (ended.status, ended.reason, ended.attempt, ended.tries) == ("failed", "max_attempts", 3, 3)
    survivor = world.runner(coordinator, name="survivor")
    assert coordinator.completed("say all is well").runner_id == survivor.runner_id
    assert coordinator.run(run.run_id).attempt == 3
    assert_promises_kept(coordinator, run.session_id)


def test_r19_what_a_person_cancelled_before_the_crash_never_runs_again(world: World) -> None:
    """R19, R15: the stop could not be delivered; it is never shown as stopped, never retried, and a resume waits."""
    coordinator = world.coordinator(**SOON, lost_run_seconds=4)
    runner = world.runner(coordinator)
    run = at_work(coordinator, context="fresh", **RETRIED)
    freeze_host(runner)
    coordinator.http.post(f"/runs/{run.run_id}/stop").raise_for_status()
    kill_host(runner)
    event = coordinator.until_event(run, "run_interrupted")
    assert payload_of(event)["follows"] == "wait"
    resumed = coordinator.resume(run.session_id, "say later")
    world.runner(coordinator, name="other")
    ended = coordinator.ended(run.run_id)
    assert (ended.status, ended.reason, ended.attempt) == ("failed", "interrupted", 1)
    assert coordinator.ended(resumed.run_id).status == "completed"
    assert_promises_kept(coordinator, run.session_id)


def test_r19_a_lost_run_that_is_not_repeatable_is_never_run_again(world: World) -> None:
    """R19: `retry` was asked for, but nobody said that it may be repeated."""
    coordinator = world.coordinator(**SOON, lost_run_seconds=2)
    runner = world.runner(coordinator)
    run = at_work(coordinator, context="fresh")
    kill_host(runner)
    world.runner(coordinator, name="other")
    ended = coordinator.ended(run.run_id)
    assert (ended.reason, ended.attempt) == ("interrupted", 1)
    assert agents_of(run.run_id) == []
    assert_promises_kept(coordinator, run.session_id)
