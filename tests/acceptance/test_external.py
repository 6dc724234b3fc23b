"""External sessions: conversations that another process leads are logged, and ours alone again when it has gone."""

from typing import Any

import httpx2
import pytest

from tests.support.coordinator import Coordinator, payload_of
from tests.support.world import World

CONVERSATION = {
    "executor_type": "claude-code",
    "executor_session_id": "0199aa00-0000-7000-8000-000000000001",
    "hostname": "laptop",
    "project_dir": "/srv/site",
}


def announce(coordinator: Coordinator, **fields: Any) -> httpx2.Response:
    """Report a conversation, as its hooks do with a person's token."""
    return coordinator.http.post("/sessions", json=CONVERSATION | fields)


def event(number: int, event_type: str, **payload: Any) -> dict[str, Any]:
    """One event as the process that leads the conversation posts it."""
    return {"client_key": f"{number:04d}", "type": event_type, "payload": payload}


@pytest.fixture(scope="module")
def coordinator(lone: World) -> Coordinator:
    return lone.coordinator()


def test_a43_an_external_session_is_logged_like_any_other(coordinator: Coordinator) -> None:
    answer = announce(coordinator)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    session = coordinator.session(made["session_id"])
    assert (session.status, session.external, session.parent_session_id) == ("running", True, None)
    assert session.binding is not None
    assert session.binding.executor_session_id == CONVERSATION["executor_session_id"]
    run = coordinator.run(made["run_id"])
    assert (run.number, run.status, run.trigger) == (1, "running", "external")

    batch = [
        event(1, "message", role="user", content=[{"type": "text", "text": "fix it"}], message_key="1"),
        event(2, "pre_tool", tool_use_id="t1", tool_name="Bash", tool_input={"command": "ls"}),
        event(3, "post_tool", tool_use_id="t1", tool_name="Bash", tool_output="a", is_error=False, duration_ms=3),
        event(4, "message", role="assistant", content=[{"type": "text", "text": "fixed"}], message_key="2"),
    ]
    used = {"model": "large", "message_id": "m1", "input_tokens": 10, "cost_microdollars": 50}
    with coordinator.with_token(made["session_token"]) as its:
        for _ in range(2):
            assert its.post(f"/sessions/{made['session_id']}/events", json={"events": batch}).status_code == 200
            booked = its.post(f"/runner/runs/{made['run_id']}/usage", json={"rows": [used]})
            assert (booked.status_code, booked.json()["status"]) == (200, "running")
        renewed = coordinator.run(made["run_id"]).lease_expires_at
        assert renewed is not None
        assert run.lease_expires_at is not None
        assert renewed > run.lease_expires_at
        forbidden = its.post(
            f"/sessions/{made['session_id']}/events", json={"events": [event(5, "run_completed", reason="completed")]}
        )
        assert (forbidden.status_code, forbidden.json()["code"]) == (403, "forbidden")
        ended = its.post(f"/runner/runs/{made['run_id']}/completed", json={"exit_code": 0, "result_text": "fixed"})
        assert ended.json() == {"status": "completed", "reason": "completed"}
        late = its.post(f"/sessions/{made['session_id']}/events", json={"events": [event(6, "note", text="late")]})
        assert late.status_code in (401, 403, 409)

    types = [one.type for one in coordinator.events(made["session_id"])]
    assert types[:3] == ["session_created", "run_start", "session_bound"]
    assert [one for one in types if one not in types[:3]] == [
        "message",
        "pre_tool",
        "post_tool",
        "message",
        "usage",
        "run_completed",
    ]
    run = coordinator.run(made["run_id"])
    assert (run.result_text, run.exit_code, run.usage.input_tokens, run.usage.cost_microdollars) == ("fixed", 0, 10, 50)
    assert payload_of(coordinator.events(made["session_id"], "run_completed")[0])["reason"] == "completed"


def test_a43_the_end_of_an_external_session_may_be_reported_twice(coordinator: Coordinator) -> None:
    """R6: its answer may have been lost; the token that died with the end repeats that and does nothing else."""
    made = announce(coordinator, executor_session_id="0199aa00-0000-7000-8000-0000000000ff").json()
    with coordinator.with_token(made["session_token"]) as its:
        ends = [its.post(f"/runner/runs/{made['run_id']}/completed", json={"exit_code": 0}) for _ in range(3)]
        assert [(end.status_code, end.json()["status"]) for end in ends] == [(200, "completed")] * 3
        assert its.post(f"/runner/runs/{made['run_id']}/failed", json={}).status_code == 401
        assert its.get(f"/sessions/{made['session_id']}").status_code == 401
    assert len(coordinator.events(made["session_id"], "run_completed")) == 1


def test_a43_our_resume_is_refused_while_the_lease_lives(coordinator: Coordinator) -> None:
    native_id = "0199aa00-0000-7000-8000-000000000002"
    made = announce(coordinator, executor_session_id=native_id).json()
    order = {"type": "resume_session", "session_id": made["session_id"], "prompt": "go on"}
    for on_busy in ("enqueue", "interrupt", "reject"):
        refused = coordinator.http.post("/runs", json=order | {"on_busy": on_busy})
        assert (refused.status_code, refused.json()["code"]) == (409, "session_external")
    assert coordinator.session(made["session_id"]).run_count == 1

    again = announce(coordinator, executor_session_id=native_id)
    assert (again.status_code, again.json()["session_id"]) == (200, made["session_id"])
    elsewhere = announce(coordinator, executor_session_id=native_id, hostname="other")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "executor_session_in_use")
    with coordinator.with_token(again.json()["session_token"]) as its:
        assert its.post(f"/runner/runs/{made['run_id']}/completed", json={}).status_code == 200
    accepted = coordinator.http.post("/runs", json=order)
    assert accepted.status_code == 201
    run = coordinator.run(accepted.json()["run_id"])
    assert (run.number, run.status, run.demands["hostname"]) == (2, "pending", "laptop")


def test_a43_a_silent_external_session_ends_with_its_lease(world: World) -> None:
    coordinator = world.coordinator(external_lease_seconds=1, grace_seconds=0.5, sweep_seconds=0.2)
    made = announce(coordinator).json()
    ended = coordinator.ended(made["run_id"])
    assert (ended.status, ended.reason) == ("failed", "interrupted")
    order = {"type": "resume_session", "session_id": made["session_id"], "prompt": "go on"}
    assert coordinator.http.post("/runs", json=order).status_code == 201
