"""Sessions as they are read: one, its bindings, runs, affinity and result, and who may see them."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Conflict, NotFound
from callboard.domain.usage import UsageRow, UsageTotal
from callboard.wire.responses import Page, Session
from tests.services.reading_world import (
    JOINER,
    OWNER,
    READER,
    UNKNOWN_SESSION,
    Reading,
    agent_of,
    member,
    open_reading,
)


@pytest.fixture
async def reading(tmp_path: Path, kind: str) -> AsyncIterator[Reading]:
    """A world with its readers."""
    async with open_reading(tmp_path, kind) as opened:
        yield opened


def ids_of(page: Page) -> list[str]:
    """The session ids of a page, in its order."""
    return [item.session_id for item in page.items]


async def refused(reading: Reading, caller: Caller, session_id: str) -> str:
    """The code with which a read of one session is refused."""
    with pytest.raises(CallboardError) as refusal:
        await reading.sessions.get(caller, session_id)
    return refusal.value.code


# ------------------------------------------------------------------------------------------------ one session


async def test_a_session_that_a_person_started_is_shown_whole_and_has_no_parent(reading: Reading) -> None:
    """A22, A26."""
    created = await reading.world.start("say hello\nand more", labels={"team": "shop"}, project_dir="/srv/shop")
    session = await reading.sessions.get(OWNER, created.session_id)
    assert session.parent_session_id is None
    assert (session.root_session_id, session.depth) == (created.session_id, 0)
    assert (session.status, session.group, session.queued_runs) == ("pending", "queued", 1)
    assert (session.title, session.labels, session.project_dir) == ("say hello", {"team": "shop"}, "/srv/shop")
    assert (session.latest_run_id, session.run_count) == (created.run_id, 1)
    assert (session.binding, session.reason, session.exit_code) == (None, None, None)
    assert session.usage == UsageTotal()
    assert session.issues == []


async def test_a_childs_parent_is_shown_in_both_reads_over_three_levels(reading: Reading) -> None:
    """A23, A24."""
    parent = await reading.world.start("parent")
    child = await reading.child(parent)
    grandchild = await reading.child(child)
    listed = {item.session_id: item for item in (await reading.sessions.list(OWNER)).items}
    for level, (created, above) in enumerate(((parent, None), (child, parent), (grandchild, child))):
        one = await reading.sessions.get(OWNER, created.session_id)
        assert one.parent_session_id == (above and above.session_id)
        assert (one.root_session_id, one.depth) == (parent.session_id, level)
        assert listed[created.session_id] == one


async def test_the_state_of_a_session_follows_its_runs_and_says_how_the_last_one_ended(reading: Reading) -> None:
    runner = await reading.world.runner()
    created = await reading.world.start()
    (claim,) = await runner.claim()
    assert (await reading.sessions.get(OWNER, created.session_id)).group == "working"
    await runner.started(claim)
    await runner.bind(claim, "native-1")
    running = await reading.sessions.get(OWNER, created.session_id)
    assert (running.status, running.group) == ("running", "working")
    assert running.binding is not None
    assert (running.binding.generation, running.binding.executor_session_id) == (1, "native-1")
    await runner.end(claim, "failed", exit_code=3, error_message="no such file")
    failed = await reading.sessions.get(OWNER, created.session_id)
    assert (failed.status, failed.group, failed.reason, failed.exit_code) == ("failed", "done", "failed", 3)
    assert failed.reason_text == "The agent failed."
    await reading.world.resume(created.session_id)
    queued = await reading.sessions.get(OWNER, created.session_id)
    assert (queued.status, queued.group, queued.reason) == ("failed", "queued", "failed")
    second = await reading.begin(runner)
    assert (await reading.sessions.get(OWNER, created.session_id)).reason is None
    await runner.end(second)
    finished = await reading.sessions.get(OWNER, created.session_id)
    assert (finished.status, finished.reason, finished.exit_code) == ("finished", "completed", 0)


async def test_a_session_names_the_model_that_wrote_most_of_it_or_the_one_it_was_asked_to_take(
    reading: Reading,
) -> None:
    """D2: what a row of the callboard shows and filters by."""
    runner = await reading.world.runner()
    created = await reading.world.start()
    claim = await reading.begin(runner)
    assert (await reading.sessions.get(OWNER, created.session_id)).model is None
    written = (("haiku", 5), ("opus", 60), ("sonnet", 50))
    rows = [UsageRow(model=model, message_id=model, output_tokens=tokens) for model, tokens in written]
    await reading.book(runner, claim, *rows)
    assert (await reading.sessions.get(OWNER, created.session_id)).model == "opus"
    await runner.end(claim)
    await reading.world.resume(created.session_id, model="sonnet")
    assert (await reading.sessions.get(OWNER, created.session_id)).model == "sonnet"


async def test_children_are_counted_and_those_without_work_apart(reading: Reading) -> None:
    runner = await reading.world.runner()
    parent = await reading.world.start()
    (claim,) = await runner.claim()
    await runner.started(claim)
    for _ in range(3):
        await reading.child(parent)
    (child,) = await runner.claim()
    await runner.work(child)
    children = (await reading.sessions.get(OWNER, parent.session_id)).children
    assert (children.total, children.ended) == (3, 1)


async def test_an_unknown_session_is_not_found_and_a_malformed_id_is_a_bad_request(reading: Reading) -> None:
    assert await refused(reading, OWNER, UNKNOWN_SESSION) == "session_not_found"
    assert await refused(reading, OWNER, "run_00000000000000000000000000") == "invalid_id"


async def test_no_field_of_a_session_names_it_but_its_id_and_title() -> None:
    """A29."""
    names = {field.name for field in msgspec.structs.fields(Session)}
    assert not {name for name in names if name.endswith("name")} - {"agent_name", "hostname"}


# ------------------------------------------------------------------------------------------------ who sees what


async def test_a_project_token_sees_only_its_project_and_nothing_of_the_others(reading: Reading) -> None:
    """S6: 404 for other tenants."""
    mine, theirs = [(await reading.world.start()).session_id for _ in range(2)]
    for session_id, project_id in ((mine, "shop"), (theirs, "bank")):
        reading.project(project_id)
        reading.put_in_project(session_id, project_id)
    assert ids_of(await reading.sessions.list(member("shop"))) == [mine]
    assert await refused(reading, member("shop"), theirs) == "session_not_found"
    assert ids_of(await reading.sessions.list(member("shop"), ref=theirs)) == []
    for name in ("bank", "name of bank", "no such project"):
        with pytest.raises(NotFound) as refusal:
            await reading.sessions.list(member("shop"), project=name)
        assert refusal.value.code == "project_not_found"


async def test_an_agent_reads_itself_and_what_is_below_it_and_nobody_else(reading: Reading) -> None:
    """S7: a child reads no siblings and not its parent."""
    parent = await reading.world.start("parent")
    child, sibling = await reading.child(parent), await reading.child(parent)
    grandchild = await reading.child(child)
    stranger = await reading.world.start("stranger")
    agent = agent_of(child)
    own = [grandchild.session_id, child.session_id]
    assert ids_of(await reading.sessions.list(agent)) == own
    assert ids_of(await reading.sessions.list(agent, root_session_id=parent.session_id)) == own
    assert ids_of(await reading.sessions.list(agent, parent_session_id=child.session_id)) == own[:1]
    assert ids_of(await reading.sessions.list(agent, root_session_id=stranger.session_id)) == []
    for hidden in (parent, sibling, stranger):
        assert await refused(reading, agent, hidden.session_id) == "session_not_found"
        assert ids_of(await reading.sessions.list(agent, ref=hidden.session_id)) == []
    assert (await reading.sessions.get(agent, grandchild.session_id)).session_id == grandchild.session_id


async def test_a_runner_reads_only_what_it_executes_now(reading: Reading) -> None:
    """S6: a runner token reads no other runner's session."""
    one, two = await reading.world.runner("one"), await reading.world.runner("two")
    held = await reading.world.start()
    claim = await reading.begin(one)
    await reading.world.start()
    assert ids_of(await reading.sessions.list(one.caller)) == [held.session_id]
    assert ids_of(await reading.sessions.list(two.caller)) == []
    assert await refused(reading, two.caller, held.session_id) == "session_not_found"
    await one.end(claim)
    assert await refused(reading, one.caller, held.session_id) == "session_not_found"


