"""Fifty claimers whose connections are cut between request and answer: each run starts once, none is forgotten."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conftest import FaultRound
from tests.faults.claimers import Claimer, Way
from tests.faults.two import two_coordinators
from tests.support.coordinator import Coordinator
from tests.support.database import query
from tests.support.stream import StreamReader
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

CLAIMERS: Final = 50
SESSIONS: Final = 400
RUNS: Final = 500
"""More than sessions: some wait for the one before them."""
ALL_ENDED_SECONDS: Final = 90.0
RULES: Final[dict[str, Any]] = {
    "heartbeat_seconds": 1,
    "lease_seconds": 6,
    "lost_runner_seconds": 6,
    "unheard_seconds": 3,
    "grace_seconds": 1,
    "sweep_seconds": 0.2,
}
"""Who lives is heard in time on a busy machine too; what the dead held goes on within seconds."""


@pytest.mark.rounds(1)
def test_r7_fifty_claimers_on_two_coordinators_start_each_attempt_once_and_forget_none(
    tmp_path: Path, fault_round: FaultRound
) -> None:
    """R7: 500 queued runs, each request to one or the other coordinator, cut at random; some claimers die for good."""
    with two_coordinators(tmp_path, **RULES) as two:
        claim_all(two.world, two.both, fault_round.source())


@pytest.mark.rounds(1)
def test_r7_fifty_claimers_on_one_coordinator_with_sqlite(tmp_path: Path, fault_round: FaultRound) -> None:
    """R7: the same where one writer does all."""
    with World(tmp_path) as world:
        claim_all(world, [world.coordinator(**RULES)], fault_round.source())


def claim_all(world: World, coordinators: Sequence[Coordinator], source: random.Random) -> None:
    """Queue the runs, let claimers take them, and look at what the log and the claimers say."""
    readers = [one.stream(after="0.0.0") for one in coordinators]
    run_ids = queue_runs(coordinators)
    claimers = [claimer(world, coordinators, number, source) for number in range(CLAIMERS)]
    asyncio.run(work_until_all_ended(claimers, readers[0]))
    readers[-1].until(lambda: ended_count(readers[-1]) == RUNS, what="all ends at the other coordinator")

    logs = [[(event["cursor"], event["session_id"], event["seq"]) for event in reader.events] for reader in readers]
    assert all(log == logs[0] for log in logs), "both coordinators show one log in one order"
    assert sum(one.way.cuts for one in claimers) > RUNS / 4
    assert any(one.dead for one in claimers)
    assert list(problems(readers[0].events, run_ids, claimers)) == []
    states = query(coordinators[0], "SELECT status, reason, count(*) FROM runs GROUP BY status, reason")
    assert states == [("completed", "completed", RUNS)]


def queue_runs(coordinators: Sequence[Coordinator]) -> set[str]:
    """All runs, through one coordinator and the other in turn."""

    def start(number: int) -> tuple[str, str]:
        made = coordinators[number % len(coordinators)].start_run("by hand", on_lost="retry", repeatable=True)
        return made.run_id, made.session_id

    def resume(number: int) -> str:
        here = coordinators[number % len(coordinators)]
        return here.resume(sessions[number], "by hand", on_lost="retry", repeatable=True).run_id

    with ThreadPoolExecutor(8) as threads:
        first = list(threads.map(start, range(SESSIONS)))
        sessions = [session_id for _, session_id in first]
        return {run_id for run_id, _ in first} | set(threads.map(resume, range(RUNS - SESSIONS)))


def claimer(world: World, coordinators: Sequence[Coordinator], number: int, source: random.Random) -> Claimer:
    """A runner with a few slots, registered at one of the coordinators."""
    slots = source.randint(1, 3)
    runner = world.hand_runner(coordinators[number % len(coordinators)], f"claimer{number}", slots=slots)
    own = random.Random(source.random())  # noqa: S311 - chooses moments, guards nothing
    return Claimer(runner, slots, Way(coordinators, runner.token, own), own)


async def work_until_all_ended(claimers: Sequence[Claimer], reader: StreamReader) -> None:
    """Let them work; what one of them finds wrong is raised."""
    all_ended = asyncio.to_thread(
        reader.until, lambda: ended_count(reader) == RUNS, ALL_ENDED_SECONDS, f"{RUNS} ended runs"
    )
    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(one.work()) for one in claimers]
        try:
            await all_ended
        finally:
            for one, task in zip(claimers, working, strict=True):
                one.finished = True
                task.cancel()


def ended_count(reader: StreamReader) -> int:
    return sum(frame.name == "run_completed" for frame in list(reader.frames))


def problems(events: list[dict[str, Any]], run_ids: set[str], claimers: Sequence[Claimer]) -> Iterator[str]:
    """What the log, read in its order, and the claimers' own notes say against R7; each in a sentence."""
    slots = {one.runner_id: one.slots for one in claimers}
    owners: dict[str, tuple[int, str]] = {}
    running: dict[str, set[str]] = defaultdict(set)
    started: Counter[tuple[str, int]] = Counter()
    ended: Counter[str] = Counter()
    for event in events:
        run_id, told = event["run_id"], event["payload"]
        if event["type"] == "run_claimed":
            if told["attempt"] != owners.get(run_id, (0, ""))[0] + 1:
                yield f"{run_id}: attempt {told['attempt']} was claimed after {owners.get(run_id)}"
            owners[run_id] = (told["attempt"], told["runner_id"])
        elif event["type"] == "run_start":
            if owners.get(run_id) != (told["attempt"], told["runner_id"]):
                yield f"{run_id}: {told['runner_id']} started attempt {told['attempt']}, owned by {owners.get(run_id)}"
            started[run_id, told["attempt"]] += 1
            running[told["runner_id"]].add(run_id)
            if len(running[told["runner_id"]]) > slots[told["runner_id"]]:
                yield f"{told['runner_id']} runs {len(running[told['runner_id']])} in {slots[told['runner_id']]} slots"
        elif event["type"] in ("run_completed", "run_interrupted"):
            ended[run_id] += event["type"] == "run_completed"
            running[owners[run_id][1]].discard(run_id)
    permitted = sum((one.permitted for one in claimers), Counter[tuple[str, int]]())
    yield from (f"{attempt} was started {count} times" for attempt, count in started.items() if count > 1)
    yield from (f"{attempt} was permitted {count} times" for attempt, count in permitted.items() if count > 1)
    yield from (f"{attempt} was permitted, and the log knows nothing" for attempt in permitted.keys() - started.keys())
    yield from (f"{run_id} ended {ended[run_id]} times" for run_id in run_ids if ended[run_id] != 1)
