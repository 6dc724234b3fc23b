"""The runner's identity on disk: one id, one credential, one process, nobody else's eyes."""

from pathlib import Path

import pytest

from callboard.domain.errors import Conflict, InvalidRequest
from callboard.domain.ids import is_id
from callboard.runner.identity import private_folder, take_identity, write_durably


def test_a08_the_same_machine_directory_and_name_are_the_same_runner(tmp_path: Path) -> None:
    """A08: the id follows from what the runner is; the credential outlives the process."""
    first = take_identity(tmp_path / "state", "host", Path("/project"), "name")
    first.release()
    again = take_identity(tmp_path / "state", "host", Path("/project"), "name")
    again.release()
    other = take_identity(tmp_path / "state", "host", Path("/project"), "other")
    other.release()
    assert is_id("rnr", first.runner_id)
    assert (again.runner_id, again.credential, again.known) == (first.runner_id, first.credential, True)
    assert not first.known
    assert other.runner_id != first.runner_id
    assert other.credential != first.credential


def test_s2_the_state_is_readable_for_nobody_else(tmp_path: Path) -> None:
    """S2: folders 0700, files 0600."""
    taken = take_identity(tmp_path / "state", "host", Path("/project"), "")
    taken.release()
    for path in (taken.folder, *taken.folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_one_process_at_a_time_is_this_runner(tmp_path: Path) -> None:
    taken = take_identity(tmp_path / "state", "host", Path("/project"), "")
    with pytest.raises(Conflict):
        take_identity(tmp_path / "state", "host", Path("/project"), "")
    taken.release()
    take_identity(tmp_path / "state", "host", Path("/project"), "").release()


def test_s2_a_link_planted_in_place_of_the_state_folder_is_refused(tmp_path: Path) -> None:
    """S2: nothing is written where the link leads."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidRequest):
        take_identity(tmp_path / "state", "host", Path("/project"), "")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_credential_never_shows_itself(tmp_path: Path) -> None:
    taken = take_identity(tmp_path / "state", "host", Path("/project"), "")
    taken.release()
    assert taken.credential not in repr(taken)


def test_a_durable_write_replaces_the_file_at_once(tmp_path: Path) -> None:
    path = private_folder(tmp_path / "folder") / "file"
    write_durably(path, b"one")
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert [one.name for one in path.parent.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o600
