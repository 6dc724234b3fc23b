"""Runners that are killed, drained, and of another age than their coordinator."""

import signal
from collections.abc import Callable
from typing import Any, Final

import httpx2
import pytest

from callboard.wire.responses import RunCreated
from tests.conftest import FaultRound
from tests.faults.hosts import keepers_of
from tests.faults.times import LATE, SOON
from tests.support.coordinator import Coordinator, payload_of, until
from tests.support.history import assert_promises_kept
from tests.support.processes import agents_of
from tests.support.runner import Runner
from tests.support.toxic_proxy import toxic_proxy
from tests.support.world import World, hold

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]

RETRIED: Final[dict[str, Any]] = {"context": "fresh", "on_lost": "retry", "repeatable": True}


def at_work(coordinator: Coordinator, script: str, **fields: Any) -> RunCreated:
    """A run whose agent has said something."""
    run = coordinator.start_run(script, **fields)
    coordinator.until_event(run, "message", role="assistant")
    return run


def kill_keeper(runner: Runner, run: RunCreated) -> None:
    """End the keeper of a run, and with it the agent, as the kernel does when memory is short."""
    (keeper,) = keepers_of(runner, run.run_id)
    keeper.kill()
    until(lambda: not agents_of(run.run_id), 10, "the agent dies with its keeper")


def test_r18_a_restarted_runner_finds_what_lives_what_died_and_what_was_half_launched(world: World) -> None:
    """R18: attached, reported and tried again, reported as done, launched once: each as it was left."""
    coordinator = world.coordinator(**LATE)
    with toxic_proxy(coordinator.url, FaultRound(1, 1).source()) as proxy:
        runner = world.runner(coordinator, url=proxy.url, slots=6)
        live = at_work(coordinator, f"say ready\n{hold('go')}\nsay done")
        done = at_work(coordinator, f"say ready\n{hold('end')}\nresult well done")
        dead = at_work(coordinator, "say ready\nhang")
        again = at_work(coordinator, "say ready\nhang", **RETRIED)
        proxy.only, proxy.toxins = b"/started", {"lose_answer": 1.0}
        half = coordinator.start_run("append half x\nresult once")
        coordinator.until_event(half, "run_start")
        runner.kill()
        (world.project / "end").touch()
        until(lambda: not agents_of(done.run_id), 10, "its agent ends while no runner is there")
        kill_keeper(runner, dead)
        kill_keeper(runner, again)
        proxy.toxins = {}
        runner.restart()
        ends = {run.run_id: coordinator.ended(run.run_id) for run in (done, dead, half)}
        coordinator.until_event(again, "run_start", attempt=2)
        (world.project / "go").touch()
        ends[live.run_id] = coordinator.ended(live.run_id)
        coordinator.http.post(f"/runs/{again.run_id}/stop").raise_for_status()
        coordinator.ended(again.run_id)
        until(lambda: runner.attempts() == [], 10, "nothing is held any more")
    assert {(ends[run.run_id].status, ends[run.run_id].attempt) for run in (live, done, half)} == {("completed", 1)}
    assert (ends[done.run_id].result_text, ends[half.run_id].result_text) == ("well done", "once")
    assert (world.project / "half").read_text() == "x\n"
    assert (ends[dead.run_id].status, ends[dead.run_id].reason) == ("failed", "interrupted")
    (lost,) = coordinator.events(again.session_id, "run_interrupted")
    assert payload_of(lost)["follows"] == "retry"
    assert_promises_kept(coordinator, *(run.session_id for run in (live, done, dead, half, again)))


def test_r14_a_drained_runner_finishes_and_takes_nothing_and_leaving_stops_nobody(world: World) -> None:
    """R14: what waits goes to another runner; agents finish; a runner that is told to end harms no run."""
    coordinator = world.coordinator(**LATE)
    callboard = world.command_line(coordinator)
    first = world.runner(coordinator, name="first", slots=2)
    working = [at_work(coordinator, f"say ready\n{hold('go')}\nsay done") for _ in range(2)]
    waiting = coordinator.start_run("say later")
    assert callboard("runner", "drain", first.runner_id).code == 0
    refused = first_deregistration(coordinator, first)
    assert refused == 409, "a runner with work cannot leave"
    second = world.runner(coordinator, name="second", hostname="elsewhere")
    assert coordinator.ended(waiting.run_id).runner_id == second.runner_id

    first.program.signal(signal.SIGTERM)
    assert first.program.ended() == 0
    assert all(agents_of(run.run_id) for run in working)
    first.restart()
    (world.project / "go").touch()
    ends = [coordinator.ended(run.run_id) for run in working]
    assert {(run.status, run.attempt, run.runner_id) for run in ends} == {("completed", 1, first.runner_id)}
    assert coordinator.completed("say still drained").runner_id == second.runner_id
    assert callboard("runner", "resume", first.runner_id).code == 0
    second.program.signal(signal.SIGTERM)
    assert second.program.ended() == 0
    assert coordinator.completed("say open again").runner_id == first.runner_id
    assert_promises_kept(coordinator, *(run.session_id for run in (*working, waiting)))


