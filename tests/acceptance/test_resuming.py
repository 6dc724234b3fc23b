"""Later runs of a session: it remembers, stays where it is, can be stopped, tried again, and keeps what it used."""

import os

from callboard.client.calls import runs
from callboard.domain.ids import uuid_of
from tests.acceptance.conftest import Stage
from tests.support.coordinator import payload_of, text_of
from tests.support.processes import agents_of
from tests.support.world import World

PROMPT = "say one\nthe colour is blue"


def test_a02_resume_of_a_persistent_session_remembers_under_the_same_ids(stage: Stage) -> None:
    coordinator = stage.coordinator
    first = coordinator.completed(PROMPT)
    second = coordinator.resume_completed(first.session_id, "recall")
    assert second.session_id == first.session_id
    assert second.run_id != first.run_id
    assert (second.type, second.number) == ("resume_session", 2)
    assert coordinator.said(first.session_id) == ["one", "say one the colour is blue"]
    types = [event.type for event in coordinator.events(first.session_id)]
    assert (types.count("run_start"), types.count("run_completed")) == (2, 2)
    (binding,) = coordinator.bindings(first.session_id)
    assert binding.executor_session_id == str(uuid_of(first.session_id))
    assert (binding.generation, binding.ended_at, binding.run_id) == (1, None, first.run_id)


def test_a02_resume_of_a_fresh_session_opens_a_new_generation(stage: Stage) -> None:
    coordinator = stage.coordinator
    first = coordinator.completed(PROMPT, context="fresh")
    coordinator.resume_completed(first.session_id, "recall")
    assert coordinator.said(first.session_id) == ["one", ""]
    generations = [(one.generation, one.reason, one.ended_at is None) for one in coordinator.bindings(first.session_id)]
    assert generations == [(1, "start", False), (2, "fresh", True)]
    messages = [payload_of(event) for event in coordinator.events(first.session_id, "message")]
    told = [text_of(message) for message in messages if message["role"] == "user"]
    assert told[1].startswith("<earlier-turns>")
    assert PROMPT in told[1]
    assert told[1].endswith("\n\nrecall")
    native_id = str(uuid_of(first.session_id))
    assert [name for _, _, names in os.walk(stage.runner.state_dir) for name in names if native_id in name] == []


def test_a02_resume_of_a_busy_session_waits_its_turn(stage: Stage) -> None:
    coordinator = stage.coordinator
    first = coordinator.start_run("sleep 0.3\nsay first")
    waiting = [coordinator.resume(first.session_id, f"say {word}") for word in ("second", "third")]
    assert coordinator.session(first.session_id).queued_runs in (2, 3)
    for created in waiting:
        assert coordinator.ended(created.run_id).reason == "completed"
    assert coordinator.said(first.session_id) == ["first", "second", "third"]
    run_events = [event.type for event in coordinator.events(first.session_id, "run_start", "run_completed")]
    assert run_events == ["run_start", "run_completed"] * 3


def test_a31_stop_of_the_second_run_of_a_session_works(stage: Stage) -> None:
    coordinator = stage.coordinator
    first = coordinator.completed("say one")
    second = coordinator.resume(first.session_id, "hang")
    coordinator.until_event(second, "message", role="user")
    assert agents_of(second.run_id)
    coordinator.client.send(runs.stop(second.run_id))
    stopped = coordinator.ended(second.run_id)
    assert (stopped.status, stopped.reason, stopped.stopped_by, stopped.exit_code) == (
        "stopped",
        "stopped",
        "person",
        1,
    )
    assert agents_of(second.run_id) == []
    session = coordinator.session(first.session_id)
    assert (session.status, session.queued_runs) == ("stopped", 0)
    assert coordinator.run(first.run_id).status == "completed"
    coordinator.resume_completed(first.session_id, "say three")


