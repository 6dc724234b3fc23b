"""Runners: who they are, what they take, and that no run is lost between them and the queue."""

import socket
import struct

import pytest

from callboard.client.calls import runners, runs
from tests.support.coordinator import QUICK, Coordinator
from tests.support.hand_runner import HandRunner
from tests.support.world import World

RUNNER_LOST_SECONDS = 2


def states(coordinator: Coordinator) -> dict[str, str]:
    """The state of every registered runner."""
    return {runner.runner_id: runner.state for runner in coordinator.client.send(runners.list_()).items}


def test_a08_a_restarted_runner_keeps_its_id_and_is_one_entry(world: World) -> None:
    coordinator = world.coordinator()
    runner = world.runner(coordinator)
    runner_id = runner.runner_id
    epochs = [coordinator.client.send(runners.get(runner_id)).epoch]
    for killed in (True, False):
        (runner.program.kill if killed else runner.program.terminate)()
        runner.restart()
        epochs.append(coordinator.client.send(runners.get(runner_id)).epoch)
    assert epochs == [1, 2, 3]
    assert list(states(coordinator)) == [runner_id]
    assert coordinator.completed("say still here").runner_id == runner_id

    namesake = world.runner(coordinator, name="second")
    assert set(states(coordinator)) == {runner_id, namesake.runner_id}


def test_a08_a_known_runner_needs_its_own_credential(world: World) -> None:
    coordinator = world.coordinator()
    first = world.hand_runner(coordinator, "known")
    with pytest.raises(AssertionError, match="runner_known"):
        HandRunner(coordinator, "known")
    assert list(states(coordinator)) == [first.runner_id]
    coordinator.client.send(runners.remove(first.runner_id))
    world.hand_runner(coordinator, "known")
    assert list(states(coordinator)) == [first.runner_id]


def test_a08_a_second_process_of_a_runner_is_refused_and_a_moved_one_takes_over(world: World) -> None:
    """A08: one process uses a state folder; where the folder was copied, the newer process is the runner."""
    coordinator = world.coordinator(heartbeat_seconds=0.5)
    older = world.runner(coordinator)
    command = world.command_line(coordinator)
    again = command("runner", "--project-dir", str(world.project), CALLBOARD_DATA_DIR=str(older.state_dir))
    assert (again.code, "already" in again.err) == (8, True), again.err
    assert states(coordinator) == {older.runner_id: "online"}

    newer = world.runner(coordinator, copy_of=older)
    assert newer.runner_id == older.runner_id
    assert older.program.ended() == 8
    assert coordinator.client.send(runners.get(older.runner_id)).epoch == 2
    assert coordinator.completed("say taken over").runner_id == newer.runner_id


def test_a09_tags_decide_which_runner_takes_a_run(world: World) -> None:
    coordinator = world.coordinator()
    plain = world.runner(coordinator, name="plain")
    tagged = world.runner(coordinator, name="tagged", tags=["gpu", "linux"], require_matching_tags=True)
    for _ in range(3):
        assert (
            coordinator.completed("say on the gpu", additional_demands={"tags": ["gpu"]}).runner_id == tagged.runner_id
        )
        assert coordinator.completed("say anywhere").runner_id == plain.runner_id
    both = coordinator.completed("say on both", additional_demands={"tags": ["linux", "gpu"]})
    assert both.runner_id == tagged.runner_id
    assert both.demands["tags"] == ["gpu", "linux"]


def test_a10_nobody_matches_says_why_and_then_fails(world: World) -> None:
    coordinator = world.coordinator(sweep_seconds=0.2)
    world.runner(coordinator, tags=["linux"])
    wanted = {"additional_demands": {"tags": ["gpu", "linux"]}, "limits": {"no_match_seconds": 2}}
    created = coordinator.start_run("say never", **wanted)
    why = coordinator.client.send(runs.why(created.run_id))
    assert (why.status, why.code) == ("pending", "no_matching_runner")
    assert "gpu" in why.sentence
    assert why.no_match_deadline_at is not None
    (answer,) = why.runners
    assert not answer.fits
    assert [(reason.code, "gpu" in reason.sentence) for reason in answer.reasons] == [("tag_missing", True)]

    failed = coordinator.ended(created.run_id)
    assert (failed.status, failed.reason, failed.exit_code) == ("failed", "no_matching_runner", 1)
    assert failed.attempt == 0
    ends = coordinator.events(created.session_id, "run_start", "run_completed")
    assert [end.type for end in ends] == ["run_completed"]
    session = coordinator.session(created.session_id)
    assert (session.status, session.reason) == ("failed", "no_matching_runner")
    assert coordinator.client.send(runs.why(created.run_id)).code == "ended"


