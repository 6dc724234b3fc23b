"""R12: a process is killed under write load; nothing is damaged, and nothing that was acknowledged is missing."""

import json
import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from callboard.store.database import Database
from callboard.store.events import page_by_seq
from tests.architecture.tree import REPOSITORY
from tests.conftest import FaultRound
from tests.store.harness import KINDS, make

KILLS_OF_ONE_DATABASE = 2
MAX_ACKNOWLEDGED = 3_000


def acknowledged_until_killed(kind: str, directory: Path, name: str, count: int) -> list[tuple[str, int, str]]:
    """Let a process write until it has acknowledged so many, kill it in full flight, and return what it said."""
    command = [sys.executable, "-m", "tests.store.write_load", kind, str(directory), name]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    said: list[str] = []
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        limit = threading.Timer(40, process.kill)
        limit.start()
        for line in process.stdout:
            said.append(line)
            if len(said) == count:
                process.kill()
        limit.cancel()
    assert len(said) >= count
    words = [line.split() for line in said if line.endswith("\n")]
    return [(session_id, int(seq), text) for session_id, seq, text in words]


async def texts_of(database: Database, session_id: str) -> list[str]:
    """Every text in a session's log; the numbers have no gap."""
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        part = await database.read(partial(page_by_seq, session_id=session_id, after=after, limit=200))
        assert [event.seq for event in part.events] == list(range(after + 1, after + 1 + len(part.events)))
        found += [json.loads(bytes(event.payload))["text"] for event in part.events]
        after = part.next_after
    return found


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
async def test_r12_killed_under_write_load(kind: str, tmp_path: Path, fault_round: FaultRound) -> None:
    """R12: the database is whole after each kill, and has every acknowledged event under its number."""
    harness = make(kind, tmp_path)
    source = fault_round.source()
    acknowledged: list[tuple[str, int, str]] = []
    for kill in range(KILLS_OF_ONE_DATABASE):
        count = source.randint(1, MAX_ACKNOWLEDGED)
        acknowledged += acknowledged_until_killed(kind, tmp_path, f"life{kill}", count)
        database = await harness.open()
        for session_id in {session_id for session_id, _, _ in acknowledged}:
            texts = await texts_of(database, session_id)
            for _, seq, text in [said for said in acknowledged if said[0] == session_id]:
                assert texts[seq - 1] == text
        await database.close()
        assert harness.problems() == []