def test_a44_retry_makes_a_new_run_with_the_same_words(stage: Stage) -> None:
    coordinator = stage.coordinator
    created = coordinator.start_run("fail-first 1 no luck today\nsay better")
    early = coordinator.http.post(f"/runs/{created.run_id}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "run_not_retryable")
    failed = coordinator.ended(created.run_id)
    assert (failed.status, failed.reason, failed.exit_code) == ("failed", "failed", 1)
    assert failed.error is not None
    assert "no luck today" in failed.error.message

    again = coordinator.client.send(runs.retry(created.run_id))
    retried = coordinator.ended(again.run_id)
    assert (retried.session_id, retried.retry_of, retried.number) == (created.session_id, created.run_id, 2)
    assert (retried.reason, retried.prompt) == ("completed", failed.prompt)
    assert coordinator.said(created.session_id) == ["better"]
    assert coordinator.run(created.run_id).status == "failed"
    assert coordinator.session(created.session_id).status == "finished"


def test_a28_resume_goes_only_to_the_host_of_the_binding(world: World) -> None:
    coordinator = world.coordinator(lost_runner_seconds=2, heartbeat_seconds=0.5)
    alpha = world.runner(coordinator, hostname="alpha")
    first = coordinator.completed("say on alpha\nthe colour is red")
    fresh = coordinator.completed("say on alpha", context="fresh")
    beta = world.runner(coordinator, hostname="beta")
    assert alpha.runner_id != beta.runner_id
    affinity = coordinator.http.get(f"/sessions/{first.session_id}/affinity").json()
    assert (affinity["hostname"], affinity["executor_type"]) == ("alpha", "scripted")

    alpha.kill()
    resumed = coordinator.resume(first.session_id, "recall")
    elsewhere = coordinator.resume_completed(fresh.session_id, "say beta works, and nothing is remembered")
    assert elsewhere.runner_id == beta.runner_id
    waiting = coordinator.run(resumed.run_id)
    assert (waiting.status, waiting.demands["hostname"]) == ("pending", "alpha")
    why = coordinator.client.send(runs.why(resumed.run_id))
    reasons = {runner.hostname: [reason.code for reason in runner.reasons] for runner in why.runners}
    assert reasons["beta"] == ["hostname_differs"]

    alpha.restart()
    assert coordinator.ended(resumed.run_id).runner_id == alpha.runner_id
    assert coordinator.said(first.session_id)[-1] == "say on alpha the colour is red"
    contradicting = {"type": "resume_session", "session_id": first.session_id, "prompt": "say no"}
    refused = coordinator.http.post("/runs", json=contradicting | {"additional_demands": {"hostname": "beta"}})
    assert (refused.status_code, refused.json()["code"]) == (422, "contradicting_demands")


def test_a65_failed_and_killed_runs_keep_their_usage(stage: Stage) -> None:
    coordinator = stage.coordinator
    first = coordinator.start_run("usage small 100 10 1000\nfail no more")
    assert coordinator.ended(first.run_id).reason == "failed"
    session_id = first.session_id
    crashed = coordinator.resume(session_id, "usage small 200 20 2000\ncrash")
    assert coordinator.ended(crashed.run_id).reason == "failed"
    stopped = coordinator.resume(session_id, "usage large 400 40 4000\nhang")
    coordinator.until_event(stopped, "usage")
    coordinator.client.send(runs.stop(stopped.run_id))
    assert coordinator.ended(stopped.run_id).reason == "stopped"
    killed = coordinator.resume(session_id, "usage large 800 80 8000\nhang")
    coordinator.until_event(killed, "usage")
    for agent in agents_of(killed.run_id):
        agent.kill()
    assert coordinator.ended(killed.run_id).reason == "failed"

    used = [coordinator.run(one.run_id).usage for one in (first, crashed, stopped, killed)]
    assert [one.input_tokens for one in used] == [100, 200, 400, 800]
    assert [one.cost_microdollars for one in used] == [1000, 2000, 4000, 8000]
    total = coordinator.session(session_id).usage
    assert (total.input_tokens, total.output_tokens, total.turns) == (1500, 150, 4)
    assert total.cost_microdollars == 15_000
    by_model = coordinator.http.get(f"/sessions/{session_id}/usage").json()["by_model"]
    assert {one["key"]: one["usage"]["input_tokens"] for one in by_model} == {"small": 300, "large": 1200}
    ends = [payload_of(event) for event in coordinator.events(session_id, "run_completed")]
    assert [end["usage"]["input_tokens"] for end in ends] == [100, 200, 400, 800]
