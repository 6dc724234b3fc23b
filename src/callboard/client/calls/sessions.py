"""Calls on sessions: read, stop, change, archive, import, and conversations that others lead."""

from callboard.client.call import Call, Nothing, PageOf, path, query
from callboard.client.idempotency import new_key
from callboard.wire.affinity import Affinity
from callboard.wire.board import Board
from callboard.wire.budgets import BudgetChanged, SetBudget
from callboard.wire.messages import MessageSent, SendMessage
from callboard.wire.requests import CreateExternalSession, ForkSession, ImportLog, StopSession, UpdateSession
from callboard.wire.responses import (
    Binding,
    ExternalSession,
    Result,
    Run,
    RunCreated,
    Session,
    SessionUsage,
    Stopped,
    Tree,
)
from callboard.wire.runner import Bind


def create_external(body: CreateExternalSession, *, idempotency_key: str | None = None) -> Call[ExternalSession]:
    """Record a conversation that another process leads; the token in the answer is shown once."""
    key = idempotency_key or new_key()
    return Call(method="POST", path=path("sessions"), body=body, response=ExternalSession, idempotency_key=key)


def board(*, project: str | None = None, limit: int | None = None) -> Call[Board]:
    """The callboard: sessions by who must act next, at most `limit` of each group."""
    wanted = query(project=project, limit=limit)
    return Call(method="GET", path=path("board"), query=wanted, response=Board, repeatable=True)


def list_(
    *,
    status: str | None = None,
    agent_name: str | None = None,
    parent_session_id: str | None = None,
    root_session_id: str | None = None,
    project: str | None = None,
    q: str | None = None,
    page: str | None = None,
    limit: int | None = None,
) -> Call[PageOf[Session]]:
    """A page of sessions, newest first."""
    wanted = query(
        status=status,
        agent_name=agent_name,
        parent_session_id=parent_session_id,
        root_session_id=root_session_id,
        project=project,
        q=q,
        page=page,
        limit=limit,
    )
    return Call(method="GET", path=path("sessions"), query=wanted, response=PageOf[Session], repeatable=True)


def find(ref: str, *, project: str | None = None) -> Call[PageOf[Session]]:
    """The session that a reference means, or none; 409 `ambiguous_reference` when several fit."""
    wanted = query(ref=ref, project=project)
    return Call(method="GET", path=path("sessions"), query=wanted, response=PageOf[Session], repeatable=True)


def get(session_id: str) -> Call[Session]:
    """One session."""
    return Call(method="GET", path=path("sessions", session_id), response=Session, repeatable=True)


def fork(session_id: str, body: ForkSession, *, idempotency_key: str | None = None) -> Call[RunCreated]:
    """A new session that is told the turns of this one."""
    key, where = idempotency_key or new_key(), path("sessions", session_id, "fork")
    return Call(method="POST", path=where, body=body, response=RunCreated, idempotency_key=key)


def tree(session_id: str) -> Call[Tree]:
    """The session and all below it."""
    return Call(method="GET", path=path("sessions", session_id, "tree"), response=Tree, repeatable=True)


def bindings(session_id: str, *, page: str | None = None, limit: int | None = None) -> Call[PageOf[Binding]]:
    """Which conversations have carried the session, in order."""
    wanted = query(page=page, limit=limit)
    where = path("sessions", session_id, "bindings")
    return Call(method="GET", path=where, query=wanted, response=PageOf[Binding], repeatable=True)


def runs(session_id: str, *, page: str | None = None, limit: int | None = None) -> Call[PageOf[Run]]:
    """The session's runs."""
    wanted = query(page=page, limit=limit)
    where = path("sessions", session_id, "runs")
    return Call(method="GET", path=where, query=wanted, response=PageOf[Run], repeatable=True)


def usage(session_id: str) -> Call[SessionUsage]:
    """What it used: itself, its subtree, each run and model."""
    return Call(method="GET", path=path("sessions", session_id, "usage"), response=SessionUsage, repeatable=True)


def set_budget(session_id: str, body: SetBudget) -> Call[BudgetChanged]:
    """Raise or lower its budget; repeated, it changes nothing more."""
    where = path("sessions", session_id, "budget")
    return Call(method="POST", path=where, body=body, response=BudgetChanged, repeatable=True)


def result(session_id: str) -> Call[Result]:
    """The result of the latest run; 409 `run_not_finished` before its end."""
    return Call(method="GET", path=path("sessions", session_id, "result"), response=Result, repeatable=True)


def affinity(session_id: str) -> Call[Affinity]:
    """Where a resume has to run."""
    return Call(method="GET", path=path("sessions", session_id, "affinity"), response=Affinity, repeatable=True)


def bind(session_id: str, body: Bind) -> Call[Binding]:
    """Tell which conversation carries the session; for the attempt that owns the run."""
    return Call(method="POST", path=path("sessions", session_id, "bind"), body=body, response=Binding)


def send_message(session_id: str, body: SendMessage, *, idempotency_key: str | None = None) -> Call[MessageSent]:
    """Say something to its agent; sent again with the same key, it is said once."""
    where, key = path("sessions", session_id, "messages"), idempotency_key or new_key()
    return Call(method="POST", path=where, body=body, response=MessageSent, idempotency_key=key)


def stop(session_id: str, *, subtree: bool = False) -> Call[Stopped]:
    """Stop the live run and cancel what waits; with `subtree` everything below as well."""
    body = StopSession(subtree=subtree)
    return Call(method="POST", path=path("sessions", session_id, "stop"), body=body, response=Stopped, repeatable=True)


def update(session_id: str, body: UpdateSession) -> Call[Session]:
    """Change title or labels."""
    return Call(method="PATCH", path=path("sessions", session_id), body=body, response=Session, repeatable=True)


def archive(session_id: str) -> Call[Session]:
    """Put it away; it takes no runs until it is unarchived."""
    return Call(method="POST", path=path("sessions", session_id, "archive"), response=Session, repeatable=True)


def unarchive(session_id: str) -> Call[Session]:
    """Take it back."""
    return Call(method="POST", path=path("sessions", session_id, "unarchive"), response=Session, repeatable=True)


def delete(session_id: str) -> Call[Nothing]:
    """Remove it with its runs, events and usage, for good."""
    return Call(method="DELETE", path=path("sessions", session_id), response=Nothing)


def import_log(body: ImportLog) -> Call[Session]:
    """A finished, archived session that holds the events of an old log."""
    where = path("sessions", "import")
    return Call(method="POST", path=where, body=body, response=Session, idempotency_key=new_key())
