"""What runners report: bindings and ends, fenced by run and attempt; told by runners that the tests lead by hand."""

import pytest

from tests.support.coordinator import Coordinator
from tests.support.database import query
from tests.support.hand_runner import HandRunner
from tests.support.world import World


@pytest.fixture(scope="module")
def coordinator(lone: World) -> Coordinator:
    return lone.coordinator(lost_runner_seconds=600)


@pytest.fixture(scope="module")
def ours(lone: World, coordinator: Coordinator) -> HandRunner:
    return lone.hand_runner(coordinator, "ours")


@pytest.fixture(scope="module")
def other(lone: World, coordinator: Coordinator) -> HandRunner:
    return lone.hand_runner(coordinator, "other", hostname="elsewhere")


def test_a27_bind_stores_and_repeats_harmlessly(coordinator: Coordinator, ours: HandRunner) -> None:
    created = coordinator.start_run("say nothing")
    attempt = ours.begin(created.run_id)
    first = ours.bind(created.session_id, created.run_id, attempt, "native-one")
    assert first.status_code == 200, first.text
    assert (first.json()["generation"], first.json()["reason"]) == (1, "start")
    again = ours.bind(created.session_id, created.run_id, attempt, "native-one")
    assert (again.status_code, again.json()) == (200, first.json())
    (binding,) = coordinator.bindings(created.session_id)
    assert (binding.executor_session_id, binding.hostname, binding.project_dir) == (
        "native-one",
        "by-hand",
        "/srv/by-hand",
    )
    assert (binding.runner_id, binding.run_id) == (ours.runner_id, created.run_id)
    assert len(coordinator.events(created.session_id, "session_bound")) == 1

    second = ours.bind(created.session_id, created.run_id, attempt, "native-two")
    assert (second.status_code, second.json()["code"]) == (409, "binding_conflict")
    assert len(coordinator.bindings(created.session_id)) == 1
    ours.complete(created.run_id, attempt)

    resumed = coordinator.resume(created.session_id, "say more")
    attempt = ours.begin(resumed.run_id)
    later = ours.bind(created.session_id, resumed.run_id, attempt, "native-three")
    assert (later.status_code, later.json()["generation"], later.json()["reason"]) == (200, 2, "resume")
    open_ones = [one.generation for one in coordinator.bindings(created.session_id) if one.ended_at is None]
    assert open_ones == [2]
    ours.complete(resumed.run_id, attempt)


def test_a27_bind_of_a_native_id_of_another_session_is_refused(coordinator: Coordinator, ours: HandRunner) -> None:
    owner = coordinator.start_run("say mine")
    attempt = ours.begin(owner.run_id)
    assert ours.bind(owner.session_id, owner.run_id, attempt, "taken").status_code == 200
    ours.complete(owner.run_id, attempt)

    thief = coordinator.start_run("say also mine")
    attempt = ours.begin(thief.run_id)
    refused = ours.bind(thief.session_id, thief.run_id, attempt, "taken")
    assert (refused.status_code, refused.json()["code"]) == (409, "executor_session_in_use")
    assert coordinator.bindings(thief.session_id) == []
    assert ours.bind(thief.session_id, thief.run_id, attempt, "its own").status_code == 200
    ours.complete(thief.run_id, attempt)


