"""A world of real processes in one folder: coordinators, runners and their agents. Nothing of it outlives it."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar

import apsw
import psycopg
from anyio.from_thread import start_blocking_portal

from tests.support.command import CommandLine
from tests.support.coordinator import Coordinator
from tests.support.database import settings_for
from tests.support.hand_runner import HandRunner
from tests.support.processes import end_all_below
from tests.support.programs import Program
from tests.support.runner import Runner
from tests.support.told import assert_no_history

THREADS: Final = 32
T = TypeVar("T")


def hold(name: str) -> str:
    """A line of a script that waits until the test lets it go on; also a test that was killed lets it go on."""
    return f"run until [ -e {name} ] || ! kill -0 {os.getpid()}; do sleep 0.02; done"


class _Part(Protocol):
    program: Program

    def close(self) -> None: ...


Part = TypeVar("Part", bound=_Part)


class World:
    """Starts parts, each with a folder of its own, and ends them all."""

    def __init__(self, folder: Path, database_kind: str = "sqlite") -> None:
        self.folder = folder
        self.database_kind = database_kind
        self.project = folder / "project"
        self.project.mkdir()
        self._parts: list[_Part] = []
        self._closing = ExitStack()
        self._closing.callback(end_all_below, folder)
        self._portal = self._closing.enter_context(start_blocking_portal("asyncio"))
        self._threads = self._closing.enter_context(ThreadPoolExecutor(THREADS))
        self._closing.callback(self._tell)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def coordinator(self, **settings: Any) -> Coordinator:
        """A new coordinator, listening, with a new database; or with another's, when its URL is among the settings."""
        folder = self._folder("coordinator")
        made = self._keep(Coordinator(folder / "data", self._portal, self.with_database(settings)))
        self._closing.callback(_check_told, made)
        return made

    def with_database(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """These settings, and a new database of the world's kind unless they name one."""
        if "database" in settings:
            return dict(settings)
        return {**self._closing.enter_context(settings_for(self.database_kind)), **settings}

    def runner(self, coordinator: Coordinator, *, copy_of: Runner | None = None, **offer: Any) -> Runner:
        """A new runner for the project's directory, registered; or one with a copy of another's state folder.

        See `Runner` for what it may offer.
        """
        folder = self._folder("runner")
        if copy_of is not None:
            shutil.copytree(copy_of.state_dir, folder / "state")
        return self._keep(Runner(coordinator, folder / "state", self.project, **offer))

    def hand_runner(self, coordinator: Coordinator, name: str = "hand", **offer: Any) -> HandRunner:
        """A new runner that the test leads itself."""
        made = HandRunner(coordinator, name, **offer)
        self._closing.callback(made.close)
        return made

    def program(self, name: str, argv: tuple[str, ...], **variables: str) -> Program:
        """A program of the test's own, in the project's directory."""
        made = Program(name, argv, variables, self.project)
        self._closing.callback(made.close)
        return made

    def command_line(self, coordinator: Coordinator) -> CommandLine:
        """The command line of the owner, in the project's directory."""
        return CommandLine.at(coordinator, self.project)

    def let_go(self, name: str) -> None:
        """Let scripts go on that wait at the line `hold(name)`."""
        (self.project / name).touch()

    def meanwhile(self, work: Callable[[], T]) -> Future[T]:
        """Do something that takes its time, while the test goes on; whoever asks for its result sets the bound."""
        return self._threads.submit(work)

    def _folder(self, kind: str) -> Path:
        folder = self.folder / f"{kind}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return folder

    def _keep(self, part: Part) -> Part:
        self._parts.append(part)
        self._closing.callback(part.close)
        return part

    def _tell(self) -> None:
        """What every program said last; pytest shows it when the test failed."""
        for part in self._parts:
            sys.stdout.write(f"--- {part.program.name} ({part.program.pid})\n{part.program.tail()}\n")


def _check_told(coordinator: Coordinator) -> None:
    """A54: no worker of this world was told of a past. A database that the test took away or broke tells nothing."""
    try:
        assert_no_history(coordinator)
    except (apsw.Error, psycopg.Error) as cause:
        sys.stdout.write(f"what workers were told was not looked at: {cause}\n")
