"""Agents from files: a directory's files are told by hash, their texts are asked for only when they are not known.

Reads no disk; whoever uploads does. A file that gives no agent is told with its reason and hinders no other.
"""

import asyncio
import hashlib
import json
from pathlib import PurePosixPath
from typing import Any, Final

from callboard.coordinator.services.agents import kept
from callboard.domain.agent import Agent, Dialect, plain_directory, read_agent, runs_programs, wants_trust
from callboard.domain.caller import Caller
from callboard.domain.demands import inside
from callboard.domain.errors import CallboardError, Forbidden, InvalidRequest, NotFound
from callboard.store.database import Database, Row, Transaction
from callboard.wire.agents import AgentFile, AgentFilesTaken, FileProblem, PutAgentFiles

CLAUDE_DIRECTORY: Final = ".claude"
_Read = dict[str, Agent | FileProblem]


class AgentFileService:
    """What directories on people's and runners' machines have of agents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, caller: Caller, request: PutAgentFiles) -> AgentFilesTaken:
        """The agents of a directory are those of these files from now on; texts that are not known are wanted."""
        for number, file in enumerate(request.files):
            _check_path(file.path, f"/files/{number}/path")
        if len({file.path for file in request.files}) < len(request.files):
            raise InvalidRequest("A path is there twice.", errors=[{"pointer": "/files", "message": "a path twice"}])
        if request.trusted and caller.kind == "runner":
            raise Forbidden("A runner cannot say that a person has looked at a file.", hint="Leave trusted out.")
        read = await asyncio.to_thread(_read_all, request, may_run_programs=caller.is_owner)
        return await self._database.write(lambda tx: _put(tx, caller, request, read))


def _check_path(path: str, pointer: str) -> None:
    parts = path.split("/")
    if not path.endswith(".md") or any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise InvalidRequest(
            f"{path[:80]!r} is no path of a Markdown file below the directory.",
            errors=[{"pointer": pointer, "message": "not a path below the directory that ends with .md"}],
        )


def _read_all(request: PutAgentFiles, *, may_run_programs: bool) -> _Read:
    rights = (request.trusted, may_run_programs)
    return {file.path: _read_one(file, file.text, *rights) for file in request.files if file.text is not None}


def _read_one(file: AgentFile, text: str, trusted: bool, may_run_programs: bool) -> Agent | FileProblem:
    path = PurePosixPath(file.path)
    dialect: Dialect = "claude" if _is_claudes(file.path) else "callboard"
    try:
        if hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest() != file.sha256:
            raise InvalidRequest("sha256 is not that of the text.")
        agent = read_agent(text, name=path.stem, dialect=dialect)
        if wants_trust(agent) and not trusted:
            raise Forbidden("It brings MCP servers or the mode full; look at it, then: callboard agent sync")
        if runs_programs(agent) and not may_run_programs:
            raise Forbidden("It says which programs are started as MCP servers: only the owner may upload that.")
    except CallboardError as problem:
        return FileProblem(path=file.path, message=problem.detail)
    return agent


def _is_claudes(path: str) -> bool:
    return CLAUDE_DIRECTORY in path.split("/")


def _put(tx: Transaction, caller: Caller, request: PutAgentFiles, read: _Read) -> AgentFilesTaken:
    directory = plain_directory(request.directory)
    _check_place(tx, caller, request, directory)
    project_id = _project_id(tx, caller, request)
    source = {"scope": request.scope, "source": f"{project_id or ''}@{request.hostname}:{directory}"}
    before = {row["path"]: row for row in tx.all("agents_of_source", **source)}
    same = {
        file.path
        for file in request.files
        if file.path in before and before[file.path]["file_hash"] == file.sha256
    }  # fmt: skip
    awaited = {file.path for file in request.files if file.text is None}
    removed = [row for path, row in before.items() if path not in same | awaited]
    for row in removed:
        tx.run("delete_agent", **{name: row[name] for name in ("scope", "source", "name", "etag")})
    place: dict[str, Any] = source | {
        "hostname": request.hostname,
        "directory": directory,
        "created_by": caller.token_id,
    }
    place["project_id"] = project_id
    stored, errors = _store(tx, [file for file in request.files if file.path not in same], read, place)
    return AgentFilesTaken(
        wanted=[file.path for file in request.files if file.path not in same and file.text is None],
        stored=stored,
        unchanged=len(same),
        removed=sorted({row["name"] for row in removed} - set(stored)),
        errors=errors,
    )


def _store(
    tx: Transaction, files: list[AgentFile], read: _Read, place: dict[str, Any]
) -> tuple[list[str], list[FileProblem]]:
    """The first file of a name, by path, gives its agent: our own before those of other programs."""
    stored: list[str] = []
    errors: list[FileProblem] = []
    for file in sorted(files, key=lambda file: (_is_claudes(file.path), file.path)):
        agent = read.get(file.path)
        if isinstance(agent, FileProblem):
            errors.append(agent)
        elif agent is not None:
            text, etag = kept(agent)
            columns = place | {"name": agent.name, "path": file.path, "file_hash": file.sha256}
            if tx.run("insert_agent", **columns, definition=text, etag=etag, now=tx.now_ms):
                stored.append(agent.name)
            else:
                sentence = f"Another file here has the agent {agent.name!r} already."
                errors.append(FileProblem(path=file.path, message=sentence))
    return stored, errors


def _check_place(tx: Transaction, caller: Caller, request: PutAgentFiles, directory: str) -> None:
    """A runner tells of its own machine and directories only."""
    if not request.directory.startswith("/"):
        raise InvalidRequest(
            "directory is not absolute.", errors=[{"pointer": "/directory", "message": "not an absolute path"}]
        )
    if caller.kind != "runner":
        return
    runner: Row | None = tx.one("runner_by_id", runner_id=caller.runner_id)
    roots = json.loads(runner["roots"]) if runner else []
    at_home = runner is not None and runner["hostname"] == request.hostname
    if not at_home or (request.scope == "project" and not any(inside(directory, root) for root in roots)):
        raise Forbidden(f"{request.hostname}:{directory} is not this runner's.", hint="Upload what lies in its roots.")


def _project_id(tx: Transaction, caller: Caller, request: PutAgentFiles) -> str | None:
    if request.project is None:
        return caller.project_id
    row = tx.one("project_by_name", project=request.project)
    if row is None or not caller.sees_project(row["project_id"]):
        raise NotFound(f"There is no project {request.project!r}.", code="project_not_found")
    return str(row["project_id"])
