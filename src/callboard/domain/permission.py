"""The ladder of permission modes: what an agent may do without asking, and which of two modes is wider."""

from typing import Final

LADDER: Final = ("read_only", "ask", "edit", "full")
UNASKED_EXECUTORS: Final = frozenset({"command", "scripted"})
"""Executors that ask nobody: they are full whatever is said, unless a mode is given to one that can obey it."""


def effective_mode(mode: str | None, executor_type: str) -> str:
    """The mode that holds when none is given; `command` cannot obey a narrower one."""
    if executor_type == "command":
        return "full"
    return mode or ("full" if executor_type in UNASKED_EXECUTORS else "ask")


def is_wider(mode: str | None, executor_type: str, parents_mode: str | None, parents_executor: str) -> bool:
    """Whether a child would be allowed more than its parent; a child without a mode has its parent's."""
    parents = effective_mode(parents_mode, parents_executor)
    if mode is None and executor_type != "command":
        return False
    return LADDER.index(effective_mode(mode, executor_type)) > LADDER.index(parents)
