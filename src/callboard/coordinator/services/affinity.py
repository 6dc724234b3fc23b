"""Where a run of a session has to go, and where it had better go: its conversation, its workspace, its directory."""

import json

import msgspec

from callboard.coordinator.services.fleet import record_class
from callboard.domain.demands import Demands, canonical, inside
from callboard.store.database import Row, Transaction
from callboard.store.hints import Queued


def affinity_of(session: Row | None, binding: Row | None, executor_type: str) -> Demands | None:
    """Where a run of the session must go: its open conversation if that persists, and its workspace's host."""
    if session is None:
        return None
    if session["workspace"]:
        place = json.loads(session["workspace"])
        return Demands(
            executor_type=executor_type,
            hostname=place["hostname"],
            project_dir=place["path"],
            repository=place.get("repository"),
        )
    if binding is None or session["context"] != "persistent":
        return None
    return Demands(
        executor_type=binding["executor_type"], hostname=binding["hostname"], project_dir=binding["project_dir"]
    )


def grounded(tx: Transaction, demands: Demands, session: Row | None) -> Demands:
    """The demands of a run that works in the worktree of its session or of one above it: with that worktree's place."""
    while session is not None and demands.repository is None and demands.project_dir is not None:
        place = json.loads(session["workspace"]) if session["workspace"] else None
        if place and inside(demands.project_dir, place["path"]) and demands.hostname in (None, place["hostname"]):
            return msgspec.structs.replace(demands, hostname=place["hostname"], repository=place.get("repository"))
        parent = session["parent_session_id"]
        session = None if parent is None else tx.one("session_by_id", session_id=parent)
    return demands


def direct(tx: Transaction, run: Row) -> str:
    """The demand class of a pending run that becomes claimable; its demands follow its session as it stands now.

    When a run was asked for behind another one, or was lost after its agent was bound, the place of the
    conversation was not known yet.
    """
    demands = msgspec.json.decode(run["demands"], type=Demands)
    session = tx.one("session_by_id", session_id=run["session_id"])
    binding = tx.one("open_binding", session_id=run["session_id"])
    handed_over = run["from_log"] and binding is not None and binding["run_id"] != run["run_id"]
    place = affinity_of(session, None if handed_over else binding, run["executor_type"])
    if place is not None and place.executor_type == run["executor_type"]:
        directory = run["project_dir"] or place.project_dir or demands.project_dir
        hostname = _preferred(tx, run, demands, place.hostname) if session and session["portable"] else place.hostname
        demands = msgspec.structs.replace(
            demands, hostname=hostname, project_dir=directory, repository=place.repository
        )
    elif demands.project_dir is None and session is not None:
        demands = msgspec.structs.replace(demands, project_dir=session["project_dir"])
    demands = grounded(tx, demands, session)
    text = canonical(demands)
    key = record_class(tx, demands, text)
    tx.run("direct_run", run_id=run["run_id"], demands=text, demand_class=key)
    return key


def prefer(tx: Transaction, run_id: str, hostname: str) -> None:
    """Other hosts may take the run of a portable session when the host of its conversation had its time."""
    tx.run("prefer_host", run_id=run_id, hostname=hostname, now=tx.now_ms)


def _preferred(tx: Transaction, run: Row, demands: Demands, hostname: str | None) -> str | None:
    """The host that is demanded for now; None when the run has been let go from it, or its conversation has none."""
    if hostname is None or (run["preferred_host"] == hostname and run["preferred_since"] is None):
        return None
    if demands.hostname is None or run["preferred_host"] is not None:  # else the request itself demands a host
        prefer(tx, run["run_id"], hostname)
    return hostname


def release(tx: Transaction, run: Row) -> None:
    """The run need not go to the host of its conversation any more; it keeps its place in the queue."""
    demands = msgspec.json.decode(run["demands"], type=Demands)
    text = canonical(msgspec.structs.replace(demands, hostname=None))
    key = record_class(tx, msgspec.json.decode(text, type=Demands), text)
    if tx.run("release_host", run_id=run["run_id"], demands=text, demand_class=key) and run["queue_key"] is not None:
        place = {"run_id": run["run_id"], "session_id": run["session_id"], "demand_class": key}
        tx.hint(Queued(**place, queue_key=run["queue_key"]))
