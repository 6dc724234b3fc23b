"""The tree below a session, and every total as a sum over the ledger."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callboard.coordinator.services.usage import LedgerPart
from callboard.domain.caller import Caller
from callboard.domain.errors import Forbidden, InvalidRequest, NotFound
from callboard.domain.usage import UsageRow
from callboard.store import migrate
from callboard.wire.responses import UsageGroup
from callboard.wire.runner import Claim, UsageReport
from tests.services.reading_world import (
    OWNER,
    READER,
    UNKNOWN_RUN,
    UNKNOWN_SESSION,
    PlayedRunner,
    Reading,
    agent_of,
    member,
    open_reading,
)

DAY_MS = 86_400_000


@pytest.fixture
async def reading(tmp_path: Path, kind: str) -> AsyncIterator[Reading]:
    """A world with its readers."""
    async with open_reading(tmp_path, kind) as opened:
        yield opened


@pytest.fixture
async def runner(reading: Reading) -> PlayedRunner:
    """A runner."""
    return await reading.world.runner()


def used(message_id: str, cost: int | None = 100, model: str = "large", output_tokens: int = 0) -> UsageRow:
    """One ledger row."""
    return UsageRow(
        model=model, message_id=message_id, input_tokens=10, output_tokens=output_tokens, cost_microdollars=cost
    )


async def a_family(reading: Reading, runner: PlayedRunner) -> list[Claim]:
    """Parent, two children and a grandchild; each used 100 micro-dollars times its place."""
    parent = await reading.world.start("parent", title="parent")
    made = [parent, await reading.child(parent), await reading.child(parent)]
    made.append(await reading.child(made[1]))
    claims = await runner.claim(slots=4)
    for number, claim in enumerate(claims, 1):
        await runner.started(claim)
        await reading.book(runner, claim, used("m1", 100 * number))
    by_session = {claim.session_id: claim for claim in claims}
    return [by_session[created.session_id] for created in made]


async def test_a_tree_has_parents_before_children_with_state_and_cost_rolled_up(
    reading: Reading, runner: PlayedRunner
) -> None:
    """A24."""
    family = await a_family(reading, runner)
    parent, first, second, grandchild = [claim.session_id for claim in family]
    await runner.end(family[2], "failed")
    tree = await reading.sessions.tree(OWNER, parent)
    assert [node.session_id for node in tree.nodes] == [parent, first, second, grandchild]
    assert [node.depth for node in tree.nodes] == [0, 1, 1, 2]
    assert [node.children for node in tree.nodes] == [[first, second], [grandchild], [], []]
    assert [node.usage_self.cost_microdollars for node in tree.nodes] == [100, 200, 300, 400]
    assert [node.usage_subtree.cost_microdollars for node in tree.nodes] == [1000, 600, 300, 400]
    assert tree.counts == {"running": 3, "failed": 1}
    assert [node.group for node in tree.nodes] == ["working", "working", "done", "working"]
    assert {(node.waiting_for, node.lifecycle) for node in tree.nodes} == {(None, None)}


async def test_a_tree_can_be_read_from_any_of_its_sessions(reading: Reading, runner: PlayedRunner) -> None:
    family = await a_family(reading, runner)
    parent, first, _, grandchild = [claim.session_id for claim in family]
    tree = await reading.sessions.tree(OWNER, first)
    assert (tree.session_id, tree.root_session_id) == (first, parent)
    assert [node.session_id for node in tree.nodes] == [first, grandchild]
    assert tree.nodes[0].parent_session_id == parent
    assert tree.nodes[0].usage_subtree.cost_microdollars == 600


async def test_an_agent_reads_the_tree_below_itself_only(reading: Reading) -> None:
    """S7."""
    parent = await reading.world.start()
    child = await reading.child(parent)
    tree = await reading.sessions.tree(agent_of(child), child.session_id)
    assert [node.session_id for node in tree.nodes] == [child.session_id]
    with pytest.raises(NotFound):
        await reading.sessions.tree(agent_of(child), parent.session_id)


async def test_the_usage_of_a_session_is_its_own_that_of_its_subtree_and_its_parts(
    reading: Reading, runner: PlayedRunner
) -> None:
    family = await a_family(reading, runner)
    first = family[1]
    await reading.book(runner, first, used("m2", None, "small", output_tokens=5), used("m3", 7, "small"))
    usage = await reading.usage.of_session(OWNER, first.session_id)
    assert (usage.self.cost_microdollars, usage.self.input_tokens, usage.self.output_tokens) == (207, 30, 5)
    assert usage.self.unpriced
    assert usage.subtree.cost_microdollars == 607
    assert [(group.key, group.usage.cost_microdollars) for group in usage.by_model] == [("large", 200), ("small", 7)]
    assert [(group.key, group.usage.input_tokens) for group in usage.by_run] == [(first.run_id, 30)]
    shown = await reading.sessions.get(OWNER, first.session_id)
    assert shown.usage == usage.self
    assert (await reading.sessions.runs(OWNER, first.session_id)).items[0].usage == usage.self


async def test_failed_stopped_and_lost_runs_keep_their_usage(reading: Reading, runner: PlayedRunner) -> None:
    """A65."""
    for kind in ("failed", "stopped"):
        created = await reading.world.start()
        claim = await reading.begin(runner)
        await reading.book(runner, claim, used("m1"))
        await runner.end(claim, kind)
        usage = await reading.usage.of_session(OWNER, created.session_id)
        assert usage.self.cost_microdollars == 100


async def test_usage_that_is_reported_twice_counts_once(reading: Reading, runner: PlayedRunner) -> None:
    await reading.world.start()
    claim = await reading.begin(runner)
    for _ in range(2):
        await reading.book(runner, claim, used("m1"))
    assert (await reading.usage.of_session(OWNER, claim.session_id)).self.cost_microdollars == 100


async def test_nothing_used_costs_nothing_known(reading: Reading) -> None:
    created = await reading.world.start()
    usage = await reading.usage.of_session(OWNER, created.session_id)
    assert (usage.self.cost_microdollars, usage.self.input_tokens) == (None, 0)
    assert (usage.by_run, usage.by_model) == ([], [])


async def test_usage_of_an_unknown_session_is_an_error_and_breaks_nothing(
    reading: Reading, runner: PlayedRunner
) -> None:
    """A64."""
    with pytest.raises(NotFound):
        await reading.usage.of_session(OWNER, UNKNOWN_SESSION)
    unknown = UsageReport(runner_id=runner.runner_id, epoch=runner.epoch, attempt=1, rows=[used("m1")])
    with pytest.raises(NotFound):
        await reading.world.reports.usage(runner.caller, UNKNOWN_RUN, unknown)
    await reading.world.start()
    await reading.book(runner, await reading.begin(runner), used("m1"))


async def test_usage_is_grouped_by_each_of_its_columns(reading: Reading, runner: PlayedRunner) -> None:
    family = await a_family(reading, runner)
    reading.project("shop")
    parent = family[0].session_id
    reading.sql("UPDATE usage_rows SET project_id = 'shop', agent_name = 'reviewer' WHERE session_id = ?", parent)
    milestone = "INSERT INTO milestones (milestone_id, project_id, number, title, state, created_at) VALUES"
    reading.sql(f"{milestone} ('mil_1', 'shop', 1, 'Login', 'active', 0)")
    reading.sql("UPDATE sessions SET milestone_id = 'mil_1' WHERE session_id = ?", family[3].session_id)
    expected = {
        "milestone": {"": 600, "mil_1": 400},
        "session": {claim.session_id: 100 * number for number, claim in enumerate(family, 1)},
        "run": {claim.run_id: 100 * number for number, claim in enumerate(family, 1)},
        "model": {"large": 1000},
        "agent": {"": 900, "reviewer": 100},
        "project": {"": 900, "shop": 100},
    }
    for group_by, sums in expected.items():
        page = await reading.usage.grouped(OWNER, group_by)
        assert {group.key: group.usage.cost_microdollars for group in page.items} == sums
        assert [group.key for group in page.items] == sorted(sums)
        named = {"milestone": [None, "Login"], "project": [None, "name of shop"]}
        if group_by in named:
            assert [group.name for group in page.items] == named[group_by]


async def people_at_work(reading: Reading, runner: PlayedRunner) -> PlayedRunner:
    """Ada's tree: her run (1) and her agent's child, lost on one runner (20) and done on another (300), then asked more
    by Bob (4,000). Beside it what nobody is known to have asked for (50,000), and Bob's command (600,000).
    """
    phone, bob = (
        Caller(token_id="tok_phone", kind="browser"),
        Caller(token_id="tok_bob", kind="user", project_id="shop"),
    )
    reading.project("shop")
    for token_id, kind, label, maker in (
        ("tok_ada", "user", "Ada", None),
        ("tok_laptop", "browser", "Ada in a browser", "tok_ada"),
        ("tok_phone", "browser", "Ada in a browser", "tok_laptop"),
        ("tok_bob", "owner", "", None),
    ):
        columns = "token_id, kind, secret_hash, label, made_by, created_at"
        reading.sql(f"INSERT INTO tokens ({columns}) VALUES (?, ?, ?, ?, ?, 0)", token_id, kind, token_id, label, maker)  # noqa: S608
    other = await reading.world.runner("two", name="Second")
    parent = await reading.world.start("parent", phone, title="Lead")
    (claim,) = await runner.claim()
    await runner.started(claim)
    await reading.book(runner, claim, used("m", 1))
    child = await reading.world.start("child", agent_of(parent), on_lost="retry", repeatable=True)
    (lost,) = await runner.claim()
    await runner.started(lost)
    await reading.book(runner, lost, used("lost", 20))
    await reading.world.pass_time(31, (other, []), (runner, [claim]))
    await reading.use(other, 300)
    reading.put_in_project(child.session_id, "shop")
    await reading.world.resume(child.session_id, caller=bob)
    await reading.use(other, 4_000)
    await reading.world.start("nobody's")
    await reading.use(other, 50_000)
    await reading.world.start("true", bob, executor_type="command")
    await reading.use(other, 600_000)
    reading.sql("DELETE FROM tokens WHERE token_id IN ('tok_laptop', 'tok_phone')")
    await reading.world.runners.remove(OWNER, other.runner_id)
    return other


async def test_usage_is_of_whom_it_was_asked_by_and_of_where_and_by_what_it_was_done(
    reading: Reading, runner: PlayedRunner
) -> None:
    """D9: of a person, not of a browser; of each attempt's runner, also of a removed one; by executor and by tree."""
    removed = await people_at_work(reading, runner)
    expected = {
        "user": {(None, 50_000), ("Ada", 321), ("owner", 604_000)},
        "executor": {(None, 54_321), (None, 600_000)},
        "runner": {("one", 21), ("Second", 654_300)},
        "tree": {("Lead", 4_321), ("nobody's", 50_000), ("true", 600_000)},
    }
    for group_by, sums in expected.items():
        assert await sums_of(reading, group_by) == sums
    narrowed = {
        "user": {("owner", 604_000)},
        "runner": {("Second", 604_000)},
        "tree": {("Lead", 4_000), ("true", 600_000)},
    }
    for group_by, sums in narrowed.items():
        assert await sums_of(reading, group_by, caller=member("shop")) == sums
    assert await sums_of(reading, "session", "user:tok_ada") == {("Lead", 1), ("child", 320)}
    assert await sums_of(reading, "user", "executor:command") == {("owner", 600_000)}
    assert await sums_of(reading, "run", f"runner:{removed.runner_id}", member("shop")) == {
        ("1", 600_000),
        ("2", 4_000),
    }
    assert await sums_of(reading, "user", "tree:") == set()


