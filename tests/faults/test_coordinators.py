"""Coordinators that die, end and hang: what was acknowledged stands, and agents notice nothing."""

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import apsw
import httpx2
import pytest

from callboard.wire.responses import RunCreated
from tests.conftest import FaultRound
from tests.faults.event_load import EventLoad
from tests.faults.times import LATE, SOON
from tests.support.coordinator import Coordinator, until
from tests.support.database import damage, on_both_databases
from tests.support.history import assert_promises_kept
from tests.support.processes import agent_of, agents_of
from tests.support.world import World, hold

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

KILLS: Final = 4
LOADS: Final = 3
STREAMS: Final = 100


@on_both_databases
@pytest.mark.rounds(1)
def test_r12_a_coordinator_killed_under_load_loses_nothing_that_it_acknowledged(
    world: World, fault_round: FaultRound
) -> None:
    """R12, A35, A36: kill -9 at chosen moments; the file is whole each time, the stream has no gap and no repeat."""
    source = fault_round.source()
    coordinator = world.coordinator(**LATE)
    reader = coordinator.stream()
    sources = [random.Random(source.random()) for _ in range(LOADS)]  # noqa: S311 - chooses sizes, guards nothing
    loads = [EventLoad(world, coordinator, f"load{number}", one) for number, one in enumerate(sources)]
    for _ in range(KILLS):
        wanted = loads[0].posted + source.randint(1, 400)
        until(lambda: loads[0].posted >= wanted, 20, "events are acknowledged")  # noqa: B023 - used at once
        coordinator.kill()
        assert damage(coordinator) == []
        coordinator.restart()
        reader.broken()
        reader.connect()
    for load in loads:
        load.finish()
        load.assert_all_there()
        log = coordinator.events(load.session_id)
        reader.until_event("run_completed", run_id=log[-1].run_id)
        seen = [event["seq"] for event in reader.events if event["session_id"] == load.session_id]
        assert seen == [event.seq for event in log]
    assert_promises_kept(coordinator, *(load.session_id for load in loads))


@pytest.mark.either_database
@on_both_databases
def test_r13_a_coordinator_that_ends_under_many_readers_is_not_noticed_by_agents(world: World) -> None:
    """R13: 100 streams, held polls and waits; exit 0 in time; the agents work on and their runs end as they would."""
    coordinator = world.coordinator(**LATE)
    for number in range(2):
        world.runner(coordinator, name=f"number{number}", hostname=f"host{number}", slots=2)
    created = [coordinator.start_run(f"say ready\n{hold('go')}\nsay done") for _ in range(3)]
    for run in created:
        coordinator.until_event(run, "message", role="assistant")
    working = pids_of(created)
    readers = [coordinator.stream() for _ in range(STREAMS)]
    waiting = world.meanwhile(lambda: coordinator.http.get(f"/runs/{created[0].run_id}/wait", params={"timeout": 60}))
    until(lambda: requests_held(coordinator) == 3, 20, "both polls and the wait are held")
    began = time.monotonic()
    coordinator.program.signal(signal.SIGTERM)
    assert coordinator.program.ended() == 0
    assert time.monotonic() - began < 20
    answer = waiting.result(5)
    assert answer.status_code == 503 or answer.json()["status"] == "running"
    for reader in readers:
        reader.broken()
    assert pids_of(created) == working

    coordinator.restart()
    (world.project / "go").touch()
    for reader in readers[:5]:
        reader.connect()
    ends = [coordinator.ended(run.run_id) for run in created]
    assert {(run.status, run.attempt) for run in ends} == {("completed", 1)}
    for run in created:
        assert coordinator.events(run.session_id, "run_interrupted") == []
        log = [event.seq for event in coordinator.events(run.session_id)]
        for reader in readers[:5]:
            reader.until_event("run_completed", run_id=run.run_id)
            seen = [event["seq"] for event in reader.events if event["session_id"] == run.session_id]
            assert seen == log[-len(seen) :]
    assert_promises_kept(coordinator, *(run.session_id for run in created))


def requests_held(coordinator: Coordinator) -> float:
    """How many polls and waits the coordinator holds now."""
    lines = coordinator.http.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("callboard_requests_held "))


def pids_of(created: list[RunCreated]) -> set[int]:
    """The agents of runs, without the pauses that a held script makes."""
    return {agent_of(run.run_id).pid for run in created}


@contextmanager
def held_lock(coordinator: Coordinator) -> Iterator[None]:
    """Hold the lock of the database's file, as a backup tool that hangs does."""
    other = apsw.Connection(str(coordinator.data_dir / "callboard.db"))
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_r10_a_database_that_hangs_turns_readiness_red_and_nothing_is_lost_when_it_comes_back(world: World) -> None:
    """R10: somebody holds the file's lock; the process answers, writes are refused in time, agents live, all heals."""
    coordinator = world.coordinator(**SOON | {"lease_seconds": 3, "grace_seconds": 3})
    world.runner(coordinator)
    run = coordinator.start_run(f"say ready\n{hold('go')}\nsay done")
    coordinator.until_event(run, "message", role="assistant")
    with httpx2.Client(base_url=coordinator.url, timeout=40, trust_env=False) as http:
        with held_lock(coordinator):
            body = {"type": "start_session", "prompt": "say late"}
            writing = world.meanwhile(lambda: coordinator.http.post("/runs", json=body, timeout=40))
            began = time.monotonic()
            until(lambda: http.get("/readyz").status_code == 503, 15, "readiness turns red")
            assert http.get("/healthz").status_code == 200
            assert coordinator.session(run.session_id).status == "running", "who only reads is answered"
            assert agents_of(run.run_id)
        late = writing.result(40)
        assert time.monotonic() - began < 30
        assert late.status_code in (201, 503)
        until(lambda: http.get("/readyz").status_code == 200, 15, "readiness turns green")
    (world.project / "go").touch()
    ended = coordinator.ended(run.run_id)
    assert (ended.status, ended.attempt) == ("completed", 1)
    assert coordinator.completed("say the next one works").status == "completed"
    assert len(coordinator.http.get("/runs").json()["items"]) == 2 + (late.status_code == 201)
    assert coordinator.events(run.session_id, "run_interrupted") == []
    assert_promises_kept(coordinator, run.session_id)
