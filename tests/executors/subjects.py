"""The executors under the conformance suite: how each one is told, in its own words, to do the same things."""

import asyncio
import json
import os
import shlex
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from callboard.domain.invocation import Invocation
from callboard.executors import load
from callboard.executors.base import Executor
from tests.clients_fixture import ClaudeClient
from tests.executors.driver import Attempt, heard

PATH = "/usr/local/bin:/usr/bin:/bin"
SLOW = "sh -c 'echo $$ > pids; exec tail -f /dev/null'"
"""A command that tells its pid to the pipe `pids` of the working directory and runs for ever."""


@dataclass
class Subject:
    """An executor, and its prompts for what the suite wants to see."""

    name: str
    say: Callable[[str], str]
    tool: Callable[[str], str]
    """Runs a shell command as a tool."""
    usage: str
    """Spends 300 input and 30 output tokens and 1500 micro-dollars or more, in two calls."""
    crash: str
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    recall: str = "recall"
    memory: Callable[[Attempt], str] | None = None
    """What the agent knew of its conversation in an attempt; None when it has no memory."""
    price: int | None = 1500
    """What `usage` costs; None when the client decides."""

    @property
    def remembers(self) -> bool:
        """Whether it has conversations."""
        return self.memory is not None

    def executor(self) -> Executor:
        """A fresh executor."""
        return load(self.name)


@dataclass
class Stage:
    """Where the attempts of one test play: one session of one subject."""

    subject: Subject
    directory: Path
    session: uuid.UUID = field(default_factory=uuid.uuid4)
    runs: int = 0

    @property
    def work(self) -> Path:
        """The working directory of the agent."""
        return self.directory / "work"

    def invocation(self, prompt: str, **changes: Any) -> Invocation:
        """The next run of the session: a start, then resumes."""
        self.runs += 1
        if not self.work.exists():
            self.work.mkdir()
            os.mkfifo(self.work / "pids")
            os.mkfifo(self.work / "go")
        resumes = self.runs > 1 and self.subject.remembers
        first = Invocation(
            run_id=f"run_{uuid.uuid4().hex}",
            session_id="ses_conformance",
            attempt=1,
            run_number=self.runs,
            mode="resume" if resumes else "start",
            executor_type=self.subject.name,
            executor_session_id=str(self.session) if resumes else None,
            chosen_session_uuid=str(self.session),
            prompt=prompt,
            project_dir=str(self.work),
            permission_mode="full",
            settings=self.subject.settings,
            state_dir=str(self.directory / "state"),
            environment=self.subject.environment,
        )
        return msgspec.structs.replace(first, **changes)

    def attempt(self, prompt: str, **changes: Any) -> Attempt:
        """An attempt of the next run."""
        return self.attempt_of(self.invocation(prompt, **changes))

    def attempt_of(self, invocation: Invocation, **limits: float) -> Attempt:
        """An attempt of this invocation; the same directory again attaches to it."""
        return Attempt(self.subject.executor(), invocation, self.directory / invocation.tracking, **limits)

    async def go(self) -> None:
        """Lets a command go on that reads the pipe `go`."""
        await asyncio.to_thread((self.work / "go").write_text, "now\n")

    async def slow_pid(self) -> int:
        """Waits for the pid of the slow command."""
        return int(await heard(self.work / "pids"))


def scripted() -> Subject:
    """The scripted executor."""
    return Subject(
        name="scripted",
        say=lambda text: f"say {text}",
        tool=lambda command: f"run {command}\nsay done",
        usage="usage m 100 10 500\nusage m 200 20 1000\nsay done",
        crash="say before\ncrash",
        memory=lambda attempt: attempt.texts("assistant")[0],
    )


def command() -> Subject:
    """The command executor: a shell on the prompt."""
    return Subject(
        name="command",
        say=lambda text: f"echo {shlex.quote(text)}",
        tool=lambda command: (
            'echo \'{"type":"pre_tool","tool_use_id":"t1","tool_name":"run","tool_input":{}}\'; '
            f"({command}); "
            'echo \'{"type":"post_tool","tool_use_id":"t1","tool_output":"ok"}\'; echo done'
        ),
        usage=(
            'echo \'{"type":"usage","model":"m","message_id":"1","input_tokens":100,"output_tokens":10,'
            '"cost_microdollars":500}\'; '
            'echo \'{"type":"usage","model":"m","message_id":"2","input_tokens":200,"output_tokens":20,'
            '"cost_microdollars":1000}\''
        ),
        crash="echo before; echo the last words >&2; kill -9 $$",
        settings={"argv": ["sh", "-c"], "prompt": "argument"},
    )


def claude_code(client: ClaudeClient) -> Subject:
    """The real Claude Code client against the scripted model."""
    return Subject(
        name="claude-code",
        say=lambda text: f"[[say {text}]]",
        tool=lambda command: f"[[bash {command}]] [[say done]]",
        usage="[[bash true ++ usage 100 10]] [[say done ++ usage 200 20]]",
        crash="[[say before ++ bash kill -9 $CLAUDE_PID]]",
        settings=client.settings,
        environment=client.environment,
        recall="what did I say?",
        memory=lambda _: json.dumps(client.model.requests[-1]["messages"]),
        price=None,
    )
