"""Stops: a promise to people about processes, in every state of a run and against every race."""

import secrets
import subprocess
import threading
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import httpx2
import psutil
import pytest

from callboard.client.calls import runs
from callboard.wire.responses import RunCreated
from tests.conftest import FaultRound
from tests.faults.times import LATE
from tests.support.coordinator import Coordinator, payload_of
from tests.support.database import on_both_databases
from tests.support.history import assert_promises_kept
from tests.support.processes import agents_of
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]

RACES: Final = 8
CROWD: Final = 200


@pytest.fixture
def coordinator(world: World) -> Coordinator:
    """Return a coordinator that calls nobody lost in a hurry."""
    return world.coordinator(**LATE)


def stop(coordinator: Coordinator, run: RunCreated) -> dict[str, Any]:
    """The answer to a stop of a run."""
    answer = coordinator.http.post(f"/runs/{run.run_id}/stop")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def at_work(coordinator: Coordinator, script: str, **fields: Any) -> RunCreated:
    """A run whose agent has said something."""
    run = coordinator.start_run(script, **fields)
    coordinator.until_event(run, "message", role="assistant")
    return run


@on_both_databases
def test_r15_what_waits_never_starts_and_a_second_stop_changes_nothing(world: World, coordinator: Coordinator) -> None:
    """R15: queued without a runner, queued behind a live run; who asked is recorded, once."""
    alone = coordinator.start_run("append ran alone")
    assert stop(coordinator, alone)["status"] == "stopped"
    world.runner(coordinator)
    live = at_work(coordinator, "say ready\nhang")
    behind = coordinator.resume(live.session_id, "append ran behind")
    assert stop(coordinator, behind)["status"] == "stopped"
    stop(coordinator, live)
    ended = coordinator.ended(live.run_id)
    assert (ended.status, ended.stopped_by) == ("stopped", "person")
    log = coordinator.events(live.session_id)
    assert stop(coordinator, live)["status"] == "stopped"
    assert stop(coordinator, behind) == {"status": "stopped", "stopping": [], "cancelled": []}
    assert coordinator.events(live.session_id) == log
    assert coordinator.completed("say the next one").status == "completed"
    assert not (world.project / "ran").exists()
    assert_promises_kept(coordinator, alone.session_id, live.session_id)


@on_both_databases
def test_r15_a_claimed_run_is_stopped_before_its_agent_is_launched(world: World, coordinator: Coordinator) -> None:
    """R15: the permission is refused with the word stop, however often it is asked for."""
    runner = world.hand_runner(coordinator)
    run = coordinator.start_run("by hand")
    attempt = runner.claim(run.run_id)["attempt"]
    stop(coordinator, run)
    answers = [runner.started(run.run_id, attempt).json() for _ in range(2)]
    assert answers == [{"ok": False, "stop": True}] * 2
    assert coordinator.ended(run.run_id).status == "stopped"
    assert coordinator.events(run.session_id, "run_start") == []
    assert_promises_kept(coordinator, run.session_id)


@pytest.mark.parametrize(
    ("script", "signal"),
    [("say ready\nsleep 300", None), ("say ready\nhang", "SIGTERM"), ("ignore-term\nsay ready\nhang", "SIGKILL")],
)
def test_r15_the_ladder_goes_as_far_as_it_must(
    world: World, coordinator: Coordinator, script: str, signal: str | None
) -> None:
    """R15: the agent's own interrupt, then SIGTERM, then SIGKILL; how it ended and how sure that is are recorded."""
    world.runner(coordinator)
    run = at_work(coordinator, script)
    assert stop(coordinator, run)["status"] in ("claimed", "running")
    ended = coordinator.ended(run.run_id)
    assert agents_of(run.run_id) == []
    assert (ended.status, ended.reason, ended.stopped_by) == ("stopped", "stopped", "person")
    assert ended.certainty in ("cgroup", "descendants")
    requested, completed = coordinator.events(run.session_id, "stop_requested", "run_completed")
    assert payload_of(requested)["stopped_by"] == "person"
    assert payload_of(completed).get("signal") == signal
    assert_promises_kept(coordinator, run.session_id)


