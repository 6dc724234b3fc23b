"""60: the callboard when more waits in the queue than it looks at."""

from pathlib import Path

import pytest

from callboard.coordinator.services import board
from callboard.coordinator.services.board import BoardService
from tests.services.reading_world import OWNER, open_reading


async def test_what_waits_in_the_queue_hides_neither_what_has_ended_nor_what_works(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60: Done and Working show theirs, however many newer sessions wait; what is not looked at is not done."""
    monkeypatch.setattr(board, "MOST_IN_HAND", 4)
    monkeypatch.setattr(board, "MOST_DONE", 3)
    async with open_reading(tmp_path, kind) as reading:
        runner = await reading.world.runner()
        ended = await reading.ended(runner)
        working = await reading.world.start()
        await reading.begin(runner)
        waiting = [(await reading.world.start()).session_id for _ in range(5)]
        read = await BoardService(reading.world.database).read(OWNER, 50, None)
    shown = {group.group: [one.session_id for one in group.sessions] for group in read.groups}
    assert shown["done"] == [ended.session_id]
    assert shown["working"] == [working.session_id]
    assert sorted(shown["queued"]) == waiting[-3:]
    assert {group.group: group.total for group in read.groups} == {name: len(ids) for name, ids in shown.items()}
