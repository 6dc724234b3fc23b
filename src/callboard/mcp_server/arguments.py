"""What the tools take: one struct for each, from which the schemas that an agent reads are made."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from callboard.domain.lifecycle import Report
from callboard.domain.message import Delivery
from callboard.domain.run import ExecutionMode, OnBusy
from callboard.domain.session import Context, SessionStatus
from callboard.wire.requests import Limit, Name, Path, PermissionMode, ShortText, Tag

SLICE_SECONDS: Final = 45
MAX_HANDLES: Final = 50
MAX_AGENTS: Final = 100
RESULT_CHARACTERS: Final = 8_000

Key = Annotated[str, Meta(min_length=1, max_length=200, description="Your own key: a repeat with it has no effect.")]
Mode = Annotated[
    ExecutionMode,
    Meta(
        description="async_poll: returns at once, then wait_agent_session. sync: waits up to 45 s for the result. "
        "async_callback: returns at once; end your turn, you are resumed with the result."
    ),
]
Prompt = Annotated[str, Meta(min_length=1, description="What the agent is to do.")]
SessionId = Annotated[str, Meta(max_length=64)]
Slice = Annotated[float, Meta(ge=0, le=SLICE_SECONDS)]


class Arguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The arguments of a tool."""


class ListAgents(Arguments, kw_only=True):
    """list_agents."""

    project_dir: Annotated[Path, Meta(description="Default: yours.")] | None = None


class ListSessions(Arguments, kw_only=True):
    """list_sessions."""

    status: SessionStatus | None = None
    parent_session_id: SessionId | None = None
    q: Annotated[str, Meta(min_length=1, max_length=200, description="Words of the title.")] | None = None
    page: Annotated[str, Meta(max_length=1000, description="next_page of the answer before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class StartSession(Arguments, kw_only=True):
    """start_agent_session."""

    prompt: Prompt | None = None
    agent_name: Name | None = None
    parameters: Annotated[dict[str, Any], Meta(description="Instead of prompt, for an agent with a schema.")] | None = (
        None
    )
    executor_type: Annotated[Name, Meta(description="Without an agent.")] | None = None
    mode: Mode = "async_poll"
    title: ShortText | None = None
    project_dir: Annotated[Path, Meta(description="Inside yours; default: yours.")] | None = None
    model: Name | None = None
    permission_mode: PermissionMode | None = None
    tags: Annotated[list[Tag], Meta(max_length=50, description="A runner must have them.")] = []
    timeout_seconds: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    budget_microdollars: Annotated[Limit, Meta(description="For it and all below it, out of yours.")] | None = None
    budget_tokens: Limit | None = None
    context: Context | None = None
    request_id: Key | None = None


class ResumeSession(Arguments, kw_only=True):
    """resume_agent_session."""

    session_id: SessionId
    prompt: Prompt
    mode: Mode = "async_poll"
    on_busy: OnBusy = "enqueue"
    model: Name | None = None
    permission_mode: PermissionMode | None = None
    request_id: Key | None = None


class WaitSession(Arguments, kw_only=True):
    """wait_agent_session."""

    handles: Annotated[
        list[SessionId],
        Meta(
            max_length=MAX_HANDLES,
            description="Session ids (their latest run) or run ids; default: all that you started.",
        ),
    ] = []
    cursor: Annotated[str, Meta(max_length=2_000, description="Of the answer before, instead of handles.")] | None = (
        None
    )
    until: Literal["all", "any"] = "all"
    timeout_seconds: Slice = SLICE_SECONDS


class SessionStatusOf(Arguments, kw_only=True):
    """get_agent_session_status."""

    session_id: Annotated[SessionId, Meta(description="Default: your own.")] | None = None


class ResultOf(Arguments, kw_only=True):
    """get_agent_session_result."""

    session_id: SessionId
    run_id: Annotated[str, Meta(max_length=64, description="Default: the latest run.")] | None = None
    offset: Annotated[int, Meta(ge=0, description="Characters to leave out, for a long result.")] = 0


class SendMessage(Arguments, kw_only=True):
    """send_message."""

    session_id: SessionId
    message: Annotated[str, Meta(min_length=1)]
    delivery: Annotated[
        Delivery, Meta(description="auto: into the turn it works on if it can hear it, else as its next turn.")
    ] = "auto"
    request_id: Key | None = None


class StopAgentSession(Arguments, kw_only=True):
    """stop_agent_session."""

    session_id: SessionId
    subtree: Annotated[bool, Meta(description="Also all below it.")] = False


class ReportStatus(Arguments, kw_only=True):
    """report_status."""

    status: Annotated[Report, Meta(description="Where your work on issues stands.")] | None = None
    reason: Annotated[str, Meta(max_length=4_000, description="With stuck: what a person has to decide.")] | None = None
    pull_request_url: Annotated[str, Meta(max_length=2_000)] | None = None
    text: Annotated[str, Meta(min_length=1, max_length=4_000, description="A note for people.")] | None = None
    request_id: Key | None = None


def schema_of(kind: type[Arguments]) -> dict[str, Any]:
    """The JSON schema of a tool's arguments, without what says nothing to a reader: null, titles, empty defaults."""
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    about = {name: _plain(value) for name, value in schema["properties"].items()}
    required = {"required": schema["required"]} if schema["required"] else {}
    return {"type": "object", "properties": about, **required, "additionalProperties": False}


def _plain(about: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in about.get("anyOf", ()) if kind != {"type": "null"}]
    merged = {name: value for name, value in about.items() if name != "anyOf"} | (kinds[0] if kinds else {})
    merged = {name: value for name, value in merged.items() if name != "enum"} | _without_null(merged)
    if merged.get("default", 0) in (None, []):
        del merged["default"]
    return merged


def _without_null(about: dict[str, Any]) -> dict[str, Any]:
    return {"enum": [value for value in about["enum"] if value is not None]} if "enum" in about else {}
