"""One launch of Claude Code: what is sent to it, permission requests, when it is done, and how it ended.

What its lines say is read by claude_stream, what they cost is counted by claude_usage.
"""

import json
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec

from callboard.domain.event import RESULT
from callboard.domain.invocation import (
    Action,
    Approve,
    Bind,
    CloseInput,
    Decision,
    Emit,
    Finish,
    Input,
    Invocation,
    Launch,
    Outcome,
    Relaunch,
    Withdraw,
)
from callboard.domain.run import EndReason
from callboard.executors.base import LaunchFacts
from callboard.executors.claude_stream import ClaudeStream
from callboard.executors.claude_usage import UsageLedger
from callboard.executors.journal import Record
from callboard.executors.lines import MESSAGE_INPUT, Unreadable, note, taken
from callboard.executors.output import Output
from callboard.executors.payload import fit, read_object

EXIT_SECONDS: Final = 30.0
"""How long the client may take to exit after its last turn (its hooks run then)."""
BACKGROUND_SECONDS: Final = 60.0
"""How long a background command may run on after the last turn; its end would begin another turn."""
MAX_NAMED: Final = 5
"""Of the files that are left out."""
SIGTERM_EXIT: Final = 143
_PROMPT: Final = "prompt"
_IN_USE: Final = "is already in use"
_MISSING: Final = "No conversation found with session ID"
_LIMITS: Final[dict[str, EndReason]] = {"max_turns": "max_turns", "budget_exhausted": "budget_exceeded"}


