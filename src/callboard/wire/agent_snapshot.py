"""Which agent a run keeps, as an answer says it; the agent itself is in wire.agents."""

import msgspec


class AgentSnapshot(msgspec.Struct, kw_only=True):
    """Which state of which agent a run keeps: its ETag is that of the agent as long as nobody has changed it."""

    name: str
    scope: str
    etag: str
