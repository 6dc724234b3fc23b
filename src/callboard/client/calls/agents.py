"""Calls on agents: read, make, change and remove those of the API; upload those of files."""

from callboard.client.call import Call, Nothing, PageOf, path, query
from callboard.client.idempotency import new_key
from callboard.wire.agents import Agent, AgentFilesTaken, AgentListed, ChangeAgent, CreateAgent, PutAgentFiles


def list_(
    *, project_dir: str | None = None, page: str | None = None, limit: int | None = None
) -> Call[PageOf[AgentListed]]:
    """A page of agents, by name; with a directory only those that are meant there."""
    wanted = query(project_dir=project_dir, page=page, limit=limit)
    return Call(method="GET", path=path("agents"), query=wanted, response=PageOf[AgentListed], repeatable=True)


def get(name: str, *, project_dir: str | None = None) -> Call[Agent]:
    """The agent that a name means, in a directory or anywhere."""
    wanted = query(project_dir=project_dir)
    return Call(method="GET", path=path("agents", name), query=wanted, response=Agent, repeatable=True)


def create(body: CreateAgent, *, idempotency_key: str | None = None) -> Call[Agent]:
    """Make one; 409 `agent_exists`."""
    key = idempotency_key or new_key()
    return Call(method="POST", path=path("agents"), body=body, response=Agent, idempotency_key=key)


def change(name: str, body: ChangeAgent, *, etag: str) -> Call[Agent]:
    """The agent as it is from now on, if it is still the one with this ETag; `*` is any."""
    return Call(method="PUT", path=path("agents", name), body=body, response=Agent, if_match=etag)


def delete(name: str, *, etag: str) -> Call[Nothing]:
    """Remove it, if it is still the one with this ETag."""
    return Call(method="DELETE", path=path("agents", name), response=Nothing, if_match=etag)


def put_files(body: PutAgentFiles) -> Call[AgentFilesTaken]:
    """Tell all agent files of a directory; the answer says whose text is wanted."""
    return Call(method="PUT", path=path("agents"), body=body, response=AgentFilesTaken, repeatable=True)
