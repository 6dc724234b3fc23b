"""Which agent is meant by a name, agents from files, and changes of those of the API."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from callboard.domain.caller import Caller
from callboard.domain.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from callboard.wire.agents import AgentFile, ChangeAgent
from tests.services.agents_world import claim_of, file, make, put
from tests.services.reading_world import open_reading
from tests.services.world import OWNER, World

USER = Caller(token_id="tok_user", kind="user")


async def test_the_project_is_before_the_user_and_the_user_before_the_api(world: World) -> None:
    runner = await world.runner(roots=["/"])
    await make(world, system_prompt="api")

    async def meant(directory: str | None) -> str:
        claim = await claim_of(world, runner, agent_name="reviewer", project_dir=directory)
        await runner.work(claim)
        return str(claim.agent["system_prompt"])

    assert await meant("/srv/shop/deep") == "api"
    await put(world, file(".callboard/agents/reviewer.md", "user"), scope="user", directory="/home/ann")
    assert await meant("/srv/shop/deep") == "user"
    await put(world, file(".callboard/agents/reviewer.md", "shop"))
    await put(world, file(".callboard/agents/reviewer.md", "deep"), directory="/srv/shop/deep")
    assert await meant("/srv/shop/deep/er") == "deep"
    assert await meant("/srv/shop") == "shop"
    assert await meant("/srv/shopping") == "user"
    hidden = {(agent.scope, agent.directory): agent.hidden_by for agent in await listed(world)}
    assert [(by.scope, by.directory) for by in hidden["api", None]] == [
        ("project", "/srv/shop/deep"), ("project", "/srv/shop"), ("user", None),
    ]  # fmt: skip
    assert [(by.scope, by.directory) for by in hidden["project", "/srv/shop"]] == [("project", "/srv/shop/deep")]
    assert hidden["project", "/srv/shop/deep"] == []
    assert (await world.agents.get(OWNER, "reviewer", None, "api")).system_prompt == "api"
    with pytest.raises(Conflict) as refused:
        await world.start(agent_name="reviewer")
    assert (refused.value.code, len(refused.value.errors)) == ("ambiguous_agent", 2)
    await put(world, directory="/srv/shop/deep")
    assert await meant(None) == "shop"


async def test_files_are_sent_once_and_what_is_gone_goes(world: World) -> None:
    one, two = file("agents/one.md", "1"), file("agents/two.md", "2")
    untold = [AgentFile(path=each.path, sha256=each.sha256) for each in (one, two)]
    assert (await put(world, *untold)).wanted == ["agents/one.md", "agents/two.md"]
    assert (await put(world, one, two)).stored == ["one", "two"]
    again = await put(world, *untold)
    assert (again.wanted, again.unchanged, again.stored) == ([], 2, [])
    edited = file("agents/two.md", "2", front="name: second")
    taken = await put(world, untold[0], edited)
    assert (taken.stored, taken.removed, taken.unchanged) == (["second"], ["two"], 1)
    assert (await put(world, untold[0])).removed == ["second"]
    assert [agent.name for agent in await listed(world)] == ["one"]


async def listed(world: World, caller: Caller = OWNER, **query: Any) -> list[Any]:
    """The agents that a caller sees."""
    return (await world.agents.list(caller, **({"project_dir": None, "page": None, "limit": 50} | query))).items


async def test_a_file_that_gives_no_agent_is_told_and_hinders_no_other(world: World) -> None:
    bad = file("agents/bad.md", "x", front="model: [")
    false = AgentFile(path="agents/false.md", sha256="0" * 64, text="---\n---\nx")
    taken = await put(world, bad, false, file("agents/good.md", "x"), file("agents/twin.md", "x", front="name: good"))
    assert taken.stored == ["good"]
    assert [problem.path for problem in taken.errors] == ["agents/bad.md", "agents/false.md", "agents/twin.md"]


async def test_a_runner_uploads_only_what_lies_in_its_roots(world: World) -> None:
    runner = await world.runner(roots=["/srv/shop"])
    await put(world, file("a/one.md", "x"), caller=runner.caller, directory="/srv/shop/web")
    for directory in ("/etc", "/srv"):
        with pytest.raises(Forbidden):
            await put(world, file("a/one.md", "x"), caller=runner.caller, directory=directory)


@pytest.mark.parametrize(
    "front",
    ["mcp_servers: {tool: {command: sh}}", 'mcp_servers: {tool: {url: "http://x/"}}', "permission_mode: full"],
)
async def test_s12_what_a_repository_brings_is_taken_when_a_person_has_looked_at_it(world: World, front: str) -> None:
    """S12: servers of its own and the mode full, until its content changes."""
    runner = await world.runner(roots=["/srv/shop"])
    wants, harmless = file("a/p.md", "x", front=front), file("a/q.md", "x")
    for caller in (runner.caller, OWNER):
        taken = await put(world, wants, harmless, caller=caller)
        assert [problem.path for problem in taken.errors] == ["a/p.md"]
    with pytest.raises(Forbidden):
        await put(world, wants, caller=runner.caller, trusted=True)
    assert (await put(world, wants, harmless, trusted=True)).stored == ["p"]
    assert (await put(world, wants, harmless, caller=runner.caller)).unchanged == 2
    changed = await put(world, file("a/p.md", "other", front=front), harmless, caller=runner.caller)
    assert ([problem.path for problem in changed.errors], changed.removed) == (["a/p.md"], ["p"])


async def test_s6_a_token_of_a_project_touches_its_own_agents_alone(tmp_path: Path, kind: str) -> None:
    async with open_reading(tmp_path, kind) as reading:
        for project in ("shop", "web"):
            reading.project(project)
        await _two_projects(reading.world)


async def _two_projects(world: World) -> None:
    shop = Caller(token_id="tok_shop", kind="user", project_id="shop")
    web = Caller(token_id="tok_web", kind="user", project_id="web")
    await put(world, file("a/all.md", "x"))
    await put(world, file("a/mine.md", "x"), caller=shop)
    assert (await put(world, caller=shop)).removed == ["mine"]
    assert (await put(world, caller=web)).removed == []
    await make(world, "ours", caller=shop)
    assert [agent.name for agent in await listed(world, shop)] == ["all", "ours"]
    assert [agent.name for agent in await listed(world, web)] == ["all"]
    assert [agent.name for agent in await listed(world)] == ["all", "ours"]
    with pytest.raises(NotFound):
        await world.agents.get(web, "ours")
    assert (await world.agents.get(OWNER, "ours")).project_id == "shop"
    with pytest.raises(NotFound):
        await world.start(caller=web, agent_name="ours")
    assert (await world.start(caller=shop, agent_name="ours")).run_id
    await world.agents.delete(OWNER, "ours", frozenset({"*"}))


@pytest.mark.parametrize("path", ["../a.md", "/etc/a.md", "a/../b.md", "a.txt", "a//b.md", "./a.md"])
async def test_a_path_that_leads_elsewhere_is_refused(world: World, path: str) -> None:
    with pytest.raises(InvalidRequest):
        await put(world, file(path, "x"))


async def test_what_a_file_says_is_read_only_in_the_api(world: World) -> None:
    await put(world, file("agents/one.md", "x"))
    for change in (
        world.agents.change(OWNER, "one", ChangeAgent(), frozenset({"*"})),
        world.agents.delete(OWNER, "one", frozenset({"*"})),
    ):
        with pytest.raises(Conflict) as refused:
            await change
        assert refused.value.code == "agent_read_only"


async def test_a_change_names_the_state_that_it_changes(world: World) -> None:
    etag = await make(world)
    with pytest.raises(PreconditionRequired):
        await world.agents.change(OWNER, "reviewer", ChangeAgent(), None)
    changed = await world.agents.change(OWNER, "reviewer", ChangeAgent(model="m"), frozenset({etag}))
    for attempt in (
        world.agents.change(OWNER, "reviewer", ChangeAgent(), frozenset({etag})),
        world.agents.delete(OWNER, "reviewer", frozenset({etag})),
    ):
        with pytest.raises(PreconditionFailed):
            await attempt
    await world.agents.delete(OWNER, "reviewer", frozenset({changed.etag}))
    with pytest.raises(NotFound):
        await world.agents.get(OWNER, "reviewer")


async def test_of_changes_at_once_to_one_state_one_is_made(world: World) -> None:
    """ETags: nobody's change is lost without being told, on both databases."""
    etag = await make(world)
    changes = (
        world.agents.change(OWNER, "reviewer", ChangeAgent(model=f"m{number}"), frozenset({etag}))
        for number in range(8)
    )
    results = await asyncio.gather(*changes, return_exceptions=True)
    made = [result for result in results if not isinstance(result, BaseException)]
    assert len(made) == 1
    assert all(isinstance(result, PreconditionFailed) for result in results if result not in made)
    assert (await world.agents.get(OWNER, "reviewer")).etag == made[0].etag


async def test_a_name_is_taken_once(world: World) -> None:
    await make(world)
    with pytest.raises(Conflict) as refused:
        await make(world, caller=USER)
    assert refused.value.code == "agent_exists"


async def test_programs_as_text_are_the_owners(world: World) -> None:
    """30: what can be executed is named on the runner's machine; stdio MCP servers as text need the owner's token."""
    servers: Any = {"tool": {"command": "sh", "args": ["-c", "id"]}}
    with pytest.raises(Forbidden):
        await make(world, caller=USER, mcp_servers=servers)
    await make(world, mcp_servers=servers)
    await make(world, "other", caller=USER, mcp_servers={"tool": {"url": "http://127.0.0.1:1/mcp"}})


async def test_a_page_of_agents_follows_the_other(world: World) -> None:
    names = [f"agent-{number}" for number in range(5)]
    for name in names:
        await make(world, name)
    found, page = [], None
    while True:
        answer = await world.agents.list(OWNER, project_dir=None, page=page, limit=2)
        found += [agent.name for agent in answer.items]
        page = answer.next_page
        if page is None:
            break
    assert found == names