@on_both_databases
def test_r15_a_stop_races_with_claim_launch_and_natural_end(
    world: World, coordinator: Coordinator, fault_round: FaultRound
) -> None:
    """R15: whichever was committed first stands, and is the only end; nothing lives when it is shown."""
    source = fault_round.source()
    world.runner(coordinator, slots=RACES)

    def race(number: int, seconds: float) -> tuple[RunCreated, str]:
        run = coordinator.start_run(f"append began-{number} x\nsay ready\nsleep 0.1\nsay done\nresult done")
        coordinator.client.send(runs.wait(run.run_id, seconds))
        stop(coordinator, run)
        ended = coordinator.ended(run.run_id)
        assert agents_of(run.run_id) == []
        return run, ended.status

    racing = [world.meanwhile(partial(race, number, source.uniform(0.0, 0.9))) for number in range(RACES)]
    for number, (run, status) in enumerate(future.result(30) for future in racing):
        types = [event.type for event in coordinator.events(run.session_id)]
        began = (world.project / f"began-{number}").exists()
        assert types.count("run_completed") == 1
        assert status in ("completed", "stopped")
        assert "run_start" in types or not began
        if status == "completed":
            assert coordinator.run(run.run_id).result_text == "done"
        assert_promises_kept(coordinator, run.session_id)


@on_both_databases
def test_r15_a_tree_is_stopped_with_the_children_that_are_born_meanwhile(
    world: World, coordinator: Coordinator
) -> None:
    """R15: leaf first; whoever comes too late is refused, and nobody lives on."""
    world.runner(coordinator, slots=30)
    parent = at_work(coordinator, "say ready\nhang")
    token = agents_of(parent.run_id)[0].environ()["CALLBOARD_TOKEN"]
    answers: list[httpx2.Response] = []
    several = threading.Event()

    def bear_children() -> None:
        with coordinator.with_token(token) as agent:
            while not answers or answers[-1].status_code == 201:
                answers.append(agent.post("/runs", json={"type": "start_session", "prompt": "say ready\nhang"}))
                if len(answers) == 4:
                    several.set()

    bearing: Future[None] = world.meanwhile(bear_children)
    assert several.wait(20)
    coordinator.http.post(f"/sessions/{parent.session_id}/stop", json={"subtree": True}).raise_for_status()
    bearing.result(20)
    assert answers[-1].status_code in (401, 403, 409), answers[-1].text
    born = [answer.json() for answer in answers if answer.status_code == 201]
    ends = [coordinator.ended(run_id) for run_id in (parent.run_id, *(one["run_id"] for one in born))]
    assert {end.status for end in ends} == {"stopped"}
    assert {end.stopped_by for end in ends[1:]} == {"tree"}
    assert [one for end in ends for one in agents_of(end.run_id)] == []
    assert_promises_kept(coordinator, *(end.session_id for end in ends))


def crowd(mark: str) -> str:
    """A command that leaves behind what is hard to find: sessions, environments and parents of their own."""
    lines = [
        "trap '' TERM HUP INT",
        f"for i in $(seq {CROWD}); do sleep {mark} & done",
        f"setsid -f env -i /bin/sleep {mark}",
        f"(setsid env -i sh -c 'trap \"\" TERM; sleep {mark} & sleep {mark}' &)",
        f"nohup setsid sh -c '(sleep {mark} &)' > /dev/null 2>&1",
    ]
    return "; ".join(lines)


def living(mark: str) -> list[psutil.Process]:
    """The processes with this mark in their command."""
    found = []
    for one in psutil.process_iter():
        try:
            if mark in one.cmdline() and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.mark.parametrize("naturally", [True, False], ids=["ends by itself", "is stopped"])
def test_r16_daemons_and_a_crowd_are_gone_when_the_end_is_shown_and_nobody_else_is(
    world: World, coordinator: Coordinator, naturally: bool
) -> None:
    """R16: 200 processes, daemons, changed environments; a bystander with the same command is never signalled."""
    world.runner(coordinator)
    mark = f"{3000 + secrets.randbelow(100_000)}.25"
    with subprocess.Popen(["sleep", mark]) as bystander:
        last = "result done" if naturally else "hang"
        run = coordinator.start_run(f"run {crowd(mark)}\ndaemon 300\nsay ready\n{last}", permission_mode="full")
        coordinator.until_event(run, "message", role="assistant")
        if not naturally:
            assert len(living(mark)) > CROWD
            done = world.command_line(coordinator)("stop", run.session_id, "--wait")
            assert done.code == 0, done.err
        assert coordinator.ended(run.run_id).status == ("completed" if naturally else "stopped")
        assert [one.pid for one in living(mark)] == [bystander.pid]
        assert agents_of(run.run_id) == []
        bystander.kill()
    assert_promises_kept(coordinator, run.session_id)
