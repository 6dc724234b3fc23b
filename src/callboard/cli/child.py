"""A Callboard process of our own, started as a child: its lines on stderr, bounded waits, an orderly end."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Final

from callboard.client import clock

STOP_SECONDS: Final = 30.0
_LINES: Final = 10_000


class ChildFailed(Exception):
    """The child ended, or was silent, before it said what was waited for; `returncode` is None while it lives."""

    def __init__(self, name: str, returncode: int | None) -> None:
        super().__init__(f"The {name} " + ("does not answer." if returncode is None else f"ended with {returncode}."))
        self.name = name
        self.returncode = returncode


class Child:
    """One child process; it ends when we do, however that happens (on Linux)."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] = os.environ,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self._on_line = on_line
        self._lines: queue.Queue[str | None] = queue.Queue(maxsize=_LINES)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "callboard.cli.with_parent", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=dict(environment),
            text=True,
            errors="replace",
            process_group=0,  # Ctrl-C reaches us alone, and we end our children in order
        )
        threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, or None while it lives."""
        return self._process.poll()

    def wait_for_line(self, beginning: str, seconds: float) -> str:
        """The rest of the first line on stderr that begins so; ChildFailed when none comes."""
        deadline = clock.monotonic_seconds() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - clock.monotonic_seconds()))
            except queue.Empty:
                raise ChildFailed(self.name, None) from None
            if line is None:
                raise ChildFailed(self.name, self._process.wait())
            if line.startswith(beginning):
                return line[len(beginning) :].strip()

    def wait(self, seconds: float | None = None) -> int:
        """Its exit code once it has ended; subprocess.TimeoutExpired when it lives on."""
        return self._process.wait(seconds)

    def stop(self) -> int:
        """Ask it to end, and insist when it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                return self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                return self.kill()
        return self._process.wait()

    def kill(self) -> int:
        """End it at once, with SIGKILL."""
        self._process.kill()
        return self._process.wait()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            if self._on_line is not None:
                self._on_line(line.rstrip("\n"))
            if not self._lines.full():
                self._lines.put_nowait(line)
        self._lines.put(None)