async def test_a_joining_token_reads_nothing_and_a_read_only_one_everything(reading: Reading) -> None:
    """S6: scopes."""
    created = await reading.world.start()
    assert ids_of(await reading.sessions.list(JOINER)) == []
    assert await refused(reading, JOINER, created.session_id) == "session_not_found"
    assert ids_of(await reading.sessions.list(READER)) == [created.session_id]


# ------------------------------------------------------------------------------------------------ parts of one session


async def test_bindings_are_listed_newest_first_and_paged(reading: Reading) -> None:
    runner = await reading.world.runner()
    created = await reading.world.start(context="fresh")
    for number in range(3):
        if number:
            await reading.world.resume(created.session_id)
        claim = await reading.begin(runner)
        await runner.bind(claim, "native-1")
        await runner.end(claim)
    page = await reading.sessions.bindings(OWNER, created.session_id, limit=2)
    assert [binding.generation for binding in page.items] == [3, 2]
    assert page.items[0].ended_at is None
    assert page.items[1].ended_at is not None
    rest = await reading.sessions.bindings(OWNER, created.session_id, limit=2, page=page.next_page)
    assert [(binding.generation, binding.reason) for binding in rest.items] == [(1, "start")]


async def test_runs_of_a_session_are_listed_newest_first_and_paged(reading: Reading) -> None:
    created = await reading.world.start()
    later = [await reading.world.resume(created.session_id, f"turn {number}") for number in (2, 3)]
    page = await reading.sessions.runs(OWNER, created.session_id, limit=2)
    assert [run.run_id for run in page.items] == [later[1].run_id, later[0].run_id]
    assert [run.number for run in page.items] == [3, 2]
    rest = await reading.sessions.runs(OWNER, created.session_id, limit=2, page=page.next_page)
    assert [run.run_id for run in rest.items] == [created.run_id]
    assert rest.next_page is None


