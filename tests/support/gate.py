"""A point in an agent's script where it waits for the test, and the test for it: two named pipes, no polling."""

import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

ENDS: Final = ("reached", "opened")


class Gate:
    """`command` is a line of shell that says that it is there and waits until the gate is opened."""

    def __init__(self, folder: Path, name: str = "gate") -> None:
        self._paths = [folder / f"{name}.{end}" for end in ENDS]
        for path in self._paths:
            os.mkfifo(path)
        # Open for both, so that neither side ever waits for the other to open its end, nor sees an end of file.
        self._reached, self._opened = (os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in self._paths)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self._reached, self._opened):
            os.close(end)
        for path in self._paths:
            with suppress(FileNotFoundError):
                path.unlink()

    @property
    def command(self) -> str:
        reached, opened = self._paths
        return f"echo here > {reached}; read go < {opened}"

    def reached(self, seconds: float = 30.0) -> None:
        """Wait until the agent is there."""
        readable, _, _ = select.select([self._reached], [], [], seconds)
        assert readable, f"nobody came to {self._paths[0]} within {seconds} s"
        os.read(self._reached, 4096)

    def open(self) -> None:
        """Let the agent that waits, or comes next, go on."""
        os.write(self._opened, b"go\n")
