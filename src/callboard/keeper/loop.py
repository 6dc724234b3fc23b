"""The keeper's loop: output into the journal, orders from the runner, checks, the stop ladder, every process's end."""

import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from callboard.keeper import DEFAULT_LIMITS, JOURNAL
from callboard.keeper.agent import CHUNK_BYTES, MAX_PENDING_BYTES, Agent, NotStarted
from callboard.keeper.checks import CANNOT_START, Checks
from callboard.keeper.control import Control
from callboard.keeper.journal import Journal, Lines
from callboard.keeper.processes import LINUX, Cgroup, Process, descendants, end_all, processes, tracked

LAST_OUTPUT_BYTES: Final = 4 << 20
RETRY_SECONDS: Final = 1.0


class Keeper:
    """One launch, in one loop without threads. Timers are callables with the moment at which they are due.

    First the agent runs; then, if the runner says so, one check after another in its place. What is said of the agent
    (the ladder, its end, the processes that it leaves) holds for each check as well.
    """

    def __init__(self, launch: dict[str, Any]) -> None:
        self._launch = launch
        self._limits: dict[str, Any] = DEFAULT_LIMITS | launch.get("limits", {})
        self._selector = selectors.DefaultSelector()
        self._timers: dict[Callable[[], None], float] = {}
        self._cgroup: Cgroup | None = None
        self._agent: Agent | None = None
        self._lines: dict[int, Lines] = {}
        self._reading = True
        self._feeding = False
        self._inputs: set[str] = set()
        self._ladder: list[str] = []
        self._checks = Checks(launch.get("checks", []))
        self._stopping = False
        self._killed = 0
        self._umask = 0o077
        self._done = False
        self._watch_signals()
        self._control = Control(self._selector, self._obey, self._runner_changed)
        # After the socket: who finds a journal finds a keeper that can be reached, or one that is dead.
        self._journal = Journal(Path(JOURNAL), self._limits["journal_bytes"])
        self._after(self._limits["orphan_seconds"], self._orphaned)

    def start(self, umask: int) -> None:
        """Starts the agent; what prevents it becomes the journal's last record."""
        self._umask = umask
        self._cgroup = Cgroup(self._launch["tracking"], wanted=self._launch.get("cgroup", True))
        try:
            agent = self._begin(self._launch, self._cgroup)
        except NotStarted as problem:
            self._cgroup.remove()
            self._journal.fact("launch_failed", **problem.facts)
            self._leave()
            return
        self._cgroup.confirm()
        self._journal.fact("started", pid=agent.pid, start_time=agent.start_time)

    def _begin(self, launch: dict[str, Any], cgroup: Cgroup) -> Agent:
        """Starts the agent, or what takes its place."""
        self._agent = agent = Agent(launch, cgroup, self._umask)
        for end in agent.outputs:
            self._lines[end] = Lines(self._limits["line_bytes"])
            if self._reading:
                self._selector.register(end, selectors.EVENT_READ, partial(self._read, end))
        return agent

    def run(self) -> None:
        """Serves until no process of the attempt is left and the journal says so."""
        while not self._done:
            due = min(self._timers.values(), default=None)
            pause = None if due is None else max(0.0, due - time.monotonic())
            for key, _ in self._selector.select(pause):
                key.data()
            for action in [one for one, at in self._timers.items() if at <= time.monotonic()]:
                if self._timers.pop(action, None) is not None:
                    action()
            self._balance()
        self._control.notice(self._journal.size)
        self._control.close()

    def fail(self, problem: Exception) -> None:
        """Ends everything after an error of our own."""
        traceback.print_exception(problem, file=sys.stderr)
        self._journal.fact("keeper_failed", message=repr(problem))
        self._stopping = True
        self._over()

    # ------------------------------------------------------------------ what may happen

    def _watch_signals(self) -> None:
        woken, wake = os.pipe()
        for end in (woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: None)
        self._selector.register(woken, selectors.EVENT_READ, partial(self._signalled, woken))

    def _signalled(self, woken: int) -> None:
        numbers = os.read(woken, CHUNK_BYTES)
        self._reap()
        if signal.SIGTERM in numbers:
            self._journal.fact("terminated")
            self._stop()

    def _reap(self) -> None:
        """Takes the exits of the agent and of every process that we adopted."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._agent and pid == self._agent.pid:
                self._agent.exit_code = os.waitstatus_to_exitcode(status)
                if not self._checks.current:
                    self._journal.fact("exit", **self._agent.exit_facts())
                hurry = self._ladder or not self._lines
                self._after(0.0 if hurry else self._limits["drain_seconds"], self._over)

    def _read(self, end: int) -> int:
        """Takes what an output holds now; returns how much, 0 when there is nothing."""
        try:
            data = os.read(end, CHUNK_BYTES)
        except BlockingIOError:
            return 0
        if data and self._checks.current:
            self._checks.hear(data)
        elif data:
            self._journal.append(self._channel(end), *self._lines[end].feed(data))
        else:
            self._close_output(end)
        return len(data)

    def _channel(self, end: int) -> str:
        return self._agent.outputs[end] if self._agent else "o"

    def _close_output(self, end: int) -> None:
        if self._reading:
            self._selector.unregister(end)
        lines = self._lines.pop(end)
        if not lines.empty:
            self._journal.append(self._channel(end), lines.take())
        os.close(end)
        if not self._lines and self._agent and not self._agent.running:
            self._after(0.0, self._over)

    def _runner_changed(self, connected: bool) -> None:
        self._timers.pop(self._orphaned, None)
        if not connected:
            self._after(self._limits["orphan_seconds"], self._orphaned)

    def _orphaned(self) -> None:
        self._journal.fact("orphaned")
        self._stop()

    def _overdue(self) -> None:
        self._journal.fact("overdue")
        self._climb()

    def _check_overdue(self) -> None:
        self._checks.overdue()
        self._climb()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers[action] = time.monotonic() + seconds

    def _balance(self) -> None:
        """Brings what we watch in line with what there is room for, and tells the runner of news."""
        if self._journal.waiting:
            self._timers.setdefault(self._journal.flush, time.monotonic() + RETRY_SECONDS)
        if self._reading == (self._journal.full and not self._checks.current):
            self._reading = not self._reading
            for end in self._lines:
                if self._reading:
                    self._selector.register(end, selectors.EVENT_READ, partial(self._read, end))
                else:
                    self._selector.unregister(end)
        self._control.notice(self._journal.size)

    # ------------------------------------------------------------------ orders

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        agent = self._agent
        match order["do"]:
            case "input":
                return self._input(str(order["id"]), order["data"].encode("utf-8", "replace"))
            case "close_input" if agent:
                agent.closing = True
                self._watch_input()
            case "finish":
                self._timers.pop(self._overdue, None)
                if order["after_seconds"] is not None:
                    self._after(order["after_seconds"], self._overdue)
            case "ack":
                self._journal.acknowledge(int(order["offset"]))
            case "signal" if agent:
                self._signal(signal.Signals[order["signal"]])
            case "stop":
                self._stop(after_interrupt=bool(order.get("after_interrupt")))
            case "check" | "release" if self._checks.awaited and agent and not agent.running:
                self._checks.decide(run=order["do"] == "check")
                self._after(0.0, self._over)
            case "close_input" | "signal" | "status" | "check" | "release":
                pass
            case _:
                return {"ok": False, "error": "unknown_order"}
        state = "running" if agent and agent.running else "exited"
        return {"ok": True, "agent": state, "size": self._journal.size}

    def _input(self, input_id: str, data: bytes) -> dict[str, Any]:
        if input_id in self._inputs:
            return {"ok": True, "repeated": True}
        agent = self._agent
        if agent is None or agent.stdin is None or not agent.running:
            return {"ok": False, "error": "input_closed"}
        if agent.pending_bytes + len(data) > MAX_PENDING_BYTES:
            return {"ok": False, "error": "input_full"}
        self._inputs.add(input_id)
        self._journal.append("i", input_id.encode() + b" " + data)
        agent.feed(data)
        self._watch_input()
        return {"ok": True}

    def _watch_input(self) -> None:
        """Watches the agent's stdin exactly while something waits for it, and closes it when that was asked for."""
        agent = self._agent
        if agent is None or agent.stdin is None:
            return
        if bool(agent.pending_bytes) != self._feeding:
            self._feeding = not self._feeding
            if self._feeding:
                self._selector.register(agent.stdin, selectors.EVENT_WRITE, self._feed)
            else:
                self._selector.unregister(agent.stdin)
        agent.shut_input()

    def _feed(self) -> None:
        if self._agent:
            self._agent.feed()
            self._watch_input()

    # ------------------------------------------------------------------ the end

    def _stop(self, *, after_interrupt: bool = False) -> None:
        """Nothing more is begun, and what runs has to end. Asking again changes nothing."""
        self._stopping = True
        self._climb(after_interrupt=after_interrupt)

    def _climb(self, *, after_interrupt: bool = False) -> None:
        """Climbs the ladder: the interrupt that the executor sent, SIGTERM, SIGKILL."""
        if self._agent is None or not self._agent.running:
            self._after(0.0, self._over)
        elif not after_interrupt and "SIGTERM" not in self._ladder:
            self._terminate()
        elif not self._ladder:
            self._ladder.append("interrupt")
            self._journal.fact("interrupt")
            self._after(self._limits["interrupt_seconds"], self._terminate)

    def _terminate(self) -> None:
        self._timers.pop(self._terminate, None)
        self._ladder.append("SIGTERM")
        self._after(self._limits["term_seconds"], self._kill)
        self._signal(signal.SIGTERM)

    def _kill(self) -> None:
        self._ladder.append("SIGKILL")
        self._note_signal("SIGKILL")
        self._over()

    def _signal(self, number: signal.Signals) -> None:
        self._note_signal(number.name)
        if self._agent:
            self._agent.signal_group(number)

    def _note_signal(self, name: str) -> None:
        """A check that is stopped says nothing of how the agent ended."""
        self._journal.fact("check_signal" if self._checks.current else "signal", signal=name)

    def _over(self) -> None:
        """Ends what the agent left behind, keeps what that still had to say, and goes on with what is left to do."""
        killed, left = self._kill_all()
        if self._agent and self._agent.running:  # not even SIGKILL ended it: nothing is claimed before it is gone
            self._after(RETRY_SECONDS, self._over)
            return
        for end in list(self._lines):
            taken = 0
            while end in self._lines and taken < LAST_OUTPUT_BYTES and (size := self._read(end)):
                taken += size
            if end in self._lines:
                self._close_output(end)
        for timer in (self._over, self._overdue, self._check_overdue, self._terminate, self._kill):
            self._timers.pop(timer, None)
        self._ladder.clear()
        self._killed += killed
        self._go_on(left)

    def _go_on(self, left: int) -> None:
        if self._checks.current and self._agent and not self._stopping:
            self._journal.fact("check_ended", **self._checks.ended(self._agent.exit_facts()))
        if self._stopping or not (self._checks.awaited or self._checks.left):
            self._end(left)
        elif self._checks.awaited:
            self._journal.fact("agent_over")
        else:
            self._check()

    def _check(self) -> None:
        """Starts the next check in the agent's place; the first time it is the runner that asked for it."""
        check = self._checks.begin_next()
        self._journal.fact("check_started", name=check["name"])
        try:
            if self._cgroup:
                self._begin(check | {"tracking": self._launch["tracking"], "stdin": "null"}, self._cgroup)
            self._after(check["timeout_seconds"], self._check_overdue)
        except NotStarted as problem:
            self._checks.hear(str(problem).encode())
            self._journal.fact("check_ended", **self._checks.ended({"code": CANNOT_START, "signal": None}))
            self._after(0.0, self._over)

    def _end(self, left: int) -> None:
        """Nothing of the attempt is left: writes the last record."""
        certainty = "cgroup" if self._cgroup and self._cgroup.made else "descendants" if LINUX else "group"
        if self._cgroup:
            self._cgroup.remove()
        self._journal.fact("gone", certainty=certainty, killed=self._killed, left=left)
        self._leave()

    def _kill_all(self) -> tuple[int, int]:
        """Kills until nothing is found: how many processes besides the agent were ended, and how many are left."""
        found = set(self._members())
        ended, living = end_all(self._pursue, self._limits["kill_seconds"])
        self._reap()
        agent = self._agent.pid if self._agent else 0
        others = [one for one in found | ended if one.pid != agent and one not in living]
        return len(others), max(len(living), bool(self._cgroup and self._cgroup.populated()))

    def _pursue(self) -> list[Process]:
        """Ends what the platform can end at once; returns who lives on."""
        if self._cgroup:
            self._cgroup.kill()
        if self._agent and not LINUX:
            self._agent.signal_group(signal.SIGKILL)
        return self._members()

    def _members(self) -> list[Process]:
        """Every living process of the attempt."""
        self._reap()
        everyone = processes()
        below = descendants(os.getpid(), everyone)
        return below + tracked([self._launch["tracking"]], set(everyone).difference(below))

    def _leave(self) -> None:
        """Makes the journal durable and ends the loop; waits as long as the disk does not take the last record."""
        self._journal.flush()
        if self._journal.waiting:
            self._after(RETRY_SECONDS, self._leave)
        else:
            self._journal.close()
            self._done = True
