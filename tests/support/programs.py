"""Programs that tests start, freeze, kill and start again; what they write to stderr is kept line by line."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

CALLBOARD: Final = (sys.executable, "-m", "callboard")
START_SECONDS: Final = 30.0
KEPT_LINES: Final = 5000


def scrubbed(extra: Mapping[str, str]) -> dict[str, str]:
    """An environment that holds nothing of the machine but where programs are, and a home of the tests."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return {"PATH": path, "HOME": os.environ["HOME"], "LANG": "C.UTF-8"} | dict(extra)


class Program:
    """A child process in a session of its own."""

    def __init__(self, name: str, argv: tuple[str, ...], environment: Mapping[str, str], directory: Path) -> None:
        self.name = name
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            argv,
            env=scrubbed(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._silent = False
        self._reading = threading.Thread(target=self._read, name=f"stderr of {name}", daemon=True)
        self._reading.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def line(self, beginning: str, seconds: float = START_SECONDS) -> str:
        """The first line that begins so, without that beginning; waits for it."""
        return self.line_where(lambda line: line.startswith(beginning), seconds).removeprefix(beginning).strip()

    def line_where(self, wanted: Callable[[str], bool], seconds: float = START_SECONDS) -> str:
        """The first line that is wanted; waits for it. AssertionError when it does not come."""

        def found() -> bool:
            return self._silent or any(wanted(line) for line in self.lines)

        with self._news:
            self._news.wait_for(found, seconds)
            line = next((line for line in self.lines if wanted(line)), None)
        if line is None:
            raise AssertionError(f"{self.name} did not say it within {seconds} s:\n{self.tail()}")
        return line

    def tail(self) -> str:
        """What it said last."""
        return "\n".join(self.lines[-30:])

    def freeze(self) -> None:
        """Stop its clock hands: it lives, but does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen program go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.signal(signal.SIGKILL)
        self.ended()

    def terminate(self, seconds: float = 10.0) -> None:
        """Ask it to end; it must do so soon, and say that all is well."""
        self.signal(signal.SIGTERM)
        code = self.ended(seconds)
        assert code == 0, f"{self.name} ended with {code}:\n{self.tail()}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing when it has ended."""
        if self.lives:
            self._process.send_signal(number)

    def ended(self, seconds: float = 30.0) -> int:
        """Its exit code, once it has ended."""
        code = self._process.wait(seconds)
        self._reading.join(seconds)
        return code

    def close(self) -> None:
        """End it, whatever its state, and let go of its pipe."""
        self.kill()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _read(self) -> None:
        stream = self._process.stderr
        if stream is None:
            raise AssertionError("stderr is a pipe")
        for line in stream:
            with self._news:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                del self.lines[:-KEPT_LINES]
                self._news.notify_all()
        with self._news:
            self._silent = True
            self._news.notify_all()
