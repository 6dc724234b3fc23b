"""What a binding's history says: why a generation began, and how far a native id is unique."""

from typing import Final, Literal

BindingReason = Literal["start", "resume", "fresh", "fork", "migrate", "handoff"]

GLOBAL_NATIVE_IDS: Final = frozenset({"claude-code", "codex", "scripted"})
"""Executors whose native ids are UUIDs, so that one names one conversation everywhere."""


def id_scope(executor_type: str, hostname: str) -> str:
    """Where a native id of this executor is unique: '' everywhere, else the host."""
    return "" if executor_type in GLOBAL_NATIVE_IDS else hostname


def binding_reason(
    generation: int, *, fresh: bool, moved: bool, handoff: bool = False, forked: bool = False
) -> BindingReason:
    """Why a generation begins; `forked`: the session is told the turns of another one."""
    if generation == 1:
        return "fork" if forked else "start"
    if handoff:
        return "handoff"
    if fresh:
        return "fresh"
    return "migrate" if moved else "resume"