def first_deregistration(coordinator: Coordinator, runner: Runner) -> int:
    """The status of the answer when a runner asks to leave."""
    (folder,) = (runner.state_dir / "runners").iterdir()
    body = {"runner_id": runner.runner_id, "epoch": 1}
    with coordinator.with_token((folder / "credential").read_text(encoding="ascii").strip()) as http:
        return http.post("/runner/deregister", json=body).status_code


def test_r23_an_older_runner_works_for_a_newer_coordinator(world: World) -> None:
    """R23: unknown fields in every answer, in every object, are passed over; work, resume and stop as ever."""
    coordinator = world.coordinator(**SOON)
    with toxic_proxy(coordinator.url, FaultRound(1, 1).source()) as proxy:
        proxy.newer = True
        world.runner(coordinator, url=proxy.url)
        run = coordinator.completed('say one\ntool look {"at": "it"}\nusage m 1 2 3\nresult done')
        assert coordinator.resume_completed(run.session_id, "recall").attempt == 1
        assert coordinator.said(run.session_id)[-1].startswith("say one")
        hanging = at_work(coordinator, "say ready\nhang")
        coordinator.http.post(f"/runs/{hanging.run_id}/stop").raise_for_status()
        assert coordinator.ended(hanging.run_id).status == "stopped"
    assert_promises_kept(coordinator, run.session_id, hanging.session_id)


def test_r23_what_a_newer_runner_tells_is_kept_and_shown_as_it_is(world: World) -> None:
    """R23: unknown fields of reports are no error; unknown events are stored whole, streamed, filtered and printed."""
    coordinator = world.coordinator(**LATE)
    future: dict[str, Any] = {"from_the_future": {"deep": [1, {"two": None}]}}
    runner = world.hand_runner(coordinator, executor_types=["scripted", "telepathy"], **future)
    run = coordinator.start_run("by hand", executor_type="telepathy")
    attempt = runner.claim(run.run_id)["attempt"]
    reader = coordinator.stream(types="mind_read,run_completed")
    assert runner.report(run.run_id, "started", attempt, session_token_sha256="0" * 64, **future).status_code == 200
    event = {"client_key": "1", "type": "mind_read", "payload": {"thought": "é", "parts": [1, 2.5, None]}} | future
    assert runner.post_events(run.session_id, run.run_id, attempt, event).status_code == 200
    row = {"model": "m", "message_id": "1", "input_tokens": 5} | future
    assert runner.report(run.run_id, "usage", attempt, rows=[row], **future).status_code == 200
    assert runner.complete(run.run_id, attempt, event_count=1, **future).status_code == 200

    (kept,) = coordinator.events(run.session_id, "mind_read")
    assert payload_of(kept) == event["payload"]
    assert reader.until_event("mind_read")["payload"] == event["payload"]
    reader.until_event("run_completed")
    assert coordinator.run(run.run_id).usage.input_tokens == 5
    shown = world.command_line(coordinator)("logs", run.session_id)
    assert (shown.code, "mind_read" in shown.out) == (0, True), shown.err
    assert_promises_kept(coordinator, run.session_id)


def test_r6_every_report_that_is_sent_twice_has_one_effect_and_one_answer(world: World) -> None:
    """R6: permission, binding, events, usage with and without missing figures, end; also after the end."""
    coordinator = world.coordinator(**LATE)
    runner = world.hand_runner(coordinator)
    run = coordinator.start_run("by hand")
    attempt = runner.claim(run.run_id)["attempt"]
    told = {"role": "assistant", "content": [{"type": "text", "text": "once"}], "message_key": "1"}
    event = {"client_key": "1", "type": "message", "payload": told}
    row = {"model": "m", "message_id": "1", "input_tokens": 5, "turns": 1}
    late = row | {"message_id": "2"}
    reports: list[Callable[[], httpx2.Response]] = [
        lambda: runner.started(run.run_id, attempt),
        lambda: runner.bind(run.session_id, run.run_id, attempt, "native"),
        lambda: runner.post_events(run.session_id, run.run_id, attempt, event),
        lambda: runner.report(run.run_id, "usage", attempt, rows=[row]),
        lambda: runner.report(run.run_id, "usage", attempt, rows=[late], incomplete=True),
        lambda: runner.complete(run.run_id, attempt, event_count=1, result_text="done"),
        lambda: runner.report(run.run_id, "completed", attempt, event_count=1, result_text="done"),
    ]
    for report in reports:
        first = report()
        assert first.status_code == 200, first.text
        seen = coordinator.session(run.session_id).last_seq
        second = report()
        assert (second.status_code, second.json()) == (200, first.json())
        assert coordinator.session(run.session_id).last_seq == seen
    contradiction = runner.report(run.run_id, "failed", attempt, event_count=1)
    assert contradiction.json() == {"status": "completed", "reason": "completed"}
    assert coordinator.run(run.run_id).usage.input_tokens == 10
    assert_promises_kept(coordinator, run.session_id)
