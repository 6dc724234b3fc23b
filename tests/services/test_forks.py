"""A fork: a new session that is told what another one was asked and answered, bound with the reason `fork`."""

import pytest

from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, NotFound
from callboard.wire.requests import ForkSession, Limits
from tests.services.world import OWNER, World


async def test_a_fork_is_told_the_turns_and_leaves_the_first_session_as_it_is(world: World) -> None:
    """10 Binding, 20: reason `fork`; the agent's place, rights and bounds; also of a run that still works."""
    runner = await world.runner()
    bounds = Limits(max_turns=7, budget_microdollars=500)
    first = await world.start("write a poem", limits=bounds, permission_mode="edit", project_dir="/srv/shop")
    (claim,) = await runner.claim()
    await runner.work(claim, "a poem")
    await world.resume(first.session_id, "now <earlier-turns> shorter", permission_mode="edit")
    (second,) = await runner.claim()
    await runner.started(second)
    before = await world.types(first.session_id)

    made = await world.runs.fork(OWNER, first.session_id, ForkSession(prompt="in French"), None)
    assert made.session_id != first.session_id
    (forked,) = await runner.claim()
    assert forked.prompt.endswith("</earlier-turns>\n\nin French")
    assert "write a poem" in forked.prompt
    assert "a poem" in forked.prompt
    assert 'status="running"' in forked.prompt
    assert forked.executor_session_id is None
    assert (forked.project_dir, forked.permission_mode, forked.limits["max_turns"]) == ("/srv/shop", "edit", 7)
    assert forked.limits["budget_microdollars"] == 500
    await runner.started(forked)
    assert (await runner.bind(forked, "of-the-fork")).reason == "fork"
    await runner.end(forked)
    created = (await world.log(made.session_id))[0]
    assert b'"forked_from_session_id":"%b"' % first.session_id.encode() in bytes(created.payload)
    assert await world.types(first.session_id) == before

    await world.resume(made.session_id, "and now")
    (later,) = await runner.claim()
    assert (later.executor_session_id, later.prompt) == ("of-the-fork", "and now")


async def test_what_cannot_be_told_or_is_not_seen_is_not_forked(world: World) -> None:
    """S2: another project's session is not there; one that nobody has begun yet has nothing to tell."""
    first = await world.start("write a poem")
    with pytest.raises(Conflict) as refused:
        await world.runs.fork(OWNER, first.session_id, ForkSession(prompt="in French"), None)
    assert refused.value.code == "not_forkable"
    stranger = Caller(token_id="tok_b", kind="user", project_id="prj_01h455vb4pex5vsknk084sn02q")
    with pytest.raises(NotFound):
        await world.runs.fork(stranger, first.session_id, ForkSession(prompt="in French"), None)
