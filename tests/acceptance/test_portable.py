"""A28 of portable sessions: the transcript is kept, so another host goes on when the conversation's own is away."""

import zlib
from base64 import b64encode
from pathlib import Path

import pytest

from callboard.client.calls import runners, runs
from callboard.domain.ids import uuid_of
from callboard.wire.responses import RunCreated
from tests.support.coordinator import Coordinator, payload_of, text_of, until
from tests.support.hand_runner import sha256_of
from tests.support.processes import agents_of
from tests.support.runner import Runner
from tests.support.world import World, hold

pytestmark = pytest.mark.either_database

GRACE_SECONDS = 4.0
EXECUTORS = ("scripted", "command")
PROMPT = "say one\nthe colour is blue"


@pytest.fixture
def coordinator(world: World) -> Coordinator:
    """A coordinator that notices a lost runner soon and is patient with it for a short time."""
    return world.coordinator(
        lost_runner_seconds=2,
        heartbeat_seconds=0.5,
        sweep_seconds=0.1,
        grace_seconds=0.5,
        portable_grace_seconds=GRACE_SECONDS,
    )


def transcript(runner: Runner) -> Path:
    """The one conversation that a runner's agent keeps."""
    (file,) = runner.state_dir.glob("executors/scripted/conversations/*.jsonl")
    return file


def start(coordinator: Coordinator, prompt: str = PROMPT) -> RunCreated:
    """A portable session whose first run has completed."""
    created = coordinator.start_run(prompt, portable=True)
    assert coordinator.ended(created.run_id).reason == "completed"
    return created


def generations(coordinator: Coordinator, session_id: str) -> list[tuple[int, str, str]]:
    """Generation, host and reason of each binding."""
    return [(one.generation, one.hostname, one.reason) for one in coordinator.bindings(session_id)]


def test_another_host_goes_on_with_a_portable_session_when_its_own_stays_away(
    world: World, coordinator: Coordinator
) -> None:
    """10 Affinity: after the grace the host is no demand; the other restores, generation n+1, reason migrate."""
    alpha = world.runner(coordinator, hostname="alpha")
    first = start(coordinator)
    beta = world.runner(coordinator, hostname="beta")
    alpha.kill()
    resumed = coordinator.resume(first.session_id, "recall")
    why = coordinator.client.send(runs.why(resumed.run_id))
    assert why.demands["hostname"] == "alpha"
    assert {one.hostname: [reason.code for reason in one.reasons] for one in why.runners}["beta"] == ["host_preferred"]
    assert "restore the conversation of alpha" in why.sentence

    assert coordinator.ended(resumed.run_id).runner_id == beta.runner_id
    assert coordinator.said(first.session_id)[-1] == "say one the colour is blue"
    assert generations(coordinator, first.session_id) == [(1, "alpha", "start"), (2, "beta", "migrate")]
    assert transcript(beta).name == transcript(alpha).name


def test_back_on_the_first_host_the_newer_transcript_wins(world: World, coordinator: Coordinator) -> None:
    """10 Affinity: a stale local transcript is never resumed; what it was is kept beside."""
    alpha = world.runner(coordinator, hostname="alpha")
    first = start(coordinator)
    beta = world.runner(coordinator, hostname="beta")
    alpha.kill()
    coordinator.resume_completed(first.session_id, "say two\nthe number is seven")
    with transcript(alpha).open("a", encoding="utf-8") as stale:
        stale.write('{"text": "what nobody asked", "run": true}\n')
    before = transcript(alpha).read_bytes()
    beta.kill()
    alpha.restart()
    resumed = coordinator.resume_completed(first.session_id, "recall")
    assert resumed.runner_id == alpha.runner_id
    told = coordinator.said(first.session_id)[-1].split("\n")
    assert told == ["say one the colour is blue", "say two the number is seven"]
    assert [one[1:] for one in generations(coordinator, first.session_id)] == [
        ("alpha", "start"),
        ("beta", "migrate"),
        ("alpha", "migrate"),
    ]
    replaced = transcript(alpha).with_name(transcript(alpha).name + ".replaced")
    assert replaced.read_bytes() == before