class ClaudeConversation:
    """A turn begins with an `init` line and ends with a `result` line; the last result is the run's."""

    def __init__(self, invocation: Invocation, resume: Callable[[Invocation], Launch]) -> None:
        self._invocation = invocation
        self._resume = resume
        self._facts = LaunchFacts()
        self._output = Output(invocation.of_agent("output_schema"))
        self._unreadable = Unreadable()
        self._ledger = UsageLedger(f"{invocation.attempt}.{invocation.mode}")
        self._stream = ClaudeStream(self._ledger)
        self._bound = False
        self._waiting: dict[str, tuple[str, str]] = {}
        """What we said and the client has not taken yet: the input that said it and its text, by the client's name."""
        self._taken: set[str] = set()
        self._approvals: dict[str, dict[str, Any]] = {}
        self._background: list[str] = []
        self._turning = False
        self._pausing = False
        self._closing = False
        self._interrupted = False
        self._result: dict[str, Any] | None = None

    # ------------------------------------------------------------------ what we say

    def begin(self) -> list[Action]:
        return [self._say(self._invocation.prompt, _PROMPT)]

    def message(self, text: str, key: str) -> list[Action]:
        input_id = MESSAGE_INPUT + key
        if self._closing or self._facts.exited or self._name_of(input_id) in self._taken:
            return []
        return [self._say(text, input_id)]

    def interrupt(self) -> list[Action]:
        self._interrupted = True
        return [_control("interrupt", {"subtype": "interrupt"}), *([] if self._turning else self._close())]

    def decide(self, request_id: str, decision: Decision) -> list[Action]:
        asked = self._approvals.get(request_id)
        if asked is None:
            return []
        if decision.allow:
            answer = {"behavior": "allow", "updatedInput": decision.updated_input or asked}
        else:
            answer = {"behavior": "deny", "message": decision.reason or "The user denied this."}
        return [_reply(request_id, {"subtype": "success", "request_id": request_id, "response": answer})]

    def _say(self, text: str, input_id: str) -> Input:
        name = self._name_of(input_id)
        self._waiting[name] = input_id, text
        content = [{"type": "text", "text": text}]
        line = {"type": "user", "uuid": name, "message": {"role": "user", "content": content}}
        return _line(line | {"parent_tool_use_id": None, "session_id": ""}, input_id)

    def _name_of(self, input_id: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._invocation.tracking}/{input_id}"))

    def _close(self) -> list[Action]:
        self._closing = True
        return [CloseInput(), Finish(EXIT_SECONDS)]

    # ------------------------------------------------------------------ what happens

    def record(self, record: Record) -> list[Action]:
        self._facts.take(record)
        if record.channel == "o":
            line = read_object(record.text)
            try:
                return self._unreadable.show(record.text) if line is None else self._read(line, record.t_ms)
            except (AttributeError, KeyError, TypeError, ValueError):  # of the wire's kind, but not of its shape
                return self._unreadable.show(record.text)
        if record.channel == "i":
            return self._heard(record.input_id, read_object(record.input_text) or {})
        return self._end(record.t_ms) if record.is_last else []

    def _read(self, line: dict[str, Any], t_ms: int) -> list[Action]:
        actions: list[Action] = []
        match line.get("type"):
            case "system":
                actions += self._system(line)
            case "command_lifecycle" if line["state"] == "started":
                actions += self._take(line["command_uuid"])
            case "assistant":
                actions += self._stream.assistant(line, t_ms)
            case "user" if line.get("isReplay"):
                actions += self._take(line["uuid"])
            case "user":
                actions += self._stream.user(line, t_ms)
            case "stream_event":
                actions += self._stream.partial(line)
            case "result":
                actions += self._turn_over(line)
            case "control_request":
                actions += self._asked(line["request_id"], line["request"])
            case "control_cancel_request":
                actions += self._settle(line["request_id"])
        return actions

    def _system(self, line: dict[str, Any]) -> list[Action]:
        match line.get("subtype"):
            case "init":
                return self._turn_begun(line)
            case "status" if line.get("status") == "requesting":
                self._ledger.asked()
            case "api_retry":
                return self._stream.retry(line)
            case "background_tasks_changed":
                self._background = [task["task_type"] for task in line["tasks"]]
                if self._pausing and not self._background:
                    return [Finish(EXIT_SECONDS)]
            case "informational" | "compact_boundary":
                return [note(line.get("content") or "The conversation was compacted.")]
        return []

    def _left_out(self) -> list[Action]:
        files, directory = self._invocation.untrusted_files, self._invocation.project_dir
        if not files:
            return []
        named = ", ".join(files[:MAX_NAMED]) + (f" and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else "")
        told = f"Nobody on this machine has trusted {named}, so the client works without what the repository brings"
        return [note(f"{told} (settings, instructions, agents). Look at it, then: callboard trust {directory}")]

    def _turn_begun(self, line: dict[str, Any]) -> list[Action]:
        actions: list[Action] = [] if self._bound else [Bind(line["session_id"]), *self._left_out()]
        if self._waiting and not self._taken:  # a client that does not tell what it took has taken the prompt by now
            actions += self._take(next(iter(self._waiting)))
        if self._pausing:
            actions.append(Finish(None))
        self._bound = self._turning = True
        self._pausing = False
        return actions

    def _turn_over(self, line: dict[str, Any]) -> list[Action]:
        self._turning = False
        self._result = line
        return [*self._ledger.result(line.get("model_usage_since_last_result")), *self._what_next(line)]

    def _what_next(self, result: dict[str, Any]) -> list[Action]:
        """After a turn: another one, a wait for what runs in the background, or the end."""
        if self._interrupted or result.get("is_error"):
            return self._close()
        if complaint := self._output.complaint(result.get("structured_output")):
            return [self._say(complaint, "corrective"), *self._pause(EXIT_SECONDS)]
        if self._waiting:
            return self._pause(EXIT_SECONDS)
        if any("agent" in kind or "workflow" in kind for kind in self._background):
            return []
        if self._background:
            return self._pause(self._invocation.settings.get("background_seconds", BACKGROUND_SECONDS))
        return self._close()

    def _pause(self, seconds: float) -> list[Action]:
        """Another turn is expected; without one the run ends after this time."""
        self._pausing = True
        return [Finish(seconds)]

    def _take(self, name: str) -> list[Action]:
        """The client has taken one of our messages into the conversation."""
        said = self._waiting.pop(name, None)
        if said is None or name in self._taken:
            return []
        self._taken.add(name)
        input_id, text = said
        return [taken(text, name, input_id)]

    def _asked(self, request_id: str, request: dict[str, Any]) -> list[Action]:
        if request["subtype"] != "can_use_tool":
            refusal = f"{request['subtype']} is not supported."
            return [_reply(request_id, {"subtype": "error", "request_id": request_id, "error": refusal})]
        self._approvals[request_id] = request["input"]
        description = " ".join(filter(None, (request.get("description"), request.get("decision_reason"))))
        given = fit(request["input"])
        return [Approve(request_id, request["tool_name"], given, description, request.get("tool_use_id"))]

    def _settle(self, request_id: str) -> list[Action]:
        return [] if self._approvals.pop(request_id, None) is None else [Withdraw(request_id)]

    def _heard(self, input_id: str, line: dict[str, Any]) -> list[Action]:
        """What the journal says was sent, perhaps by a runner before us."""
        match line:
            case {"type": "user", "uuid": str(name), "message": {"content": [{"text": str(text)}]}}:
                if name not in self._taken:
                    self._waiting[name] = input_id, text
            case {"type": "control_request", "request": {"subtype": "interrupt"}}:
                self._interrupted = True
            case {"type": "control_response", "response": {"request_id": str(request_id)}}:
                return self._settle(request_id)
        return []

    # ------------------------------------------------------------------ the end

    def _end(self, t_ms: int) -> list[Action]:
        actions = self._stream.end(t_ms)
        if self._succeeded:
            actions.append(Emit(RESULT, fit(self._given)))
        return actions

    @property
    def _given(self) -> dict[str, Any]:
        """The result as the run's: data with a schema, else text."""
        result = self._result or {}
        if self._output.checked:
            return {"result_data": result.get("structured_output")}
        return {"result_text": result.get("result") or ""}

    @property
    def _succeeded(self) -> bool:
        """Judged by the last result, its reason and the exit code together."""
        result, facts = self._result, self._facts
        if result is None or self._turning or result.get("is_error"):
            return False
        clean_exit = facts.exit_code in (0, SIGTERM_EXIT, None) or facts.overdue
        return clean_exit and result.get("terminal_reason", "completed") == "completed"

    def outcome(self) -> Outcome | Relaunch:
        facts, result = self._facts, self._result or {}
        if self._succeeded:
            given = self._given
            return facts.completed(text=given.get("result_text"), data=given.get("result_data"))
        errors = "\n".join([*map(str, result.get("errors") or ()), facts.stderr])
        if not self._bound and _IN_USE in errors and self._may_resume:
            return self._relaunch()
        if _MISSING in errors:
            return facts.failed("executor_session_missing", errors, reason="executor_session_missing")
        return self._failure(str(result.get("terminal_reason")), str(result.get("result") or ""), errors)

    def _failure(self, reason: str, text: str, errors: str) -> Outcome:
        facts = self._facts
        if reason in _LIMITS:
            return facts.failed(reason, errors, reason=_LIMITS[reason])
        if facts.stopping or facts.trouble or self._result is None or self._turning:
            return facts.unfinished()
        if reason == "api_error":
            return facts.failed("api_error", text)
        return facts.failed("agent_failed", "\n".join(filter(None, (text, errors))))

    @property
    def _may_resume(self) -> bool:
        return self._invocation.mode == "start" and self._invocation.context == "persistent"

    def _relaunch(self) -> Relaunch:
        """The id that we chose is that of a conversation which an earlier try has begun: go on with it."""
        native = self._invocation.chosen_session_uuid
        again = msgspec.structs.replace(self._invocation, mode="resume", executor_session_id=native)
        return Relaunch(invocation=again, launch=self._resume(again))


def _line(value: dict[str, Any], input_id: str) -> Input:
    return Input(json.dumps(value) + "\n", input_id)


def _control(input_id: str, request: dict[str, Any]) -> Input:
    return _line({"type": "control_request", "request_id": input_id, "request": request}, input_id)


def _reply(request_id: str, response: dict[str, Any]) -> Input:
    return _line({"type": "control_response", "response": response}, f"decide.{request_id}")
