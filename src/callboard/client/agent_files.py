"""Agent files on this machine: found, read within bounds, and uploaded; those that are known are told by hash alone.

Knows no front matter: what a file says is read by the coordinator.
"""

import hashlib
import os
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import msgspec

from callboard.client import calls
from callboard.client.call import Call
from callboard.client.transport import Client
from callboard.wire.agents import MAX_FILES, AgentFile, AgentFilesTaken, FileProblem, PutAgentFiles

MAX_FILE_BYTES: Final = 262_144
BATCH_BYTES: Final = 1_048_576
OWN_FOLDER: Final = ".callboard/agents"
CLAUDE_FOLDER: Final = ".claude/agents"
Look = tuple[tuple[str, int, int, int], ...]
"""Path, inode, size and time of change of each file: another one when any may have changed."""
_Exchange = Generator[PutAgentFiles, AgentFilesTaken, AgentFilesTaken]


class AgentSource(msgspec.Struct, frozen=True, kw_only=True):
    """What a directory has of agent files: their texts by path, and what could not be read."""

    scope: Literal["project", "user"]
    hostname: str
    directory: str
    texts: dict[str, str]
    problems: list[FileProblem] = []


def project_source(directory: Path, hostname: str) -> AgentSource:
    """The agents of a project: its own, and its Claude Code subagents."""
    return _source("project", directory, hostname, project_folders(directory))


def user_source(hostname: str, environment: Mapping[str, str] = os.environ) -> AgentSource:
    """The agents of the user: those in the configuration directory, and the user's Claude Code subagents."""
    return _source("user", _home(environment), hostname, user_folders(environment))


def project_folders(directory: Path) -> dict[str, Path]:
    """Where the agents of a project are, by the beginning of their paths."""
    return {folder: directory / folder for folder in (OWN_FOLDER, CLAUDE_FOLDER)}


def user_folders(environment: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Where the agents of the user are, by the beginning of their paths, which count from the user's home."""
    home = _home(environment)
    configured = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "callboard" / "agents"
    label = str(configured.relative_to(home)) if configured.is_relative_to(home) else "callboard/agents"
    return {label: configured, CLAUDE_FOLDER: home / CLAUDE_FOLDER}


def look_at(folders: Iterable[Path]) -> Look:
    """What the files are now, without reading any."""
    found = []
    for folder in folders:
        for file in _files_in(folder):
            with suppress(OSError):
                status = file.stat()
                found.append((str(file), status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or Path.home())


def upload(
    client: Client, source: AgentSource, *, project: str | None = None, trusted: bool = False
) -> AgentFilesTaken:
    """Upload what has changed; `trusted` says that a person has looked at the files. CallboardError."""
    exchange = _exchange(source, project, trusted)
    body = next(exchange)
    while True:
        try:
            body = exchange.send(client.send(calls.agents.put_files(body)))
        except StopIteration as done:
            taken: AgentFilesTaken = done.value
            return taken


async def upload_async(
    send: Callable[[Call[AgentFilesTaken]], Awaitable[AgentFilesTaken]], source: AgentSource
) -> AgentFilesTaken:
    """The same from a coroutine, by whatever sends calls."""
    exchange = _exchange(source, None, trusted=False)
    body = next(exchange)
    while True:
        answer = await send(calls.agents.put_files(body))
        try:
            body = exchange.send(answer)
        except StopIteration as done:
            taken: AgentFilesTaken = done.value
            return taken


def _source(scope: Literal["project", "user"], directory: Path, hostname: str, folders: dict[str, Path]) -> AgentSource:
    texts: dict[str, str] = {}
    problems: list[FileProblem] = []
    for label, folder in folders.items():
        for file in _files_in(folder):
            path = f"{label}/{file.name}"
            text = _read(file, folder) if len(texts) < MAX_FILES else f"More than {MAX_FILES} files."
            if isinstance(text, bytes):
                texts[path] = text.decode()
            else:
                problems.append(FileProblem(path=path, message=text))
    place = str(directory.resolve())
    return AgentSource(scope=scope, hostname=hostname, directory=place, texts=texts, problems=problems)


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.md"))[: MAX_FILES * 2]
    except OSError:
        return []


def _read(file: Path, folder: Path) -> bytes | str:
    """The text of a file in UTF-8, or why it is not read: a link may not bring in what lies elsewhere."""
    try:
        real = file.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()) or not real.is_file():
            return "It is no file of this folder, or a link to elsewhere."
        with real.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
        content.decode()
    except OSError as problem:
        return f"It cannot be read: {problem.strerror}."
    except UnicodeDecodeError:
        return "It is no text in UTF-8."
    return content if len(content) <= MAX_FILE_BYTES else f"It has more than {MAX_FILE_BYTES} bytes."


def _exchange(source: AgentSource, project: str | None, trusted: bool) -> _Exchange:
    """Bodies to send, each answered: first all hashes, then the texts that are wanted, some at a time."""
    taken = yield _body(source, (), project, trusted)
    waiting = [path for path in taken.wanted if path in source.texts]
    while waiting:
        batch = _batch(source, waiting)
        waiting = waiting[len(batch) :]
        answer = yield _body(source, batch, project, trusted)
        taken = AgentFilesTaken(
            wanted=answer.wanted,
            stored=[*taken.stored, *answer.stored],
            unchanged=taken.unchanged,
            removed=sorted({*taken.removed, *answer.removed} - set(answer.stored)),
            errors=[*taken.errors, *answer.errors],
        )
    return msgspec.structs.replace(taken, wanted=[], errors=[*source.problems, *taken.errors])


def _batch(source: AgentSource, waiting: list[str]) -> list[str]:
    size = 0
    for count, path in enumerate(waiting):
        size += len(source.texts[path])
        if count and size > BATCH_BYTES:
            return waiting[:count]
    return waiting


def _body(source: AgentSource, with_text: Iterable[str], project: str | None, trusted: bool) -> PutAgentFiles:
    texts = source.texts
    told = set(with_text)
    files = [
        AgentFile(
            path=path, sha256=hashlib.sha256(text.encode()).hexdigest(), text=text if path in told else None
        )
        for path, text in texts.items()
    ]  # fmt: skip
    return PutAgentFiles(
        scope=source.scope,
        hostname=source.hostname,
        directory=source.directory,
        project=project,
        files=files,
        trusted=trusted,
    )
