"""Forgetting, copying and a reader that does not let go, all at once, under a coordinator that is written to."""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw
import psycopg
import pytest

from callboard.store.sqlite_writer import FORCED_CHECKPOINT_PAGES
from tests.conftest import FaultRound
from tests.faults.event_load import EventLoad
from tests.faults.times import LATE
from tests.support.coordinator import Coordinator, payload_of, until
from tests.support.database import damage, on_both_databases, query
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

SECONDS_A_DAY: Final = 86_400
KEPT_SECONDS: Final = 2
FORGETTING: Final = LATE | {"retention_days": KEPT_SECONDS / SECONDS_A_DAY, "retention_sweep_seconds": 0.1}
LOADS: Final = 3
OLD: Final = 2_000
COPIES: Final = 3


@contextmanager
def held_snapshot(coordinator: Coordinator) -> Iterator[None]:
    """Read one moment of the database and hold it, as a report that takes its time does."""
    connection = apsw.Connection(str(coordinator.data_dir / "callboard.db"), flags=apsw.SQLITE_OPEN_READONLY)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM event_batches").fetchall()
    try:
        yield
    finally:
        connection.close()


def frames_in_log(coordinator: Coordinator) -> int:
    """How many pages stand in the write-ahead log since it was begun again; asks without copying any."""
    connection = apsw.Connection(str(coordinator.data_dir / "callboard.db"))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        return connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0]
    finally:
        connection.close()


def measured(coordinator: Coordinator, name: str, *labels: str) -> float:
    """The sum of a metric over all that has these labels."""
    found = [line for line in coordinator.http.get("/metrics").text.splitlines() if re.match(rf"{name}[ {{]", line)]
    return sum(float(line.rpartition(" ")[2]) for line in found if all(label in line for label in labels))


def backups(world: World, coordinator: Coordinator) -> list[Path]:
    """Copy the database again and again."""
    copies = [world.folder / f"copy{number}.db" for number in range(COPIES)]
    for copy in copies:
        words = ("backup", str(copy), "--data-dir", str(coordinator.data_dir))
        assert world.command_line(coordinator)(*words).code == 0
    return copies


def assert_kept(coordinator: Coordinator, load: EventLoad) -> None:
    """A session at work has every event that was acknowledged, however old."""
    acknowledged = dict(load.acknowledged)
    log = coordinator.events(load.session_id)
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    notes = {event.seq: str(payload_of(event)["text"]) for event in log if event.type == "note"}
    assert acknowledged.items() <= notes.items()


def first_seq(coordinator: Coordinator, load: EventLoad) -> int:
    return int(coordinator.http.get(f"/sessions/{load.session_id}/events", params={"limit": 1}).json()["first_seq"])


@pytest.mark.rounds(1)
def test_r11_traffic_forgetting_copies_and_a_long_reader_at_once(world: World, fault_round: FaultRound) -> None:
    """R11: no error reaches a runner, who writes goes on writing, what is at work is kept whole, what is old goes."""
    source = fault_round.source()
    coordinator = world.coordinator(**FORGETTING)
    sources = [random.Random(source.random()) for _ in range(LOADS + 1)]  # noqa: S311 - chooses sizes, guards nothing
    old, *loads = [EventLoad(world, coordinator, f"load{number}", one) for number, one in enumerate(sources)]
    until(lambda: old.posted >= OLD, 60, "there is something to forget")
    assert first_seq(coordinator, old) == 1, "it is at work"
    with held_snapshot(coordinator):
        before = [load.posted for load in loads]
        copying = world.meanwhile(lambda: backups(world, coordinator))
        old.finish()
        length = coordinator.session(old.session_id).last_seq
        until(lambda: first_seq(coordinator, old) == length + 1, 60, "the old log is forgotten")
        copies = copying.result(60)
        assert all(load.posted > was for load, was in zip(loads, before, strict=True)), "meanwhile they were answered"
        until(lambda: frames_in_log(coordinator) > FORCED_CHECKPOINT_PAGES, 60, "the log cannot begin again")
    until(lambda: frames_in_log(coordinator) < FORCED_CHECKPOINT_PAGES, 30, "the log begins again")
    for load in loads:
        assert_kept(coordinator, load)
    assert measured(coordinator, "callboard_retention_batches") > 0
    assert measured(coordinator, "callboard_retention_loop_failures") == 0
    assert measured(coordinator, "callboard_http_requests_total", 'status="5') == 0
    for load in loads:
        load.finish()
    for copy in copies:
        assert world.command_line(coordinator)("backup", "--check", str(copy)).code == 0


