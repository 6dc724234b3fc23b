"""A process that writes events as fast as it can and says what was acknowledged, until it is killed.

Usage: python -m tests.store.write_load KIND DIRECTORY NAME
"""

import asyncio
import itertools
import sys
from functools import partial
from pathlib import Path

from callboard.store.database import Database
from callboard.store.events import NewEvent, append
from tests.store.harness import make, new_session

WRITERS = 16


async def load(database: Database, name: str) -> None:
    """Write with many writers; a line `session seq text` follows each acknowledgement, never before it."""
    sessions = [await database.write(new_session) for _ in range(WRITERS)]

    async def writes(session_id: str) -> None:
        for turn in itertools.count():
            text = f"{name}-{session_id}-{turn}"
            size = 40_000 if turn % 17 == 0 else 100
            events = [NewEvent(type="note", payload=f'{{"text":"{text}","rest":"{"x" * size}"}}'.encode())]
            (seq,) = await database.write(
                partial(append, session_id=session_id, root_session_id=session_id, events=events)
            )
            sys.stdout.write(f"{session_id} {seq} {text}\n")
            sys.stdout.flush()

    await asyncio.gather(*(writes(session_id) for session_id in sessions))


async def main() -> None:
    """Open the database and never stop."""
    kind, directory, name = sys.argv[1:]
    await load(await make(kind, Path(directory)).open(), name)


if __name__ == "__main__":
    asyncio.run(main())
