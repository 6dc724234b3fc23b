"""A coordinator and runners as real processes, which tests start, kill, stop and start again."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import msgspec

COORDINATOR: Final = """
import sys, msgspec
from callboard.coordinator import serve
from callboard.coordinator.config import Config
serve.run(msgspec.json.decode(sys.argv[1], type=Config))
"""
RUNNER: Final = """
import asyncio, json, sys
from pathlib import Path
from callboard.runner.config import read_tables, runner_settings
from callboard.runner.daemon import run_runner
from callboard.domain.errors import CallboardError
from callboard.wire.errors import status_of
given = json.loads(sys.argv[1])
table = read_tables(given["runner"], given["executors"], "the test")
token = Path(given["token_file"]).read_text().strip() if given["token_file"] else None
settings = runner_settings(table, url=given["url"], join_token=token, state_dir=Path(given["state_dir"]))
try:
    sys.exit(asyncio.run(run_runner(settings)))
except CallboardError as error:
    sys.stderr.write(f"refused {error.code}: {error.detail}\\n")
    sys.exit(100)
"""
START_SECONDS: Final = 30.0


class Program:
    """A process of ours; the lines that it wrote to stderr are kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, script: str, argument: Mapping[str, Any], environment: Mapping[str, str] | None = None
    ) -> Self:
        """Start a script with one argument in JSON and a scrubbed environment."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            msgspec.json.encode(argument).decode(),
            env={name: os.environ[name] for name in ("PATH", "HOME")} | dict(environment or {}),
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self.process.pid

    async def line(self, beginning: str) -> str:
        """The first line that begins so; waits for it."""
        return await self._first(lambda line: line.startswith(beginning), beginning)

    async def line_with(self, text: str) -> str:
        """The first line that has this in it; waits for it."""
        return await self._first(lambda line: text in line, text)

    async def _first(self, wanted: Callable[[str], bool], named: str) -> str:
        async with asyncio.timeout(START_SECONDS):
            while True:
                self._news.clear()
                for line in self.lines:
                    if wanted(line):
                        return line
                if self._reading.done():
                    raise AssertionError(f"ended without {named!r}:\n" + "\n".join(self.lines[-30:]))
                await self._news.wait()

    def pause(self) -> None:
        """Stop it as a debugger does, or a machine that is asleep."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Wake it."""
        self.process.send_signal(signal.SIGCONT)

    async def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Signal it and return its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.ended(seconds)

    async def ended(self, seconds: float = 30.0) -> int:
        """Its exit code, once it has ended."""
        async with asyncio.timeout(seconds):
            await self._reading
            return await self.process.wait()

    async def kill(self) -> None:
        """End it as a power cut does."""
        await self.end(signal.SIGKILL)

    async def _read(self) -> None:
        if self.process.stderr is None:
            raise AssertionError("stderr is a pipe")
        while line := await self.process.stderr.readline():
            self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
            self._news.set()
        self._news.set()


def read_token(path: Path) -> str:
    """The token in a file."""
    return path.read_text(encoding="ascii").strip()
