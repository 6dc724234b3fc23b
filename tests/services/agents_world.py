"""Agents in a world of services: made through the API, or uploaded from files that a test makes up."""

import hashlib
from typing import Any

from callboard.domain.caller import Caller
from callboard.wire.agents import AgentFile, AgentFilesTaken, CreateAgent, PutAgentFiles
from tests.services.world import OWNER, PlayedRunner, World


async def make(world: World, name: str = "reviewer", caller: Caller = OWNER, **fields: Any) -> str:
    """A new agent of the API; its ETag."""
    return (await world.agents.create(caller, CreateAgent(name=name, **fields), None)).etag


def file(path: str, body: str, *, front: str = "", told: bool = True) -> AgentFile:
    """A file of an agent."""
    text = f"---\n{front}\n---\n{body}\n"
    return AgentFile(path=path, sha256=hashlib.sha256(text.encode()).hexdigest(), text=text if told else None)


async def put(
    world: World,
    *files: AgentFile,
    directory: str = "/srv/shop",
    scope: Any = "project",
    caller: Caller = OWNER,
    trusted: bool = False,
) -> AgentFilesTaken:
    """Uploads the files of a directory."""
    body = PutAgentFiles(scope=scope, hostname="one", directory=directory, files=list(files), trusted=trusted)
    return await world.agent_files.put(caller, body)


async def claim_of(world: World, runner: PlayedRunner, prompt: str | None = "say hello", **more: Any) -> Any:
    """The claim of a new run."""
    created = await world.start(prompt, **more)
    (claim,) = await runner.claim()
    assert claim.run_id == created.run_id
    return claim
