"""Messages to a session: the next run of an idle one, the next in line of a busy one; each is said once."""

import sys

from callboard.client.calls import sessions
from callboard.wire.messages import MessageSent
from tests.acceptance.conftest import Stage
from tests.support.coordinator import payload_of, text_of, until
from tests.support.world import hold

CALLBOARD = f"{sys.executable} -m callboard"


def heard(stage: Stage, session_id: str) -> list[str]:
    """What the agent of a session was told, in the order in which it took it."""
    messages = [payload_of(event) for event in stage.coordinator.events(session_id, "message")]
    return [text_of(message) for message in messages if message["role"] == "user"]


def test_a02_a_message_to_an_idle_session_is_its_next_run(stage: Stage) -> None:
    """A02: `callboard send` resumes the conversation at once, like the run before."""
    coordinator = stage.coordinator
    first = coordinator.completed("say one", model="large", permission_mode="edit")
    sent = stage.callboard("send", first.session_id[-10:], "recall", "--json").value
    assert (sent["session_id"], sent["delivery"]) == (first.session_id, "resume")
    run = coordinator.ended(sent["run_id"])
    assert (run.reason, run.type, run.number, run.trigger) == ("completed", "resume_session", 2, "user")
    assert (run.model, run.permission_mode) == ("large", "edit")
    assert coordinator.said(first.session_id) == ["one", "say one"]
    queued = [payload_of(event) for event in coordinator.events(first.session_id, "run_queued")]
    assert [event.get("message_id") for event in queued] == [None, sent["message_id"]]


def test_send_reads_from_stdin_waits_and_prints_ids(stage: Stage) -> None:
    """A82: the text comes from stdin with `-`; `--wait` ends as the run does; `-q` prints the id of the message."""
    first = stage.coordinator.completed("say one")
    waited = stage.callboard("send", first.session_id, "-", "--wait", stdin="result heard\n")
    assert (waited.code, waited.out.strip()) == (0, "heard")
    failed = stage.callboard("send", first.session_id, "fail on purpose", "--wait")
    assert failed.code == 1
    assert stage.callboard("send", first.session_id, "say more", "-q").out.startswith("msg_")
    assert stage.callboard("send", first.session_id, "  ").code == 2
    assert stage.callboard("send", "zzzzzz9z", "hello").code == 3


def test_a_message_to_a_busy_session_as_a_resume_waits_its_turn(stage: Stage) -> None:
    coordinator = stage.coordinator
    created = coordinator.start_run(f"{hold('busy-1')}\nsay first")
    coordinator.until_event(created, "pre_tool")
    sent = stage.callboard("send", created.session_id, "say second", "--delivery", "resume", "--json").value
    assert coordinator.run(sent["run_id"]).status == "pending"
    stage.world.let_go("busy-1")
    assert coordinator.ended(sent["run_id"]).reason == "completed"
    assert coordinator.said(created.session_id) == ["first", "second"]


def test_a_message_with_the_same_idempotency_key_is_said_once(stage: Stage) -> None:
    coordinator = stage.coordinator
    session_id = coordinator.completed("say one").session_id
    key = {"Idempotency-Key": "the-same-message"}
    answers = [
        coordinator.http.post(f"/sessions/{session_id}/messages", json={"text": "say again"}, headers=key)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    other = coordinator.http.post(f"/sessions/{session_id}/messages", json={"text": "say other"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    coordinator.ended(answers[0].json()["run_id"])
    assert coordinator.said(session_id) == ["one", "again"]


def test_a_message_that_must_reach_a_live_run_is_refused_without_one(stage: Stage) -> None:
    coordinator = stage.coordinator
    session_id = coordinator.completed("say one").session_id
    refused = coordinator.http.post(f"/sessions/{session_id}/messages", json={"text": "say it", "delivery": "live"})
    assert (refused.status_code, refused.json()["code"]) == (409, "no_live_run")
    assert coordinator.session(session_id).run_count == 1
    coordinator.client.send(sessions.archive(session_id))
    archived = coordinator.http.post(f"/sessions/{session_id}/messages", json={"text": "say it"})
    assert (archived.status_code, archived.json()["code"]) == (409, "session_archived")


def test_an_agent_sends_messages_only_to_what_is_below_it(stage: Stage) -> None:
    """A23, S6: with its own token an agent messages its child, which then has no more rights than it; nobody else."""
    coordinator, project = stage.coordinator, stage.world.project
    stranger = coordinator.completed("say stranger").session_id
    start = f"{CALLBOARD} run 'say child' --executor scripted --wait -q > said && {CALLBOARD} ps -q > ids"
    created = coordinator.start_run(f'run printf %s "$CALLBOARD_TOKEN" > sender-token\nrun {start}\n{hold("sender")}')
    until(lambda: coordinator.session(created.session_id).children.total == 1, 20, "the child")
    coordinator.until_event(created, "pre_tool", tool_input={"command": hold("sender")[4:]})
    (child,) = coordinator.client.send(sessions.list_(parent_session_id=created.session_id)).items
    with coordinator.with_token((project / "sender-token").read_text(encoding="ascii")) as its:
        told = its.post(f"/sessions/{child.session_id}/messages", json={"text": "say told"})
        assert told.status_code == 201, told.text
        to_itself = its.post(f"/sessions/{created.session_id}/messages", json={"text": "say me"})
        assert (to_itself.status_code, to_itself.json()["code"]) == (403, "forbidden")
        assert its.post(f"/sessions/{stranger}/messages", json={"text": "say you"}).status_code == 404
    run = coordinator.ended(MessageSent(**told.json()).run_id)
    assert (run.trigger, run.reason) == ("agent", "completed")
    assert heard(stage, child.session_id) == ["say child", "say told"]
    stage.world.let_go("sender")
    coordinator.ended(created.run_id)
