"""Backups and the deletion of old events while a coordinator works, dies, and is restored from a copy."""

import json
import random
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import FaultRound
from tests.faults.event_load import EventLoad
from tests.faults.times import LATE
from tests.support.coordinator import Coordinator, payload_of, until
from tests.support.programs import CALLBOARD
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

LOADS: Final = 3


def backup(world: World, coordinator: Coordinator, target: Path) -> dict[str, object]:
    """Copy the database of a coordinator, as a person does."""
    done = world.command_line(coordinator)("backup", str(target), "--data-dir", str(coordinator.data_dir), "--json")
    assert done.code == 0, done.err
    found: dict[str, object] = json.loads(done.out)
    return found


def restore(world: World, copy: Path) -> Coordinator:
    """Serve a copy from a new data directory, by the words of docs/operations.md."""
    made = world.coordinator(**LATE)
    made.kill()
    for side in ("", "-wal", "-shm"):
        (made.data_dir / f"callboard.db{side}").unlink(missing_ok=True)
    shutil.copy(copy, made.data_dir / "callboard.db")
    made.restart()
    return made


def assert_restored(restored: Coordinator, load: EventLoad, acknowledged: dict[int, str]) -> None:
    """Everything of a session that was acknowledged is there, and its log has no gap."""
    log = restored.events(load.session_id)
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    notes = {event.seq: str(payload_of(event)["text"]) for event in log if event.type == "note"}
    assert acknowledged.items() <= notes.items()


@pytest.mark.rounds(1)
def test_r12_a_backup_under_load_restores_all_that_was_acknowledged_before_it(
    world: World, fault_round: FaultRound
) -> None:
    """R12: copied while runners post, killed at a chosen moment, restored elsewhere: nothing from before is missing."""
    source = fault_round.source()
    coordinator = world.coordinator(**LATE)
    sources = [random.Random(source.random()) for _ in range(LOADS)]  # noqa: S311 - chooses sizes, guards nothing
    loads = [EventLoad(world, coordinator, f"load{number}", one) for number, one in enumerate(sources)]
    until(lambda: all(load.posted >= 100 for load in loads), 20, "events are acknowledged")
    before = [dict(load.acknowledged) for load in loads]
    copying = world.meanwhile(lambda: backup(world, coordinator, world.folder / "copy.db"))
    found = copying.result(30)
    assert found["problems"] == []
    until(lambda: loads[0].posted >= len(before[0]) + source.randint(1, 200), 20, "more is acknowledged")
    coordinator.kill()
    restored = restore(world, world.folder / "copy.db")
    for load, acknowledged in zip(loads, before, strict=True):
        assert_restored(restored, load, acknowledged)
    world.runner(restored)
    assert restored.completed("say it goes on").status == "completed"
    coordinator.restart()
    for load in loads:
        load.finish()
        load.assert_all_there()


@pytest.mark.parametrize("ended_by", ["kill", "terminate"])
def test_a_backup_that_is_ended_leaves_no_file_under_the_name(
    world: World, fault_round: FaultRound, ended_by: str
) -> None:
    """R12: the name of a copy stands for a whole one; told to end, it also takes away what it began."""
    pause = fault_round.source().uniform(0, 0.02)
    coordinator = world.coordinator(**LATE)
    folder = world.folder / "copies"
    folder.mkdir()
    words = [*CALLBOARD, "backup", str(folder / "copy.db"), "--data-dir", str(coordinator.data_dir)]
    environment = world.command_line(coordinator).whole_environment()
    with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: any(folder.iterdir()) or process.poll() is not None, 20, "the copy is begun")
        with suppress(subprocess.TimeoutExpired):
            process.wait(pause)
        getattr(process, ended_by)()
    left = [file.name for file in folder.iterdir()]
    if "copy.db" in left:
        assert world.command_line(coordinator)("backup", "--check", str(folder / "copy.db")).code == 0
    if ended_by == "terminate":
        assert set(left) <= {"copy.db"}
    assert backup(world, coordinator, folder)["problems"] == []
