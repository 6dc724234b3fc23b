"""Calls on runners by people."""

from callboard.client.call import Call, Nothing, PageOf, path, query
from callboard.wire.responses import Runner


def list_(*, page: str | None = None, limit: int | None = None) -> Call[PageOf[Runner]]:
    """A page of runners."""
    wanted = query(page=page, limit=limit)
    return Call(method="GET", path=path("runners"), query=wanted, response=PageOf[Runner], repeatable=True)


def get(runner_id: str) -> Call[Runner]:
    """One runner."""
    return Call(method="GET", path=path("runners", runner_id), response=Runner, repeatable=True)


def drain(runner_id: str) -> Call[Runner]:
    """Let it take no new runs; its agents finish."""
    return Call(method="POST", path=path("runners", runner_id, "drain"), response=Runner, repeatable=True)


def resume(runner_id: str) -> Call[Runner]:
    """Let it take runs again."""
    return Call(method="POST", path=path("runners", runner_id, "resume"), response=Runner, repeatable=True)


def remove(runner_id: str) -> Call[Nothing]:
    """Forget it and its credential; its machine may then join anew."""
    return Call(method="DELETE", path=path("runners", runner_id), response=Nothing)
