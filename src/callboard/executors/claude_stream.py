"""Reads the lines that Claude Code writes in stream-json: what was said, called and spent, as actions.

Knows the wire format of one direction; when a turn or the run is over is decided by the conversation that owns it.
"""

from collections import Counter
from typing import Any, Final

from callboard.domain.event import MESSAGE
from callboard.domain.invocation import Action, Delta, Emit
from callboard.executors.claude_usage import UsageLedger
from callboard.executors.lines import note
from callboard.executors.payload import fit
from callboard.executors.tools import ToolCalls

_CALLS: Final = ("tool_use", "server_tool_use", "mcp_tool_use")


class ClaudeStream:
    """The content of one launch."""

    def __init__(self, ledger: UsageLedger) -> None:
        self.tools = ToolCalls()
        self._ledger = ledger
        self._blocks: Counter[str] = Counter()
        self._offsets: Counter[str] = Counter()
        self._current = ""

    def assistant(self, line: dict[str, Any], t_ms: int) -> list[Action]:
        """One block of a message; its line repeats the message's id, and figures that are not final."""
        message = line["message"]
        if line.get("is_api_error_message"):
            return [note(text) for text in _texts(message.get("content"))]
        parent, message_id = line.get("parent_tool_use_id"), str(message["id"])
        actions: list[Action] = []
        if parent:
            actions += self._ledger.passed_by(message_id, message["model"], message.get("usage") or {})
        for block in message["content"]:
            key = f"{message_id}.{self._blocks[message_id]}"
            self._blocks[message_id] += 1
            actions += self._block(block, key, parent, t_ms)
        return actions

    def _block(self, block: dict[str, Any], key: str, parent: str | None, t_ms: int) -> list[Emit]:
        kind = block.get("type", "")
        if kind in _CALLS:
            return self.tools.begin(block["id"], block["name"], block.get("input"), t_ms, parent)
        if kind.endswith("_tool_result"):
            return self.tools.end(block["tool_use_id"], block.get("content"), t_ms, is_error=False)
        if kind in ("text", "thinking") and block.get(kind):
            return [_said({"type": kind, kind: block[kind]}, key, parent)]
        return []

    def user(self, line: dict[str, Any], t_ms: int) -> list[Action]:
        """The results of tool calls."""
        content = line["message"].get("content")
        actions: list[Action] = []
        for block in content if isinstance(content, list) else ():
            if block.get("type") == "tool_result":
                output, is_error = _output(block.get("content")), bool(block.get("is_error"))
                actions += self.tools.end(block["tool_use_id"], output, t_ms, is_error=is_error)
        return actions

    def partial(self, line: dict[str, Any]) -> list[Action]:
        """A raw event of the model's stream: text as it comes, and the exact figures of a call."""
        event = line["event"]
        message_id = line.get("api_message_id") or self._current
        match event.get("type"):
            case "message_start":
                message = event["message"]
                self._current = message["id"]
                self._ledger.begun(message["id"], message["model"], message.get("usage") or {})
            case "message_delta" if event.get("usage"):
                return self._ledger.ended(message_id, event["usage"])
            case "content_block_delta" if event["delta"].get("type") == "text_delta":
                key, text = f"{message_id}.{event['index']}", event["delta"]["text"]
                offset = self._offsets[key]
                self._offsets[key] += len(text)
                return [Delta(key, offset, text)]
        return []

    def retry(self, line: dict[str, Any]) -> list[Action]:
        """A call of the model failed and will be made again."""
        cause = f"{line.get('error_status') or ''} {line.get('error') or ''}".strip()
        return [note(f"The model did not answer ({cause}); try {line.get('attempt')} of {line.get('max_retries')}.")]

    def end(self, t_ms: int) -> list[Action]:
        """The client is gone."""
        return [*self.tools.abandon(t_ms), *self._ledger.abandon()]


def _said(block: dict[str, Any], key: str, parent: str | None) -> Emit:
    payload = {"role": "assistant", "content": [block], "message_key": key}
    return Emit(MESSAGE, fit(payload | ({"parent_tool_use_id": parent} if parent else {})))


def _output(content: Any) -> Any:
    """A tool's output: its text when it is nothing else, else its blocks."""
    if isinstance(content, list) and all(isinstance(block, dict) and block.get("type") == "text" for block in content):
        return "\n".join(_texts(content))
    return content


def _texts(content: Any) -> list[str]:
    return [str(block.get("text", "")) for block in content or () if isinstance(block, dict)]
