"""Fixtures for executors: a subject and its stage, and proof that no process is left when a test ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callboard.executors.process import end_strays
from tests.clients_fixture import ClaudeClient, claude, scripted_model
from tests.executors import subjects
from tests.executors.subjects import Stage, Subject

__all__ = ["claude", "scripted_model"]

ALL = ["scripted", "command", pytest.param("claude-code", marks=pytest.mark.clients)]


@pytest.fixture(params=ALL)
def subject(request: pytest.FixtureRequest) -> Subject:
    """Return each executor in turn."""
    if request.param == "claude-code":
        return subjects.claude_code(request.getfixturevalue("claude"))
    return subjects.scripted() if request.param == "scripted" else subjects.command()


@pytest.fixture
def stage(subject: Subject, tmp_path: Path) -> Iterator[Stage]:
    """Yield a session of the subject; its processes are gone afterwards, whatever the test did."""
    yield from staged(subject, tmp_path)


@pytest.fixture
def scripted_stage(tmp_path: Path) -> Iterator[Stage]:
    """Yield a session of the scripted executor."""
    yield from staged(subjects.scripted(), tmp_path)


@pytest.fixture
def command_stage(tmp_path: Path) -> Iterator[Stage]:
    """Yield a session of the command executor."""
    yield from staged(subjects.command(), tmp_path)


@pytest.fixture
def claude_stage(claude: ClaudeClient, tmp_path: Path) -> Iterator[Stage]:
    """Yield a session of Claude Code."""
    yield from staged(subjects.claude_code(claude), tmp_path)


def staged(subject: Subject, directory: Path) -> Iterator[Stage]:
    """Yield the stage, then end what its attempts left running."""
    stage = Stage(subject, directory)
    yield stage
    end_strays([path.name for path in directory.glob("run_*")])
