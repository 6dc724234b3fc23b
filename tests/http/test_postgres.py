"""A dump of PostgreSQL restored into a new database: a coordinator goes on, and old readers know where they are."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support import postgres
from tests.support.coordinator import Coordinator, until
from tests.support.postgres_roles import url_as
from tests.support.world import World

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield a world on PostgreSQL."""
    with World(tmp_path, "postgresql") as made:
        yield made


@pytest.fixture
def restored() -> Iterator[str]:
    """A database without anything, for a copy."""
    url = postgres.empty_database()
    yield url
    postgres.drop_database(url)


def dumped(world: World, coordinator: Coordinator, file: Path) -> None:
    """Runs the very command that `callboard backup` names."""
    url = url_as(coordinator.database, "postgres")
    done = world.command_line(coordinator)("backup", str(file), CALLBOARD_DATABASE=url)
    assert done.code == 2
    command = shlex.split(done.err.partition("next:  ")[2].partition("   (")[0])
    assert command[0] == "pg_dump"
    subprocess.run([postgres.program("pg_dump"), *command[1:]], check=True)


def put_back(file: Path, url: str) -> None:
    """As docs/operations.md says."""
    subprocess.run([postgres.program("pg_restore"), f"--dbname={url}", "--exit-on-error", file], check=True)


def counts(url: str) -> tuple[int, ...]:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*), coalesce(max(transaction_id), 0) FROM event_batches").fetchone()
    return tuple(row or ())


def test_r21_a_restored_dump_goes_on_and_old_cursors_miss_nothing_that_follows(
    world: World, tmp_path: Path, restored: str
) -> None:
    """R4, R21: one reader stopped before the dump, one after it; both come back when new events are there already."""
    first = world.coordinator()
    runner = world.runner(first)
    early, late = first.stream(), first.stream()
    kept = first.completed("say kept")
    early.until_event("run_completed", run_id=kept.run_id)
    early.close()
    after_early = first.completed("say kept too")
    dumped(world, first, tmp_path / "dump")
    lost = first.completed("say lost")
    late.until_event("run_completed", run_id=lost.run_id)
    runner.program.terminate()
    first.program.terminate(25)
    late.broken()

    put_back(tmp_path / "dump", restored)
    second = world.coordinator(database=restored)
    assert [second.said(run.session_id) for run in (kept, after_early)] == [["kept"], ["kept too"]]
    assert second.http.get(f"/runs/{lost.run_id}").status_code == 404
    world.runner(second, name="another", hostname="elsewhere")
    new = second.completed("say new")
    seen = {}
    for name, reader in (("early", early), ("late", late)):
        with second.stream(after=reader.last_id) as back:
            back.until_event("run_completed", run_id=new.run_id)
            seen[name] = [event for event in back.events if event["session_id"] == new.session_id]
            gaps = [frame for frame in back.frames if frame.name == "gap"]
            assert gaps == [], "nothing is missing of what follows"
            if name == "early":
                assert any(event["run_id"] == after_early.run_id for event in back.events)
    log = [event.seq for event in second.events(new.session_id)]
    assert [event["seq"] for event in seen["early"]] == [event["seq"] for event in seen["late"]] == log


def test_r11_a_restored_dump_forgets_old_events_as_any_other_database(
    world: World, tmp_path: Path, restored: str
) -> None:
    first = world.coordinator()
    runner = world.runner(first)
    run = first.completed("say old")
    dumped(world, first, tmp_path / "dump")
    runner.program.terminate()
    first.program.terminate(25)
    put_back(tmp_path / "dump", restored)
    assert counts(restored)[0] > 0
    second = world.coordinator(database=restored, retention_days=1e-6, retention_sweep_seconds=0.2)
    until(lambda: counts(restored)[0] == 0, 30, "old events are forgotten")
    assert second.run(run.run_id).reason == "completed"
    with second.stream(after="1.1.0") as reader:
        reader.until(lambda: any(frame.name == "gap" for frame in reader.frames), what="a gap")


def test_a_server_that_counts_from_the_beginning_is_told_from_its_dump(world: World, restored: str) -> None:
    """The identity of the database's home is kept in it: of server and database, and no secret."""
    coordinator = world.coordinator(database=restored)
    assert coordinator.http.get("/readyz").status_code == 200
    with psycopg.connect(restored) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'home'").fetchone()
        oid = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
    assert row is not None
    assert oid is not None
    assert row[0].endswith(f".{oid[0]}")
    assert conninfo_to_dict(restored)["dbname"] not in row[0]
