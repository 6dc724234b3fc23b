"""What every executor is: a maker of launches, and a state machine that reads one launch's journal.

Pure: no process, file, HTTP, lease or run state. Reading a journal again gives the same actions in the same order, so
that a runner which was killed repeats nothing that has a key.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from msgspec import Struct

from callboard.domain.invocation import Action, Decision, Invocation, Launch, Outcome, Relaunch
from callboard.domain.run import EndReason
from callboard.executors.journal import Record

TAIL_CHARACTERS: Final = 8_000
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")

NativeIds = Literal["chosen", "global", "host", "none"]
UsageGrain = Literal["call", "turn", "run"]


class Conversation(Protocol):
    """One launch. It is fed every record of its journal in order, from the beginning, also after an attach.

    What it asks for comes back as actions. `Emit` actions of a record get that record's keys, by their position
    among the events of the record. Inputs carry ids; the keeper writes each id once.
    """

    def begin(self) -> list[Action]:
        """What to do right after the launch, and again after an attach."""
        ...

    def record(self, record: Record) -> list[Action]:
        """What one record means."""
        ...

    def interrupt(self) -> list[Action]:
        """The executor's own polite stop; empty when it has none and SIGTERM is the first step."""
        ...

    def message(self, text: str, key: str) -> list[Action]:
        """Says something to the live agent, once for each key; empty when it takes no message any more."""
        ...

    def decide(self, request_id: str, decision: Decision) -> list[Action]:
        """Answers a permission request; empty when it is not open."""
        ...

    def outcome(self) -> Outcome | Relaunch:
        """How it ended; to be asked after the launch's last record."""
        ...


class TranscriptPlace(Struct, frozen=True, kw_only=True):
    """The one file of a conversation. It may be put on another machine, in the same place."""

    path: Path
    """Where it belongs."""
    among: Path | None = None
    """A folder in whose folders the framework finds it as well, under the same name."""


class Executor(Protocol):
    """An adapter for one agent framework."""

    name: str
    native_ids: NativeIds
    """Who chooses the native id, and how far it is unique; `none` when the framework has no conversations."""
    usage_grain: UsageGrain
    takes_messages: bool
    """Whether a live run can be spoken to."""
    default_argv: tuple[str, ...] | None
    """What is looked for where the runner's file names no program; empty: it comes with us; None: it must be named."""

    def repository_files(self, settings: Mapping[str, Any], /) -> tuple[str, ...]:
        """What a repository can bring that the framework obeys or executes unasked, as paths in it.

        A path that ends with a slash is a folder. `settings` is the table of the runner's file.
        """
        ...

    def start(self, invocation: Invocation) -> Launch:
        """The process that begins a conversation."""
        ...

    def resume(self, invocation: Invocation) -> Launch:
        """The process that continues `executor_session_id`."""
        ...

    def conversation(self, invocation: Invocation) -> Conversation:
        """The reader of a launch made from this invocation."""
        ...

    def transcript(self, invocation: Invocation) -> TranscriptPlace | None:
        """Where the framework keeps the invocation's conversation on this machine; None when it keeps none."""
        ...


def native_id(invocation: Invocation) -> str:
    """The id of the invocation's conversation, for executors that let us choose it."""
    return invocation.executor_session_id or invocation.chosen_session_uuid


def file_name(invocation: Invocation) -> str:
    """The name of a file for the invocation's conversation. ValueError when its id could lead elsewhere."""
    name = native_id(invocation)
    if not name or not set(name) <= _NAME_CHARACTERS:
        raise ValueError("the id of the conversation is no name of a file")
    return f"{name}.jsonl"


def launch(executor: Executor, invocation: Invocation) -> Launch:
    """The first launch of an attempt."""
    return executor.resume(invocation) if invocation.mode == "resume" else executor.start(invocation)


class LaunchFacts:
    """What the records of one launch say about its process, whatever the executor."""

    def __init__(self) -> None:
        self.exited = False
        self.exit_code: int | None = None
        self.signal: str | None = None
        self.launch_error: str | None = None
        self.stopping = False
        """Somebody asked it to stop."""
        self.overdue = False
        """It was done and did not exit."""
        self.trouble: str | None = None
        """What befell the keeper: orphaned, terminated, keeper_lost, keeper_failed."""
        self.certainty: str | None = None
        self.left = 0
        self._stderr = ""

    def take(self, record: Record) -> None:
        """Notes what a record says."""
        if record.channel == "e":
            self._stderr = (self._stderr + record.text + "\n")[-TAIL_CHARACTERS:]
        elif record.channel == "k":
            self._take_fact(record.fact)

    def _take_fact(self, fact: dict[str, Any]) -> None:
        match fact.get("fact"):
            case "exit":
                self.exited, self.exit_code, self.signal = True, fact["code"], fact["signal"]
            case "interrupt" | "signal":
                self.asked_to_stop()
            case "overdue":
                self.overdue = True
            case "orphaned" | "terminated" | "keeper_lost" | "keeper_failed" as trouble:
                self.trouble = trouble
            case "launch_failed":
                self.launch_error = fact["message"]
            case "gone":
                self.certainty, self.left = fact["certainty"], fact["left"]

    @property
    def stderr(self) -> str:
        """The last lines that the agent wrote to stderr."""
        return self._stderr.strip()

    @property
    def exit_sentence(self) -> str:
        """How the process ended, in words."""
        if self.signal:
            return f"The agent was ended by {self.signal}."
        return f"The agent exited with code {self.exit_code}."

    def completed(self, *, text: str | None, data: Any = None) -> Outcome:
        """The agent did what it was asked."""
        return self._outcome("completed", "completed", result_text=text, result_data=data)

    def failed(self, code: str, message: str, *, reason: EndReason = "failed") -> Outcome:
        """The agent failed, for a reason that it or the executor gave."""
        kind: Literal["failed", "stopped"] = "stopped" if reason == "budget_exceeded" else "failed"
        return self._outcome(kind, reason, error_code=code, error_message=message.strip()[-TAIL_CHARACTERS:])

    def asked_to_stop(self) -> None:
        """Somebody stops it. An agent that says so may be faster than its keeper, which is told after it."""
        self.stopping = self.stopping or not (self.overdue or self.trouble)

    def unfinished(self) -> Outcome:
        """It ended without having finished: stopped, lost with its keeper, never started, or crashed."""
        if self.launch_error is not None:
            return self.failed("launch_failed", self.launch_error)
        if self.stopping:
            return self._outcome("stopped", "stopped")
        if self.trouble in ("orphaned", "terminated"):
            return self.failed(self.trouble, _TROUBLE[self.trouble], reason="interrupted")
        if self.trouble:
            return self.failed(self.trouble, _TROUBLE[self.trouble])
        return self.failed("agent_crashed", "\n".join(filter(None, (self.exit_sentence, self.stderr))))

    def _outcome(self, kind: Literal["completed", "failed", "stopped"], reason: EndReason, **more: Any) -> Outcome:
        process = {"exit_code": self.exit_code, "signal": self.signal, "certainty": self.certainty, "left": self.left}
        return Outcome(kind=kind, reason=reason, **(process | more))


_TROUBLE: Final = {
    "orphaned": "No runner was there for too long; the keeper stopped the agent.",
    "terminated": "The keeper was asked to end (is the machine going down?) and stopped the agent.",
    "keeper_lost": "The agent's keeper was killed, and the agent with it.",
    "keeper_failed": "The agent's keeper failed and ended the agent.",
}