def test_a34_reports_of_a_foreign_runner_are_refused(
    coordinator: Coordinator, ours: HandRunner, other: HandRunner
) -> None:
    created = coordinator.start_run("say ours", additional_demands={"hostname": "by-hand"})
    attempt = int(ours.claim(created.run_id)["attempt"])
    event = {"client_key": "1", "type": "message", "payload": {"role": "assistant", "content": []}}
    unit = {"model": "m", "message_id": "1", "input_tokens": 1}
    foreign = [
        other.started(created.run_id, attempt),
        other.complete(created.run_id, attempt),
        other.report(created.run_id, "failed", attempt, event_count=0),
        other.report(created.run_id, "stopped", attempt, event_count=0),
        other.report(created.run_id, "not_launched", attempt),
        other.report(created.run_id, "usage", attempt, rows=[unit]),
        other.post_events(created.session_id, created.run_id, attempt, event),
        other.bind(created.session_id, created.run_id, attempt, "foreign"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in foreign] == [(409, "stale_attempt")] * 8
    assert all(ours.runner_id in answer.json()["detail"] for answer in foreign)
    assert other.heartbeat((created.run_id, attempt))["stale"] == [{"run_id": created.run_id, "attempt": attempt}]
    assert coordinator.run(created.run_id).status == "claimed"

    assert ours.started(created.run_id, attempt).json() == {"ok": True, "stop": False}
    assert ours.complete(created.run_id, attempt).status_code == 200
    run = coordinator.run(created.run_id)
    assert (run.status, run.usage.input_tokens) == ("completed", 0)
    types = [event.type for event in coordinator.events(created.session_id)]
    assert types == ["session_created", "run_queued", "run_claimed", "run_start", "run_completed"]


def test_a34_a_wrong_credential_or_attempt_changes_nothing(coordinator: Coordinator, ours: HandRunner) -> None:
    """A34: the next attempt's number, an earlier process of the runner, another kind of token."""
    created = coordinator.start_run("say ours")
    attempt = ours.begin(created.run_id)
    assert ours.complete(created.run_id, attempt + 1).json()["code"] == "stale_attempt"
    assert ours.complete(created.run_id, attempt, epoch=ours.epoch - 1).json()["code"] == "runner_superseded"
    for token in (coordinator.token, coordinator.secret("runner-token"), ours.session_tokens[created.run_id]):
        with coordinator.with_token(token) as http:
            body = {"runner_id": ours.runner_id, "epoch": ours.epoch, "attempt": attempt, "event_count": 0}
            answer = http.post(f"/runner/runs/{created.run_id}/completed", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert coordinator.run(created.run_id).status == "running"
    assert ours.complete(created.run_id, attempt).status_code == 200


def test_a34_completed_twice_has_one_effect_and_failed_afterwards_none(
    coordinator: Coordinator, ours: HandRunner
) -> None:
    created = coordinator.start_run("say once")
    attempt = ours.begin(created.run_id)
    event = {"client_key": "1", "type": "message", "payload": {"role": "assistant", "content": []}}
    seqs = [ours.post_events(created.session_id, created.run_id, attempt, event).json()["seqs"] for _ in range(2)]
    assert seqs[0] == seqs[1]
    missing = ours.complete(created.run_id, attempt, event_count=2)
    assert (missing.status_code, missing.json()["code"]) == (409, "events_missing")

    usage = [{"model": "m", "message_id": "1", "input_tokens": 7, "cost_microdollars": 70}]
    first = ours.complete(created.run_id, attempt, event_count=1, result_text="the result", usage=usage)
    again = ours.complete(created.run_id, attempt, event_count=1, result_text="another", usage=usage)
    assert (again.status_code, again.json()) == (200, first.json())
    after = coordinator.run(created.run_id)
    late = ours.report(created.run_id, "failed", attempt, event_count=1, error_message="too late")
    assert late.json() == first.json()
    late_event = ours.post_events(created.session_id, created.run_id, attempt, event | {"client_key": "2"})
    assert (late_event.status_code, late_event.json()["code"]) == (409, "stale_attempt")
    assert coordinator.run(created.run_id) == after
    assert (after.result_text, after.usage.input_tokens, after.error) == ("the result", 7, None)
    types = [event.type for event in coordinator.events(created.session_id)]
    assert types.count("run_completed") == 1
    assert types.count("message") == 1


def test_a64_usage_for_an_unknown_session_is_an_error_and_the_next_write_works(
    lone: World, coordinator: Coordinator, ours: HandRunner
) -> None:
    """A64: of a session that never was, and of one that was deleted; reading, reporting, budgets, the command line."""
    rows = [{"model": "m", "message_id": "1", "output_tokens": 7}]
    deleted = coordinator.start_run("say gone")
    last = ours.begin(deleted.run_id)
    assert ours.complete(deleted.run_id, last).status_code == 200
    assert coordinator.http.delete(f"/sessions/{deleted.session_id}").status_code == 204
    known = coordinator.start_run("say here")
    attempt = ours.begin(known.run_id)
    tables = ("usage_rows", "sessions", "runs", "event_batches")
    before = [query(coordinator, f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608
    never = "01h2xcejqtf2nbrexx3vqjhp41"
    for session_id, run_id in ((f"ses_{never}", f"run_{never}"), (deleted.session_id, deleted.run_id)):
        refused = [
            coordinator.http.get(f"/sessions/{session_id}/usage"),
            coordinator.http.post(f"/sessions/{session_id}/budget", json={"budget_tokens": 10}),
            ours.post_events(session_id, run_id, last, {"client_key": "1", "type": "message", "payload": {}}),
            ours.report(run_id, "usage", last, rows=rows),
            ours.complete(run_id, last, usage=rows),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [
            *[(404, "session_not_found")] * 2,
            *[(404, "run_not_found")] * 3,
        ]
        assert all(session_id in answer.json()["detail"] or run_id in answer.json()["detail"] for answer in refused)
        asked = lone.command_line(coordinator)("usage", session_id)
        assert (asked.code, asked.out, session_id in asked.err) == (3, "", True), asked.err
    assert [query(coordinator, f"SELECT count(*) FROM {table}") for table in tables] == before  # noqa: S608
    assert ours.report(known.run_id, "usage", attempt, rows=rows).status_code == 200
    assert coordinator.http.get(f"/sessions/{known.session_id}/usage").json()["self"]["output_tokens"] == 7
    assert ours.complete(known.run_id, attempt).status_code == 200
