"""What survives a runner: whole or not there, and read back as it was written."""

from pathlib import Path

import msgspec
import pytest

from callboard.runner.attempt_files import Attempt, AttemptFiles, CutShort, Progress, held_on_disk
from callboard.runner.reconcile import attempts_on_disk
from callboard.wire.runner import Claim, StopOrder

RUN = "run_" + "0" * 26


def _attempt(number: int = 1) -> Attempt:
    claim = Claim(
        run_id=RUN,
        session_id="ses_" + "0" * 26,
        attempt=number,
        run_number=1,
        type="start_session",
        trigger="user",
        prompt="say ✓",
        context="persistent",
        executor_type="scripted",
        executor_session_id=None,
        binding_generation=0,
        project_dir=None,
    )
    return Attempt(claim=claim, session_token="token")


@pytest.fixture
def files(tmp_path: Path) -> AttemptFiles:
    made = AttemptFiles(tmp_path / f"{RUN}.1")
    made.make(_attempt())
    return made


def test_an_attempt_comes_back_as_it_was(files: AttemptFiles) -> None:
    progress = Progress(
        phase="launching",
        launch=2,
        stop=StopOrder(run_id=RUN, attempt=1, reason="stopped"),
        cut_short=CutShort(reason="interrupted", code="x", message="y"),
    )
    assert files.progress() == Progress()
    files.save_progress(msgspec.json.encode(progress))
    files.save_accepted({1: 100, 2: 7})
    assert files.attempt() == _attempt()
    assert files.progress() == progress
    assert files.accepted() == {1: 100, 2: 7}


def test_what_is_accepted_may_be_lost(files: AttemptFiles) -> None:
    assert files.accepted() == {}
    (files.folder / "accepted.json").write_bytes(b"\0\0")
    assert files.accepted() == {}


def test_half_made_and_half_removed_attempts_are_cleared_away(files: AttemptFiles, tmp_path: Path) -> None:
    (tmp_path / f".new-{RUN}.2").mkdir()
    (tmp_path / f".gone-{RUN}.3").mkdir()
    (tmp_path / "something else").mkdir()
    assert [one.folder.name for one in held_on_disk(tmp_path)] == [f"{RUN}.1"]
    assert sorted(one.name for one in tmp_path.iterdir()) == [f"{RUN}.1", "something else"]
    files.remove()
    files.remove()
    assert list(held_on_disk(tmp_path)) == []


def test_r18_a_damaged_attempt_is_set_aside_and_the_others_are_taken_up(files: AttemptFiles, tmp_path: Path) -> None:
    """R18: damage to one folder costs nobody else anything."""
    (files.folder / "attempt.json").write_bytes(b"{")
    AttemptFiles(tmp_path / f"{RUN}.2").make(_attempt(2))
    found = attempts_on_disk(tmp_path)
    assert [one.key for one in found] == [(RUN, 2)]
    assert found[0].found
    assert (tmp_path / f".broken-{RUN}.1").is_dir()


def test_nobody_else_may_read_an_attempt(files: AttemptFiles) -> None:
    assert files.folder.stat().st_mode & 0o777 == 0o700
    assert (files.folder / "attempt.json").stat().st_mode & 0o777 == 0o600