async def sums_of(
    reading: Reading, group_by: str, within: str | None = None, caller: Caller = OWNER
) -> set[tuple[str | None, int | None]]:
    """The groups by name, with their cost."""
    page = await reading.usage.grouped(caller, group_by, part=LedgerPart(within=within))
    return {(group.name, group.usage.cost_microdollars) for group in page.items}


async def test_of_older_runs_is_known_what_tokens_that_are_left_tell(reading: Reading, runner: PlayedRunner) -> None:
    """D9, R23: nothing is guessed of a person whose browser is forgotten and said nowhere who let it in."""
    await people_at_work(reading, runner)
    for table in ("runs", "sessions"):
        reading.sql(f"UPDATE {table} SET person_id = 'wrong'")  # noqa: S608
    for update in migrate.load()[17].sql.split("\nUPDATE ")[1:]:
        reading.sql(f"UPDATE {update}")
    assert await sums_of(reading, "user") == {(None, 50_321), ("owner", 604_000)}


async def test_usage_by_day_is_by_date_and_within_the_time_asked_for(reading: Reading, runner: PlayedRunner) -> None:
    await reading.world.start()
    claim = await reading.begin(runner)
    days = 19_000
    for number in range(3):
        await reading.book(runner, claim, used(f"m{number}", 10**number))
        reading.sql("UPDATE usage_rows SET booked_at = ? WHERE message_id = ?", (days + number) * DAY_MS, f"m{number}")
    every = await reading.usage.grouped(OWNER, "day")
    assert [(day.key, day.usage.cost_microdollars) for day in every.items] == [
        ("2022-01-08", 1),
        ("2022-01-09", 10),
        ("2022-01-10", 100),
    ]
    some = await reading.usage.grouped(OWNER, "day", (days + 1) * DAY_MS, (days + 2) * DAY_MS)
    assert [day.key for day in some.items] == ["2022-01-09"]


