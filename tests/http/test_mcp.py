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

from tests.http.world import OWNER, Coordinator, serving

HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ANSWERS_MEANWHILE = 5
"""A loop that the loading blocks gives one or two: before it, and after it."""
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
    """It is answered itself; the event loop goes round and round meanwhile."""
    process = psutil.Process(coordinator.process.pid)
    before = process.memory_info().rss
    answers: list[httpx2.Response] = []
    first = threading.Thread(target=lambda: answers.append(ask(coordinator)))
    meanwhile = 0
    first.start()
    while first.is_alive():
        assert coordinator.call("GET", "/healthz", token=None).status_code == 200
        meanwhile += 1
    first.join()
    assert answers[0].status_code == 200
    assert "start_agent_session" in answers[0].text
    assert meanwhile > ANSWERS_MEANWHILE
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
        return result_of(ask(coordinator, message, token=reader))

    assert call("list_sessions")["structuredContent"] == {"sessions": []}
    refused = call("start_agent_session", prompt="say no")
    assert (refused["isError"], refused["structuredContent"]["error"]["code"]) == (True, "forbidden")


def test_wrong_arguments_are_told_with_what_the_tool_takes(coordinator: Coordinator) -> None:
    """40: a hint that a model can act on."""

    def told(tool: str, **arguments: Any) -> str:
        message = LIST | {"method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        hint: str = result_of(ask(coordinator, message))["structuredContent"]["error"]["hint"]
        return hint

    assert told("start_agent_session", prompt="x", mode="later") == "mode is one of async_callback, async_poll, sync."
    assert "maximum" in told("wait_agent_session", timeout_seconds=100)
    assert told("stop_agent_session", subtree=True) == "It takes session_id, subtree; required: session_id."
    assert "executor_type" in told("start_agent_session", prompt="x", executor="scripted")


def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "data", body_bytes=10_000) as coordinator:
        assert ask(coordinator, LIST | {"params": {"x": "x" * 20_000}}).status_code == 413


def wait_message(run_id: str) -> dict[str, Any]:
    """A wait of a whole slice for a run that never ends."""
    return LIST | {"method": "tools/call", "params": {"name": "wait_agent_session", "arguments": {"handles": [run_id]}}}


def result_of(answer: httpx2.Response) -> dict[str, Any]:
    """What a tool answered."""
    line = next(one for one in answer.text.splitlines() if one.startswith("data:"))
    result: dict[str, Any] = json.loads(line.removeprefix("data:"))["result"]
    return result


def until_held(coordinator: Coordinator, count: int) -> None:
    """Until so many requests are held; nothing announces that."""
    never, deadline = threading.Event(), time.monotonic() + 10
    while f"callboard_requests_held {float(count)}" not in coordinator.call("GET", "/metrics").text:
        assert time.monotonic() < deadline, coordinator.call("GET", "/metrics").text
        never.wait(0.05)


class Waiting:
    """A wait in a thread of its own."""

    def __init__(self, coordinator: Coordinator, token: str = OWNER) -> None:
        self.answer: httpx2.Response | None = None
        run_id = coordinator.create_run()["run_id"]

        def wait() -> None:
            self.answer = ask(coordinator, wait_message(run_id), token=token, timeout=60)

        self.thread = threading.Thread(target=wait)
        self.thread.start()
        until_held(coordinator, 1)

    def result(self, seconds: float) -> dict[str, Any]:
        """The answer, which must come within this time."""
        self.thread.join(seconds)
        assert self.answer is not None
        return result_of(self.answer)


def test_r13_a_stop_of_the_coordinator_answers_waits_with_what_is_known(coordinator: Coordinator) -> None:
    """Its process ends at once; the agent is told that the run waits still, and asks again elsewhere."""
    waiting = Waiting(coordinator)
    begun = time.monotonic()
    assert coordinator.stop() == 0
    assert time.monotonic() - begun < 10
    answer = waiting.result(5)["structuredContent"]
    assert (answer["ended"], len(answer["waiting"])) == ([], 1)
    assert answer["cursor"]


def test_s6_a_revoked_token_loses_the_wait_that_it_holds(tmp_path: Path) -> None:
    with serving(tmp_path / "data", token_recheck_seconds=0.5) as coordinator:
        made = coordinator.make_token("user")
        waiting = Waiting(coordinator, made["token"])
        coordinator.done("DELETE", f"/tokens/{made['token_id']}")
        refused = waiting.result(10)
    assert refused["isError"]
    assert refused["structuredContent"]["error"]["code"] == "unauthenticated"
    assert "end your turn" in refused["structuredContent"]["error"]["hint"]


def test_a_wait_whose_client_leaves_is_not_held_any_longer(coordinator: Coordinator) -> None:
    ask(coordinator)
    run_id = coordinator.create_run()["run_id"]
    with pytest.raises(httpx2.ReadTimeout):
        ask(coordinator, wait_message(run_id), headers={"MCP-Protocol-Version": "2025-11-25"}, timeout=1)
    until_held(coordinator, 0)