@on_both_databases
@pytest.mark.rounds(1)
def test_r12_a_coordinator_killed_while_it_forgets_has_a_sound_log(world: World, fault_round: FaultRound) -> None:
    """R12, R21: the beginning that is told and the events that are there agree after every kill."""
    source = fault_round.source()
    coordinator = world.coordinator(**FORGETTING)
    load = EventLoad(world, coordinator, "load", random.Random(source.random()))  # noqa: S311 - chooses sizes
    until(lambda: load.posted >= OLD, 60, "there is something to forget")
    load.finish()
    length = coordinator.session(load.session_id).last_seq
    until(lambda: first_seq(coordinator, load) > source.randint(1, length // 2), 60, "forgetting has begun")
    coordinator.kill()
    coordinator.restart()
    answer = coordinator.http.get(f"/sessions/{load.session_id}/events", params={"limit": 200}).json()
    if answer["items"]:
        assert answer["items"][0]["seq"] == answer["first_seq"]
    with coordinator.stream(after="0.0.0") as reader:
        reader.until(lambda: any(frame.name == "gap" for frame in reader.frames), what="a gap")
    until(lambda: first_seq(coordinator, load) == length + 1, 60, "the next process goes on with it")
    coordinator.kill()
    assert damage(coordinator) == []


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_r11_two_coordinators_forget_at_once_each_batch_once_and_hold_up_nobody(world: World) -> None:
    """R11: on one PostgreSQL, under traffic at both; the sum of what they forgot is what there was."""
    first = world.coordinator(**FORGETTING)
    both = (first, world.coordinator(**FORGETTING, database=first.database))
    with psycopg.connect(first.database, autocommit=True) as server:
        server.execute(COUNT_FORGOTTEN)
    loads = [EventLoad(world, both[number % 2], f"load{number}", random.Random(number)) for number in range(LOADS + 1)]  # noqa: S311 - chooses sizes, guards nothing
    until(lambda: all(load.posted >= OLD for load in loads), 60, "there is something to forget")
    for load in loads:
        assert_kept(both[1], load)
        load.finish()
    until(lambda: query(first, "SELECT count(*) FROM event_batches") == [(0,)], 60, "all is forgotten")
    ((forgotten,),) = query(first, "SELECT count(*) FROM forgotten")

    def said() -> list[float]:
        return [measured(coordinator, "callboard_retention_batches") for coordinator in both]

    until(lambda: sum(said()) == forgotten, 10, "each counts what it forgot")
    assert min(said()) > 0, "both forget"
    for coordinator in both:
        assert measured(coordinator, "callboard_retention_loop_failures") == 0
        assert measured(coordinator, "callboard_http_requests_total", 'status="5') == 0


COUNT_FORGOTTEN: Final = """
    CREATE TABLE forgotten (batch_id BIGINT PRIMARY KEY);
    CREATE FUNCTION note_forgotten() RETURNS TRIGGER LANGUAGE plpgsql AS
        'BEGIN INSERT INTO forgotten VALUES (OLD.batch_id); RETURN OLD; END';
    CREATE TRIGGER note_forgotten AFTER DELETE ON event_batches FOR EACH ROW EXECUTE FUNCTION note_forgotten();
"""
