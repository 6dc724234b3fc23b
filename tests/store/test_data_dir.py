"""The data directory: private, used by one process, links are refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from callboard.store.data_dir import DataDirectory, DirectoryInUse, read_private_file, write_private_file
from callboard.store.database import StoreRefused
from tests.architecture.tree import REPOSITORY

HOLD = """
import sys
from pathlib import Path
from callboard.store.data_dir import DataDirectory
held = DataDirectory(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_it_is_made_private_with_its_parents(tmp_path: Path) -> None:
    made = DataDirectory(tmp_path / "a" / "b")
    assert made.path.stat().st_mode & 0o777 == 0o700
    assert (made.path / "lock").stat().st_mode & 0o777 == 0o600
    assert made.database_path == made.path / "callboard.db"
    made.release()
    made.release()


def test_one_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    DataDirectory(tmp_path / "open").release()
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o700


def test_a_link_or_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StoreRefused, match="link"):
        DataDirectory(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(StoreRefused, match="cannot be made"):
        DataDirectory(tmp_path / "file")


def test_a_link_in_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "d" / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(StoreRefused, match="link"):
        DataDirectory(tmp_path / "d")
    assert (tmp_path / "victim").read_text() == "kept"


def test_it_is_used_by_one_process_until_that_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "d")]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DirectoryInUse, match=f"process {holder.pid}"):
            DataDirectory(tmp_path / "d")
        holder.kill()
    DataDirectory(tmp_path / "d").release()


def test_a_private_file_is_written_whole_and_follows_no_link(tmp_path: Path) -> None:
    file = tmp_path / "token"
    assert read_private_file(file) is None
    write_private_file(file, "ä secret")
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_private_file(file) == "ä secret"
    victim = tmp_path / "victim"
    victim.write_text("kept")
    file.unlink()
    file.symlink_to(victim)
    with pytest.raises(StoreRefused):
        read_private_file(file)
    write_private_file(file, "new")
    assert (victim.read_text(), read_private_file(file), file.is_symlink()) == ("kept", "new", False)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["token", "victim"]


def test_a_private_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret")
    file.chmod(0o644)
    assert read_private_file(file) == "secret"
    assert file.stat().st_mode & 0o777 == 0o600
