"""What a caller may not widen, and what follows when a runner comes back without what it held."""

from typing import Any

import pytest

from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Conflict, Forbidden
from callboard.domain.permission import is_wider
from tests.services.world import OWNER, World, first_claim


@pytest.mark.parametrize(
    ("child", "parent", "wider"),
    [
        (("full", "claude-code"), ("read_only", "claude-code"), True),
        (("edit", "claude-code"), (None, "claude-code"), True),
        (("ask", "claude-code"), (None, "claude-code"), False),
        ((None, "claude-code"), ("read_only", "claude-code"), False),
        ((None, "command"), ("edit", "claude-code"), True),
        ((None, "command"), ("full", "claude-code"), False),
        (("full", "scripted"), (None, "scripted"), False),
    ],
)
def test_a_child_is_never_allowed_more_than_its_parent(child: Any, parent: Any, wider: bool) -> None:
    """40, S7: the ladder read_only < ask < edit < full; command is full."""
    assert is_wider(*child, *parent) is wider


async def test_a_child_inherits_its_parents_permission_and_may_not_widen_it(world: World) -> None:
    """40, S7."""
    _, claim = await first_claim(world, permission_mode="read_only")
    token = Caller(
        token_id="tok_s", kind="session", session_id=claim.session_id, run_id=claim.run_id, attempt=claim.attempt
    )
    child = await world.start("child", caller=token)
    assert (await world.run(child.run_id)).permission_mode == "read_only"
    for wider in ({"permission_mode": "full"}, {"executor_type": "command"}):
        with pytest.raises(Forbidden):
            await world.start("child", caller=token, **wider)


async def test_a_returning_runner_that_does_not_list_a_lost_attempt_says_that_it_is_gone(world: World) -> None:
    """10: the bound host may go on as soon as its heartbeat no longer lists the old attempt."""
    runner, claim = await first_claim(world)
    await world.resume(claim.session_id, "afterwards")
    await world.pass_time(40)
    assert await world.status(claim.session_id) == "interrupted"
    await runner.beat()
    assert (await world.run(claim.run_id)).reason == "interrupted"
    (after,) = await runner.claim()
    assert after.prompt == "afterwards"


async def test_a_stop_does_not_keep_a_lost_run_that_is_to_fail_at_once(world: World) -> None:
    """10: on_lost=fail at once."""
    _, claim = await first_claim(world, on_lost="fail")
    await world.stops.stop_run(OWNER, claim.run_id)
    await world.pass_time(40)
    assert (await world.run(claim.run_id)).reason == "interrupted"


async def test_a_runner_binds_only_where_it_is_and_what_it_runs(world: World) -> None:
    """A27."""
    runner, claim = await first_claim(world)
    for other in ({"hostname": "elsewhere"}, {"executor_type": "command"}):
        with pytest.raises(Conflict) as refused:
            await runner.bind(claim, "native", **other)
        assert refused.value.code == "binding_conflict"


@pytest.mark.parametrize("more", [{"title": "x"}, {"labels": {"a": "b"}}, {"project": "p"}])
async def test_a_resume_does_not_silently_drop_what_it_cannot_change(world: World, more: dict[str, Any]) -> None:
    """20: nothing that was asked for is ignored."""
    created = await world.start()
    with pytest.raises(CallboardError) as refused:
        await world.resume(created.session_id, **more)
    assert refused.value.code == "invalid_request"


async def test_a_slash_at_the_end_of_a_directory_contradicts_nothing(world: World) -> None:
    """30: project_dir lies lexically inside a root."""
    runner, claim = await first_claim(world, project_dir="/srv/a")
    await runner.bind(claim, "native", project_dir="/srv/a")
    await runner.end(claim)
    again = await world.resume(claim.session_id, project_dir="/srv//a/")
    assert (await world.run(again.run_id)).demands["project_dir"] == "/srv/a"