async def test_a_total_is_narrowed_step_by_step_to_the_run_that_caused_it(
    reading: Reading, runner: PlayedRunner
) -> None:
    """D9: the dearest first on every page, no known price last; sessions and runs by name."""
    family = await a_family(reading, runner)
    parent, cheap = family[0].session_id, family[2].session_id
    reading.sql("UPDATE usage_rows SET agent_name = 'reviewer' WHERE session_id <> ?", parent)
    reading.sql("UPDATE usage_rows SET cost_microdollars = NULL WHERE session_id = ?", cheap)
    found: list[UsageGroup] = []
    page: str | None = None
    while not found or page:
        answer = await reading.usage.grouped(
            OWNER, "session", part=LedgerPart(within="agent:reviewer"), order="cost", limit=1, page=page
        )
        found, page = [*found, *answer.items], answer.next_page
    assert [group.usage.cost_microdollars for group in found] == [400, 200, None]
    outside = await reading.usage.grouped(OWNER, "session", part=LedgerPart(within="agent:"))
    assert [(group.key, group.name) for group in outside.items] == [(parent, "parent")]
    runs = await reading.usage.grouped(OWNER, "run", part=LedgerPart(within="agent:reviewer", session_id=found[0].key))
    assert [(group.name, group.usage.cost_microdollars) for group in runs.items] == [("1", 400)]
    today = (await reading.usage.grouped(OWNER, "day")).items[0].key
    assert len((await reading.usage.grouped(OWNER, "run", part=LedgerPart(within=f"day:{today}"))).items) == 4
    assert (await reading.usage.grouped(OWNER, "run", part=LedgerPart(within="day:1999-01-01"))).items == []
    for wrong in ("agent", "pet:cat", "day:yesterday"):
        with pytest.raises(InvalidRequest):
            await reading.usage.grouped(OWNER, "run", part=LedgerPart(within=wrong))


