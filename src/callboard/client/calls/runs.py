"""Calls on runs: create, read, wait, explain, stop, try again."""

from typing import Final

from callboard.client.call import Call, PageOf, path, query
from callboard.client.idempotency import new_key
from callboard.wire.agents import AgentOfRun
from callboard.wire.requests import CreateRun, RetryRun, StopRun
from callboard.wire.responses import Run, RunCreated, Stopped, WaitingRun, Why

WAIT_MARGIN_SECONDS: Final = 10.0
"""How much longer than its own bound a held answer may take."""


def create(body: CreateRun, *, idempotency_key: str | None = None) -> Call[RunCreated]:
    """Start or resume a session."""
    return Call(
        method="POST",
        path=path("runs"),
        body=body,
        response=RunCreated,
        idempotency_key=idempotency_key or new_key(),
    )


def get(run_id: str) -> Call[Run]:
    """One run with its own result."""
    return Call(method="GET", path=path("runs", run_id), response=Run, repeatable=True)


def list_(
    *,
    status: str | None = None,
    session_id: str | None = None,
    runner_id: str | None = None,
    page: str | None = None,
    limit: int | None = None,
) -> Call[PageOf[Run]]:
    """A page of runs, newest first."""
    wanted = query(status=status, session_id=session_id, runner_id=runner_id, page=page, limit=limit)
    return Call(method="GET", path=path("runs"), query=wanted, response=PageOf[Run], repeatable=True)


def queue(*, page: str | None = None, limit: int | None = None) -> Call[PageOf[WaitingRun]]:
    """A page of the runs that wait, oldest first, each with why."""
    wanted = query(page=page, limit=limit)
    return Call(method="GET", path=path("queue"), query=wanted, response=PageOf[WaitingRun], repeatable=True)


def why(run_id: str) -> Call[Why]:
    """Why it waits, or why it ended."""
    return Call(method="GET", path=path("runs", run_id, "why"), response=Why, repeatable=True)


def agent(run_id: str) -> Call[AgentOfRun]:
    """The agent as the run keeps it, without secrets."""
    return Call(method="GET", path=path("runs", run_id, "agent"), response=AgentOfRun, repeatable=True)


def wait(run_id: str, timeout_seconds: float) -> Call[Run]:
    """The run as soon as it has ended, or as it is after `timeout_seconds`."""
    return Call(
        method="GET",
        path=path("runs", run_id, "wait"),
        query={"timeout": timeout_seconds},
        response=Run,
        repeatable=True,
        timeout_seconds=timeout_seconds + WAIT_MARGIN_SECONDS,
    )


def stop(run_id: str) -> Call[Stopped]:
    """Stop this run, waiting or live."""
    return Call(method="POST", path=path("runs", run_id, "stop"), body=StopRun(), response=Stopped, repeatable=True)


def retry(run_id: str, *, idempotency_key: str | None = None) -> Call[RunCreated]:
    """A new run with the words of an ended one."""
    return Call(
        method="POST",
        path=path("runs", run_id, "retry"),
        body=RetryRun(),
        response=RunCreated,
        idempotency_key=idempotency_key or new_key(),
    )
