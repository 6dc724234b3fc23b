"""The language of the scripted agent: one command a line, each a method; a line that is no command does nothing."""

import functools
import json
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from callboard.executors.scripted_agent.session import Inbox, Memory, leave, tell

if TYPE_CHECKING:  # it is imported where it is used
    from callboard.executors.scripted_agent.mcp import McpTools

OUTPUT_BYTES: Final = 65_536


class Interrupted(Exception):
    """The turn was interrupted."""


class Failed(Exception):
    """The script says that the run fails."""


class Denied(Exception):
    """A tool was not allowed."""


class ScriptedAgent:
    """One run: the lines still to do, and what was said so far. Each command of the language is a method."""

    def __init__(self, inbox: Inbox, begin: dict[str, Any], memory: Memory) -> None:
        self.inbox = inbox
        self.memory = memory
        self.mode: str = begin["permission_mode"]
        self.executor_type: str = begin["executor_type"]
        self.turns: bool = begin["turns"]
        self.prefix: str = begin["prefix"]
        self.script = deque(begin["script"])
        self.result: dict[str, Any] = {}
        self.said = ""
        self.count = 0
        self.closed = False
        names = [name for name in dir(type(self)) if name.startswith("do_")]
        self.commands: dict[str, Callable[[str], None]] = {
            name[3:].replace("_", "-"): getattr(self, name) for name in names
        }

    def run(self) -> None:
        """Does all lines, and those of messages that came in the meantime."""
        while self.script or self._more():
            line = self.script.popleft().strip()
            name, _, rest = line.partition(" ")
            if name in self.commands:
                try:
                    self.commands[name](rest.strip())
                except ValueError:
                    tell("note", text=f"Not understood: {line}")
            if not self._is_about_to_hang():
                self.take_orders()

    def _is_about_to_hang(self) -> bool:
        """Whoever has heard what stands before `hang` may rely on it that nothing is heard any more."""
        return bool(self.script) and self.script[0].strip() == "hang"

    def _more(self) -> bool:
        """Whether there is something left to do after the last line; ends the turn where turns are checked."""
        self.take_orders()
        if not self.script and self.turns:
            self._end_turn()
        return bool(self.script)

    def _end_turn(self) -> None:
        tell("turn_end", **self.given)
        while self.turns:
            order = self.receive(None)
            if order and order["type"] in ("finish", "closed"):
                self.script.clear()
                self.turns = False
            elif order and order["type"] == "message":
                return

    @property
    def given(self) -> dict[str, Any]:
        """The result: what the script gave as such, else what was said last."""
        return self.result or {"result_text": self.said}

    def receive(self, seconds: float | None) -> dict[str, Any] | None:
        """The next order within this time; an interrupt is raised, a message's lines are added to the script."""
        try:
            order = self.inbox.orders.get(timeout=seconds) if seconds != 0 else self.inbox.orders.get_nowait()
        except queue.Empty:
            return None
        if order["type"] == "interrupt":
            raise Interrupted
        if order["type"] == "closed":
            self.closed = True
        if order["type"] == "message":
            self.memory.add(order["text"], run=False)
            self.script.extend(order["script"])
            tell("taken", input_id=order["input_id"])
        return order

    def take_orders(self) -> None:
        """Takes what has arrived, without waiting."""
        while self.receive(0):
            pass

    def pause(self, seconds: float) -> None:
        """Lets time pass, but not past an interrupt."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.receive(left)

    def number(self, what: str) -> str:
        """A name that no other call or message of this session has."""
        self.count += 1
        return f"{self.prefix}.{what}{self.count}"

    def say(self, text: str, key: str | None = None) -> None:
        """An assistant message."""
        self.said = text
        tell("message", text=text, message_key=key or self.number("message"))

    def tool(self, name: str, tool_input: Any, work: Callable[[], Any]) -> None:
        """A tool call around some work; what the work raises is the call's failure."""
        use_id = self.number("tool")
        tell("pre_tool", tool_use_id=use_id, tool_name=name, tool_input=tool_input)
        try:
            output, failed = work(), False
        except (Denied, OSError) as problem:
            output, failed = str(problem), True
        tell("post_tool", tool_use_id=use_id, tool_output=output, is_error=failed)

    def ask(self, name: str, tool_input: dict[str, Any]) -> dict[str, Any]:
        """Asks for permission and returns the decision."""
        request_id = self.number("ask")
        tell("approval", request_id=request_id, tool_name=name, tool_input=tool_input)
        while not self.closed:
            order = self.receive(None)
            if order and order["type"] == "decision" and order["request_id"] == request_id:
                return order
        return {"allow": False, "reason": "nobody can be asked", "updated_input": None}

    def permit(self, name: str, tool_input: dict[str, Any], free_in: tuple[str, ...]) -> dict[str, Any]:
        """The input with which a tool may run, by the permission mode; Denied when it may not."""
        if self.mode in free_in:
            return tool_input
        if self.mode == "read_only":
            raise Denied(f"{name} is not allowed in read_only mode")
        decision = self.ask(name, tool_input)
        if not decision["allow"]:
            raise Denied(f"denied: {decision['reason']}")
        return decision["updated_input"] or tool_input

    # ------------------------------------------------------------------ the language

    def do_say(self, rest: str) -> None:
        self.say(rest)

    def do_recall(self, _: str) -> None:
        self.say("\n".join(" ".join(prompt.splitlines()) for prompt in self.memory.prompts[:-1]))

    def do_tool(self, rest: str) -> None:
        name, tool_input = _name_and_object(rest)
        self.tool(name, tool_input, lambda: "ok")

    def do_write(self, rest: str) -> None:
        self._edit("write", rest, "w")

    def do_append(self, rest: str) -> None:
        self._edit("append", rest, "a")

    def _edit(self, name: str, rest: str, mode: str) -> None:
        path, _, text = rest.partition(" ")
        tool_input = {"path": _present(path), "text": text}

        def work() -> str:
            allowed = self.permit(name, tool_input, ("edit", "full"))
            target = Path(allowed["path"]).resolve()
            if not target.is_relative_to(Path.cwd().resolve()):
                raise Denied(f"{allowed['path']} is outside the working directory")
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open(mode, encoding="utf-8") as file:
                file.write(allowed["text"] + "\n")
            return "ok"

        self.tool(name, tool_input, work)

    def do_run(self, rest: str) -> None:
        tool_input = {"command": _present(rest)}
        self.tool("run", tool_input, lambda: self._execute(self.permit("run", tool_input, ("full",))["command"]))

    def _execute(self, command: str) -> str:
        import subprocess  # noqa: PLC0415 - most scripts do not need it, and every start would pay for it
        import tempfile  # noqa: PLC0415

        with tempfile.TemporaryFile() as output:  # a pipe would be held open by what the command leaves behind
            process = subprocess.Popen(
                ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
            self.inbox.command = process.pid
            if self.inbox.interrupted:
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            self.inbox.command = None
            output.seek(0)
            text = output.read(OUTPUT_BYTES).decode("utf-8", "replace")
        if code:
            raise Denied(f"{text}exit code {code}")
        return text

    def do_sleep(self, rest: str) -> None:
        self.pause(float(rest))

    def do_stream(self, rest: str) -> None:
        count, seconds = rest.split()
        key, text = self.number("message"), ""
        for number in range(1, int(count) + 1):
            piece = f"piece {number} "
            tell("delta", message_key=key, offset=len(text), text=piece)
            text += piece
            self.pause(float(seconds) / int(count))
        self.say(text, key)

    def do_emit(self, rest: str) -> None:
        count, size = (int(word) for word in rest.split())
        for _ in range(count):
            self.say("x" * size)

    def do_ask(self, rest: str) -> None:
        name, tool_input = _name_and_object(rest)
        decision = self.ask(name, tool_input)
        if not decision["allow"]:
            self.say(f"denied {name}: {decision['reason']}")
        elif decision["updated_input"]:
            self.say(f"allowed {name} with {json.dumps(decision['updated_input'])}")
        else:
            self.say(f"allowed {name}")

    def do_child(self, rest: str) -> None:
        mode, agent, script = rest.split(" ", 2)
        prompt = "\n".join(line.strip() for line in script.split(";;"))
        named = {"executor_type": self.executor_type} if agent == "-" else {"agent_name": agent}
        order = {"prompt": prompt, "mode": mode} | named
        self._call("start_agent_session", order, lambda: self.mcp.start(order))

    def do_wait(self, rest: str) -> None:
        if rest not in ("last", "all"):
            raise ValueError(rest)
        self._call("wait_agent_session", {"which": rest}, lambda: self.mcp.wait(rest))

    def do_mcp(self, rest: str) -> None:
        name, arguments = _name_and_object(rest)
        self._call(name, arguments, lambda: self.mcp.call(name, arguments))

    @functools.cached_property
    def mcp(self) -> "McpTools":
        """Our tools; most scripts do not need them, and every start would pay for them."""
        from callboard.executors.scripted_agent.mcp import McpTools  # noqa: PLC0415

        return McpTools(self.pause, self.number)

    def _call(self, name: str, arguments: dict[str, Any], work: Callable[[], dict[str, Any]]) -> None:
        from callboard.executors.scripted_agent.mcp import ToolFailed  # noqa: PLC0415

        def done() -> str:
            try:
                return json.dumps(work(), ensure_ascii=False)
            except ToolFailed as problem:
                raise Denied(str(problem)) from None

        self.tool(name, arguments, done)

    def do_usage(self, rest: str) -> None:
        model, given, made, cost = rest.split()
        figures = {"input_tokens": int(given), "output_tokens": int(made), "turns": 1}
        price = None if cost == "-" else int(cost)
        tell("usage", model=model, message_id=self.number("usage"), cost_microdollars=price, **figures)

    def do_result(self, rest: str) -> None:
        self.result = {"result_text": rest}
        self._check_turn()

    def do_data(self, rest: str) -> None:
        self.result = {"result_data": json.loads(rest)}
        self._check_turn()

    def _check_turn(self) -> None:
        if self.turns:
            self._end_turn()

    # ------------------------------------------------------------------ misbehaviour

    def do_fail(self, rest: str) -> None:
        raise Failed(rest or "failed by its script")

    def do_fail_first(self, rest: str) -> None:
        count, _, message = rest.partition(" ")
        if self.memory.earlier_runs < int(count):
            raise Failed(message)

    def do_exit(self, rest: str) -> None:
        leave(int(rest) & 0xFF)

    def do_crash(self, _: str) -> None:
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.stderr.write("scripted crash: this agent dies here\n")
        sys.stderr.flush()
        os.abort()

    def do_hang(self, _: str) -> None:
        threading.Event().wait()

    def do_ignore_term(self, _: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def do_daemon(self, rest: str) -> None:
        _spawn(float(rest), detached=True)

    def do_hold_stdout(self, rest: str) -> None:
        _spawn(float(rest), detached=False)

    def do_garbage(self, _: str) -> None:
        for line in (b"\xff\xfe\x00 no text", b'{"type": "message", "text": ', b"plain words", b"[1, 2, 3]"):
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.write(b'{"type": "nothing that anyone knows"}\n' + b"x" * (2 << 20) + b"\n")
        sys.stdout.buffer.flush()


def _spawn(seconds: float, *, detached: bool) -> None:
    """Leaves a process behind: one that holds our stdout, or a daemon far away from us, with another environment."""
    if os.fork():
        return
    if detached:
        os.setsid()
        if os.fork():
            os._exit(0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for end in range(3):
            os.dup2(nowhere, end)
    os.execve("/bin/sleep", ["sleep", str(seconds)], {})  # noqa: S606 - there is no shell and nothing from outside


def _present(text: str) -> str:
    if not text:
        raise ValueError("something is missing")
    return text


def _name_and_object(rest: str) -> tuple[str, dict[str, Any]]:
    name, _, text = rest.partition(" ")
    value = json.loads(text or "{}")
    if isinstance(value, dict):
        return _present(name), value
    raise ValueError(text)
