"""The call on usage over all sessions."""

from typing import Literal

from callboard.client.call import Call, PageOf, path, query
from callboard.wire.responses import UsageGroup

GroupBy = Literal[
    "day", "session", "tree", "run", "model", "agent", "project", "milestone", "user", "executor", "runner"
]


def grouped(
    group_by: GroupBy,
    *,
    since: str | None = None,
    until: str | None = None,
    page: str | None = None,
    limit: int | None = None,
) -> Call[PageOf[UsageGroup]]:
    """Sums of the ledger; `since` and `until` are RFC 3339."""
    wanted = query(group_by=group_by, page=page, limit=limit) | query(**{"from": since, "to": until})
    return Call(method="GET", path=path("usage"), query=wanted, response=PageOf[UsageGroup], repeatable=True)
