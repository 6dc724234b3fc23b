"""The agent that a run keeps, as an answer shows it to people: whole, but for what could be a secret.

Knows no query; which runs somebody may see is decided before.
"""

import json
from typing import Any

import msgspec

from callboard.coordinator.services.run_agents import Snapshot
from callboard.domain.agent import AgentDemands, AgentLimits
from callboard.domain.errors import NotFound
from callboard.domain.shown_settings import shown_address, shown_value
from callboard.store.database import Row
from callboard.wire.agents import AgentOfRun, ServerOfRun


def render_agent_of_run(row: Row) -> AgentOfRun:
    """The agent of a run; the row holds every column of `runs`. NotFound when the run was begun without one."""
    if row["agent"] is None:
        raise NotFound(
            f"{row['run_id']} has no agent.",
            code="agent_not_found",
            hint="It was begun with an executor alone; the run itself says with what.",
        )
    kept: Snapshot = json.loads(row["agent"])
    same = ("executor", "model", "permission_mode", "tools", "parameters_schema", "output_schema")
    return AgentOfRun(
        name=kept["name"],
        scope=kept["scope"],
        etag=kept["etag"],
        description=kept.get("description", ""),
        tags=kept.get("tags", []),
        mcp_servers=_servers(kept.get("mcp_servers")),
        demands=msgspec.convert(kept.get("demands", {}), AgentDemands),
        limits=msgspec.convert(kept.get("limits", {}), AgentLimits),
        system_prompt=kept.get("system_prompt", ""),
        **{name: kept.get(name) for name in same},
    )


def _servers(kept: dict[str, dict[str, Any]] | list[str] | None) -> list[ServerOfRun]:
    """A list names servers of the runner's file."""
    by_name = kept if isinstance(kept, dict) else {name: {} for name in kept or ()}
    return [_server(name, server, described_by_runner=not isinstance(kept, dict)) for name, server in by_name.items()]


def _server(name: str, server: dict[str, Any], *, described_by_runner: bool) -> ServerOfRun:
    url = server.get("url")
    return ServerOfRun(
        name=name,
        type=server.get("type"),
        url=None if url is None else shown_address(url),
        headers={header: shown_value(value) for header, value in server.get("headers", {}).items()},
        command=server.get("command"),
        argument_count=len(server.get("args", ())),
        environment=sorted(server.get("env", {})),
        described_by_runner=described_by_runner,
    )
