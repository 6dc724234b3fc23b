"""Approvals: an agent asks for permission, a person decides once, and the agent gets that decision, whatever dies."""

import json
import re
import threading
from pathlib import Path

import pytest

from callboard.client.calls import approvals
from callboard.wire.responses import RunCreated
from callboard.wire.steering import Approval
from tests.acceptance.conftest import Stage
from tests.support.claude import ClaudeWorld, served_model
from tests.support.coordinator import QUICK, Coordinator, payload_of, until
from tests.support.world import World, hold

ASKS = 'ask Bash {"command": "make deploy"}\nsay after'


def pending(coordinator: Coordinator, run: RunCreated) -> Approval:
    """What the run's agent waits for."""
    coordinator.until_event(run, "approval_requested")
    (found,) = coordinator.client.send(approvals.list_(status="pending", session_id=run.session_id)).items
    return found


def decide(coordinator: Coordinator, approval: Approval, decision: str, **more: object) -> tuple[int, str]:
    """Status and code of the answer to a decision."""
    body = {"decision": decision, "content_hash": approval.content_hash} | more
    answer = coordinator.http.post(f"/approvals/{approval.approval_id}/decide", json=body)
    return answer.status_code, answer.json().get("code", answer.json().get("status"))


def test_an_agent_waits_for_a_person_who_allows_it(stage: Stage) -> None:
    coordinator = stage.coordinator
    run = coordinator.start_run(ASKS)
    asked = pending(coordinator, run)
    assert (asked.tool_name, asked.tool_input, asked.risk) == ("Bash", {"command": "make deploy"}, "executes")
    assert asked.project_dir == str(stage.world.project)
    session = coordinator.session(run.session_id)
    assert (session.waiting_for, session.group) == ("approval", "needs_you")
    why = stage.callboard("why", run.session_id, "--json").value
    assert (why["code"], "make deploy" in why["sentence"]) == ("waits_for_approval", True)
    assert f"callboard approve {run.session_id}" in why["next_step"]
    listed = stage.callboard("approvals", "list", "--json").value["items"]
    assert asked.approval_id in [one["approval_id"] for one in listed]
    stage.callboard("approve", run.session_id)
    coordinator.ended(run.run_id)
    assert coordinator.said(run.session_id)[-2:] == ["allowed Bash", "after"]
    assert coordinator.session(run.session_id).waiting_for is None
    kinds = [event.type for event in coordinator.events(run.session_id) if event.type.startswith("approval_")]
    assert kinds == ["approval_requested", "approval_decided"]


def test_a_denial_reaches_the_agent_with_its_reason(stage: Stage) -> None:
    coordinator = stage.coordinator
    run = coordinator.start_run(ASKS.replace("make deploy", "rm -rf build"))
    assert pending(coordinator, run).risk == "dangerous"
    assert "dangerous: removes whole folders" in stage.callboard("approvals", "list").out
    stage.callboard("deny", pending(coordinator, run).approval_id, "--reason", "not on a Friday")
    coordinator.ended(run.run_id)
    assert coordinator.said(run.session_id)[-2:] == ["denied Bash: not on a Friday", "after"]


def test_another_input_may_be_allowed(stage: Stage) -> None:
    coordinator = stage.coordinator
    run = coordinator.start_run(ASKS)
    assert decide(coordinator, pending(coordinator, run), "allow", updated_input={"command": "make test"})[0] == 200
    coordinator.ended(run.run_id)
    assert coordinator.said(run.session_id)[-2] == 'allowed Bash with {"command": "make test"}'