async def test_a_persistent_conversation_ties_its_session_to_its_host(reading: Reading) -> None:
    """A28."""
    runner = await reading.world.runner()
    created = await reading.world.start(project_dir="/srv/shop")
    assert (await reading.sessions.affinity(OWNER, created.session_id)).hostname is None
    claim = await reading.begin(runner)
    await runner.bind(claim, "native-1")
    affinity = await reading.sessions.affinity(OWNER, created.session_id)
    assert (affinity.hostname, affinity.project_dir) == ("one", "/srv/shop")
    assert (affinity.executor_type, affinity.executor_session_id) == ("scripted", "native-1")


async def test_a_fresh_session_may_go_anywhere_unless_it_has_a_workspace(reading: Reading) -> None:
    """10: affinity is the workspace's host for any session that has one."""
    runner = await reading.world.runner()
    created = await reading.world.start(context="fresh")
    claim = await reading.begin(runner)
    await runner.bind(claim, "native-1")
    affinity = await reading.sessions.affinity(OWNER, created.session_id)
    assert (affinity.hostname, affinity.executor_session_id) == (None, None)
    workspace = '{"hostname": "build", "path": "/srv/shop-issue-42", "branch": "issue-42"}'
    reading.sql("UPDATE sessions SET workspace = ? WHERE session_id = ?", workspace, created.session_id)
    affinity = await reading.sessions.affinity(OWNER, created.session_id)
    assert (affinity.hostname, affinity.project_dir) == ("build", "/srv/shop-issue-42")
    shown = (await reading.sessions.get(OWNER, created.session_id)).workspace
    assert shown is not None
    assert (shown.branch, shown.base_commit) == ("issue-42", None)


async def test_the_result_is_that_of_the_latest_run_and_says_why_there_is_none(reading: Reading) -> None:
    """A12."""
    runner = await reading.world.runner()
    created = await reading.world.start()
    with pytest.raises(Conflict) as waiting:
        await reading.sessions.result(OWNER, created.session_id)
    claim = await reading.begin(runner)
    with pytest.raises(Conflict) as running:
        await reading.sessions.result(OWNER, created.session_id)
    assert (waiting.value.code, running.value.code) == ("run_not_finished", "run_not_finished")
    await runner.end(claim, result_text="forty-two")
    first = await reading.sessions.result(OWNER, created.session_id)
    assert (first.run_id, first.status, first.result_text) == (created.run_id, "completed", "forty-two")
    later = await reading.world.resume(created.session_id)
    with pytest.raises(Conflict):
        await reading.sessions.result(OWNER, created.session_id)
    await runner.end(await reading.begin(runner), result_data={"answer": [42]})
    second = await reading.sessions.result(OWNER, created.session_id)
    assert (second.run_id, second.result_text, second.result_data) == (later.run_id, None, {"answer": [42]})
    assert (await reading.world.run(created.run_id)).result_text == "forty-two"


async def test_a_run_that_ended_without_a_result_has_none_to_find(reading: Reading) -> None:
    """A12: 404."""
    runner = await reading.world.runner()
    failed = await reading.ended(runner, "failed", error_message="no")
    with pytest.raises(NotFound) as refusal:
        await reading.sessions.result(OWNER, failed.session_id)
    assert refusal.value.code == "result_not_found"
