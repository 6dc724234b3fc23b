"""Approvals: the states of an agent's request for permission, what it is bound to, and how much it may do. Pure."""

import hashlib
import posixpath
from typing import Any, Final, Literal, get_args

import msgspec

from callboard.domain.transitions import Transitions

ApprovalStatus = Literal["pending", "allowed", "denied", "expired"]
STATUSES: Final[tuple[str, ...]] = get_args(ApprovalStatus)
Risk = Literal["reads", "writes", "writes_elsewhere", "executes", "unknown"]
MAX_INPUT_BYTES: Final = 256 * 1024

APPROVAL: Final = Transitions(
    {
        ("pending", "allow"): "allowed",
        ("pending", "deny"): "denied",
        ("pending", "expire"): "expired",
    }
)

_READS: Final = frozenset({"Read", "Glob", "Grep", "LS", "NotebookRead", "WebFetch", "WebSearch"})
_WRITES: Final = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit", "write", "append"})
_EXECUTES: Final = frozenset({"Bash", "BashOutput", "KillShell", "Task", "run"})
_PATHS: Final = ("file_path", "path", "notebook_path")


def content_hash(tool_name: str, tool_input: dict[str, Any], project_dir: str | None) -> str:
    """What a decision is bound to: SHA-256 (hex) of the tool, its input and the directory."""
    content = [tool_name, tool_input, project_dir]
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def risk_of(tool_name: str, tool_input: dict[str, Any], project_dir: str | None) -> Risk:
    """How much the tool could do, as its name and the paths in its input say; a hint that decides nothing."""
    if tool_name in _READS:
        return "reads"
    if tool_name in _EXECUTES:
        return "executes"
    if tool_name not in _WRITES:
        return "unknown"
    paths = [str(tool_input[name]) for name in _PATHS if tool_input.get(name)]
    return "writes" if all(_inside(path, project_dir) for path in paths) else "writes_elsewhere"


def _inside(path: str, project_dir: str | None) -> bool:
    if project_dir is None:
        return not path.startswith("/") and ".." not in path.split("/")
    base = posixpath.normpath(project_dir)
    whole = posixpath.normpath(posixpath.join(base, path))
    return whole == base or whole.startswith(base.rstrip("/") + "/")
