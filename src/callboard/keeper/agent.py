"""The agent as a child process: its start in a session of its own, its pipes and its exit.

Knows no loop and no journal: the loop tells it when to write, and asks what became of it.
"""

import json
import os
import signal
from pathlib import Path
from typing import Any, Final, NoReturn

from callboard.keeper import TRACKING
from callboard.keeper.processes import PR_SET_PDEATHSIG, Cgroup, prctl, process

CHUNK_BYTES: Final = 1 << 16
MAX_PENDING_BYTES: Final = 64 << 20
_NOT_STARTED: Final = 127


class NotStarted(Exception):
    """The agent could not be started; `facts` say why (errno, message)."""

    def __init__(self, facts: dict[str, Any]) -> None:
        super().__init__(facts.get("message"))
        self.facts = facts


class Agent:
    """A started agent. `outputs` maps the open ends of its output to their channel (o, e)."""

    def __init__(self, launch: dict[str, Any], cgroup: Cgroup, umask: int) -> None:
        stdin, out, err, failure = (os.pipe() for _ in range(4))
        keeper = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _become((stdin[0], out[1], err[1]), failure[1], launch, cgroup, umask, keeper)
        for end in (stdin[0], out[1], err[1], failure[1]):
            os.close(end)
        for end in (stdin[1], out[0], err[0]):
            os.set_blocking(end, False)
        self.exit_code: int | None = None
        self.outputs = {out[0]: "o", err[0]: "e"}
        self.stdin: int | None = stdin[1]
        self.closing = launch.get("stdin") == "null"
        self._pending = b""
        self._confirm(failure[0])
        self.shut_input()

    def _confirm(self, failure: int) -> None:
        problem = os.read(failure, CHUNK_BYTES)
        os.close(failure)
        if problem:
            os.waitpid(self.pid, 0)
            raise NotStarted(json.loads(problem))
        born = process(self.pid)
        self.start_time = born.started if born else None

    @property
    def running(self) -> bool:
        """Whether its exit has not been seen yet."""
        return self.exit_code is None

    @property
    def pending_bytes(self) -> int:
        """How much input it has not taken yet."""
        return len(self._pending)

    def feed(self, data: bytes = b"") -> None:
        """Adds input and writes as much as the agent takes now."""
        self._pending += data
        try:
            while self.stdin is not None and self._pending:
                self._pending = self._pending[os.write(self.stdin, self._pending[:CHUNK_BYTES]) :]
        except BlockingIOError:
            return
        except OSError:  # it closed its end: nobody will ever read this
            self._pending = b""
            self.closing = True

    def shut_input(self) -> None:
        """Closes its stdin, once that was asked for and all input is written."""
        if self.closing and not self._pending and self.stdin is not None:
            os.close(self.stdin)
            self.stdin = None

    def signal_group(self, number: int) -> None:
        """Signals its process group, and wakes it in case it was stopped; nothing once its exit was seen."""
        if self.running:
            try:
                os.killpg(self.pid, number)
                os.killpg(self.pid, signal.SIGCONT)
            except OSError:
                return  # the group is on its way out

    def exit_facts(self) -> dict[str, Any]:
        """Its exit code, or the name of the signal that ended it."""
        code = self.exit_code or 0
        name = next((one.name for one in signal.Signals if one == -code), f"SIG{-code}")
        return {"code": code, "signal": None} if code >= 0 else {"code": None, "signal": name}


def _become(
    standard: tuple[int, int, int], failure: int, launch: dict[str, Any], cgroup: Cgroup, umask: int, keeper: int
) -> NoReturn:
    """What the forked child does: turns itself into the agent, or says why it could not."""
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:  # it died before the line above
            os._exit(_NOT_STARTED)
        cgroup.join()
        for target, end in enumerate(standard):
            os.dup2(end, target)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.umask(umask)
        os.chdir(launch["cwd"])
        os.execvpe(launch["argv"][0], launch["argv"], {**launch["env"], TRACKING: launch["tracking"]})  # noqa: S606
    except BaseException as problem:  # noqa: BLE001 - nothing may return into the keeper's code
        facts = {"errno": getattr(problem, "errno", None), "message": _sentence(problem, launch)}
        os.write(failure, json.dumps(facts).encode())
    os._exit(_NOT_STARTED)


def _sentence(problem: BaseException, launch: dict[str, Any]) -> str:
    if not Path(launch["cwd"]).is_dir():
        return f"The working directory {launch['cwd']} is not there or not readable."
    return f"{launch['argv'][0]} could not be started: {getattr(problem, 'strerror', None) or problem}."