async def test_groups_are_paged_and_the_empty_key_comes_once(reading: Reading, runner: PlayedRunner) -> None:
    await reading.world.start()
    claim = await reading.begin(runner)
    for number in range(4):
        await reading.book(runner, claim, used(f"m{number}"))
        reading.sql("UPDATE usage_rows SET agent_name = ? WHERE message_id = ?", "abc"[number:][:1], f"m{number}")
    keys: list[str] = []
    page = await reading.usage.grouped(OWNER, "agent", limit=1)
    while True:
        keys += [group.key for group in page.items]
        if page.next_page is None:
            break
        page = await reading.usage.grouped(OWNER, "agent", limit=1, page=page.next_page)
    assert keys == ["", "a", "b", "c"]


async def test_the_ledger_is_for_people_and_narrowed_to_their_project(reading: Reading, runner: PlayedRunner) -> None:
    """S6."""
    family = await a_family(reading, runner)
    reading.project("shop")
    reading.sql("UPDATE usage_rows SET project_id = 'shop' WHERE session_id = ?", family[3].session_id)
    narrowed = await reading.usage.grouped(member("shop"), "session")
    assert [group.key for group in narrowed.items] == [family[3].session_id]
    assert (await reading.usage.grouped(READER, "model")).items
    for caller in (runner.caller, agent_of(await reading.world.start())):
        with pytest.raises(Forbidden):
            await reading.usage.grouped(caller, "session")
    with pytest.raises(InvalidRequest):
        await reading.usage.grouped(OWNER, "phase_of_the_moon")
