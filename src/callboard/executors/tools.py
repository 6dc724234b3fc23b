"""Pairs tool calls: each `pre_tool` of a launch gets exactly one `post_tool`, also when the agent died in between."""

from typing import Any, Final, NamedTuple

from callboard.domain.event import POST_TOOL, PRE_TOOL
from callboard.domain.invocation import Emit
from callboard.executors.payload import fit

UNKNOWN_OUTCOME: Final = "The agent ended before the result of this call was recorded; its outcome is unknown."


class _Call(NamedTuple):
    name: str
    begun_ms: int
    parent: str | None


class ToolCalls:
    """The calls that are open, by tool_use_id."""

    def __init__(self) -> None:
        self._open: dict[str, _Call] = {}

    def begin(self, use_id: str, name: str, tool_input: Any, t_ms: int, parent: str | None = None) -> list[Emit]:
        """A call has begun; nothing when it is open already."""
        if use_id in self._open:
            return []
        self._open[use_id] = _Call(name, t_ms, parent)
        payload = {"tool_use_id": use_id, "tool_name": name, "tool_input": tool_input}
        return [Emit(PRE_TOOL, fit(payload | _parent(parent)))]

    def end(self, use_id: str, output: Any, t_ms: int, *, is_error: bool) -> list[Emit]:
        """A call has its result; nothing when it is not open."""
        call = self._open.pop(use_id, None)
        if call is None:
            return []
        payload = {
            "tool_use_id": use_id,
            "tool_name": call.name,
            "tool_output": output,
            "is_error": is_error,
            "duration_ms": max(0, t_ms - call.begun_ms),
        }
        return [Emit(POST_TOOL, fit(payload | _parent(call.parent)))]

    def abandon(self, t_ms: int) -> list[Emit]:
        """The agent is gone: what is open will never have a result."""
        return [one for use_id in list(self._open) for one in self.end(use_id, UNKNOWN_OUTCOME, t_ms, is_error=True)]


def _parent(parent: str | None) -> dict[str, Any]:
    return {"parent_tool_use_id": parent} if parent else {}
