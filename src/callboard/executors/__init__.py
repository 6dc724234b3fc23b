"""Adapters for agent frameworks: state machines over a journal, and the link to the keeper that writes it.

The table names each type's class; nothing is imported before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from callboard.executors.base import Executor

EXECUTORS: Final = {
    "claude-code": "callboard.executors.claude_code:ClaudeCodeExecutor",
    "command": "callboard.executors.command:CommandExecutor",
    "scripted": "callboard.executors.scripted:ScriptedExecutor",
}
"""Executor types by name. The runner's file may give further names to a type: `[executors.NAME] type = "command"`."""


def load(type_name: str) -> "Executor":
    """An executor of this type; KeyError when there is none."""
    module, _, attribute = EXECUTORS[type_name].partition(":")
    return cast("Executor", getattr(import_module(module), attribute)())
