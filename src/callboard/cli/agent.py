"""The noun `agent`: blueprints that runs are made from, by name."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from callboard.cli import candidates
from callboard.cli.context import Context
from callboard.cli.exit_codes import FAILED
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Output, Part, span
from callboard.cli.projects import project_holding
from callboard.cli.settings import repository_of_worktree, whole_path
from callboard.cli.text import one_line
from callboard.client import calls
from callboard.client.agent_files import CLAUDE_FOLDER, AgentSource, project_source, upload, user_source
from callboard.client.transport import is_loopback
from callboard.domain.agent import Agent as Blueprint
from callboard.domain.agent import Dialect, read_agent, wants_trust
from callboard.domain.errors import InvalidRequest
from callboard.wire.agents import Agent, AgentFilesTaken, AgentListed, FileProblem

Directory = Annotated[Path | None, Parameter(help="Directory of the project; default: this one or that above it.")]
_COLUMNS: Final = ("AGENT", "FROM", "EXECUTOR", "MODEL", "DESCRIPTION", "FILE")
_DESCRIPTION: Final = 4


class Synced(msgspec.Struct, kw_only=True):
    """What `agent sync --json` prints: one for the project, one for the user."""

    scope: str
    directory: str
    taken: AgentFilesTaken


def list_agents(
    *,
    project_dir: Annotated[Path | None, Parameter(help="Only those that are meant in this directory.")] = None,
    limit: Annotated[int, Parameter(help="How many at most, by name.")] = 200,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Agents by name, and where each comes from. Of several with one name project is before user, user before api."""
    context = Context(show, where)
    directory = None if project_dir is None else str(whole_path(project_dir))
    page = context.client.send(calls.agents.list_(project_dir=directory, limit=limit))
    output = context.output
    if output.json_wanted:
        output.value(page)
    elif output.quiet:
        for one in page.items:
            output.line(one.name)
    elif page.items:
        output.table(_COLUMNS, [_row(one) for one in page.items], flexible=_DESCRIPTION)
        if any(one.hidden_by for one in page.items):
            output.note(
                "hidden: another agent of that name is meant, in its project or everywhere; agent show says which."
            )
    else:
        output.note("There is no agent. Write .callboard/agents/NAME.md, then:  callboard agent sync")
    return 0


