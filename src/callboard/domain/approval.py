"""Approvals: the states of an agent's request for permission, what it is bound to, what it would allow. Pure."""

import hashlib
import posixpath
from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from callboard.domain.session import WaitingFor
from callboard.domain.transitions import Transitions

ApprovalStatus = Literal["pending", "allowed", "denied", "expired"]
STATUSES: Final[tuple[str, ...]] = get_args(ApprovalStatus)
Scope = Literal["once", "session"]
MAX_INPUT_BYTES: Final = 256 * 1024
MAX_GRANTED_BYTES: Final = 16 * 1024
"""A longer input is read whole by nobody, and executors cut the longest: it may be allowed once."""

APPROVAL: Final = Transitions(
    {
        ("pending", "allow"): "allowed",
        ("pending", "deny"): "denied",
        ("pending", "expire"): "expired",
    }
)

_FILE_TOOLS: Final = frozenset({"Read", "Write", "Edit", "MultiEdit", "NotebookEdit", "write", "append"})
ASK: Final = "AskUserQuestion"
MAX_QUESTION: Final = 2_000
QUESTIONS: Final = frozenset({ASK, "ExitPlanMode"})
"""Tools that ask a person something else than for permission: each answer is about that one question."""
PATHS: Final = ("file_path", "path", "notebook_path")


def content_hash(tool_name: str, tool_input: dict[str, Any], project_dir: str | None) -> str:
    """What a decision is bound to: SHA-256 (hex) of the tool, its input and the directory."""
    content = [tool_name, tool_input, project_dir]
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def grant_key(tool_name: str, tool_input: dict[str, Any], project_dir: str | None) -> str:
    """What requests have in common of which one decision for the whole session decides; empty where none may.

    A tool on one file is the same whatever it does there, everything else only with the very same input.
    """
    if tool_name in QUESTIONS or len(msgspec.json.encode(tool_input)) > MAX_GRANTED_BYTES:
        return ""
    path = _file_of(tool_name, tool_input, project_dir)
    if path is None:
        return content_hash(tool_name, tool_input, project_dir)
    return content_hash(tool_name, {"path": path}, project_dir)


def question_of(tool_name: str, tool_input: dict[str, Any]) -> str | None:
    """What an agent asks in its own words, when it asks a person something else than for permission."""
    if tool_name not in QUESTIONS:
        return None
    plan, questions = tool_input.get("plan"), tool_input.get("questions")
    if tool_name != ASK:
        return plan[:MAX_QUESTION] if isinstance(plan, str) and plan else "May I go on by my plan?"
    return " ".join(_questions(questions))[:MAX_QUESTION] or None


def with_answers(tool_name: str, tool_input: dict[str, Any], answers: Sequence[str]) -> dict[str, Any] | None:
    """The input of a question with an answer to each of its parts, as its agent reads it; None when they do not fit."""
    asked = _questions(tool_input.get("questions")) if tool_name == ASK else []
    if not asked or len(asked) != len(answers):
        return None
    return tool_input | {"answers": dict(zip(asked, answers, strict=True))}


def _questions(given: object) -> list[str]:
    found = [one.get("question") for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return [one for one in found if isinstance(one, str) and one]


def waits_for(tool_name: str) -> WaitingFor:
    """What the session of such a request waits for."""
    return "question" if tool_name == ASK else "approval"


def session_allows(tool_name: str, tool_input: dict[str, Any], project_dir: str | None) -> str | None:
    """The same in words for whoever decides; None where a decision holds once."""
    if not grant_key(tool_name, tool_input, project_dir):
        return None
    path = _file_of(tool_name, tool_input, project_dir)
    what = "with exactly this input" if path is None else f"on {path}, whatever it does there"
    return f"{tool_name} {what}, as often as it likes, in all later runs of this session too."


def _file_of(tool_name: str, tool_input: dict[str, Any], project_dir: str | None) -> str | None:
    """The one file that a tool is about, if it is about one."""
    named = [tool_input[name] for name in PATHS if tool_input.get(name)]
    if tool_name not in _FILE_TOOLS or len(named) != 1 or not isinstance(named[0], str):
        return None
    if ".." in named[0].split("/"):  # above a link that is somewhere else than its words say
        return None
    return posixpath.normpath(posixpath.join(project_dir or "", named[0]))
