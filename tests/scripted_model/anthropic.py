"""The Anthropic messages format: requests read, answers written whole or as a stream."""

import json
from collections.abc import Iterator
from typing import Any

from tests.scripted_model.script import Message, Request, Tool, Turn, directives, new_id, prompt_text

Event = tuple[str, dict[str, Any], float]
"""Name, data, and the seconds to wait after it."""


def read(body: dict[str, Any]) -> Request:
    """The request of a client."""
    tools = {tool["name"]: Tool(tool.get("input_schema") or {}) for tool in body.get("tools") or () if "name" in tool}
    messages = [_message(message) for message in body.get("messages", ())]
    return Request(body.get("model", "?"), bool(body.get("stream")), messages, tools)


def _message(message: dict[str, Any]) -> Message:
    content, role = message.get("content"), message["role"]
    text = prompt_text(content)
    if role == "system" and directives(text):  # how Claude Code passes on what is said to it during a turn
        role = "user"
    results = [block for block in content if block.get("type") == "tool_result"] if isinstance(content, list) else []
    return Message(role, text, bool(results), "\n".join(prompt_text(block.get("content")) for block in results))


def usage(turn: Turn) -> dict[str, Any]:
    """The figures of a turn."""
    given, made, cache_read, cache_creation = turn.usage
    return {
        "input_tokens": given,
        "output_tokens": made,
        "cache_read_input_tokens": cache_read,
        "cache_creation_input_tokens": cache_creation,
        "service_tier": "standard",
    }


def whole(request: Request, turn: Turn) -> dict[str, Any]:
    """The answer in one piece."""
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": text, "signature": "c2NyaXB0ZWQ="} for text in turn.thoughts
    ]
    blocks += [{"type": "text", "text": text} for text in turn.texts]
    blocks += [
        {"type": "tool_use", "id": "toolu_" + call.id, "name": call.name, "input": call.arguments}
        for call in turn.calls
    ]
    return {
        "id": "msg_" + new_id(),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": blocks,
        "stop_reason": "tool_use" if turn.calls else "end_turn",
        "stop_sequence": None,
        "usage": usage(turn),
    }


def stream(message: dict[str, Any], turn: Turn) -> Iterator[Event]:
    """The same answer as server-sent events."""
    opening = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield _event("message_start", message=opening)
    for index, block in enumerate(message["content"]):
        empty = {**block, **{key: "" for key in ("thinking", "signature", "text") if key in block}}
        yield _event(
            "content_block_start", index=index, content_block=empty | ({"input": {}} if "input" in block else {})
        )
        for delta, seconds in _deltas(block, turn):
            yield _event("content_block_delta", seconds, index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=delta, usage=message["usage"])
    yield _event("message_stop")


def _deltas(block: dict[str, Any], turn: Turn) -> list[tuple[dict[str, Any], float]]:
    match block["type"]:
        case "thinking":
            return [
                ({"type": "thinking_delta", "thinking": block["thinking"]}, 0.0),
                ({"type": "signature_delta", "signature": block["signature"]}, 0.0),
            ]
        case "text":
            return [({"type": "text_delta", "text": piece}, seconds) for piece, seconds in turn.pieces(block["text"])]
    return [({"type": "input_json_delta", "partial_json": json.dumps(block["input"])}, 0.0)]


def _event(name: str, seconds: float = 0.0, **data: Any) -> Event:
    return name, {"type": name, **data}, seconds
