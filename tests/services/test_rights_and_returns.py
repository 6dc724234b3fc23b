"""What a caller may not widen, and what follows when a runner comes back without what it held."""

from typing import Any

import pytest

from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Conflict, Forbidden
from callboard.domain.permission import is_wider
from callboard.wire.requests import AdditionalDemands, Limits
from callboard.wire.runner import Claim
from tests.services.world import OWNER, World, first_claim


def agent_of(claim: Claim) -> Caller:
    """The agent of an attempt, by its session token."""
    return Caller(
        token_id="tok_s", kind="session", session_id=claim.session_id, run_id=claim.run_id, attempt=claim.attempt
    )


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
    token = agent_of(claim)
    child = await world.start("child", caller=token)
    assert (await world.run(child.run_id)).permission_mode == "read_only"
    for wider in ({"permission_mode": "full"}, {"executor_type": "command"}):
        with pytest.raises(Forbidden):
            await world.start("child", caller=token, **wider)


PARENTS: dict[str, Any] = {
    "timeout_seconds": 600.0,
    "max_turns": 10,
}


async def test_a_child_inherits_its_parents_limits_and_may_only_narrow_them(world: World) -> None:
    """40: a child's limits are never wider than its parent's. Its budget comes from the parent's pool: test_budgets."""
    runner, claim = await first_claim(world, limits=Limits(**PARENTS, queue_timeout_seconds=60))
    token = agent_of(claim)
    child = await world.start("child", caller=token)
    assert (await world.run(child.run_id)).limits == PARENTS
    narrow = Limits(timeout_seconds=60, max_turns=2, queue_timeout_seconds=900)
    second = await world.start("child", caller=token, limits=narrow)
    expected = PARENTS | {"timeout_seconds": 60.0, "max_turns": 2, "queue_timeout_seconds": 900.0}
    assert (await world.run(second.run_id)).limits == expected
    for name, value in PARENTS.items():
        with pytest.raises(Forbidden) as refused:
            await world.start("child", caller=token, limits=Limits(**{name: value * 2}))
        assert refused.value.errors == [{"pointer": f"/limits/{name}", "message": f"at most {value}"}]
        assert f"limits.{name} is {value}, not {value * 2}" in refused.value.detail
    assert await world.count("children_of", session_id=claim.session_id) == 2

    (first,) = [one for one in await runner.claim(slots=4) if one.run_id == child.run_id]
    await runner.work(first)
    with pytest.raises(Forbidden):
        await world.resume(child.session_id, caller=token, limits=Limits(max_turns=11))
    resumed = await world.resume(child.session_id, caller=token)
    assert (await world.run(resumed.run_id)).limits == PARENTS
    generous = await world.resume(child.session_id, limits=Limits(max_turns=99))
    assert (await world.run(generous.run_id)).limits == {"max_turns": 99}, "a person is not bound"


async def test_a_retry_by_an_agent_is_cut_to_what_the_agent_has(world: World) -> None:
    """40: a retry asks for nothing itself."""
    runner, claim = await first_claim(world, limits=Limits(max_turns=10))
    child = await world.start("child", parent_session_id=claim.session_id, limits=Limits(max_turns=99))
    (held,) = await runner.claim()
    await runner.started(held)
    await runner.end(held, "failed")
    again = await world.runs.retry(agent_of(claim), child.run_id, None)
    assert (await world.run(again.run_id)).limits == {"max_turns": 10}


async def test_a_child_works_where_its_parent_does(world: World) -> None:
    """40: its project_dir lies in the parent's project."""
    _, claim = await first_claim(world, project_dir="/srv/shop")
    token = agent_of(claim)
    same = await world.start("child", caller=token)
    assert (await world.run(same.run_id)).demands["project_dir"] == "/srv/shop"
    inside = await world.start("child", caller=token, project_dir="/srv/shop/web/")
    assert (await world.run(inside.run_id)).demands["project_dir"] == "/srv/shop/web"
    elsewhere = await world.start("child", caller=token, additional_demands=AdditionalDemands(tags=["gpu"]))
    assert "project_dir" not in {name for name, value in (await world.run(elsewhere.run_id)).demands.items() if value}
    for outside in (
        {"project_dir": "/srv/bank"},
        {"additional_demands": AdditionalDemands(project_dir="/srv/shopping")},
    ):
        with pytest.raises(Forbidden) as refused:
            await world.start("child", caller=token, **outside)
        assert "is outside /srv/shop, where the caller works" in refused.value.detail
    named = await world.start("child", parent_session_id=claim.session_id, project_dir="/srv/bank")
    assert (await world.run(named.run_id)).project_dir == "/srv/bank", "a person is not bound"


async def test_a_child_of_a_session_that_asked_for_no_directory_works_where_that_was_placed(world: World) -> None:
    """40, 10: the claiming runner's base is stored in the session."""
    _, claim = await first_claim(world)
    child = await world.start("child", caller=agent_of(claim))
    assert (await world.run(child.run_id)).demands["project_dir"] == "/srv"


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
