"""Starts: ids at once, then every event of the run in order, then the result of that run."""

import re

from callboard.domain.ids import uuid_of
from tests.acceptance.conftest import Stage
from tests.support.coordinator import payload_of, text_of
from tests.support.world import World

ID = re.compile(r"^(ses|run)_[0-7][0-9a-hjkmnp-tv-z]{25}$")
WHOLE_RUN = [
    "session_created",
    "run_queued",
    "run_claimed",
    "run_start",
    "session_bound",
    "message",
    "message",
    "result",
    "run_completed",
]


def test_a01_start_answers_before_any_runner_exists_and_streams_the_whole_run(world: World) -> None:
    coordinator = world.coordinator()
    reader = coordinator.stream()
    answer = coordinator.http.post("/runs", json={"type": "start_session", "prompt": "say good evening"})
    assert answer.status_code == 201
    created = answer.json()
    assert ID.match(created["session_id"])
    assert ID.match(created["run_id"])
    assert created["status"] == "pending"

    runner = world.runner(coordinator)
    reader.until_event("run_completed")
    events = reader.events
    assert [event["type"] for event in events] == WHOLE_RUN
    assert [event["seq"] for event in events] == list(range(1, len(WHOLE_RUN) + 1))
    assert {event["session_id"] for event in events} == {created["session_id"]}
    by_user, by_agent = (event["payload"] for event in events if event["type"] == "message")
    assert (by_user["role"], text_of(by_user)) == ("user", "say good evening")
    assert (by_agent["role"], text_of(by_agent)) == ("assistant", "good evening")
    completed = events[-1]["payload"]
    assert (completed["exit_code"], completed["reason"]) == (0, "completed")
    started = next(event["payload"] for event in events if event["type"] == "run_start")
    assert (started["number"], started["attempt"], started["runner_id"]) == (1, 1, runner.runner_id)


def test_a01_start_is_read_back_as_it_was_streamed(stage: Stage) -> None:
    run = stage.coordinator.completed("say once\nresult done")
    events = stage.coordinator.events(run.session_id)
    assert [event.type for event in events] == WHOLE_RUN
    assert all(event.run_id == run.run_id for event in events if event.type != "session_created")
    session = stage.coordinator.session(run.session_id)
    assert (session.status, session.reason, session.exit_code, session.run_count) == ("finished", "completed", 0, 1)
    assert session.last_seq == len(events)
    assert session.latest_run_id == run.run_id


def test_a11_result_comes_before_run_completed(stage: Stage) -> None:
    for script, expected in (
        ("say only words", {"result_text": "only words"}),
        ("result the text", {"result_text": "the text"}),
        ('data {"sum": 42}', {"result_data": {"sum": 42}}),
    ):
        run = stage.coordinator.completed(script)
        result, completed = stage.coordinator.events(run.session_id, "result", "run_completed")
        assert (result.type, completed.type) == ("result", "run_completed")
        assert expected.items() <= payload_of(result).items()
        assert expected.items() <= payload_of(completed)["result"].items()


def test_a12_result_is_that_of_the_run_and_no_other(stage: Stage) -> None:
    coordinator, http = stage.coordinator, stage.coordinator.http
    unknown = http.get("/sessions/ses_01h2xcejqtf2nbrexx3vqjhp41/result")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "session_not_found")

    created = coordinator.start_run("hang")
    coordinator.until_event(created, "run_start")
    early = http.get(f"/sessions/{created.session_id}/result")
    assert (early.status_code, early.json()["code"]) == (409, "run_not_finished")
    http.post(f"/runs/{created.run_id}/stop")
    coordinator.ended(created.run_id)
    none = http.get(f"/sessions/{created.session_id}/result")
    assert (none.status_code, none.json()["code"]) == (404, "result_not_found")

    first = coordinator.resume_completed(created.session_id, "result first")
    assert http.get(f"/sessions/{created.session_id}/result").json()["run_id"] == first.run_id
    second = coordinator.resume(created.session_id, "sleep 0.2\nresult second")
    during = http.get(f"/sessions/{created.session_id}/result")
    assert (during.status_code, during.json()["code"]) == (409, "run_not_finished")
    coordinator.ended(second.run_id)
    latest = http.get(f"/sessions/{created.session_id}/result").json()
    assert (latest["run_id"], latest["result_text"]) == (second.run_id, "second")
    assert coordinator.run(first.run_id).result_text == "first"


def test_a26_the_session_id_is_in_every_answer(stage: Stage) -> None:
    """A26: start, resume and retry say at once which session it is."""
    coordinator = stage.coordinator
    started = coordinator.start_run("say one")
    coordinator.ended(started.run_id)
    resumed = coordinator.resume(started.session_id, "say two")
    coordinator.ended(resumed.run_id)
    retried = coordinator.http.post(f"/runs/{resumed.run_id}/retry").json()
    coordinator.ended(retried["run_id"])
    assert {started.session_id, resumed.session_id, retried["session_id"]} == {started.session_id}
    assert len({started.run_id, resumed.run_id, retried["run_id"]}) == 3
    assert coordinator.bindings(started.session_id)[0].executor_session_id == str(uuid_of(started.session_id))