def test_a10_the_clock_of_no_match_stands_while_a_fitting_runner_is_registered(world: World) -> None:
    """A10: a runner that is away still fits; its run waits for it and does not fail."""
    coordinator = world.coordinator(**QUICK)
    gpu = world.runner(coordinator, name="gpu", tags=["gpu"])
    gpu.kill()
    away = coordinator.start_run("say at last", additional_demands={"tags": ["gpu"]}, limits={"no_match_seconds": 0.5})
    nowhere = coordinator.start_run("say never", additional_demands={"tags": ["tpu"]}, limits={"no_match_seconds": 0.5})
    assert coordinator.ended(nowhere.run_id).reason == "no_matching_runner"
    assert coordinator.run(away.run_id).status == "pending"
    gpu.restart()
    assert coordinator.ended(away.run_id).reason == "completed"


def test_a38_a_stale_runner_comes_back_online(world: World) -> None:
    coordinator = world.coordinator(heartbeat_seconds=0.5, lost_runner_seconds=RUNNER_LOST_SECONDS)
    runner = world.runner(coordinator)
    assert states(coordinator) == {runner.runner_id: "online"}
    runner.program.freeze()
    coordinator.until_runner(runner.runner_id, "lost")
    created = coordinator.start_run("say hello again")
    why = coordinator.client.send(runs.why(created.run_id))
    assert (why.status, why.code) == ("pending", "runner_lost")
    runner.program.thaw()
    assert coordinator.ended(created.run_id).runner_id == runner.runner_id
    assert states(coordinator) == {runner.runner_id: "online"}


def poll_and_hang_up(coordinator: Coordinator, runner: HandRunner) -> socket.socket:
    """Send a poll for work and return its connection, with the answer unread."""
    host, port = coordinator.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    request = (
        f"GET /runner/runs?runner_id={runner.runner_id}&epoch={runner.epoch}&wait=30&slots=1 HTTP/1.1\r\n"
        f"Host: {host}:{port}\r\nAuthorization: Bearer {runner.token}\r\n\r\n"
    )
    connection.sendall(request.encode())
    return connection


def hang_up(connection: socket.socket) -> None:
    """Close a connection as a process that dies does: unread answers are thrown away."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_a32_a_poll_whose_client_went_away_loses_no_run(world: World) -> None:
    """A32: gone before the run comes, at the same moment, or with the answer unread."""
    coordinator = world.coordinator(**QUICK | {"unheard_seconds": 1, "lost_runner_seconds": 60})
    runner = world.hand_runner(coordinator)
    for moment in ("before", "meanwhile", "unread"):
        connection = poll_and_hang_up(coordinator, runner)
        if moment == "before":
            hang_up(connection)
        created = coordinator.start_run(f"say {moment}")
        if moment == "unread":
            coordinator.until_event(created, "run_claimed")
        if moment != "before":
            hang_up(connection)
        attempt = runner.begin(created.run_id)
        assert attempt in (1, 2)
        assert runner.complete(created.run_id, attempt).json() == {"status": "completed", "reason": "completed"}
        starts = coordinator.events(created.session_id, "run_start", "run_completed")
        assert [event.type for event in starts] == ["run_start", "run_completed"]


def test_a33_the_order_of_the_queue_survives_a_restart(world: World) -> None:
    coordinator = world.coordinator()
    first = coordinator.start_run("say first")
    others = [coordinator.start_run(f"say {number}") for number in range(4)]
    resumes = [coordinator.resume(first.session_id, f"say turn {number}") for number in (2, 3)]
    urgent = coordinator.start_run("say urgent", priority=5)
    coordinator.kill()
    coordinator.restart()
    late = coordinator.start_run("say late")

    reader = coordinator.stream(types="run_start")
    world.runner(coordinator, slots=1)
    every = [urgent, first, *others, *resumes, late]
    reader.until(lambda: len(reader.events) == len(every))
    started = [event["run_id"] for event in reader.events]
    heads = [one.run_id for one in (urgent, first, *others)]
    assert [run_id for run_id in started if run_id in heads] == heads
    turns = [one.run_id for one in (first, *resumes)]
    assert [run_id for run_id in started if run_id in turns] == turns
    assert started[-1] == late.run_id
    assert len(set(started)) == len(every)
