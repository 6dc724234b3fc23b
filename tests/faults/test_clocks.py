"""Clocks that are wrong and clocks that jump: they are told, and they decide nothing."""

import os
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.times import SOON
from tests.support.coordinator import Coordinator, payload_of, until
from tests.support.database import query
from tests.support.history import assert_promises_kept
from tests.support.programs import CALLBOARD, Program
from tests.support.runner import Runner
from tests.support.world import World, hold

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]

SKEWED: Final = Path(__file__).parent / "skewed"
TEN_MINUTES: Final = 600.0
HOUR: Final = 3600.0


class SkewedCoordinator(Coordinator):
    """A coordinator whose wall clock a test sets."""

    def skew(self, seconds: float) -> None:
        """Set its clock this far from the machine's."""
        set_clock(self._file, seconds)

    @property
    def _file(self) -> Path:
        return self.data_dir.with_name("skew")

    def _started(self, port: int) -> Program:
        variables = {f"CALLBOARD_{name.upper()}": str(value) for name, value in self.settings.items()}
        skewed = {"PYTHONPATH": f"{SKEWED}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", "SKEW_FILE": str(self._file)}
        argv = (*CALLBOARD, "serve", "--port", str(port), "--data-dir", str(self.data_dir))
        program = Program("coordinator", argv, variables | skewed, self.data_dir.parent)
        self.url = program.line("listening on ")
        return program


def set_clock(file: Path, seconds: float) -> None:
    """Let whoever looks at this file be so many seconds ahead."""
    new = file.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(file)


def skewed_runner(world: World, coordinator: Coordinator, name: str, seconds: float, **offer: Any) -> Runner:
    """A runner whose clock is off."""
    file = world.folder / f"skew-{name}"
    set_clock(file, seconds)
    path = f"PYTHONPATH={SKEWED}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return world.runner(coordinator, name=name, within=("env", path, f"SKEW_FILE={file}"), **offer)


def test_r3_runners_ten_minutes_off_keep_their_leases_and_are_shown(world: World) -> None:
    """R3: the database's time decides; the runner's page and `doctor` tell how far its clock is off."""
    coordinator = world.coordinator(**SOON)
    runners = {
        skew: skewed_runner(world, coordinator, name, skew, hostname=name, tags=[name])
        for name, skew in (("ahead", TEN_MINUTES), ("behind", -TEN_MINUTES))
    }
    script = f"say ready\nsleep {2 * SOON['lease_seconds']}\nsay done"
    created = [coordinator.start_run(script, additional_demands={"tags": [tag]}) for tag in ("ahead", "behind")]
    ends = [coordinator.ended(run.run_id) for run in created]
    assert {(run.status, run.attempt) for run in ends} == {("completed", 1)}
    for run in created:
        assert coordinator.events(run.session_id, "run_interrupted") == []
    for skew, runner in runners.items():
        page = coordinator.http.get(f"/runners/{runner.runner_id}").json()
        assert page["state"] == "online"
        assert page["clock_skew_ms"] == pytest.approx(skew * 1000, abs=5000)
        runner.program.line_where(lambda line: "clock_differs" in line)
    shown = world.command_line(coordinator)("runner", "list", "--json")
    assert shown.code == 0
    assert {abs(one["clock_skew_ms"]) > TEN_MINUTES * 900 for one in shown.value["items"]} == {True}
    findings = world.command_line(coordinator)("doctor", "--json").value["findings"]
    warned = [one["sentence"].split()[0] for one in findings if (one["name"], one["verdict"]) == ("clock", "warning")]
    assert sorted(warned) == ["ahead", "behind"]
    assert_promises_kept(coordinator, *(run.session_id for run in created))


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_r3_a_coordinator_whose_clock_jumps_an_hour_decides_nothing_by_it(world: World, jump: float) -> None:
    """R3, A42: no lease lapses, no deadline passes, times of events do not go back, and stops still work."""
    folder = world.folder / "skewed-coordinator"
    folder.mkdir()
    coordinator = world._keep(SkewedCoordinator(folder / "data", world._portal, world.with_database(SOON)))
    runner = world.runner(coordinator, slots=2)
    limits = {"timeout_seconds": 60, "queue_timeout_seconds": 60}
    run = coordinator.start_run(f"say ready\n{hold('go')}\nsay done", limits=limits)
    hanging = coordinator.start_run("say ready\nhang", limits=limits)
    waiting = coordinator.start_run("say done", limits=limits)
    for one in (run, hanging):
        coordinator.until_event(one, "message", role="assistant")
    before = grace_until(coordinator)
    coordinator.skew(jump)
    until(lambda: grace_until(coordinator) > before, 10, "the jump is noticed")
    beats = last_heard(coordinator, runner)
    for _ in range(4):
        beats = until_heard_again(coordinator, runner, beats)
    assert {coordinator.run(one.run_id).status for one in (run, hanging)} == {"running"}
    assert coordinator.run(waiting.run_id).status == "pending"

    coordinator.http.post(f"/runs/{hanging.run_id}/stop").raise_for_status()
    assert coordinator.ended(hanging.run_id).status == "stopped"
    (world.project / "go").touch()
    for one in (run, waiting):
        assert coordinator.ended(one.run_id).status == "completed"
        times = [event.at for event in coordinator.events(one.session_id)]
        assert times == sorted(times)
        assert coordinator.events(one.session_id, "run_interrupted") == []
    assert_promises_kept(coordinator, run.session_id, hanging.session_id, waiting.session_id)


def grace_until(coordinator: Coordinator) -> int:
    """Until when nothing expires, by the database's time."""
    return int(query(coordinator, "SELECT value FROM meta WHERE key = 'leases_expire_from'")[0][0])


def last_heard(coordinator: Coordinator, runner: Runner) -> str:
    """When the coordinator says that it last heard of the runner."""
    return str(coordinator.http.get(f"/runners/{runner.runner_id}").json()["last_heard_at"])


def until_heard_again(coordinator: Coordinator, runner: Runner, before: str) -> str:
    """Wait for another heartbeat."""
    until(lambda: last_heard(coordinator, runner) != before, 10, "a heartbeat")
    return last_heard(coordinator, runner)


def test_r3_an_interrupted_run_is_not_given_up_by_a_jump(world: World) -> None:
    """R3: an hour that did not pass does not count into how long a lost runner is waited for."""
    folder = world.folder / "skewed-coordinator"
    folder.mkdir()
    coordinator = world._keep(
        SkewedCoordinator(folder / "data", world._portal, world.with_database(SOON | {"lost_run_seconds": 30}))
    )
    runner = world.runner(coordinator)
    run = coordinator.start_run("say ready\nhang")
    coordinator.until_event(run, "message", role="assistant")
    runner.program.freeze()
    lost = coordinator.until_event(run, "run_interrupted")
    assert payload_of(lost)["follows"] == "wait"
    coordinator.skew(HOUR)
    sweeps = world.meanwhile(lambda: coordinator.http.get(f"/runs/{run.run_id}/wait", params={"timeout": 1}))
    assert sweeps.result(10).json()["status"] == "interrupted"
    coordinator.skew(0)
    runner.program.thaw()
    coordinator.until_event(run, "run_reconnected")
    coordinator.http.post(f"/runs/{run.run_id}/stop").raise_for_status()
    assert coordinator.ended(run.run_id).status == "stopped"
    assert_promises_kept(coordinator, run.session_id)
