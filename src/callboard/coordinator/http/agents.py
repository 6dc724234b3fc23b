"""Routes of agents. What a caller has read is named by ETag; a change names with If-Match which state it changes."""

import msgspec

from callboard.coordinator.http.answer import JSON_HEADERS, Answer
from callboard.coordinator.http.call import Call
from callboard.wire.agents import Agent, AgentFilesTaken
from callboard.wire.responses import Page


async def list_agents(call: Call) -> Page:
    """GET /agents."""
    return await call.services.agents.list(call.caller, **msgspec.structs.asdict(call.query))


async def show_agent(call: Call) -> Answer:
    """GET /agents/{name}."""
    return _tagged(await call.services.agents.get(call.caller, call.id, call.query.project_dir, call.query.scope))


async def create_agent(call: Call) -> Answer:
    """POST /agents."""
    return _tagged(await call.services.agents.create(call.caller, call.body, call.idempotency), 201)


async def change_agent(call: Call) -> Answer:
    """PUT /agents/{name}."""
    return _tagged(await call.services.agents.change(call.caller, call.id, call.body, _if_match(call)))


async def delete_agent(call: Call) -> None:
    """DELETE /agents/{name}."""
    await call.services.agents.delete(call.caller, call.id, _if_match(call))


async def put_agent_files(call: Call) -> AgentFilesTaken:
    """PUT /agents."""
    return await call.services.agent_files.put(call.caller, call.body)


def _tagged(agent: Agent, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(agent), (*JSON_HEADERS, (b"etag", f'"{agent.etag}"'.encode())))


def _if_match(call: Call) -> frozenset[str] | None:
    """The ETags that are named, without their quotes; a weak one never matches. None when none is named."""
    header = call.header(b"if-match")
    if header is None:
        return None
    return frozenset(part.strip().removeprefix('"').removesuffix('"') for part in header.split(","))
