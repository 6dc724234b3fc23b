"""Agents: what a blueprint may say, checked, and how files of Markdown with front matter say it.

Pure: reads no file and decides nothing about which of several agents of one name is meant.
"""

import posixpath
import re
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from callboard.domain import front_matter
from callboard.domain.choices import with_choices
from callboard.domain.errors import InvalidRequest
from callboard.domain.front_matter import BadFrontMatter
from callboard.domain.invocation import OWN_SERVER
from callboard.domain.json_schema import check_schema
from callboard.domain.text import MAX_INTEGER, check_text, check_tree

Scope = Literal["project", "user", "api"]
PRECEDENCE: Final[tuple[Scope, ...]] = ("project", "user", "api")
Dialect = Literal["callboard", "claude"]
"""Whose front matter a file has: our own, or that of a Claude Code subagent."""

NAME_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
MAX_SYSTEM_PROMPT_BYTES: Final = 131_072
PLACEHOLDERS: Final = ("AGENT_SESSION_ID", "CALLBOARD_TOKEN", "CALLBOARD_URL", "PROJECT_DIR")
"""What a runner fills in where an MCP server says `${NAME}`: the agent's own, and no environment."""
AgentName = Annotated[str, Meta(pattern=NAME_PATTERN)]
Word = Annotated[str, Meta(min_length=1, max_length=100)]
Words = Annotated[list[Word], Meta(max_length=50)]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
_WORDS: Final = {
    "str": "a text",
    "array": "a list",
    "object": "a mapping",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
}
_NAME: Final = re.compile(NAME_PATTERN.removesuffix("$"))
_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}")
_COMMA: Final = re.compile(r",(?![^()]*\))")
_CLAUDE: Final = frozenset({"name", "description", "tools", "model"})


