"""The lifecycle of work: who may move it, what its runs bring, what halts it; a worker that the test plays."""

import json
import sys
from concurrent.futures import Future
from pathlib import Path

import httpx2
import pytest

from callboard.domain.worker_prompt import history_words_in
from tests.faults.two import two_coordinators
from tests.support.coordinator import QUICK, Coordinator, payload_of, until
from tests.support.database import postgresql_only, query
from tests.support.hand_parent import HandParent
from tests.support.hand_worker import HandWorker
from tests.support.mcp_agent import mcp_agent
from tests.support.repository import Repository
from tests.support.told import told_by_us
from tests.support.world import World

CALLBOARD = f"{sys.executable} -m callboard"
PATIENT = QUICK | {"lease_seconds": 30, "lost_runner_seconds": 35, "unheard_seconds": 15}
"""A worker by hand speaks only now and then."""


@pytest.fixture(scope="module")
def coordinator(lone: World) -> Coordinator:
    """Return the coordinator of all tests here that kill nothing."""
    return lone.coordinator(**PATIENT, halt_seconds=0.5)


def reserved(work: HandWorker) -> list[int]:
    """The issues that the session holds."""
    rows = query(work.coordinator, f"SELECT number FROM active_issues WHERE session_id = '{work.session_id}'")  # noqa: S608
    return sorted(int(row[0]) for row in rows)


def assert_no_history(work: HandWorker) -> None:
    """A54: nothing that a worker was told has one of the words."""
    for text in [*work.told, *(json.dumps(content) for content in work.files)]:
        assert history_words_in(text) == []


def test_a53_reports_move_the_lifecycle_and_illegal_ones_are_refused(lone: World, coordinator: Coordinator) -> None:
    """A53: by the worker's own token; by us at the first run; the issues are free exactly when it is complete."""
    work = HandWorker(lone, coordinator, "a53", count=2)
    assert (work.lifecycle, reserved(work)) == ("registered", [1, 2])
    run_id = work.begin()
    assert work.lifecycle == "working"
    refused = work.reports("pr_ready")
    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_move")
    assert refused.json()["detail"] == (
        "1: pr_ready is not possible from working; possible: planning, shipping, complete, stuck."
    )
    assert work.reports("stuck").status_code == 422
    assert work.reports("shipping", action="pause").status_code == 422
    assert work.reports("shipping", pull_request_url="javascript:alert(1)").status_code == 422
    for report in ("planning", "planning_complete", "working", "shipping"):
        assert work.reports(report).json()["lifecycle"] == report
    shipped = work.reports("pr_ready", pull_request_url="https://git.test/web/pull/7").json()
    assert shipped["work"]["pull_request_url"] == "https://git.test/web/pull/7"
    assert shipped["group"] == "ready_for_review"
    with coordinator.with_token(work.token) as own:
        address = f"/sessions/{work.session_id}/lifecycle"
        assert own.post(address, json={"action": "heartbeat"}).json()["work"]["heartbeat_at"] is not None
        assert own.post(address, json={"action": "pause"}).status_code == 403
        assert own.get(f"/sessions/{work.session_id}/guidance").status_code == 403
    with HandParent(lone, coordinator) as stranger:
        assert work.reports("complete", token=stranger.token).status_code == 404
    assert reserved(work) == [1, 2]
    assert work.reports("complete").json()["lifecycle"] == "complete"
    assert reserved(work) == []
    assert [to for _, to, *_ in work.changes()] == [
        *("working", "planning", "planning_complete", "working", "shipping", "pr_ready", "complete")
    ]
    assert {by for _, _, by, _ in work.changes()[1:]} == {"worker"}
    work.end()
    assert (work.session()["status"], work.session()["waiting_for"]) == ("finished", None)
    later = coordinator.http.post(
        "/runs", json={"type": "resume_session", "session_id": work.session_id, "prompt": "more"}
    )
    assert (later.status_code, later.json()["code"]) == (409, "work_ended")
    assert coordinator.run(run_id).reason == "completed"
    assert_no_history(work)


