"""The scripted executor: a deterministic agent for demos and tests, a real child process with a memory on disk.

Knows the lines that the agent speaks; the language of its prompts lives in `scripted_agent`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from callboard.domain.invocation import (
    Action,
    Approve,
    Bind,
    Decision,
    Input,
    Invocation,
    Launch,
    Outcome,
    Relaunch,
    Withdraw,
)
from callboard.executors import scripted_agent
from callboard.executors.base import LaunchFacts, NativeIds, TranscriptPlace, UsageGrain, file_name
from callboard.executors.journal import Record
from callboard.executors.lines import MESSAGE_INPUT, EventLines, Unreadable, read_line, taken
from callboard.executors.output import Output
from callboard.executors.script import script_of

PROMPT_ID: Final = "prompt"
_AGENT: Final = Path(scripted_agent.__file__).with_name("__main__.py")


class ScriptedExecutor:
    """Its agent costs nothing and does what the prompt's lines say; without a permission mode it may do everything."""

    name = "scripted"
    native_ids: NativeIds = "chosen"
    usage_grain: UsageGrain = "call"
    takes_messages = True
    default_argv: tuple[str, ...] | None = ()

    def repository_files(self, _settings: Mapping[str, Any]) -> tuple[str, ...]:
        """None."""
        return ()

    def start(self, invocation: Invocation) -> Launch:
        """The agent; which conversation it begins or continues is said on its stdin."""
        argv = [sys.executable, "-I", "-S", str(_AGENT), str(_conversations(invocation))]
        return Launch(argv=argv, env=invocation.environment, cwd=invocation.project_dir)

    def resume(self, invocation: Invocation) -> Launch:
        """The same process as for a start."""
        return self.start(invocation)

    def conversation(self, invocation: Invocation) -> "ScriptedConversation":
        """The reader of its lines."""
        return ScriptedConversation(self, invocation)

    def transcript(self, invocation: Invocation) -> TranscriptPlace:
        """The agent's memory."""
        return TranscriptPlace(path=_conversations(invocation) / file_name(invocation))


def _conversations(invocation: Invocation) -> Path:
    return Path(invocation.state_dir, "conversations")


