"""Output that no program should make: bounded in memory, complete where that is possible, harmless to others."""

import threading
from typing import Final, Self

import psutil
import pytest

from callboard.wire.responses import Event
from tests.conftest import DEFAULT_ROUNDS
from tests.faults.hosts import keepers_of
from tests.faults.times import LATE
from tests.support.coordinator import Coordinator, payload_of, text_of
from tests.support.history import assert_promises_kept
from tests.support.runner import Runner
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

MEGABYTE: Final = 1 << 20
MEMORY_BYTES: Final = 100 * MEGABYTE
LINES_A_ROUND: Final = 10_000
"""Five rounds make fifty thousand lines, a hundred rounds the million."""
LOOK_SECONDS: Final = 0.05

HELD: Final = "setsid -f sh -c 'sleep 300' ; echo said; exit 0"
LONG_LINE: Final = "head -c 52428800 /dev/zero | tr '\\0' x; echo; echo after"
GARBAGE: Final = (
    "printf 'bad \\377\\376 bytes\\n'; printf 'a \\000 b\\n'; printf '\\355\\240\\200\\n'; "
    'printf \'{"type": "message", "text": "\\\\ud800 half"}\\n\'; printf \'\\033[2J\\n\\r\\n\'; '
    "printf 'no end of line'; printf '\\377' >&2"
)


class Watch:
    """Looks at the memory of a runner and its keepers until it is left; `most_bytes` is the most that one had."""

    def __init__(self, runner: Runner) -> None:
        self.most_bytes = 0
        self._runner = runner
        self._leaving = threading.Event()
        self._looking = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._leaving.wait(LOOK_SECONDS):
            for one in (psutil.Process(self._runner.program.pid), *keepers_of(self._runner)):
                try:
                    self.most_bytes = max(self.most_bytes, one.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue


def shell(coordinator: Coordinator, script: str) -> str:
    """The id of a run of this script."""
    return coordinator.start_run(script, executor_type="command").run_id


def words(events: list[Event]) -> list[str]:
    """What the agent said."""
    told = [payload_of(event) for event in events if event.type == "message"]
    return [text_of(payload) for payload in told if payload["role"] == "assistant"]


def test_r17_output_of_every_kind_costs_no_memory_and_no_neighbour(world: World) -> None:
    """R17: a held stdout, a line of 50 MB, bad bytes; every run ends, the tail is kept, a neighbour notices nothing."""
    coordinator = world.coordinator(**LATE)
    runner = world.runner(coordinator, slots=5, allow_shell=True, executors=["scripted", "command"])
    neighbour = coordinator.start_run("\n".join(f"say {number}\nsleep 0.1" for number in range(30)))
    with Watch(runner) as watch:
        created = [shell(coordinator, script) for script in (HELD, LONG_LINE, GARBAGE)]
        held, long, garbage = (coordinator.ended(run_id, 60) for run_id in created)
    assert {run.status for run in (held, long, garbage)} == {"completed"}
    assert words(coordinator.events(held.session_id)) == ["said"]
    cut, after = words(coordinator.events(long.session_id))
    assert cut.startswith("xxxx")
    assert after == "after"
    assert "[cut " in cut[-40:]
    assert len(cut) < MEGABYTE
    told = coordinator.events(garbage.session_id)
    assert words(told) == [
        "bad \ufffd\ufffd bytes",
        "a \ufffd b",
        "\ufffd" * 3,
        "? half",
        "\x1b[2J",
        "no end of line",
    ]
    assert coordinator.ended(neighbour.run_id).status == "completed"
    assert words(coordinator.events(neighbour.session_id)) == [str(number) for number in range(30)]
    assert watch.most_bytes < MEMORY_BYTES, watch.most_bytes
    assert_promises_kept(coordinator, *(run.session_id for run in (held, long, garbage, neighbour)))


def test_r17_lines_without_end_arrive_in_order_and_hold_nobody_up(world: World, pytestconfig: pytest.Config) -> None:
    """R17: as many short lines as an agent can print; all are there once, and another run is as quick as ever."""
    coordinator = world.coordinator(**LATE)
    runner = world.runner(coordinator, slots=3, allow_shell=True, executors=["scripted", "command"])
    rounds = int(pytestconfig.getoption("--rounds"))
    count = LINES_A_ROUND * max(rounds, DEFAULT_ROUNDS)
    with Watch(runner) as watch:
        flood = coordinator.start_run(f"seq {count}", executor_type="command")
        coordinator.until_event(flood, "message", role="assistant")
        assert coordinator.ended(coordinator.start_run("say quick").run_id, 10).status == "completed"
        ended = coordinator.ended(flood.run_id, 280)
    assert ended.status == "completed"
    said = words(coordinator.events(flood.session_id))
    assert said == [str(number) for number in range(1, count + 1)]
    assert watch.most_bytes < MEMORY_BYTES, watch.most_bytes
    assert_promises_kept(coordinator, flood.session_id)
