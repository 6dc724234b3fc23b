"""Everything that a runner can be told, by tables of the user's file and by flags, checked. Reads no file itself.

[runner]            hostname, name, project_dir, roots, tags, slots, ...      -> RunnerTable
[runner.keeper]     limits of the process that keeps an attempt              -> KeeperTable
[executors.NAME]    a program that can be executed here, and only here named  -> ExecutorTable
[checks.NAME]       a program that judges what an agent did                  -> CheckTable
"""

import difflib
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from callboard.domain.errors import InvalidRequest, refuse_all
from callboard.executors.command import CommandExecutor, parameter_in_script
from callboard.executors.interpreters import interpreter_of_prompt
from callboard.runner.directories import real_roots

SLOTS_PER_CORE: Final = 2
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Name = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class KeeperTable(_Table, frozen=True):
    """`[keeper]`: the limits of the small process that keeps each attempt."""

    line_bytes: Annotated[int, Meta(ge=1024, le=16 * 1024 * 1024)] | None = None
    """Of one line of an agent's output; what is longer is cut."""
    journal_bytes: Annotated[int, Meta(ge=65_536)] | None = None
    """Of output that the coordinator has not accepted yet; beyond it the agent waits."""
    drain_seconds: Seconds | None = None
    """How long after the agent's exit others may still write to its output."""
    interrupt_seconds: Seconds | None = None
    """From the executor's own interrupt to SIGTERM."""
    term_seconds: Seconds | None = None
    """From SIGTERM to SIGKILL."""
    kill_seconds: Seconds | None = None
    """How long the last processes are waited for."""
    orphan_seconds: Seconds | None = None
    """How long the agent lives without any runner."""

    def as_limits(self) -> dict[str, float]:
        """Those that are set, as the keeper wants them."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class ExecutorTable(_Table, frozen=True):
    """`[executors.NAME]`: how one executor is run on this machine."""

    type: str | None = None
    """Which adapter; the name itself when it is that of an adapter."""
    argv: Annotated[list[str], Meta(min_length=1)] | None = None
    """The program, with its arguments for `command`; for `claude-code` what to start instead of `claude`."""
    args: list[str] = []
    """More arguments for `claude-code`."""
    prompt: Literal["stdin", "argument", "none"] = "stdin"
    """How a `command` gets the prompt."""
    prompt_is_data: bool = False
    """States that the program of a `command` executes nothing of prompt and parameters: others' words go there too."""
    path: str | None = None
    """Where the program of `claude-code` is, when it is not on the PATH; short for an `argv` of one."""
    strict_mcp: bool | None = None
    """Whether `claude-code` uses only the MCP servers of the agent; default true."""
    background_seconds: Seconds | None = None
    """How long `claude-code` may wait for what it left running."""
    env: dict[str, str] = {}
    """Variables that the agent gets."""
    environment: list[str] = []
    """Names of the runner's own variables that the agent gets as well."""

    def settings(self) -> dict[str, Any]:
        """What the executor is told."""
        settings: dict[str, Any] = msgspec.to_builtins(self)
        path = settings.pop("path", None)
        return settings if path is None else {"argv": [path]} | settings


class CheckTable(_Table, frozen=True):
    """`[checks.NAME]`: a program that judges what an agent did, by its exit code."""

    argv: Annotated[list[str], Meta(min_length=1)]
    """The program with its arguments; never text for a shell."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] | None = None
    """After this time it is ended and has failed; default 600."""
    env: dict[str, str] = {}
    """Variables that it gets."""
    environment: list[str] = []
    """Names of the runner's own variables that it gets as well."""


class McpServerTable(_Table, frozen=True):
    """`[runner.mcp_servers.NAME]`: an MCP server that agents may name; a program, or an address."""

    type: Literal["http", "sse", "stdio"] | None = None
    command: str | None = None
    args: list[str] = []
    env: dict[str, str] = {}
    url: str | None = None
    headers: dict[str, str] = {}


class RunnerTable(_Table, frozen=True):
    """`[runner]`, `[executors]` and `[checks]`, or what flags say in their place; None where nothing is set."""

    hostname: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    name: Annotated[str, Meta(max_length=100)] | None = None
    project_dir: str | None = None
    roots: list[str] | None = None
    tags: list[Annotated[str, Meta(min_length=1, max_length=100)]] | None = None
    require_matching_tags: bool | None = None
    slots: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    offer: list[Name] | None = None
    """Only these executors, of those that are found."""
    allow_shell: bool | None = None
    """Whether `command` runs any prompt as a shell script."""
    keeper: KeeperTable = KeeperTable()
    executors: dict[Name, ExecutorTable] = {}
    mcp_servers: dict[Name, McpServerTable] = {}
    """MCP servers that agents name."""
    checks: dict[Name, CheckTable] = {}
    """Checks that tasks name."""
    gh: str | None = None
    """The program `gh`, when it is not the one on the PATH."""
    github_token_file: str | None = None
    """A file with a token for GitHub's API; it is used instead of `gh`."""
    github_api_url: Annotated[str, Meta(pattern="^https?://")] | None = None
    """GitHub's API, when it is not that of github.com; its host is the only one that is asked and pushed to."""


class RunnerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one runner process does, complete; directories are real paths."""

    url: str
    join_token: str | None
    """The token to register with; not needed once the runner has its own credential."""
    state_dir: Path
    """The data directory on this machine; runners and executors keep their state below it."""
    hostname: str
    name: str
    project_dir: Path
    roots: tuple[Path, ...]
    tags: tuple[str, ...] = ()
    require_matching_tags: bool = False
    slots: int
    offer: tuple[str, ...] | None = None
    allow_shell: bool = False
    keeper: KeeperTable = KeeperTable()
    executors: dict[str, ExecutorTable] = {}
    mcp_servers: dict[str, McpServerTable] = {}
    checks: dict[str, CheckTable] = {}
    gh: str | None = None
    github_token_file: Path | None = None
    github_api_url: str | None = None
    poll_seconds: float = 30.0
    """How long one poll for work is held."""

    def __repr__(self) -> str:
        """Without the token."""
        return f"RunnerSettings(url={self.url!r}, project_dir={str(self.project_dir)!r}, name={self.name!r})"


def read_tables(
    runner: Mapping[str, Any] | None,
    executors: Mapping[str, Any] | None,
    origin: str,
    checks: Mapping[str, Any] | None = None,
) -> RunnerTable:
    """The tables of a file. Raises InvalidRequest with the place and a suggestion for each entry that is wrong."""
    named = {"executors": dict(executors or {}), "checks": dict(checks or {})}
    own = {name: value for name, value in (runner or {}).items() if name not in named}
    wrong = [
        InvalidRequest(f"{origin}: there is no [runner.{name}].", hint=f"Write [{name}.NAME].")
        for name in named
        if runner and name in runner
    ]
    for entry, name in _entries(own | named):
        try:
            _check_scripts(origin, msgspec.convert(entry, RunnerTable))
        except msgspec.ValidationError as cause:
            said = str(cause).replace("[...]", f".{name}", 1) if name else str(cause)
            wrong.append(InvalidRequest(f"{origin}: {said}.", hint=_suggestion(said)))
        except InvalidRequest as problem:
            wrong.append(problem)
    refuse_all(wrong, f"{len(wrong)} settings of the runner are wrong.", hint="callboard config check")
    return msgspec.convert(own | named, RunnerTable)


def _entries(tables: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each key by itself, of tables of tables each with its name: together only the first wrong one would be told."""
    for name, value in tables.items():
        if name in ("executors", "checks", "mcp_servers") and isinstance(value, dict):
            yield from (({name: {key: inner}}, key) for key, inner in value.items())
        else:
            yield {name: value}, ""


def _check_scripts(origin: str, table: RunnerTable) -> None:
    """Whoever starts a run chooses its parameters, and could write the script; no statement makes a shell read only."""
    for name, executor in table.executors.items():
        if (executor.type or name) != CommandExecutor.name:
            continue
        interpreter = interpreter_of_prompt(executor.settings()) if executor.prompt_is_data else None
        if interpreter is not None:
            raise InvalidRequest(
                f"{origin}: [executors.{name}] states prompt_is_data, but {interpreter} would execute the prompt.",
                hint="Leave prompt_is_data out, or name the script that reads the prompt: the interpreter's argument.",
            )
        executed = parameter_in_script(executor.settings())
        if executed is not None:
            raise InvalidRequest(
                f"{origin}: [executors.{name}] would make parameters of runs a part of a script: {executed!r}.",
                hint='Give them to the script as arguments, argv = ["sh", "-c", \'tool "$1"\', "sh", "${NAME}"], or '
                'read "$CALLBOARD_PARAMETER_NAME" in it; ${NAME} in argv always stands for a parameter.',
            )


def runner_settings(given: RunnerTable, *, url: str, join_token: str | None, state_dir: Path) -> RunnerSettings:
    """Settings from what was given by flags and file, merged; the rest are the defaults of this machine.

    Raises InvalidRequest for a directory that is not there.
    """
    project_dir = _directory(given.project_dir or ".")
    roots = [_directory(root) for root in given.roots or ()]
    return RunnerSettings(
        url=url.rstrip("/"),
        join_token=join_token,
        state_dir=state_dir.absolute(),
        hostname=given.hostname or socket.gethostname(),
        name=given.name or "",
        project_dir=project_dir,
        roots=real_roots(project_dir, roots),
        tags=tuple(dict.fromkeys(given.tags or ())),
        require_matching_tags=bool(given.require_matching_tags),
        slots=SLOTS_PER_CORE * (os.cpu_count() or 1) if given.slots is None else given.slots,
        offer=None if given.offer is None else tuple(given.offer),
        allow_shell=bool(given.allow_shell),
        keeper=given.keeper,
        executors=given.executors,
        mcp_servers=given.mcp_servers,
        checks=given.checks,
        gh=None if given.gh is None else str(Path(given.gh).expanduser()),
        github_token_file=None if given.github_token_file is None else Path(given.github_token_file).expanduser(),
        github_api_url=given.github_api_url,
    )


def merged(*by_precedence: RunnerTable) -> RunnerTable:
    """One table out of several, the first that sets a field decides; executors and checks of all of them by name."""
    values: dict[str, Any] = {}
    executors: dict[str, ExecutorTable] = {}
    checks: dict[str, CheckTable] = {}
    for one in by_precedence:
        for name in RunnerTable.__struct_fields__:
            if name not in values and getattr(one, name) not in (None, {}, KeeperTable()):
                values[name] = getattr(one, name)
        executors, checks = one.executors | executors, one.checks | checks
    return RunnerTable(**(values | {"executors": executors, "checks": checks}))


def _directory(text: str) -> Path:
    try:
        path = Path(text).expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as cause:
        raise InvalidRequest(f"The directory {text} cannot be opened: {cause}.") from cause
    if not path.is_dir():
        raise InvalidRequest(f"{text} is no directory.")
    return path


def _suggestion(message: str) -> str:
    """The known key that an unknown one was probably meant to be."""
    _, found, rest = message.partition("unknown field `")
    if not found:
        return ""
    wrong = rest.partition("`")[0]
    known = [
        name for table in (RunnerTable, KeeperTable, ExecutorTable, CheckTable) for name in table.__struct_fields__
    ]
    near = difflib.get_close_matches(wrong, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(set(known)))}."