class ScriptedConversation:
    """One launch of the scripted agent."""

    def __init__(self, executor: ScriptedExecutor, invocation: Invocation) -> None:
        self._executor = executor
        self._invocation = invocation
        self._facts = LaunchFacts()
        self._lines = EventLines()
        self._unreadable = Unreadable()
        self._output = Output(invocation.of_agent("output_schema"))
        self._texts = {PROMPT_ID: invocation.prompt}
        self._approvals: set[str] = set()
        self._end: dict[str, Any] | None = None

    @property
    def _resumed_id(self) -> str | None:
        return self._invocation.executor_session_id if self._invocation.mode == "resume" else None

    def begin(self) -> list[Action]:
        invocation = self._invocation
        order = {
            "type": "begin",
            "input_id": PROMPT_ID,
            "conversation_id": self._resumed_id or invocation.chosen_session_uuid,
            "mode": invocation.mode,
            "keep": invocation.context == "persistent",
            "earlier_runs": invocation.run_number - 1,
            "prompt": invocation.prompt,
            "script": [
                *script_of(str(invocation.of_agent("system_prompt") or ""), {}),
                *script_of(invocation.prompt, invocation.parameters),
            ],
            "executor_type": invocation.executor_type,
            "permission_mode": invocation.permission_mode or invocation.of_agent("permission_mode") or "full",
            "turns": self._output.checked,
            "prefix": f"r{invocation.run_number}a{invocation.attempt}",
        }
        return [_order(PROMPT_ID, order)]

    def record(self, record: Record) -> list[Action]:
        self._facts.take(record)
        if record.channel == "o":
            return self._said(record)
        if record.channel == "i":
            return self._heard(record)
        if record.is_last:
            return self._ended(record)
        return []

    def _said(self, record: Record) -> list[Action]:
        line = read_line(record.text)
        actions = None if line is None else self._own(line)
        if actions is None and line is not None:
            actions = self._lines.read(line, record.t_ms)
        return self._unreadable.show(record.text) if actions is None else actions

    def _own(self, line: dict[str, Any]) -> list[Action] | None:
        """What only this agent says; None for the lines of the common language."""
        actions: list[Action] = []
        match line:
            case {"type": "bound", "executor_session_id": str(native)}:
                actions.append(Bind(native))
            case {"type": "taken", "input_id": str(input_id)}:
                actions.append(taken(self._texts.get(input_id, ""), input_id, input_id))
            case {"type": "approval", "request_id": str(request_id), "tool_name": str(name), "tool_input": dict(given)}:
                self._approvals.add(request_id)
                actions.append(Approve(request_id, name, given, f"{name} {json.dumps(given)}"[:500]))
            case {"type": "turn_end"}:
                actions.append(self._turn_ended(line))
            case {"type": "end"}:
                self._end = line
                if line.get("status") == "interrupted":
                    self._facts.asked_to_stop()
            case _:
                return None
        return actions

    def _turn_ended(self, line: dict[str, Any]) -> Input:
        complaint = self._output.complaint(line.get("result_data"))
        return self._message(complaint, "corrective") if complaint else _order("finish", {"type": "finish"})

    def _heard(self, record: Record) -> list[Action]:
        """What the journal says was sent, perhaps by a runner before us."""
        match read_line(record.input_text):
            case {"type": "message", "text": str(text)}:
                self._texts[record.input_id] = text
            case {"type": "decision", "request_id": str(request_id)}:
                self._approvals.discard(request_id)
                return [Withdraw(request_id)]
        return []

    def _ended(self, record: Record) -> list[Action]:
        actions: list[Action] = [*self._lines.tools.abandon(record.t_ms)]
        if self._status == "completed":
            actions.append(self._lines.result())
        return actions

    def interrupt(self) -> list[Action]:
        return [_order("interrupt", {"type": "interrupt"})]

    def message(self, text: str, key: str) -> list[Action]:
        return [] if self._end else [self._message(text, MESSAGE_INPUT + key)]

    def _message(self, text: str, input_id: str) -> Input:
        script = script_of(text, self._invocation.parameters)
        return _order(input_id, {"type": "message", "input_id": input_id, "text": text, "script": script})

    def decide(self, request_id: str, decision: Decision) -> list[Action]:
        if request_id not in self._approvals:
            return []
        order = {"type": "decision", "request_id": request_id, **msgspec.to_builtins(decision)}
        return [_order(f"decide.{request_id}", order)]

    @property
    def _status(self) -> str:
        """How the agent said that it ended; a clean exit without a word is completion too."""
        if self._end:
            return str(self._end.get("status"))
        return "completed" if self._facts.exit_code == 0 else "silent"

    def outcome(self) -> Outcome | Relaunch:
        facts, invocation = self._facts, self._invocation
        match self._status:
            case "completed":
                return facts.completed(text=self._lines.text, data=self._lines.result_data)
            case "failed":
                return facts.failed("agent_failed", str((self._end or {}).get("message", "")))
            case "missing":
                message = f"No conversation {self._resumed_id} in {invocation.state_dir}."
                return facts.failed("executor_session_missing", message, reason="executor_session_missing")
            case "in_use":
                again = msgspec.structs.replace(
                    invocation, mode="resume", executor_session_id=invocation.chosen_session_uuid
                )
                return Relaunch(invocation=again, launch=self._executor.resume(again))
        if facts.exit_code and not facts.stopping:
            return facts.failed("agent_failed", "\n".join(filter(None, (facts.exit_sentence, facts.stderr))))
        return facts.unfinished()


def _order(input_id: str, order: dict[str, Any]) -> Input:
    return Input(json.dumps(order) + "\n", input_id)