def assert_dead_ends_have_a_way_on(lone: World, work: HandWorker, way: str) -> None:
    """A83: of a halted session the next command is said once, wherever somebody ran into it."""
    hint = f"next:  Let it go on: {way}"
    told = lone.command_line(work.coordinator)("update", "--id", work.session_id, "--status", "working")
    assert (told.code, told.err.splitlines()[:2]) == (8, ["error: 1: working is not possible from stuck.", hint])
    again = lone.command_line(work.coordinator)("spawn", "1", "--project", "a54")
    assert (again.code, f"{hint}; or end it: callboard cancel 1" in again.err) == (8, True)
    why = lone.command_line(work.coordinator)("why", work.session_id)
    assert f"next: {way}" in why.out


def test_a54_stuck_ends_the_run_and_forward_and_restart_go_on(lone: World, coordinator: Coordinator) -> None:
    """A54: after the report was answered; the next prompt and the state file have the guidance and no history."""
    work = HandWorker(lone, coordinator, "a54")
    run_id = work.begin()
    answered = work.reports("stuck", reason="Which table stays?")
    assert (answered.status_code, answered.json()["status"]) == (200, "running")
    work.until_stopped()
    assert (coordinator.run(run_id).reason, coordinator.run(run_id).stopped_by) == ("stopped", "lifecycle")
    session = work.session()
    assert (session["lifecycle"], session["work"]["stuck_reason"]) == ("stuck", "Which table stays?")
    assert (session["group"], reserved(work)) == ("needs_you", [1])
    assert session["work"]["actions"] == ["pause", "restart", "cancel", "forward", "heartbeat", "delete"]
    assert work.act("resume").json()["code"] == "illegal_move"
    assert_dead_ends_have_a_way_on(lone, work, 'callboard forward 1 "…", then callboard restart 1')
    said = coordinator.http.post(f"/sessions/{work.session_id}/messages", json={"text": "hello"})
    assert (said.status_code, said.json()["code"]) == (409, "work_halted")

    work.acted("forward", text="Keep the old table.")
    work.acted("forward", text="Use JWT.")
    work.acted("restart")
    second = work.begin()
    assert second != run_id
    assert coordinator.run(second).project_dir == coordinator.run(run_id).project_dir
    assert "\nUse JWT.\n" in work.told[-1]
    assert "Keep the old table." not in work.told[-1]
    assert [content["guidance"] for content in work.files][-1] == "Use JWT."
    assert (work.lifecycle, work.session()["work"]["stuck_reason"]) == ("working", None)
    page = coordinator.http.get(f"/sessions/{work.session_id}/guidance").json()["items"]
    assert [(one["text"], one["current"]) for one in page] == [("Use JWT.", True), ("Keep the old table.", False)]
    assert {one["created_by_label"] for one in page} == {"the owner's token file"}
    work.reports("complete")
    work.end()
    assert_no_history(work)


