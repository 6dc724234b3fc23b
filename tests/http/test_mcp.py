"""The address of MCP on a coordinator: it costs nothing until it is asked, and stands behind the same gates."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.http.world import Coordinator, serving

HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
LONGEST_ANSWER_SECONDS = 0.5
LOADED_BYTES = 15_000_000
"""Less than the SDK takes."""


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    with serving(tmp_path / "data") as made:
        yield made


def ask(coordinator: Coordinator, body: Any = LIST, **more: Any) -> httpx2.Response:
    """A message to the address of MCP."""
    return coordinator.call("POST", "/mcp", body, headers=HEADERS | more.pop("headers", {}), **more)


def test_serving_loads_nothing_of_the_sdk() -> None:
    """The coordinator is ready without it: no module of the SDK is imported by what `serve` imports."""
    script = (
        "import sys, callboard.cli.serve, callboard.coordinator.serve, callboard.mcp_server.mounted\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('mcp', 'mcp_types', 'pydantic')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


def test_the_first_message_loads_it_while_others_are_answered(coordinator: Coordinator) -> None:
    """It is answered itself; the event loop is never blocked for long meanwhile."""
    process = psutil.Process(coordinator.process.pid)
    before = process.memory_info().rss
    answers: list[httpx2.Response] = []
    first = threading.Thread(target=lambda: answers.append(ask(coordinator)))
    slowest = 0.0
    first.start()
    while first.is_alive():
        begun = time.perf_counter()
        assert coordinator.call("GET", "/healthz", token=None).status_code == 200
        slowest = max(slowest, time.perf_counter() - begun)
    first.join()
    assert answers[0].status_code == 200
    assert "start_agent_session" in answers[0].text
    assert slowest < LONGEST_ANSWER_SECONDS
    assert process.memory_info().rss - before > LOADED_BYTES, "it was not loaded before"


def test_the_gates_stand_in_front(coordinator: Coordinator) -> None:
    """S1, S2: a token, our Host and no foreign Origin, as everywhere; nothing but POST."""
    assert ask(coordinator, token=None).status_code == 401
    assert ask(coordinator, token="nonsense").status_code == 401
    assert ask(coordinator, token=coordinator.join).status_code == 403
    assert ask(coordinator, headers={"Host": "evil.example"}).status_code == 421
    assert ask(coordinator, headers={"Origin": "https://evil.example"}).status_code == 403
    assert ask(coordinator, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    for method in ("GET", "DELETE"):
        refused = coordinator.call(method, "/mcp", headers=HEADERS)
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    allowed = ask(coordinator)
    assert allowed.headers["cache-control"] == "no-store"
    assert allowed.headers["x-content-type-options"] == "nosniff"
    assert "mcp-session-id" not in allowed.headers


def test_a_reader_may_look_and_start_nothing(coordinator: Coordinator) -> None:
    reader = coordinator.done("POST", "/tokens", {"kind": "read_only"})["token"]

    def call(tool: str, **arguments: Any) -> dict[str, Any]:
        message = LIST | {"method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        line = next(one for one in ask(coordinator, message, token=reader).text.splitlines() if one.startswith("data:"))
        result: dict[str, Any] = json.loads(line.removeprefix("data:"))["result"]
        return result

    assert call("list_sessions")["structuredContent"] == {"sessions": []}
    refused = call("start_agent_session", prompt="say no")
    assert (refused["isError"], refused["structuredContent"]["error"]["code"]) == (True, "forbidden")


def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "data", body_bytes=10_000) as coordinator:
        assert ask(coordinator, LIST | {"params": {"x": "x" * 20_000}}).status_code == 413
