"""30: a lease lapses only while its holder could renew it; a store that refuses writes makes that impossible."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callboard.wire.times import to_ms
from tests.http.world import Attempt, Coordinator, PlayedRunner, serving
from tests.support.coordinator import until
from tests.support.database import query

LEASE_SECONDS = 2.0
GRACE_SECONDS = 3.0


@contextmanager
def no_room_for(coordinator: Coordinator) -> Iterator[None]:
    """Let the operating system refuse the coordinator every byte beyond the first page of a file."""
    before = resource.prlimit(coordinator.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(coordinator.process.pid, resource.RLIMIT_FSIZE, before)


def grace_until(coordinator: Coordinator) -> int:
    """Until when nothing expires, in Unix milliseconds."""
    return int(query(coordinator, "SELECT value FROM meta WHERE key = 'leases_expire_from'")[0][0])


def beat(runner: PlayedRunner, attempt: Attempt) -> int:
    """A heartbeat that lists the attempt; the status of its answer."""
    held = [{"run_id": attempt.run_id, "attempt": attempt.attempt}]
    body = {"runner_id": runner.runner_id, "epoch": runner.epoch, "attempts": held}
    return runner.coordinator.call("POST", "/runner/heartbeat", body, token=runner.credential).status_code


def test_r10_heartbeats_that_the_store_refused_begin_the_grace_though_no_sweep_was_refused(tmp_path: Path) -> None:
    """R10, R24: nothing is due while the store refuses, so sweeps only read; what they find later must not expire."""
    settings = {"lease_seconds": LEASE_SECONDS, "grace_seconds": GRACE_SECONDS, "sweep_seconds": 0.1}
    with serving(tmp_path / "data", **settings) as coordinator:
        runner = coordinator.register()
        until(lambda: coordinator.done("GET", "/readyz")["status"] == "ok", 10, "it is ready")
        attempt = runner.begin(prompt="hang")
        begun = grace_until(coordinator)
        assert beat(runner, attempt) == 200
        with no_room_for(coordinator):
            assert beat(runner, attempt) == 503
        until(lambda: grace_until(coordinator) > begun, 10, "the refusal is noticed")
        spared_until = grace_until(coordinator)
        run = f"/runs/{attempt.run_id}"
        until(lambda: coordinator.done("GET", run)["status"] == "interrupted", 15, "it is lost in the end")
        assert to_ms(coordinator.done("GET", run)["interrupted_at"]) >= spared_until