def test_r20_of_two_who_decide_at_once_one_decision_stands(stage: Stage) -> None:
    coordinator = stage.coordinator
    run = coordinator.start_run(ASKS)
    asked = pending(coordinator, run)
    barrier, answers = threading.Barrier(6), list[tuple[int, str]]()

    def one(decision: str) -> None:
        barrier.wait(10)
        answers.append(decide(coordinator, asked, decision))

    threads = [threading.Thread(target=one, args=(decision,)) for decision in ("allow", "deny") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    stands = [code for status, code in answers if status == 200]
    assert len(stands) == 1
    assert sorted(code for status, code in answers if status != 200) == ["approval_decided"] * 5
    coordinator.ended(run.run_id)
    told = "allowed Bash" if stands == ["allowed"] else "denied Bash: "
    assert coordinator.said(run.session_id)[-2] == told
    late = coordinator.http.post(
        f"/approvals/{asked.approval_id}/decide", json={"decision": "allow", "content_hash": asked.content_hash}
    ).json()
    assert late["errors"][0]["decided_by"].startswith("tok_")
    assert late["errors"][0]["decided_at"]


def test_r20_a_decision_about_another_request_is_refused(stage: Stage) -> None:
    coordinator = stage.coordinator
    run = coordinator.start_run(f'ask Bash {{"command": "one"}}\n{ASKS}')
    first = pending(coordinator, run)
    assert decide(coordinator, first, "allow")[0] == 200
    until(lambda: pending(coordinator, run).approval_id != first.approval_id, 20, "the second request")
    second = pending(coordinator, run)
    body = {"decision": "allow", "content_hash": first.content_hash}
    answer = coordinator.http.post(f"/approvals/{second.approval_id}/decide", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "approval_changed")
    assert decide(coordinator, second, "deny")[0] == 200


def test_d8_a_decision_for_the_session_allows_what_is_like_it_until_it_is_taken_back(stage: Stage) -> None:
    """D8: the same file or the same input, also in a later run; told before, told in the log, and ended by a person."""
    coordinator = stage.coordinator
    edits = [
        f'ask Edit {{"file_path": "{name}", "old_string": "{n}"}}'
        for n, name in enumerate(("a.py", "./a.py", "b/../a.py"))
    ]
    run = coordinator.start_run("\n".join(edits))
    asked = pending(coordinator, run)
    directory = stage.world.project
    assert (asked.session_allows or "").startswith(f"Edit on {directory}/a.py, whatever it does there")
    for wrong in ({"decision": "deny"}, {"decision": "allow", "updated_input": {"file_path": "/etc/passwd"}}):
        body = {"content_hash": asked.content_hash, "scope": "session"} | wrong
        refused = coordinator.http.post(f"/approvals/{asked.approval_id}/decide", json=body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/scope")
    told = stage.callboard("approve", asked.approval_id, "--session")
    assert "whatever it does there" in told.err
    until(lambda: len(coordinator.events(run.session_id, "approval_requested")) == 3, 20, "the third request")
    other = pending(coordinator, run)
    assert (other.tool_input["file_path"], decide(coordinator, other, "deny")[0]) == ("b/../a.py", 200)
    coordinator.ended(run.run_id)
    second = payload_of(coordinator.events(run.session_id, "approval_decided")[1])
    assert (second["decision"], second["granted_by"], second["by"]) == (
        "allow",
        asked.approval_id,
        asked_by(stage, run),
    )
    again = coordinator.resume(run.session_id, edits[0])
    coordinator.ended(again.run_id)
    assert coordinator.said(run.session_id)[-1] == "allowed Edit"
    stage.callboard("approvals", "ask-again", asked.approval_id)
    third = coordinator.resume(run.session_id, edits[0])
    assert decide(coordinator, pending(coordinator, third), "deny")[0] == 200


@pytest.mark.either_database
def test_what_waits_is_decided_by_its_id_however_much_was_asked_since(stage: Stage) -> None:
    """And of several that are open the session waits for the one that was asked first."""
    runner = stage.world.hand_runner(stage.coordinator, "asks", executor_types=["by-hand"])
    start = {"type": "start_session", "prompt": "x", "executor_type": "by-hand"}
    made = stage.coordinator.http.post("/runs", json=start).json()
    run_id, attempt = made["run_id"], runner.begin(made["run_id"])
    tools = ["Bash", "AskUserQuestion", *["Bash"] * 200]
    asked = [
        runner.report(run_id, "approvals", attempt, request_id=str(number), tool_name=name).json()
        for number, name in enumerate(tools)
    ]
    assert stage.coordinator.session(made["session_id"]).waiting_for == "approval"
    first = asked[0]["approval_id"]
    assert stage.callboard("approve", first).out.split()[:2] == [first, "allowed"]
    assert stage.coordinator.session(made["session_id"]).waiting_for == "question"


@pytest.mark.either_database
def test_a_question_is_answered_on_the_command_line(stage: Stage) -> None:
    """H3: an answer to each question, and no permission without one."""
    coordinator = stage.coordinator
    question = {"question": "Which port?", "options": [{"label": "80"}, {"label": "8080"}]}
    run = coordinator.start_run(f"ask AskUserQuestion {json.dumps({'questions': [question]})}")
    pending(coordinator, run)
    why = stage.callboard("why", run.run_id).out
    assert f"callboard approve {run.session_id} --answer TEXT or callboard deny" in why
    assert re.search(r"Its agent asked \d+ s ago: Which port\?", why)
    for words in ((), ("--answer", "80", "--answer", "81")):
        refused = stage.callboard("approve", run.session_id, *words)
        assert (refused.code, "It asks: Which port?" in refused.err) == (2, True)
    stage.callboard("approve", run.session_id, "--answer", "8080")
    coordinator.ended(run.run_id)
    assert '"answers": {"Which port?": "8080"}' in coordinator.said(run.session_id)[-1]


def asked_by(stage: Stage, run: RunCreated) -> str | None:
    """Who made the first decision in a session."""
    found = stage.coordinator.client.send(approvals.list_(session_id=run.session_id, limit=200)).items
    return found[-1].decided_by


def test_s7_an_agent_decides_on_nothing(stage: Stage) -> None:
    coordinator, project = stage.coordinator, stage.world.project
    run = coordinator.start_run(f'run printf %s "$CALLBOARD_TOKEN" > asker\n{ASKS}')
    asked = pending(coordinator, run)
    with coordinator.with_token((project / "asker").read_text(encoding="ascii")) as its:
        body = {"decision": "allow", "content_hash": asked.content_hash}
        assert its.post(f"/approvals/{asked.approval_id}/decide", json=body).status_code == 403
        assert its.get("/approvals").status_code == 403
    assert pending(coordinator, run).status == "pending"
    assert decide(coordinator, asked, "deny")[0] == 200


@pytest.mark.parametrize("killed", ["coordinator", "runner", "both"])
def test_r20_a_decision_survives_kills_between_the_click_and_the_agent(world: World, killed: str) -> None:
    """R20: asked before the kill, decided with nobody there to pass it on, given to the agent once."""
    coordinator = world.coordinator(**QUICK | {"lease_seconds": 30, "lost_runner_seconds": 30})
    runner = world.runner(coordinator)
    run = coordinator.start_run(ASKS)
    asked = pending(coordinator, run)
    if killed != "coordinator":
        runner.kill()
    if killed != "runner":
        coordinator.kill()
        coordinator.restart()
    assert decide(coordinator, asked, "allow")[0] == 200
    if killed == "both":
        coordinator.kill()
        coordinator.restart()
    if killed != "coordinator":
        runner.restart()
    coordinator.ended(run.run_id, 60)
    assert coordinator.said(run.session_id) == ["allowed Bash", "after"]
    decided = coordinator.events(run.session_id, "approval_decided")
    assert [payload_of(one)["decision"] for one in decided] == ["allow"]


def test_an_approval_of_an_agent_that_is_dead_has_expired(stage: Stage) -> None:
    coordinator = stage.coordinator
    run = coordinator.start_run(ASKS)
    asked = pending(coordinator, run)
    coordinator.http.post(f"/runs/{run.run_id}/stop").raise_for_status()
    coordinator.ended(run.run_id)
    assert decide(coordinator, asked, "allow") == (409, "approval_expired")
    assert coordinator.session(run.session_id).waiting_for is None
    again = coordinator.resume(run.session_id, ASKS)
    anew = pending(coordinator, again)
    assert anew.approval_id != asked.approval_id
    assert decide(coordinator, anew, "allow")[0] == 200


def test_the_timeout_of_a_run_stands_still_while_its_agent_waits_for_a_person(stage: Stage) -> None:
    coordinator, world = stage.coordinator, stage.world
    run = coordinator.start_run(f"{ASKS}\n{hold('allowed-late')}", limits={"timeout_seconds": 3})
    asked = pending(coordinator, run)
    other = coordinator.start_run("hang", limits={"timeout_seconds": 4})
    assert coordinator.ended(other.run_id).reason == "timeout", "more time has passed than the first run has"
    assert coordinator.run(run.run_id).status == "running"
    assert decide(coordinator, asked, "allow")[0] == 200
    world.let_go("allowed-late")
    assert coordinator.ended(run.run_id).status == "completed"


@pytest.mark.clients
@pytest.mark.timeout(120)
@pytest.mark.either_database
def test_the_real_claude_code_waits_for_a_persons_decision(world: World, claude_code: Path) -> None:
    """A tool that is not allowed by itself: allowed, denied, and a question answered, by its control channel."""
    with served_model() as model:
        claude = ClaudeWorld(world, claude_code, model, QUICK | {"lease_seconds": 30, "lost_runner_seconds": 30})
        coordinator = claude.coordinator
        for decision, made in (("allow", True), ("deny", False)):
            target = world.project / f"by-{decision}"
            command = f"touch {target}"
            run = coordinator.start_run(
                f"[[bash {command}]] [[say over]]",
                permission_mode="ask",
            )
            asked = pending(coordinator, run)
            assert (asked.tool_name, asked.tool_input["command"], asked.risk) == ("Bash", command, "executes")
            assert not target.exists()
            assert decide(coordinator, asked, decision, reason="as I say")[0] == 200
            assert coordinator.ended(run.run_id, 60).status == "completed"
            assert target.exists() is made
        question = {"question": "Which port?", "header": "Port", "multiSelect": False}
        choices = [{"label": "80", "description": "usual"}, {"label": "8080", "description": "above"}]
        asks = json.dumps({"questions": [question | {"options": choices}]})
        run = coordinator.start_run(f"[[tool AskUserQuestion {asks}]] [[say over]]", permission_mode="ask")
        asked = pending(coordinator, run)
        assert (asked.description, coordinator.session(run.session_id).waiting_for) == ("Which port?", "question")
        given = asked.tool_input | {"answers": {"Which port?": "8080"}}
        assert decide(coordinator, asked, "allow", updated_input=given)[0] == 200
        coordinator.ended(run.run_id, 60)
        (answered,) = coordinator.events(run.session_id, "post_tool")
        assert '"Which port?"="8080"' in payload_of(answered)["tool_output"]
