"""What the scripted agent hears, says and remembers."""

import json
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

CHUNK_BYTES: Final = 65_536
NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def tell(kind: str, **fields: Any) -> None:
    """Writes one line."""
    sys.stdout.buffer.write(json.dumps({"type": kind, **fields}).encode() + b"\n")
    sys.stdout.buffer.flush()


def leave(code: int) -> None:
    """Ends the process at once: threads and their locks are nobody's business any more."""
    sys.stdout.buffer.flush()
    os._exit(code)


class Inbox:
    """What the runner says, read by a thread so that an interrupt reaches a running command."""

    def __init__(self) -> None:
        self.orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.interrupted = False
        self.command: int | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        rest = b""
        while data := os.read(0, CHUNK_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
        self.orders.put({"type": "closed"})

    def _take(self, order: dict[str, Any]) -> None:
        interrupts = order["type"] == "interrupt"
        self.interrupted |= interrupts
        self.orders.put(order)  # first, so that the script finds it when its command has been ended
        if interrupts and self.command:
            with suppress(OSError):  # it has just ended by itself
                os.killpg(self.command, signal.SIGKILL)


class Memory:
    """The prompts of a conversation: one file of JSON lines, or nothing on disk when it is not to be kept."""

    def __init__(self, directory: Path, begin: dict[str, Any]) -> None:
        name = begin["conversation_id"]
        if not name or not set(name) <= NAME_CHARACTERS:
            raise ValueError(f"{name!r} is no conversation id")
        self._file = directory / f"{name}.jsonl" if begin["keep"] else None
        self.earlier_runs: int = begin["earlier_runs"]
        self.prompts: list[str] = []
        if self._file and self._file.exists():
            entries = [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]
            self.prompts = [entry["text"] for entry in entries]
            self.earlier_runs = sum(entry["run"] for entry in entries)

    @property
    def exists(self) -> bool:
        """Whether the conversation was begun before."""
        return bool(self._file and self._file.exists())

    def add(self, text: str, *, run: bool) -> None:
        """Remembers a prompt; `run` marks the first one of a run."""
        self.prompts.append(text)
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"text": text, "run": run}) + "\n")
