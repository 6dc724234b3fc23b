"""Starts real keepers for tests, collects what they journal, and leaves no process behind."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from callboard.domain.invocation import CheckOrder, Launch
from callboard.executors.journal import Record
from callboard.executors.process import KeeperLink, close_journal, end_strays, keeper_process, start_keeper
from callboard.keeper.processes import Process, process

BOUND_SECONDS = 20.0
PYTHON = (sys.executable, "-I", "-S", "-u", "-c")
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


class Kept:
    """One launch under a keeper, and the records that were read of it so far."""

    def __init__(self, directory: Path, tracking: str) -> None:
        self.directory = directory
        self.tracking = tracking
        self.link = self.new_link()
        self.records: list[Record] = []
        self._reading = self.link.records()

    def new_link(self) -> KeeperLink:
        """Another end of the same launch."""
        return KeeperLink(self.directory, 1, self.tracking)

    async def until(self, wanted: Callable[[Record], object]) -> Record:
        """Reads up to the first record of a kind; AssertionError when the launch ends before."""
        async with asyncio.timeout(BOUND_SECONDS):
            async for record in self._reading:
                self.records.append(record)
                if wanted(record):
                    return record
        raise AssertionError(f"not seen before the end: {self.shown()}")

    async def end(self) -> Record:
        """Reads to the last record."""
        return await self.until(lambda record: record.is_last)

    async def line(self) -> str:
        """The next line of output."""
        return (await self.until(lambda record: record.channel == "o")).text

    def output(self, channel: str = "o") -> list[str]:
        """The lines that were read."""
        return [record.text for record in self.records if record.channel == channel]

    def facts(self) -> list[str]:
        """The names of the facts that were read."""
        return [record.fact["fact"] for record in self._facts()]

    def fact(self, name: str) -> dict[str, Any]:
        """The first fact of this name."""
        return next(record.fact for record in self._facts() if record.fact["fact"] == name)

    def shown(self) -> list[str]:
        """The records in short, for a message."""
        return [f"{record.channel} {record.data[:200]!r}" for record in self.records]

    def _facts(self) -> list[Record]:
        return [record for record in self.records if record.channel == "k"]

    @property
    def keeper(self) -> Process | None:
        """The living keeper."""
        return keeper_process(self.directory)


class Keepers:
    """Makes launches with tracking values of their own, and ends them all."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._made: list[Kept] = []

    async def start(
        self,
        *argv: str,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        stdin: Any = "pipe",
        cgroup: bool = True,
        connect: bool = True,
        checks: Sequence[CheckOrder] = (),
        **limits: float,
    ) -> Kept:
        """Starts a program under a keeper."""
        number = len(self._made)
        kept = Kept(self._directory / f"launch-{number}", f"run_{self._name}.{number}")
        self._made.append(kept)
        launch = Launch(argv=list(argv), env=ENVIRONMENT | (env or {}), cwd=str(cwd or self._directory), stdin=stdin)
        about: dict[str, Any] = {"tracking": kept.tracking, "limits": limits, "cgroup": cgroup, "checks": checks}
        await start_keeper(kept.directory, launch, **about)
        if connect:
            assert await kept.link.connect()
        return kept

    async def python(self, program: str, **options: Any) -> Kept:
        """Starts a Python program under a keeper."""
        return await self.start(*PYTHON, program, **options)

    async def close(self) -> None:
        """Ends everything that these keepers have started, and them."""
        for kept in self._made:
            if kept.keeper and await kept.link.connect():
                await kept.link.signal("SIGKILL")
            await kept.link.close()
        strays = await asyncio.to_thread(end_strays, [kept.tracking for kept in self._made])
        assert strays.left == 0
        for kept in self._made:
            if kept.directory.exists():
                await asyncio.to_thread(close_journal, kept.directory, kept.tracking)


def lives(pid: int) -> bool:
    """Whether a process with this pid runs."""
    return process(pid) is not None
