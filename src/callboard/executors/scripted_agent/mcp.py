"""The scripted agent's MCP client: it calls Callboard's own tools at the coordinator's address, and nothing else."""

import json
import os
from collections.abc import Callable
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

ANSWER_SECONDS: Final = 60.0
SLICE_SECONDS: Final = 5
LOOK_SECONDS: Final = 0.01
"""Between two slices of a wait, to hear whether the turn was interrupted."""
PAUSES: Final = (0.1, 0.2, 0.5, 1.0, *[2.0] * 30)
"""Between tries while the coordinator is away: a minute in all."""
PASSING: Final = frozenset({429, 502, 503, 504})
NOT_AVAILABLE: Final = "the MCP server is not available"
REPEATABLE: Final = frozenset({"start_agent_session", "resume_agent_session", "send_message", "report_status"})


class ToolFailed(Exception):
    """The tool answered with an error, or nobody answered."""


class McpTools:
    """Our tools, for one run. `pause` lets time pass between tries, and may raise."""

    def __init__(self, pause: Callable[[float], None], number: Callable[[str], str]) -> None:
        self._pause = pause
        self._number = number
        self._opener = build_opener(ProxyHandler({}))
        self._started: list[str] = []

    def start(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Starts a child and remembers it."""
        answer = self.call("start_agent_session", arguments)
        self._started.append(answer["run_id"])
        return answer

    def wait(self, which: str) -> dict[str, Any]:
        """Waits, slice by slice, for the child that was started last, or for all."""
        handles = self._started[-1:] if which == "last" else self._started
        answer = self.call("wait_agent_session", {"handles": handles, "timeout_seconds": SLICE_SECONDS})
        ended = answer["ended"]
        while answer.get("cursor"):
            self._pause(LOOK_SECONDS)
            answer = self.call("wait_agent_session", {"cursor": answer["cursor"], "timeout_seconds": SLICE_SECONDS})
            ended += answer["ended"]
        return {"ended": ended, "waiting": []}

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The structured answer of a tool; asked again while nobody answers, which has one effect. ToolFailed."""
        if name in REPEATABLE:
            arguments = {"request_id": self._number("request")} | arguments
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        answer = self._answer(json.dumps(message).encode())
        if "error" in answer:
            raise ToolFailed(answer["error"]["message"])
        result = answer["result"]
        if result.get("isError"):
            raise ToolFailed("".join(block.get("text", "") for block in result["content"]))
        return dict(result["structuredContent"])

    def _answer(self, body: bytes) -> dict[str, Any]:
        if not os.environ.get("CALLBOARD_URL"):
            raise ToolFailed(NOT_AVAILABLE)
        for pause_seconds in PAUSES:
            try:
                return self._post(body)
            except HTTPError as refused:
                if refused.code not in PASSING:
                    raise ToolFailed(refused.read(4096).decode("utf-8", "replace")) from None
            except (URLError, HTTPException, OSError, ValueError):  # a connection that broke may leave half an answer
                pass
            self._pause(pause_seconds)
        raise ToolFailed(NOT_AVAILABLE)

    def _post(self, body: bytes) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {os.environ.get('CALLBOARD_TOKEN', '')}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
        }
        request = Request(os.environ["CALLBOARD_URL"].rstrip("/") + "/mcp", body, headers)  # noqa: S310 - the runner gave it
        with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
            text = answer.read().decode()
        if answer.headers.get_content_type() == "text/event-stream":
            lines = [line for line in text.splitlines() if line.startswith("data:")]
            text = lines[-1].removeprefix("data:") if lines else ""
        told: dict[str, Any] = json.loads(text)
        return told
