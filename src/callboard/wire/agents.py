"""Bodies and answers about agents. What an agent may say is domain.agent; knows no routes."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from callboard.domain.agent import Agent as AgentDefinition
from callboard.domain.agent import AgentDemands, AgentFields, AgentLimits, McpServer, Scope
from callboard.wire.agent_snapshot import AgentSnapshot
from callboard.wire.queries import MAX_LIMIT, PageQuery, Query
from callboard.wire.requests import Name, Path, Request
from callboard.wire.responses import Response

MAX_FILES = 200
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class CreateAgent(AgentDefinition, frozen=True, kw_only=True):
    """POST /agents."""


class ChangeAgent(AgentFields, frozen=True, kw_only=True):
    """PUT /agents/{name}: the agent as it is from now on; what is absent is not kept."""


class AgentFile(Request, kw_only=True):
    """A file of a directory; `text` once the coordinator wants it."""

    path: Annotated[str, Meta(min_length=1, max_length=400)]
    """Below the directory, with slashes."""
    sha256: Hash
    text: str | None = None


class PutAgentFiles(Request, kw_only=True):
    """PUT /agents: all agent files that a directory has now; agents of its files that are gone go too."""

    scope: Literal["project", "user"]
    hostname: Name
    directory: Path
    """Of the project; of the user, the home."""
    project: Name | None = None
    files: Annotated[list[AgentFile], Meta(max_length=MAX_FILES)]
    trusted: bool = False
    """A person has looked at them: they may bring MCP servers of their own, and the permission mode `full`."""


class FileProblem(Response, kw_only=True):
    """A file that gave no agent, and why."""

    path: str
    message: str


class AgentFilesTaken(Response, kw_only=True):
    """The answer to PUT /agents: `wanted` are files whose text has to be sent, in another such request."""

    wanted: list[str]
    stored: list[str]
    """Names of agents that are new or have changed."""
    unchanged: int
    removed: list[str]
    errors: list[FileProblem]


class HiddenBy(Response, kw_only=True):
    """Another agent of the same name that is meant instead."""

    scope: str
    directory: str | None
    """Where it is meant; null: everywhere."""
    path: str | None
    """Its file."""


class AgentListed(Response, kw_only=True):
    """An agent in a list; the rest of it is shown alone."""

    name: str
    scope: str
    """project, user or api: of several with one name that fit, the first in this order is meant."""
    description: str
    active: bool
    read_only: bool
    """It comes from a file; it is changed there."""
    executor: str | None
    model: str | None
    permission_mode: str | None
    tags: list[str]
    parameters_schema: dict[str, Any] | None
    project_id: str | None
    hostname: str | None
    directory: str | None
    path: str | None
    hidden_by: list[HiddenBy]
    """What is meant by its name instead, and where; the first of several outweighs the rest."""
    etag: str
    created_at: str
    updated_at: str


class Agent(AgentListed, kw_only=True):
    """An agent, whole."""

    system_prompt: str
    tools: list[str] | None
    mcp_servers: dict[str, McpServer] | list[str] | None
    demands: AgentDemands
    limits: AgentLimits
    output_schema: dict[str, Any] | None


class ServerOfRun(Response, kw_only=True):
    """An MCP server that a run's agent was given, without any secret: values that are no template are hidden."""

    name: str
    type: str | None
    url: str | None
    headers: dict[str, str]
    command: str | None
    argument_count: int
    environment: list[str]
    """The names of variables that the agent sets for it."""
    described_by_runner: bool
    """The agent names it; the file of the runner says what it is."""


class AgentOfRun(AgentSnapshot, kw_only=True):
    """The agent as a run keeps it: later edits change nothing in it."""

    description: str
    executor: str | None
    model: str | None
    permission_mode: str | None
    tools: list[str] | None
    tags: list[str]
    mcp_servers: list[ServerOfRun]
    demands: AgentDemands
    limits: AgentLimits
    parameters_schema: dict[str, Any] | None
    output_schema: dict[str, Any] | None
    system_prompt: str


class AgentsQuery(PageQuery, kw_only=True):
    """GET /agents."""

    project_dir: (
        Annotated[str, Meta(max_length=4096, description="Only those that are meant there, one of each name.")] | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="How many items at most.")] = 50


class AgentQuery(Query, kw_only=True):
    """GET /agents/{name}."""

    project_dir: (
        Annotated[str, Meta(max_length=4096, description="Where it is to run: decides between several of one name.")]
        | None
    ) = None
    scope: Annotated[Scope, Meta(description="Only one that comes from there, also if another hides it.")] | None = None
