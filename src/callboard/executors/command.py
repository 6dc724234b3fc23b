"""Runs a program named in the runner's file: the prompt on stdin, its lines as messages, its exit code as the outcome.

The program is a list of arguments, never text for a shell; `${NAME}` in it stands for a parameter of the run.
It has no conversation: a resume runs it again.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from callboard.domain.invocation import Action, CloseInput, Decision, Input, Invocation, Launch, Outcome
from callboard.executors.base import LaunchFacts, NativeIds, UsageGrain
from callboard.executors.interpreters import PLACEHOLDER, executed_arguments
from callboard.executors.journal import Record
from callboard.executors.lines import EventLines, read_line, said

PARAMETER: Final = "CALLBOARD_PARAMETER_"
PARAMETERS: Final = "CALLBOARD_PARAMETERS"
RESULT_CHARACTERS: Final = 65_536
_PROMPT_ID: Final = "prompt"


class CommandExecutor:
    """`[executors.NAME]`: `argv`, `env`, `prompt_is_data`, and `prompt` = "stdin" (default), "argument" or "none"."""

    name = "command"
    native_ids: NativeIds = "none"
    usage_grain: UsageGrain = "run"
    takes_messages = False
    default_argv: tuple[str, ...] | None = None

    def repository_files(self, _settings: Mapping[str, Any]) -> tuple[str, ...]:
        """None."""
        return ()

    def start(self, invocation: Invocation) -> Launch:
        """The program with its arguments filled in; ValueError when the table names none."""
        settings = invocation.settings
        argv = [_filled(part, invocation.parameters) for part in settings.get("argv", ())]
        if not argv:
            raise ValueError(f"[executors.{invocation.executor_type}] has no argv.")
        if settings.get("prompt") == "argument":
            argv.append(invocation.prompt)
        env = invocation.environment | dict(settings.get("env", {})) | _parameters(invocation.parameters)
        return Launch(argv=argv, env=env, cwd=invocation.project_dir, stdin="pipe" if _on_stdin(invocation) else "null")

    def resume(self, invocation: Invocation) -> Launch:
        """The same again: there is nothing to continue."""
        return self.start(invocation)

    def conversation(self, invocation: Invocation) -> "CommandConversation":
        """The reader of its output."""
        return CommandConversation(invocation)

    def transcript(self, invocation: Invocation) -> None:
        """A command has no conversation."""


class CommandConversation:
    """Plain lines become messages and, together, the result; lines of our language become what they say."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._facts = LaunchFacts()
        self._lines = EventLines()
        self._plain = ""

    def begin(self) -> list[Action]:
        if not _on_stdin(self._invocation):
            return []
        return [Input(self._invocation.prompt, _PROMPT_ID), CloseInput()]

    def record(self, record: Record) -> list[Action]:
        self._facts.take(record)
        if record.is_fact("started"):
            return [said("user", self._invocation.prompt, "prompt")]
        if record.channel == "o":
            return self._output(record)
        if record.is_last:
            return self._end(record)
        return []

    def _output(self, record: Record) -> list[Action]:
        text = record.text
        line = read_line(text)
        actions = self._lines.read(line, record.t_ms) if line else None
        if actions is not None:
            return actions
        self._plain = (self._plain + text + "\n")[-RESULT_CHARACTERS:]
        return [self._lines.message(text)] if text.strip() else []

    def _end(self, record: Record) -> list[Action]:
        actions: list[Action] = [*self._lines.tools.abandon(record.t_ms)]
        if not self._lines.has_result:
            self._lines.result_text, self._lines.has_result = self._plain.strip("\n"), True
        if self._succeeded:
            actions.append(self._lines.result())
        return actions

    @property
    def _succeeded(self) -> bool:
        return self._facts.exit_code == 0 and not self._facts.stopping

    def interrupt(self) -> list[Action]:
        return []

    def message(self, text: str, key: str) -> list[Action]:  # noqa: ARG002 - a program takes no messages
        return []

    def decide(self, request_id: str, decision: Decision) -> list[Action]:  # noqa: ARG002 - it asks nothing
        return []

    def outcome(self) -> Outcome:
        facts = self._facts
        if self._succeeded:
            return facts.completed(text=self._lines.text, data=self._lines.result_data)
        if facts.exit_code is None or facts.stopping or facts.trouble:
            return facts.unfinished()
        return facts.failed("command_failed", "\n".join(filter(None, (facts.exit_sentence, facts.stderr))))


def parameter_in_script(settings: Mapping[str, Any]) -> str | None:
    """The argument of a table in which a parameter would be executed; None when all of them are data."""
    executed = executed_arguments([str(part) for part in settings.get("argv") or ()])
    return next((part for part in executed if PLACEHOLDER.search(part)), None)


def _on_stdin(invocation: Invocation) -> bool:
    return bool(invocation.settings.get("prompt", "stdin") == "stdin")


def _filled(part: str, parameters: dict[str, Any]) -> str:
    """An argument with its placeholders filled, in one pass; ValueError for a parameter that was not given."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in parameters:
            raise ValueError(f"The command needs the parameter {found[1]!r}.")
        return _text(parameters[found[1]])

    return PLACEHOLDER.sub(value, part)


def _parameters(parameters: dict[str, Any]) -> dict[str, str]:
    if not parameters:
        return {}
    named = {name: value for name, value in parameters.items() if name.isidentifier()}
    one_by_one = {PARAMETER + name.upper(): _text(value) for name, value in named.items()}
    return one_by_one | {PARAMETERS: json.dumps(parameters)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
