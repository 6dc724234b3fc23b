"""R13, A32: the end of the process, and of clients that wait for it."""

import http.client
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.http.listening import Listener
from tests.http.world import Coordinator, event, serving

DRAIN_SECONDS = 15
"""What a coordinator would wait for a request that does not arrive."""
POLL_SECONDS = 30
"""What a poll would be held that nobody wakes."""


@pytest.mark.either_database
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_r13_a_signal_ends_streams_with_retry_answers_what_is_held_and_exits_0(
    tmp_path: Path, number: signal.Signals, database: dict[str, str]
) -> None:
    """R13: 100 readers, polls and waits in flight; the database is whole afterwards."""
    with serving(tmp_path / "data", **database) as coordinator, ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        runner = coordinator.register()
        attempt = runner.begin()
        listeners = [stack.enter_context(Listener(coordinator)) for _ in range(100)]
        wait_path = f"/runs/{attempt.run_id}/wait?timeout=60"
        polls = [pool.submit(runner.poll, wait=60, slots=0) for _ in range(4)]
        waits = [pool.submit(coordinator.call, "GET", wait_path) for _ in range(4)]
        stored = runner.post(attempt, event(1)).json()["seqs"]
        started = time.monotonic()
        assert coordinator.stop(number) == 0
        assert time.monotonic() - started < 20
        assert [poll.result().status_code for poll in polls] == [204] * 4
        assert [wait.result().json()["status"] for wait in waits] == ["running"] * 4
        for listener in listeners:
            assert listener.ended.wait(5)
            assert listener.retry == [1000, 1000], "told when it begins, and when it ends"
        assert not (coordinator.data_dir / "url").exists()
    with serving(tmp_path / "data", **database) as again:
        log = again.done("GET", f"/sessions/{attempt.session_id}/events")["items"]
        assert [entry["seq"] for entry in log if entry["type"] == "message"] == stored
        assert again.owner == coordinator.owner
        assert runner_goes_on(again, runner.credential)


def runner_goes_on(coordinator: Coordinator, credential: str) -> bool:
    """Whether the credential of before is still taken."""
    return bool(coordinator.done("GET", "/tokens/self", token=credential)["kind"] == "runner")


def test_r13_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    with serving(tmp_path / "data", drain_seconds=DRAIN_SECONDS) as coordinator:
        host = coordinator.url.removeprefix("http://")
        slow = http.client.HTTPConnection(host, timeout=10)
        slow.putrequest("POST", "/runs")
        for name, value in (("Authorization", f"Bearer {coordinator.owner}"), ("Content-Type", "application/json")):
            slow.putheader(name, value)
        slow.putheader("Content-Length", "1000")
        slow.endheaders(b"{")
        coordinator.call("GET", "/healthz")
        coordinator.process.send_signal(signal.SIGTERM)
        until_refused(coordinator)
        started = time.monotonic()
        assert coordinator.stop() == 128 + signal.SIGTERM
        assert time.monotonic() - started < DRAIN_SECONDS / 2
        slow.close()


def until_refused(coordinator: Coordinator) -> None:
    """Returns when the coordinator takes no new connections."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            httpx2.get(coordinator.url + "/healthz", timeout=5)
        except httpx2.ConnectError:
            return
    raise AssertionError("it still takes connections")


def test_a32_a_poll_whose_client_went_away_loses_no_run(coordinator: Coordinator) -> None:
    """A32: the next poll gets the run at once, not after a lease."""
    runner = coordinator.register("a32")
    for _ in range(10):
        host = coordinator.url.removeprefix("http://")
        left = http.client.HTTPConnection(host, timeout=10)
        left.request(
            "GET",
            f"/runner/runs?runner_id={runner.runner_id}&epoch={runner.epoch}&wait=30&slots=1",
            headers={"Authorization": f"Bearer {runner.credential}"},
        )
        coordinator.call("GET", "/healthz")
        left.close()
        created = coordinator.create_run()
        claims = runner.poll(wait=5).json()["runs"]
        assert [claim["run_id"] for claim in claims] == [created["run_id"]]
        assert claims[0]["attempt"] in (1, 2)
        runner.end(runner.start(claims[0]))


def test_an_arriving_run_wakes_the_poll_at_once(coordinator: Coordinator) -> None:
    """30: it is not left to the poll's end; how soon is measured by `make bench ARGS=claims`."""
    runner = coordinator.register("woken")
    woken: list[float] = []

    def poll() -> None:
        runner.poll(wait=POLL_SECONDS)
        woken.append(time.monotonic())

    poller = threading.Thread(target=poll)
    poller.start()
    until_held(coordinator)
    created = time.monotonic()
    coordinator.create_run()
    poller.join(POLL_SECONDS)
    assert woken[0] - created < POLL_SECONDS / 4


def until_held(coordinator: Coordinator) -> None:
    """Returns when a poll is being held."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if "callboard_polls_held 1.0" in coordinator.call("GET", "/metrics").text:
            return
    raise AssertionError("no poll is held")
