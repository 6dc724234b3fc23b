"""D10: what a runner tells of its machine is kept, bounded, and shown in words."""

from pathlib import Path
from typing import Any

from callboard.cli.runner_machine import machine_lines
from callboard.runner.machine import measured
from tests.services.world import OWNER, World


async def test_d10_a_heartbeat_tells_of_the_machine_and_a_person_sees_it(world: World, tmp_path: Path) -> None:
    runner = await world.runner("one", facts={"python": "3.13"})
    facts: dict[str, Any] = measured(tmp_path, lambda: 3) | {"clients": {"codex": {"version": "0.9", "login": "none"}}}
    await runner.beat(facts=facts)
    await runner.beat()
    await runner.beat(facts={"note": "x" * 20_000})
    shown = (await world.runners.get(OWNER, runner.runner_id)).facts
    assert shown == facts | {"python": "3.13"}
    lines = machine_lines(shown)
    assert "GiB free" in lines["memory"]
    assert "GiB free" in lines["disk"]
    assert lines["codex"] == "0.9, no login found"
    assert lines["worktrees"].startswith("3 ")
    assert machine_lines({"machine": "odd", "clients": 1, "worktrees": None}) == {}