def test_a_host_without_any_runner_is_not_waited_for(world: World) -> None:
    """10 Affinity: at once when no runner of the host is registered any more."""
    coordinator = world.coordinator(sweep_seconds=0.1, grace_seconds=0.5, portable_grace_seconds=600)
    alpha = world.runner(coordinator, hostname="alpha")
    first = start(coordinator)
    beta = world.runner(coordinator, hostname="beta")
    alpha.kill()
    coordinator.client.send(runners.remove(alpha.runner_id))
    assert coordinator.resume_completed(first.session_id, "recall").runner_id == beta.runner_id


def test_r4_a_runner_killed_before_it_sent_the_transcript_sends_it_when_it_is_back(
    world: World, coordinator: Coordinator
) -> None:
    """R4: kill -9 between the agent's end and the report: nothing of the turn is missing on the other host."""
    alpha = world.runner(coordinator, hostname="alpha")
    created = coordinator.start_run(f"the colour is green\n{hold('on')}\nsay one", portable=True)
    coordinator.until_event(created, "message", role="user")
    alpha.kill()
    world.let_go("on")
    until(lambda: not agents_of(created.run_id), 20, "the agent's end")
    assert coordinator.http.get(f"/sessions/{created.session_id}/affinity").json()["transcript"] is None
    alpha.restart()
    assert coordinator.ended(created.run_id).reason == "completed"
    beta = world.runner(coordinator, hostname="beta")
    alpha.kill()
    resumed = coordinator.resume_completed(created.session_id, "recall")
    assert resumed.runner_id == beta.runner_id
    assert "the colour is green" in coordinator.said(created.session_id)[-1]


def test_r1_a_host_that_dies_within_a_turn_leaves_the_conversation_before_it(world: World) -> None:
    """R1: only after lost_seconds; the other host is told in words what its copy lacks."""
    settings = {"lost_run_seconds": 4, "lost_runner_seconds": 2, "lease_seconds": 1.5, "heartbeat_seconds": 0.4}
    coordinator = world.coordinator(**settings, sweep_seconds=0.1, grace_seconds=0.5, portable_grace_seconds=0.2)
    alpha = world.runner(coordinator, hostname="alpha")
    first = start(coordinator)
    lost = coordinator.resume(first.session_id, "the number is seven\nhang")
    coordinator.until_event(lost, "message", role="user")
    beta = world.runner(coordinator, hostname="beta")
    alpha.kill()
    assert agents_of(lost.run_id), "a host that is cut off: its agent works on"
    assert coordinator.ended(lost.run_id).reason == "interrupted"
    resumed = coordinator.resume_completed(first.session_id, "recall")
    assert resumed.runner_id == beta.runner_id
    assert coordinator.said(first.session_id)[-1] == "say one the colour is blue"
    told = [payload_of(event) for event in coordinator.events(first.session_id, "message")]
    prompt = [text_of(message) for message in told if message["role"] == "user"][-1]
    assert prompt.startswith('<earlier-turns>\n<turn number="2"')
    assert "the number is seven" in prompt
    assert prompt.endswith("recall")
    for agent in agents_of(lost.run_id):
        agent.kill()


def test_a_transcript_that_is_too_large_keeps_the_session_on_its_host(world: World) -> None:
    """A28, A83: said in the log and by `why`."""
    coordinator = world.coordinator(
        transcript_bytes=500,
        sweep_seconds=0.1,
        grace_seconds=0.5,
        portable_grace_seconds=0.2,
        lost_runner_seconds=2,
        heartbeat_seconds=0.5,
    )
    alpha = world.runner(coordinator, hostname="alpha")
    first = start(coordinator)
    coordinator.resume_completed(first.session_id, "say two\n" + "long " * 100)
    notes = [payload_of(event) for event in coordinator.events(first.session_id, "note")]
    assert [note["code"] for note in notes] == ["too_large"]
    world.runner(coordinator, hostname="beta")
    alpha.kill()
    resumed = coordinator.resume(first.session_id, "say three")
    coordinator.until_runner(alpha.runner_id, "lost")
    why = coordinator.client.send(runs.why(resumed.run_id))
    assert (why.code, why.moves_at, why.demands["hostname"]) == ("runner_lost", None, "alpha")
    assert "larger than what is kept here" in why.sentence
    alpha.restart()
    assert coordinator.ended(resumed.run_id).runner_id == alpha.runner_id