def test_a53_of_two_reports_at_once_one_is_taken_and_the_other_judged_after_it(
    lone: World, coordinator: Coordinator
) -> None:
    work = HandWorker(lone, coordinator, "race")
    work.begin()
    calls: list[Future[httpx2.Response]] = [lone.meanwhile(lambda: work.reports("shipping")) for _ in range(6)]
    answers = [call.result(20) for call in calls]
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert [to for _, to, *_ in work.changes()] == ["working", "shipping"]
    body = {"report": "pr_ready"}
    twice = [
        coordinator.http.post(
            f"/sessions/{work.session_id}/lifecycle", json=body, headers={"Idempotency-Key": "the-same-report"}
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in twice] == [200, 200]
    work.reports("complete")
    work.end()


async def test_a53_cli_mcp_and_http_judge_a_report_alike(lone: World, coordinator: Coordinator) -> None:
    work = HandWorker(lone, coordinator, "ways")
    work.begin()
    inside = {"CALLBOARD_TOKEN": work.token, "CALLBOARD_TOKEN_FILE": "", "AGENT_SESSION_ID": work.session_id}
    line = lone.command_line(coordinator)
    refusal = work.reports("pr_ready").json()
    shown = line("update", "--status", "pr_ready", "--json", **inside)
    assert (shown.code, json.loads(shown.err)["code"]) == (8, refusal["code"])
    assert line("update", "--status", "stuck", **inside).code == 2
    done = line("update", "--id", "1", "--status", "planning", **inside)
    assert (done.code, done.out.split()) == (0, ["1", "planning"])
    assert line("heartbeat", "1", "-q", **inside).out.strip() == work.session_id
    async with mcp_agent(coordinator, "http", work.token) as agent:
        refused = await agent.refused("report_status", status="pr_ready")
        assert (refused["code"], "possible: planning_complete, working, stuck" in refused["message"]) == (
            "illegal_move",
            True,
        )
        assert (await agent.refused("report_status", status="stuck"))["code"] == "invalid_request"
        told = await agent.call("report_status", status="working", text="begun")
        assert (told["status"], told["session_id"]) == ("working", work.session_id)
        await agent.call("report_status", status="stuck", reason="Which port?")
    assert work.session()["work"]["stuck_reason"] == "Which port?"
    assert [payload_of(one)["text"] for one in coordinator.events(work.session_id, "note")] == ["begun"]
    work.until_stopped()
    reference = work.session_id[-8:]
    assert "previous" in line("forward", reference, "Not as in the previous one.").err
    assert line("restart", reference).out.split() == ["1", "working"]
    with HandParent(lone, coordinator) as stranger:
        async with mcp_agent(coordinator, "http", stranger.token) as agent:
            assert (await agent.refused("report_status", status="working"))["code"] == "not_work"
    assert line("cancel", reference, "--json").value["lifecycle"] == "cancelled"


def test_a_pause_withholds_what_waits_and_a_resume_lets_it_go(lone: World, coordinator: Coordinator) -> None:
    """A53 and 40: queued runs are not offered, callbacks are held; a cancel ends both for good."""
    work = HandWorker(lone, coordinator, "pause")
    work.begin()
    child = {
        "type": "start_session",
        "prompt": "say child",
        "execution_mode": "async_callback",
        "executor_type": "scripted",
        "additional_demands": {"tags": ["nobody"]},
    }
    with coordinator.with_token(work.token) as worker:
        began = worker.post("/runs", json=child).json()
    ask = {"type": "resume_session", "session_id": work.session_id, "prompt": "Now the docs."}
    queued = coordinator.http.post("/runs", json=ask).json()["run_id"]
    assert work.acted("pause", reason="release")["lifecycle"] == "paused"
    work.until_stopped()
    assert coordinator.http.post(f"/runs/{began['run_id']}/stop").status_code == 200
    where = {"session_id": work.session_id}

    def callbacks() -> list[str]:
        return [one["status"] for one in coordinator.http.get("/callbacks", params=where).json()["items"]]

    until(lambda: callbacks() == ["held"], 10, "the callback is held")
    assert work.no_run()
    (held,) = coordinator.http.get("/callbacks", params=where).json()["items"]
    delivered = coordinator.http.post(f"/callbacks/{held['callback_id']}/deliver")
    assert (delivered.status_code, delivered.json()["code"]) == (409, "work_halted")
    why = coordinator.http.get(f"/runs/{queued}/why").json()
    assert (why["code"], why["next_step"]) == ("work_halted", "callboard resume 1")
    assert work.acted("resume")["lifecycle"] == "working"
    assert work.begin() == queued
    assert "<agent-callback " in work.told[-1]
    assert "\nNow the docs.\n" in work.told[-1]
    assert work.session()["run_count"] == 2

    last = coordinator.http.post("/runs", json=ask | {"prompt": "Then the site."}).json()["run_id"]
    assert work.acted("cancel")["lifecycle"] == "cancelled"
    work.until_stopped()
    assert (coordinator.run(last).reason, coordinator.run(last).stopped_by) == ("stopped", "lifecycle")
    assert (reserved(work), work.session()["queued_runs"]) == ([], 0)
    assert work.act("forward", text="more").json()["code"] == "illegal_move"
    assert work.act("delete").json()["code"] == "worktree_present"
    assert work.acted("delete", keep_worktree=True)["archived_at"] is not None
    assert_no_history(work)


def test_what_was_held_during_a_pause_goes_out_when_that_is_lifted(lone: World, coordinator: Coordinator) -> None:
    """40: also to work that has nothing else to do; while it is held, it is said."""
    work = HandWorker(lone, coordinator, "held")
    work.begin()
    child = {"type": "start_session", "prompt": "say child", "execution_mode": "async_callback"}
    with coordinator.with_token(work.token) as worker:
        began = worker.post("/runs", json=child | {"executor_type": "scripted", "additional_demands": {"tags": ["x"]}})
    work.end()
    assert work.acted("pause")["lifecycle"] == "paused"
    assert coordinator.http.post(f"/runs/{began.json()['run_id']}/stop").status_code == 200
    until(lambda: work.session()["held_callbacks"] == 1, 10, "the callback is held")
    line = lone.command_line(coordinator)
    for words in (["get", "1"], ["ps", "--all"], ["why", "1"]):
        assert "held" in line(*words).out, words
    assert work.acted("resume")["held_callbacks"] == 0
    work.begin()
    assert "<agent-callback " in work.told[-1]


def test_a53_ends_of_runs_move_the_lifecycle(lone: World, coordinator: Coordinator) -> None:
    """A53: completed without a report waits for one; stopped by a person pauses; failed is stuck, with its sentence."""
    work = HandWorker(lone, coordinator, "ends")
    work.begin()
    work.end()
    assert (work.lifecycle, work.session()["waiting_for"], work.session()["group"]) == (
        "working",
        "report",
        "needs_you",
    )
    assert work.acted("pause")["waiting_for"] is None
    assert work.acted("resume")["waiting_for"] == "report"
    resumed = lone.command_line(coordinator)("resume", work.session_id, "Add a test.", "--json")
    assert resumed.code == 0, resumed.err
    assert work.acted("pause")["lifecycle"] == "paused"
    assert work.no_run()  # it could have been claimed a moment ago
    assert work.acted("resume")["run_count"] == 2
    assert work.begin() == resumed.value["run_id"]
    assert "\nAdd a test.\n" in work.told[-1]
    assert work.session()["waiting_for"] is None
    coordinator.http.post(f"/sessions/{work.session_id}/stop").raise_for_status()
    work.until_stopped()
    assert work.lifecycle == "paused"
    line = lone.command_line(coordinator)("resume", work.session_id)
    assert (line.code, line.out.split()) == (0, ["1", "working"])
    work.begin()
    work.reports("shipping")
    work.end("failed", error_code="failed", error_message="The disk is full.")
    assert (work.lifecycle, work.session()["work"]["stuck_reason"]) == ("stuck", "The disk is full.")
    assert work.changes()[-1] == ("shipping", "stuck", "callboard", "The disk is full.")
    work.acted("pause")
    assert work.acted("resume")["lifecycle"] == "stuck"
    assert work.no_run()
    work.acted("restart")
    work.begin()
    work.reports("stuck", reason="Which port?")
    work.acted("restart")
    work.end("failed")
    assert work.lifecycle == "working"  # what failed was the run that was to be ended
    work.begin()
    work.acted("cancel")
    assert_no_history(work)


def test_guidance_reaches_an_agent_that_listens_and_makes_no_run_of_its_own(
    lone: World, coordinator: Coordinator
) -> None:
    work = HandWorker(lone, coordinator, "heard", guidance="Ask nobody.")
    work.begin(takes_messages=True)
    assert "\nAsk nobody.\n" in work.told[0]
    assert [content["guidance"] for content in work.files] == ["Ask nobody."]
    work.acted("forward", text="Keep the old table.")
    work.acted("forward", text="Use JWT.")
    beat = work.runner.heartbeat((work.run_id, work.attempt))
    (message,) = beat["messages"]
    assert message["text"].endswith("\n\nUse JWT.")
    assert history_words_in(message["text"]) == []
    page = coordinator.http.get(f"/sessions/{work.session_id}/guidance").json()["items"]
    assert [one["message_status"] for one in page] == ["offered", "cancelled", None]
    event = payload_of(coordinator.events(work.session_id, "guidance")[-1])
    assert (event["text"], event["message_id"]) == ("Use JWT.", message["message_id"])
    work.reports("shipping")
    work.end()
    until(lambda: work.runner.heartbeat()["messages"] == [], 5, "the message is settled")
    assert work.session()["run_count"] == 1
    work.acted("cancel")


def test_a54_a_run_is_ended_also_by_the_coordinator_that_comes_after(world: World) -> None:
    """A54: the report is in the database, and so is that the run has to end: killed -9 right after it."""
    coordinator = world.coordinator(**PATIENT, halt_seconds=1)
    work = HandWorker(world, coordinator, "killed")
    work.begin()
    assert work.reports("stuck", reason="Which table stays?").status_code == 200
    coordinator.kill()
    coordinator.restart()
    work.until_stopped()
    assert coordinator.run(work.run_id).stopped_by == "lifecycle"
    assert work.lifecycle == "stuck"


def test_a54_the_run_ends_also_when_its_runner_is_at_the_other_coordinator(tmp_path: Path) -> None:
    """A54, R12: stuck, pause and cancel are said at one of two coordinators on one PostgreSQL."""
    with two_coordinators(tmp_path, **PATIENT, halt_seconds=0.5) as two:
        work = HandWorker(two.world, two.second, "across")
        address = f"/sessions/{work.session_id}/lifecycle"

        def ended_by(http: httpx2.Client, lifecycle: str, **move: str) -> None:
            answer = http.post(address, json=move)
            assert answer.status_code == 200, answer.text
            work.until_stopped()
            assert (two.first.run(work.run_id).stopped_by, work.lifecycle) == ("lifecycle", lifecycle)

        work.begin()
        with two.first.with_token(work.token) as worker:
            ended_by(worker, "stuck", report="stuck", reason="Which port?")
        for action, back, lifecycle in (("pause", "restart", "paused"), ("cancel", "resume", "cancelled")):
            assert two.first.http.post(address, json={"action": back}).status_code == 200
            work.begin()
            ended_by(two.first.http, lifecycle, action=action)
        assert reserved(work) == []


@postgresql_only
def test_a54_a_real_agent_that_is_stuck_is_stopped_and_goes_on_in_its_worktree(world: World) -> None:
    """A54: real runner, git and agent: its processes end, and the next run finds the files, told of no past."""
    coordinator = world.coordinator(**QUICK, halt_seconds=0.5)
    repository = Repository(world.project)
    world.runner(coordinator)
    line = world.command_line(coordinator)
    for words in (["project", "add"], ["task", "new", "Use tokens"], ["spawn", "1", "--executor", "scripted"]):
        done = line(*words)
        assert done.code == 0, done.err
    worktree = world.folder / "project-issue-1"
    session_id = line("get", "1", "--json").value["session_id"]
    until(
        lambda: coordinator.session(session_id).waiting_for == "report", 20, "the first run, of which nothing was said"
    )
    stuck = f"write notes.txt half\nrun {CALLBOARD} update --status stuck --reason 'Which table?'\nhang"
    first = line("resume", "1", stuck, "--wait", "--json")
    assert (first.code, first.value["stopped_by"]) == (1, "lifecycle"), first.err
    assert coordinator.session(session_id).lifecycle == "stuck"
    assert (worktree / "notes.txt").read_text(encoding="utf-8") == "half\n"
    assert line("restart", "42").code == 3

    guidance = f"append notes.txt whole\nrecall\nrun {CALLBOARD} update --status complete"
    assert line("forward", "1", guidance).code == 0
    state = repository.path / ".git" / "worktrees" / worktree.name / "work-1.json"
    until(lambda: json.loads(state.read_text(encoding="utf-8"))["guidance"] == guidance, 10, "the state file")
    second = line("restart", "1", "--wait", "--json")
    assert second.code == 0, second.err
    assert coordinator.session(session_id).lifecycle == "complete"
    assert (worktree / "notes.txt").read_text(encoding="utf-8") == "half\nwhole\n"
    assert guidance in second.value["prompt"]
    assert coordinator.said(session_id) == [""]  # it recalls nothing: the conversation is a new one
    log = line("logs", "1", "--types", "lifecycle_changed,guidance").out
    assert "working → stuck by worker: Which table?" in log
    assert "guidance (by person) append notes.txt whole" in log
    ours = dict(told_by_us(coordinator))
    runs = coordinator.http.get(f"/sessions/{session_id}/runs").json()["items"]
    assert ["Your task is issue 1 of" in ours[run["run_id"]] for run in runs] == [True] * 3
    assert '"branch": "issue-1"' in ours[str(state)]
    assert guidance not in "".join(ours.values())
    for text in ours.values():
        assert history_words_in(text) == []