class AgentDemands(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every run of the agent demands of a runner."""

    hostname: Word | None = None
    project_dir: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    tags: Words = []


class AgentLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Limits of a run where its request names none."""

    timeout_seconds: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    max_turns: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    budget_microdollars: Count | None = None
    budget_tokens: Count | None = None


class McpServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An MCP server of an agent: an address, or a program with its arguments."""

    type: Literal["http", "sse", "stdio"] | None = None
    url: Annotated[str, Meta(max_length=4096)] | None = None
    headers: dict[str, str] = {}
    command: Annotated[str, Meta(max_length=4096)] | None = None
    args: Annotated[list[str], Meta(max_length=200)] = []
    env: dict[str, str] = {}


class AgentFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that an agent says besides its name; what is absent is left to the request, the parent or the executor."""

    description: Annotated[str, Meta(max_length=8_000)] = ""
    executor: Word | None = None
    model: Word | None = None
    permission_mode: Literal["read_only", "ask", "edit", "full"] | None = None
    tools: Annotated[list[Annotated[str, Meta(min_length=1, max_length=500)]], Meta(max_length=200)] | None = None
    mcp_servers: dict[Word, McpServer] | Words | None = None
    """Servers as such, or names of those that the runner's file describes."""
    demands: AgentDemands = AgentDemands()
    tags: Words = []
    parameters_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    limits: AgentLimits = AgentLimits()
    active: bool = True
    system_prompt: str = ""


class Agent(AgentFields, frozen=True, kw_only=True):
    """An agent as it is kept."""

    name: AgentName


def is_name(text: str) -> bool:
    """Whether a text may name an agent: a plain word, never a path."""
    return _NAME.fullmatch(text) is not None


def checked(agent: Agent) -> Agent:
    """The agent itself; InvalidRequest says what of it cannot be."""
    if not is_name(agent.name):
        raise _wrong("/name", "a plain word of letters, digits, - and _, at most 64")
    check_tree({name: value for name, value in msgspec.to_builtins(agent).items() if not name.endswith("_schema")}, "")
    check_text(agent.system_prompt, "/system_prompt", limit_bytes=MAX_SYSTEM_PROMPT_BYTES)
    for name in ("budget_microdollars", "budget_tokens"):
        if getattr(agent.limits, name) == 0:
            raise _wrong(f"/limits/{name}", "more than 0")
    directory = agent.demands.project_dir
    if directory is not None and (not directory.startswith("/") or ".." in directory.split("/")):
        raise _wrong("/demands/project_dir", "not an absolute path without '..'")
    for name, schema in (("parameters_schema", agent.parameters_schema), ("output_schema", agent.output_schema)):
        if schema is not None:
            check_schema(schema, f"/{name}")
    if "object" not in _types(agent.parameters_schema):
        raise _wrong("/parameters_schema/type", "parameters are an object")
    _check_servers(agent)
    return agent


def _check_servers(agent: Agent) -> None:
    if not isinstance(agent.mcp_servers, dict):
        return
    for name, server in agent.mcp_servers.items():
        if name == OWN_SERVER:
            raise _wrong(f"/mcp_servers/{name}", "every agent has this one; take another name")
        if (server.url is None) == (server.command is None):
            raise _wrong(f"/mcp_servers/{name}", "exactly one of url and command")
        _check_filled_in(f"/mcp_servers/{name}/url", server.url or "")
        for header, value in server.headers.items():
            _check_filled_in(f"/mcp_servers/{name}/headers/{header}", value)


def _check_filled_in(pointer: str, text: str) -> None:
    """Refuses a name that nobody would fill in: the server would be told the name itself."""
    unknown = next((name for name in _PLACEHOLDER.findall(text) if name not in PLACEHOLDERS), None)
    if unknown is not None:
        known = ", ".join(f"${{{name}}}" for name in PLACEHOLDERS)
        raise _wrong(pointer, f"nobody fills in ${{{unknown}}}; known are {known}")


def runs_programs(agent: Agent) -> bool:
    """Whether the agent itself says which programs are to be started, as MCP servers."""
    servers = agent.mcp_servers
    return isinstance(servers, dict) and any(server.command is not None for server in servers.values())


def wants_trust(agent: Agent) -> bool:
    """Whether a person should have looked at its file: it brings servers of its own, or may do everything unasked."""
    return isinstance(agent.mcp_servers, dict) or agent.permission_mode == "full"


def read_agent(text: str, *, name: str, dialect: Dialect) -> Agent:
    """The agent of a file, checked; `name` is that of the file, for a front matter that says none.

    BadFrontMatter, InvalidRequest. Of a Claude Code subagent name, description, tools and model are taken.
    """
    check_text(text, "the file", limit_bytes=MAX_SYSTEM_PROMPT_BYTES + front_matter.MAX_YAML_BYTES)
    front, body = front_matter.split(text)
    values = _of_claude(front) if dialect == "claude" else front_matter.read(front)
    if "system_prompt" in values:
        raise BadFrontMatter("The system prompt is what stands below the front matter.")
    try:
        return checked(msgspec.convert({"name": name} | values | {"system_prompt": body}, Agent))
    except msgspec.ValidationError as problem:
        raise BadFrontMatter(f"The front matter is not that of an agent: {_in_words(str(problem))}.") from None


def _in_words(problem: str) -> str:
    """What does not fit, with its place first, in the words of YAML instead of those of Python."""
    what, _, place = problem.partition(" - at `$.")
    pointer = "/" + place.rstrip("`").replace(".", "/") + ": " if place else ""
    what = with_choices(what, Agent, pointer.removesuffix(": "))
    if "matching regex" in what:
        return f"{pointer}a plain word of letters, digits, - and _, at most 64"
    for name, word in _WORDS.items():
        what = what.replace(f"`{name}`", word).replace(f"`{name} | null`", word)
    return pointer + what[:1].lower() + what[1:] + (" (write true or false)" if "true or false" in what else "")


def _of_claude(front: str) -> dict[str, Any]:
    try:
        values = front_matter.read(front)
    except BadFrontMatter:
        values = front_matter.read_lines(front)
    if values.get("disallowedTools"):
        raise BadFrontMatter("disallowedTools cannot be kept to here.", hint="Name the tools that it may use: tools.")
    taken = {name: value for name, value in values.items() if name in _CLAUDE and value not in (None, "")}
    if isinstance(tools := taken.get("tools"), str):
        taken["tools"] = [part.strip() for part in _COMMA.split(tools) if part.strip()]
    if taken.get("tools") == ["*"]:
        del taken["tools"]
    if taken.get("model") == "inherit":
        del taken["model"]
    return taken | {"executor": "claude-code"}


def plain_directory(path: str) -> str:
    """A directory without what does not change it."""
    return posixpath.normpath("/" + path.lstrip("/"))


def _types(schema: dict[str, Any] | None) -> list[Any]:
    kind = "object" if schema is None else schema.get("type", "object")
    return kind if isinstance(kind, list) else [kind]


def _wrong(pointer: str, message: str) -> InvalidRequest:
    return InvalidRequest(
        f"{pointer}: {message}.", code="invalid_agent", errors=[{"pointer": pointer, "message": message}]
    )
