"""What an executor is asked to run, what it asks its caller to do, and how a launch ended: plain values.

Knows no process, journal or protocol; these words are what the runner and the executors say to each other.
"""

from typing import Any, Final, Literal

import msgspec

from callboard.domain.run import EndReason
from callboard.domain.usage import UsageRow

PermissionMode = Literal["read_only", "ask", "edit", "full"]


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a run, as an executor sees it. It holds no credential of the runner or the owner."""

    run_id: str
    session_id: str
    attempt: int
    run_number: int = 1
    mode: Literal["start", "resume"] = "start"
    context: Literal["persistent", "fresh"] = "persistent"
    executor_type: str
    executor_session_id: str | None = None
    """The native id of the conversation to continue; None begins one."""
    chosen_session_uuid: str
    """The id of a new conversation, for executors that let us choose it."""
    prompt: str
    parameters: dict[str, Any] = {}
    project_dir: str
    """The working directory of the agent."""
    agent: dict[str, Any] | None = None
    """The agent snapshot: system_prompt, model, permission_mode, tools, output_schema."""
    mcp_servers: dict[str, dict[str, Any]] = {}
    """MCP servers by name, in the form of `mcpServers`, with nothing left to resolve: ours, and those of the agent."""
    model: str | None = None
    permission_mode: PermissionMode | None = None
    limits: dict[str, Any] = {}
    """max_turns, budget_microdollars."""
    settings: dict[str, Any] = {}
    """The table `[executors.NAME]` of the runner's file."""
    state_dir: str
    """A directory of this executor on this machine that outlives runs."""
    environment: dict[str, str] = {}
    """The whole allow-listed environment of the agent."""
    untrusted_files: list[str] = []
    """What the repository brings for this executor and nobody here has trusted as it is: none of it may count."""

    @property
    def tracking(self) -> str:
        """The value that marks every process of this attempt."""
        return f"{self.run_id}.{self.attempt}"

    def of_agent(self, field: str) -> Any:
        """A field of the agent snapshot; None without an agent or without the field."""
        return (self.agent or {}).get(field)


LAUNCH_FILES: Final = "${LAUNCH_FILES}"
"""Stands in an argument of a launch for the directory of its files."""


OWN_SERVER: Final = "callboard"
"""The name under which an agent finds our own MCP server; no agent's template can take it."""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """One process to start. The environment is complete: nothing is inherited."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    stdin: Literal["pipe", "null"] = "pipe"
    files: dict[str, str] = {}
    """Private files for it, by plain name: what must not stand in an argument that everybody can read."""


class CheckOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A check as it is executed after the agent's end. The environment is complete."""

    name: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    timeout_seconds: float


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A person's answer to a permission request."""

    allow: bool
    reason: str = ""
    updated_input: dict[str, Any] | None = None
    """The tool input to use in place of the one that was asked for."""


class Emit(msgspec.Struct, frozen=True, tag="emit"):
    """An event for the session's log."""

    event_type: str
    payload: dict[str, Any]


class Delta(msgspec.Struct, frozen=True, tag="delta"):
    """A piece of a message that is being written; `offset` counts characters of that message."""

    message_key: str
    offset: int
    text: str


class Bind(msgspec.Struct, frozen=True, tag="bind"):
    """The native id that carries the session now."""

    executor_session_id: str


class Usage(msgspec.Struct, frozen=True, tag="usage"):
    """Usage since the last report; `incomplete` when final figures never left the client."""

    rows: list[UsageRow]
    final: bool = False
    incomplete: bool = False


class Input(msgspec.Struct, frozen=True, tag="input"):
    """Text for the agent's stdin. The keeper writes each `input_id` once, however often it is asked."""

    text: str
    input_id: str


class CloseInput(msgspec.Struct, frozen=True, tag="close_input"):
    """No more input will come: close the agent's stdin once everything is written."""


class Finish(msgspec.Struct, frozen=True, tag="finish"):
    """The agent's work is done; if it has not exited after this time it is stopped. None takes that back."""

    after_seconds: float | None


class Signal(msgspec.Struct, frozen=True, tag="signal"):
    """A signal for the agent's process group, by name (`SIGINT`)."""

    name: str


class Approve(msgspec.Struct, frozen=True, tag="approve"):
    """A permission request that waits for a decision."""

    request_id: str
    tool_name: str
    tool_input: dict[str, Any]
    description: str = ""
    tool_use_id: str | None = None


class Withdraw(msgspec.Struct, frozen=True, tag="withdraw"):
    """The agent does not wait for this decision any more, or it was given."""

    request_id: str


Action = Emit | Delta | Bind | Usage | Input | CloseInput | Finish | Signal | Approve | Withdraw


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a launch ended. `certainty` and `left` say how sure it is that no process of the attempt lives."""

    kind: Literal["completed", "failed", "stopped"]
    reason: EndReason
    exit_code: int | None = None
    signal: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    result_text: str | None = None
    result_data: Any = None
    certainty: str | None = None
    left: int = 0


class Relaunch(msgspec.Struct, frozen=True, kw_only=True):
    """This launch did nothing; the same attempt goes on with another one, and with a new conversation for it."""

    invocation: Invocation
    launch: Launch
