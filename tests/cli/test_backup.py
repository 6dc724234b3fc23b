"""`backup`: a copy while the coordinator runs, the check of one, and what it refuses."""

import resource
import subprocess
from pathlib import Path

import pytest

from tests.support.command import CommandLine
from tests.support.coordinator import Coordinator
from tests.support.programs import CALLBOARD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for copies."""
    made = tmp_path / "copies"
    made.mkdir()
    return made


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


def test_a_running_coordinator_is_copied_and_the_copy_is_sound(
    callboard: CommandLine, coordinator: Coordinator, folder: Path
) -> None:
    run = coordinator.completed("say kept")
    copy = folder / "copy.db"
    done = callboard("backup", str(copy), "--data-dir", str(coordinator.data_dir))
    assert (done.code, done.out) == (0, f"{copy}\n")
    assert "every page was read and is sound" in done.err
    assert copy.stat().st_mode & 0o777 == 0o600
    assert names(folder) == ["copy.db"]
    found = callboard("backup", "--check", str(copy), "--json").value
    assert found["problems"] == []
    assert found["sessions"] >= 1
    assert found["events"] >= len(coordinator.events(run.session_id))
    assert coordinator.completed("say it works on").status == "completed"


def test_a_folder_gets_a_file_named_after_the_time(
    callboard: CommandLine, coordinator: Coordinator, folder: Path
) -> None:
    done = callboard("backup", str(folder), "--data-dir", str(coordinator.data_dir), "-q")
    assert done.code == 0
    (name,) = names(folder)
    assert done.out == f"{folder / name}\n"
    assert name.startswith("callboard-")


def test_a_file_that_is_there_is_kept_unless_told(
    callboard: CommandLine, coordinator: Coordinator, folder: Path
) -> None:
    copy, where = folder / "copy.db", ("--data-dir", str(coordinator.data_dir))
    copy.write_text("precious")
    refused = callboard("backup", str(copy), *where)
    assert (refused.code, copy.read_text()) == (2, "precious")
    assert "--overwrite" in refused.err
    assert callboard("backup", str(copy), "--overwrite", *where).code == 0
    assert callboard("backup", "--check", str(copy)).code == 0


def test_the_database_itself_is_never_the_copy(callboard: CommandLine, coordinator: Coordinator) -> None:
    database = coordinator.data_dir / "callboard.db"
    refused = callboard("backup", str(database), "--overwrite", "--data-dir", str(coordinator.data_dir))
    assert refused.code == 2
    assert "the database itself" in refused.err
    assert coordinator.completed("say alive").status == "completed"


def test_what_is_no_sound_copy_exits_1_with_a_sentence(callboard: CommandLine, folder: Path) -> None:
    (folder / "text").write_text("no database\n" * 1000)
    done = callboard("backup", "--check", str(folder / "text"))
    assert (done.code, done.out) == (1, "✗ file is not a database\n")
    assert "cannot be restored" in done.err
    assert callboard("backup", "--check", str(folder / "nothing")).code == 2


def test_no_database_no_folder_no_copy(callboard: CommandLine, coordinator: Coordinator, folder: Path) -> None:
    assert callboard("backup", str(folder / "copy.db"), "--data-dir", str(folder)).code == 2
    missing = callboard("backup", str(folder / "none" / "copy.db"), "--data-dir", str(coordinator.data_dir))
    assert (missing.code, names(folder)) == (2, [])


def test_r24_a_full_disk_exits_1_and_leaves_nothing(
    callboard: CommandLine, coordinator: Coordinator, folder: Path
) -> None:
    """R24: the operating system refuses to write more of the copy."""
    words = [*CALLBOARD, "backup", str(folder / "copy.db"), "--data-dir", str(coordinator.data_dir)]
    done = subprocess.run(
        words,
        env=callboard.whole_environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
    )
    assert done.returncode == 1, done.stderr
    assert "cannot be written" in done.stderr
    assert names(folder) == []


@pytest.mark.parametrize("secret_in", ["userinfo", "query"])
def test_postgresql_gets_the_command_without_the_password(callboard: CommandLine, folder: Path, secret_in: str) -> None:
    """S2: a secret is never an argument of a process."""
    url = {
        "userinfo": "postgresql://me:hush@db.example:5433/board?sslmode=require",
        "query": "postgresql://me@db.example:5433/board?sslmode=require&password=hush",
    }[secret_in]
    done = callboard("backup", str(folder / "copy"), CALLBOARD_DATABASE=url)
    assert done.code == 2
    assert "pg_dump --format=custom" in done.err
    assert "me@db.example:5433/board?sslmode=require" in done.err
    assert "PGPASSFILE" in done.err
    assert "hush" not in done.err + done.out
