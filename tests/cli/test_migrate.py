"""`callboard migrate` on real databases: once, all of it or nothing, and never under a coordinator that works (R23)."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from callboard.store import migrate
from tests.support import postgres
from tests.support.command import CommandLine
from tests.support.coordinator import until
from tests.support.later_version import ADDED, LaterVersion
from tests.support.postgres_roles import new_role
from tests.support.programs import CALLBOARD
from tests.support.world import World

NOW = len(migrate.load())
SLOW = f"{ADDED} SELECT pg_sleep(30);"
BROKEN = " ".join([ADDED, "INSERT INTO nowhere VALUES (1);"])
SECONDS = 30
LOCKING = "%pg_advisory_xact_lock%"
_AT_WORK = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s AND query LIKE %s
        AND (wait_event = 'advisory' OR state = 'active' AND query LIKE '%%pg_sleep%%')
"""


@pytest.fixture
def database() -> Iterator[str]:
    """A database with our schema."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def empty() -> Iterator[str]:
    """A database without anything."""
    url = postgres.empty_database()
    yield url
    postgres.drop_database(url)


def ours(tmp_path: Path, url: str) -> CommandLine:
    return CommandLine(tmp_path, {"HOME": str(tmp_path), "CALLBOARD_DATABASE": url})


def later(tmp_path: Path, url: str, sql: str = ADDED) -> LaterVersion:
    return LaterVersion(tmp_path, {"HOME": str(tmp_path), "CALLBOARD_DATABASE": url}, sql)


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


def version(url: str) -> int:
    return int(str(ask(url, "SELECT value FROM meta WHERE key = 'schema_version'")))


def added(url: str) -> bool:
    """Whether the migration of the later version has left anything."""
    return ask(url, "SELECT to_regclass('later_thing')") is not None


def test_an_empty_database_is_filled(tmp_path: Path, empty: str) -> None:
    done = ours(tmp_path, empty)("migrate")
    assert (done.code, done.out) == (0, f"The schema was brought from version 0 to {NOW}.\n")
    assert version(empty) == NOW


def test_a_current_database_is_left_alone(tmp_path: Path, database: str) -> None:
    callboard = ours(tmp_path, database)
    done = callboard("migrate")
    assert (done.code, done.out) == (0, f"The schema is this version's already ({NOW}).\n")
    assert callboard("migrate", "--json").value == {"from": NOW, "to": NOW, "changed": False}
    assert callboard("migrate", "--check").code == 0


def test_an_older_database_is_brought_up_and_then_refused_by_the_older_callboard(tmp_path: Path, database: str) -> None:
    """R23: --check says so before and changes nothing; afterwards the old version does not touch it."""
    newer = later(tmp_path, database)
    checked = newer("migrate", "--check")
    assert (checked.code, added(database)) == (1, False)
    assert checked.out == f"The schema has version {NOW}, this Callboard needs {NOW + 1}: callboard migrate\n"
    assert newer("migrate", "--json").value == {"from": NOW, "to": NOW + 1, "changed": True}
    assert (version(database), added(database)) == (NOW + 1, True)
    for words in (("migrate",), ("migrate", "--check")):
        refused = ours(tmp_path, database)(*words)
        assert refused.code == 2
        assert f"schema version {NOW + 1}, this Callboard knows versions up to {NOW}" in refused.err


def test_a_database_of_another_program_is_refused(tmp_path: Path, empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    for words in (("migrate",), ("migrate", "--check")):
        refused = ours(tmp_path, empty)(*words)
        assert refused.code == 2
        assert "not Callboard's" in refused.err
    assert ask(empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1


def test_8_no_schema_is_changed_under_a_coordinator_that_works(tmp_path: Path, database: str) -> None:
    """A coordinator of the old version would go on with tables that it does not know."""
    with World(tmp_path) as world:
        coordinator = world.coordinator(database=database)
        assert ours(tmp_path, database)("migrate").code == 0
        refused = later(tmp_path, database)("migrate")
        assert refused.code == 8
        assert "Coordinators use the database" in refused.err
        assert "Stop every coordinator" in refused.err
        assert (version(database), added(database)) == (NOW, False)
        assert coordinator.http.get("/readyz").status_code == 200
        coordinator.program.terminate()
        assert later(tmp_path, database)("migrate").code == 0
        assert added(database)


def begin(callboard: CommandLine) -> "subprocess.Popen[bytes]":
    """A migration that goes on while the test does."""
    return callboard.start(
        "migrate", "--json", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def backends(url: str, name: str, query: str) -> int:
    """How many commands of this name are in the middle of such a statement now."""
    with psycopg.connect(url) as connection:
        row = connection.execute(_AT_WORK, [f"callboard {name}", query]).fetchone()
        return int(row[0]) if row else 0


def test_of_two_at_once_one_does_it_and_the_other_waits_and_says_so(tmp_path: Path, database: str) -> None:
    gate = psycopg.connect(database)
    gate.execute("SELECT pg_advisory_xact_lock(1)")
    sql = f"{ADDED} SELECT pg_advisory_xact_lock(1);"
    first = begin(later(tmp_path, database, sql))
    until(lambda: backends(database, "migrate", LOCKING) == 1, SECONDS, "the first is in the middle")
    second = begin(later(tmp_path, database, sql))
    until(lambda: backends(database, "migrate", LOCKING) == 2, SECONDS, "the second waits")
    gate.close()
    done = [one.communicate(timeout=SECONDS) for one in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), done
    assert [b'"changed":true' in out.replace(b" ", b"") for out, _ in done] == [True, False]
    assert b"Another process changes the schema" in done[1][1]
    assert done[0][1] == b""
    assert version(database) == NOW + 1


def test_one_that_is_killed_in_the_middle_leaves_the_old_schema_and_the_next_completes_it(
    tmp_path: Path, database: str
) -> None:
    """R23: kill -9 while the server works on a step; nobody has to clean up."""
    first = begin(later(tmp_path, database, SLOW))
    until(lambda: backends(database, "migrate", "%pg_sleep%") == 1, SECONDS, "it is at work")
    first.kill()
    first.communicate(timeout=SECONDS)
    assert (version(database), added(database)) == (NOW, False)
    second = later(tmp_path, database)("migrate", "--json")
    assert second.value == {"from": NOW, "to": NOW + 1, "changed": True}
    assert (version(database), added(database)) == (NOW + 1, True)


def test_one_that_fails_changes_nothing_and_says_where(tmp_path: Path, database: str) -> None:
    failed = later(tmp_path, database, BROKEN)("migrate")
    assert failed.code == 2
    assert 'The migration later.sql failed: relation "nowhere" does not exist' in failed.err
    assert "Nothing was changed" in failed.err
    assert (version(database), added(database)) == (NOW, False)


def test_a_coordinator_that_starts_meanwhile_waits_for_the_migration(tmp_path: Path, database: str) -> None:
    gate = psycopg.connect(database)
    gate.execute("SELECT pg_advisory_xact_lock(1)")
    first = begin(later(tmp_path, database, f"{ADDED} SELECT pg_advisory_xact_lock(1);"))
    until(lambda: backends(database, "migrate", LOCKING) == 1, SECONDS, "the migration is in the middle")
    words = ("serve", "--port", "0", "--data-dir", str(tmp_path / "data"))
    coordinator = later(tmp_path, database).start(
        *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    until(lambda: backends(database, "start", LOCKING) == 1, SECONDS, "the coordinator waits")
    gate.close()
    first.communicate(timeout=SECONDS)
    assert coordinator.stderr is not None
    said = next(line for line in coordinator.stderr if line.startswith((b"listening", b"error")))
    coordinator.kill()
    coordinator.communicate(timeout=SECONDS)
    assert said.startswith(b"listening on"), said


def test_a_role_with_too_few_rights_is_told_so(tmp_path: Path, database: str) -> None:
    role = new_role(database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    refused = later(tmp_path, role)("migrate")
    assert (refused.code, "too few rights" in refused.err) == (2, True)
    assert version(database) == NOW


def test_5_a_server_that_cannot_be_reached(tmp_path: Path) -> None:
    refused = ours(tmp_path, "")("migrate", "--database", "postgresql://127.0.0.1:1/board")
    assert (refused.code, "cannot be reached" in refused.err) == (5, True)


def test_2_sqlite_is_migrated_by_a_start(tmp_path: Path) -> None:
    refused = ours(tmp_path, "")("migrate")
    assert (refused.code, "start of `callboard serve`" in refused.err) == (2, True)


def test_an_older_sqlite_file_is_migrated_by_a_start_and_a_copy_leads_back(tmp_path: Path) -> None:
    """R23, 60: as docs/operations.md says: the newer one migrates, the older one refuses, the copy is put in place."""
    with World(tmp_path) as world:
        coordinator = world.coordinator()
        data, file = coordinator.data_dir, coordinator.data_dir / "callboard.db"
        coordinator.program.terminate()
        words = ("serve", "--port", "0", "--data-dir", str(data))
        newer = LaterVersion(tmp_path, {}).start(
            *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert newer.stderr is not None
        assert any(line.startswith(b"listening on") for line in iter(newer.stderr.readline, b""))
        newer.terminate()
        newer.communicate(timeout=SECONDS)
        assert newer.returncode == 0
        copy = data / f"callboard.db.bak-{NOW}"
        assert copy.stat().st_mode & 0o777 == 0o600
        refused = subprocess.run(
            [*CALLBOARD, *words], env=ours(tmp_path, "").whole_environment(), capture_output=True, check=False
        )
        assert refused.returncode == 2
        assert b"newer Callboard" in refused.stderr
        for one in data.glob("callboard.db*"):
            if one != copy:
                one.unlink()
        copy.rename(file)
        coordinator.restart()
        assert coordinator.http.get("/sessions").status_code == 200
