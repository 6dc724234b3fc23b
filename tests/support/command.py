"""Runs the command line as a person or a script does, and keeps what it printed and what it cost."""

import json
import resource
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.coordinator import Coordinator
from tests.support.programs import CALLBOARD, scrubbed

SECONDS = 40.0


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str
    cpu_seconds: float

    @property
    def value(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


class CommandLine:
    """`callboard` in a directory, with an environment that finds a coordinator."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.environment = dict(environment)

    @classmethod
    def at(cls, coordinator: Coordinator, directory: Path) -> "CommandLine":
        """The command line of a person who may do everything at this coordinator."""
        token_file = str(coordinator.data_dir / "token")
        return cls(directory, {"CALLBOARD_URL": coordinator.url, "CALLBOARD_TOKEN_FILE": token_file})

    def __call__(self, *words: str, stdin: str = "", **variables: str) -> Done:
        """Run one command to its end."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            before = _cpu_seconds_of_children()
            process = self.start(*words, stdin=given, stdout=out, stderr=err, **variables)
            try:
                code = process.wait(SECONDS)
            finally:
                process.kill()
                process.wait()
            out.seek(0)
            err.seek(0)
            return Done(code, out.read().decode(), err.read().decode(), _cpu_seconds_of_children() - before)

    def start(self, *words: str, stdin: Any, stdout: Any, stderr: Any, **variables: str) -> subprocess.Popen[bytes]:
        """Begin one command."""
        return subprocess.Popen(
            [*CALLBOARD, *words],
            env=self.whole_environment(**variables),
            cwd=self.directory,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    def whole_environment(self, **variables: str) -> dict[str, str]:
        """What a command finds; a variable that is empty is left out."""
        return scrubbed({name: value for name, value in (self.environment | variables).items() if value})


def _cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
