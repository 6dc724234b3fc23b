"""The state file of a work session, in git's private folder of its worktree: written whole, read as a stranger's.

Knows where the file is and how it is shaped; what a report means is decided by the coordinator.
"""

import os
from pathlib import Path
from typing import Any, Final

import msgspec

from callboard.workspace import files
from callboard.workspace.journal import failed_files
from callboard.workspace.names import check_state_file
from callboard.workspace.refusal import MISSING_HINT, WorkspaceRefused
from callboard.workspace.repository import Linked, Repository

MAX_BYTES: Final = 8 * 1024 * 1024
REPORT: Final = "report"
"""The part that the worker writes."""
REFUSED: Final = "report_error"
"""Why the last one was refused; there only until the next one is taken."""
NO_REPORT: Final[dict[str, Any]] = {"status": None, "reason": None, "pull_request_url": None}

Stamp = tuple[int, int, int]
"""Number, size and time of a file: another stamp, another content."""


def write_state(repository: Repository, linked: Linked, file_name: str, content: dict[str, Any]) -> None:
    """Put this into the state file; what the worker has reported in it stays. Raises WorkspaceRefused."""
    name = check_state_file(file_name)
    try:
        with files.folder(repository.git_dir, "worktrees", linked.name) as handle:
            reported = _content(files.read(handle, name, MAX_BYTES)).get(REPORT)
            whole = content | {REPORT: reported if isinstance(reported, dict) else content.get(REPORT, NO_REPORT)}
            files.write(handle, name, _encoded(whole))
    except OSError as cause:
        raise failed_files(cause, repository.private_dir(linked) / name) from cause


def read_state(repository: Repository, linked: Linked, file_name: str) -> dict[str, Any] | None:
    """What the state file holds; None when it is gone, no file, or no JSON object."""
    try:
        with files.folder(repository.git_dir, "worktrees", linked.name) as handle:
            content = files.read(handle, check_state_file(file_name), MAX_BYTES)
    except OSError:
        return None
    return _content(content) or None


def take_report(repository: Repository, linked: Linked, file_name: str, taken: Any, refused: str | None) -> None:
    """Empty the report that was taken, unless the worker has written another meanwhile; say why it was refused."""
    whole = read_state(repository, linked, file_name)
    if whole is None or whole.get(REPORT) != taken:
        return
    whole[REPORT] = dict(NO_REPORT)
    whole.pop(REFUSED, None)
    _replace(repository, linked, file_name, whole | ({} if refused is None else {REFUSED: refused}))


def mend(repository: Repository, linked: Linked, file_name: str, good: dict[str, Any], refused: str) -> None:
    """Put the last content that could be read in place of one that cannot, and say why."""
    _replace(repository, linked, file_name, good | {REPORT: dict(NO_REPORT), REFUSED: refused})


def _replace(repository: Repository, linked: Linked, file_name: str, whole: dict[str, Any]) -> None:
    try:
        with files.folder(repository.git_dir, "worktrees", linked.name) as handle:
            files.write(handle, check_state_file(file_name), _encoded(whole))
    except OSError as cause:
        raise failed_files(cause, repository.private_dir(linked) / file_name) from cause


def _encoded(whole: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(whole)) + b"\n"


def stamp(private_dir: Path, file_name: str) -> Stamp | None:
    """What tells one content of the file from another, without reading it; None when it is gone."""
    try:
        found = os.lstat(private_dir / file_name)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def worktree_of(repository: Repository, path: Path) -> Linked:
    """What git knows of the worktree at a path. Raises `not_a_worktree`; `worktree_missing` when nothing is there."""
    linked = repository.worktree_at(path)
    if linked is None and not os.path.lexists(path):
        raise WorkspaceRefused("worktree_missing", f"The worktree {path} is not there any more.", MISSING_HINT)
    if linked is None:
        sentence = f"{path} is no worktree of {repository.path}, so it is left as it is."
        raise WorkspaceRefused("not_a_worktree", sentence, "`callboard worktrees` lists those that are.")
    return linked


def _content(raw: bytes | None) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