def show_agent(
    name: Annotated[str, Parameter(help="Agent by name.", completer=candidates.agents)],
    /,
    *,
    project_dir: Annotated[Path | None, Parameter(help="Directory where it would run; default: this one.")] = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """All that an agent says."""
    context = Context(show, where)
    directory = whole_path(project_dir) if project_dir or is_loopback(context.access.url) else None
    agent = context.client.send(calls.agents.get(name, project_dir=None if directory is None else str(directory)))
    if context.output.json_wanted:
        context.output.value(agent)
    elif context.output.quiet:
        context.output.line(agent.name)
    else:
        _show(context.output, agent)
    return 0


def validate(
    *files: Annotated[Path, Parameter(help="Files to look at; default: all of this project and the user.")],
    show: Show = NO_SHOW,
) -> int:
    """Say whether agent files are understood. Needs no coordinator, and changes nothing."""
    context = Context(show)
    problems: list[FileProblem] = []
    good: list[str] = []
    for texts in _given(list(files), problems) if files else _found(problems):
        for path, agent in _read(texts, problems, together=not files):
            good.append(f"{path}  {agent.name}")
            if wants_trust(agent):
                context.output.note(f"{path}: MCP servers of its own, or the mode full: only `agent sync` takes it.")
    if context.output.json_wanted:
        context.output.value(problems)
    else:
        for line in good:
            context.output.line(line)
        _tell_problems(context.output, problems)
    return FAILED if problems else 0


def _read(texts: dict[str, str], problems: list[FileProblem], *, together: bool) -> Iterator[tuple[str, Blueprint]]:
    """The agents of files; of those of one place the first with a name gives the agent, as the coordinator has it."""
    names: set[str] = set()
    for path in sorted(texts, key=lambda path: (CLAUDE_FOLDER in path, path)):
        dialect: Dialect = "claude" if CLAUDE_FOLDER in path else "callboard"
        try:
            agent = read_agent(texts[path], name=Path(path).stem, dialect=dialect)
        except InvalidRequest as problem:
            problems.append(FileProblem(path=path, message=problem.detail))
            continue
        if together and agent.name in names:
            problems.append(FileProblem(path=path, message=f"Another file here has the agent {agent.name!r} already."))
            continue
        names.add(agent.name)
        yield path, agent


def sync(
    *,
    project_dir: Directory = None,
    project: Annotated[str | None, Parameter(help="Project by name, whose agents these are.")] = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Upload the agent files of this project and of the user. What has not changed is not sent, what is gone goes.

    You vouch for them: unlike `up` and runners this also takes files with MCP servers of their own or the mode full.
    """
    context = Context(show, where)
    directory = _project(project_dir)
    _check_no_worktree(context, directory)
    sources = [project_source(directory, socket.gethostname()), user_source(socket.gethostname())]
    synced = [
        Synced(
            scope=one.scope,
            directory=one.directory,
            taken=upload(context.client, one, project=_of(one, project), trusted=True),
        )
        for one in sources
    ]
    if context.output.json_wanted:
        context.output.value(synced)
    else:
        for one in synced:
            _tell(context.output, one)
    return FAILED if any(one.taken.errors for one in synced) else 0


def _check_no_worktree(context: Context, directory: Path) -> None:
    """A worktree of a project is no other project: whoever runs there has the agents of its repository."""
    home = repository_of_worktree(directory)
    here = project_holding(context.client, directory) if home is not None else None
    if here is not None:
        raise InvalidRequest(
            f"{directory} is a worktree of the project {here.name}, which has its agents.",
            hint=f"callboard agent sync --project-dir {home}",
        )


def _of(source: AgentSource, project: str | None) -> str | None:
    return project if source.scope == "project" else None


def _project(given: Path | None) -> Path:
    """The directory that is given, else the nearest one with agents or a repository, else this one."""
    here = whole_path(given)
    if given is None:
        for folder in (here, *here.parents):
            if (folder / ".callboard").is_dir() or (folder / ".git").exists():
                return folder
    return here


def _found(problems: list[FileProblem]) -> Iterator[dict[str, str]]:
    """The files of this project, then those of the user; a project may have files of the same paths as the user."""
    for source, home in ((project_source(_project(None), ""), ""), (user_source(""), "~/")):
        problems += [FileProblem(path=home + one.path, message=one.message) for one in source.problems]
        yield {home + path: text for path, text in source.texts.items()}


def _given(files: list[Path], problems: list[FileProblem]) -> Iterator[dict[str, str]]:
    for file in files:
        try:
            yield {str(file): file.read_text(encoding="utf-8")}
        except OSError as problem:
            problems.append(FileProblem(path=str(file), message=f"It cannot be read: {problem.strerror}."))
        except UnicodeDecodeError:
            problems.append(FileProblem(path=str(file), message="It is no text in UTF-8."))


def _row(agent: AgentListed) -> list[Part]:
    source = _source(agent)
    file = f"{agent.directory}/{agent.path}" if agent.path else ""
    description = one_line(agent.description)
    return [span(agent.name, "bold"), source, agent.executor or "", agent.model or "", description, file]


def _source(agent: AgentListed) -> Part:
    """Where it comes from, and whether something stands in its way."""
    marks = [agent.scope, *([] if agent.active else ["inactive"]), *(["hidden"] if agent.hidden_by else [])]
    return ", ".join(marks) if len(marks) == 1 else span(", ".join(marks), "dim")


def _show(output: Output, agent: Agent) -> None:
    output.line(span(agent.name, "bold"), f"  {agent.scope}", "" if agent.active else "  inactive")
    for one in agent.hidden_by:
        where = f"in {one.directory}" if one.directory else "everywhere"
        output.line(span("  hidden            ", "dim"), f"{where} by that of {one.scope} {one.path or ''}".rstrip())
    values = msgspec.to_builtins(agent)
    for name in ("description", "executor", "model", "permission_mode", "directory", "path", "etag"):
        if values[name]:
            output.line(span(f"  {name:<18}", "dim"), one_line(str(values[name])))
    for name in ("tools", "tags", "mcp_servers", "demands", "limits", "parameters_schema", "output_schema"):
        if values[name]:
            output.line(span(f"  {name:<18}", "dim"), msgspec.json.encode(values[name]).decode())
    output.line("")
    output.line(agent.system_prompt)


def _tell(output: Output, synced: Synced) -> None:
    taken = synced.taken
    if output.quiet:
        for name in taken.stored:
            output.line(name)
    else:
        stored, removed = ", ".join(taken.stored) or "none", ", ".join(taken.removed) or "none"
        output.line(
            span(f"{synced.scope:<8}", "bold"),
            f"{synced.directory}  new or changed: {stored}; unchanged: {taken.unchanged}; gone: {removed}",
        )
    _tell_problems(output, taken.errors)


def _tell_problems(output: Output, problems: list[FileProblem]) -> None:
    for problem in problems:
        output.warn(span(f"{problem.path}: ", "red"), problem.message)