def test_s6_a_foreign_runner_gets_no_transcript_and_a_damaged_one_is_not_resumed(
    world: World, coordinator: Coordinator
) -> None:
    """S6; 10: never silently a new conversation."""
    hand = world.hand_runner(coordinator, roots=[str(world.project)])
    foreign = world.hand_runner(coordinator, "foreign", executor_types=["other"])
    created = coordinator.start_run("say one", portable=True, project_dir=str(world.project))
    attempt = hand.begin(created.run_id)
    native = str(uuid_of(created.session_id))
    assert hand.bind(created.session_id, created.run_id, attempt, native, project_dir=str(world.project)).is_success
    said = {"role": "assistant", "content": [{"type": "text", "text": "one"}]}
    event = {"client_key": "1", "type": "message", "payload": said}
    assert hand.post_events(created.session_id, created.run_id, attempt, event).is_success
    plain = b'{"text": "say one", "run": true}\n'
    part = {"sha256": sha256_of(plain.decode())}
    place = {"runner_id": hand.runner_id, "epoch": hand.epoch, "run_id": created.run_id, "attempt": attempt}
    whole = {"executor_session_id": native, "size_bytes": len(plain), "sha256": "0" * 64, "parts": [part["sha256"]]}
    address = f"/sessions/{created.session_id}/transcript"
    assert hand.http.post(address, json=place | whole).json() == {"kept": True, "missing": [part["sha256"]]}
    data = b64encode(zlib.compress(plain)).decode()
    assert hand.http.post(f"{address}/parts", json=place | part | {"data": data}).status_code == 204
    assert hand.http.post(address, json=place | whole).json() == {"kept": True, "missing": []}

    asked = {"run_id": created.run_id, "attempt": str(attempt), **part}
    assert hand.http.get(f"{address}/parts", params=asked).json()["data"] == data
    refused = foreign.http.get(f"{address}/parts", params=asked)
    assert (refused.status_code, refused.json()["code"]) == (409, "stale_attempt")
    assert coordinator.http.get(f"{address}/parts", params=asked).status_code == 403
    assert hand.complete(created.run_id, attempt, event_count=1).is_success

    coordinator.client.send(runners.remove(hand.runner_id))
    beta = world.runner(coordinator, hostname="beta")
    resumed = coordinator.resume(created.session_id, "recall")
    failed = coordinator.ended(resumed.run_id)
    assert (failed.reason, failed.runner_id) == ("executor_session_missing", beta.runner_id)
    assert failed.error is not None
    assert "--from-log" in failed.error.message
    assert not list(beta.state_dir.glob("executors/scripted/conversations/*"))
    coordinator.resume_completed(created.session_id, "say anew", from_log=True)


def test_where_the_projects_directory_is_missing_the_session_is_not_portable(
    world: World, coordinator: Coordinator
) -> None:
    """10 Affinity: workspace_not_portable."""
    place = world.project / "only-on-alpha"
    place.mkdir()
    alpha = world.runner(coordinator, hostname="alpha")
    created = coordinator.start_run(PROMPT, portable=True, project_dir=str(place))
    assert coordinator.ended(created.run_id).reason == "completed"
    world.runner(coordinator, hostname="beta")
    alpha.kill()
    place.rmdir()
    failed = coordinator.ended(coordinator.resume(created.session_id, "recall").run_id)
    assert (failed.reason, failed.error and failed.error.code) == ("workspace_not_portable", "project_dir_missing")
    place.mkdir()
    alpha.restart()
    assert coordinator.resume_completed(created.session_id, "recall").runner_id == alpha.runner_id


def test_a82_a_person_makes_a_session_portable_and_is_told_when_that_cannot_be(
    world: World, coordinator: Coordinator
) -> None:
    """A82."""
    callboard = world.command_line(coordinator)
    made = callboard("run", "say hello", "--portable", "--executor", "scripted", "--json").value
    assert coordinator.session(made["session_id"]).portable
    refused = callboard("run", "say hello", "--portable", "--executor", "command")
    assert (refused.code, "No transcript is kept of command" in refused.err) == (2, True)
    always = world.coordinator(portable_sessions=True)
    assert [
        always.session(always.start_run("say x", executor_type=name).session_id).portable for name in EXECUTORS
    ] == [
        True,
        False,
    ]
