"""Bindings: which executor conversation carries a session now. Append-only; a native id belongs to one session."""

from callboard.coordinator.services.fleet import Fleet
from callboard.coordinator.services.journal import attempt_of
from callboard.coordinator.services.rendering import render_binding
from callboard.coordinator.services.run_changes import note_event
from callboard.coordinator.services.run_requests import check_session_id
from callboard.coordinator.services.runner_access import check_runner
from callboard.domain import event as event_types
from callboard.domain.binding import binding_reason, id_scope
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden
from callboard.domain.runner import LeaseRules
from callboard.store.database import Database, Row, Transaction
from callboard.wire.requests import CreateExternalSession
from callboard.wire.responses import Binding
from callboard.wire.runner import Bind


class BindingService:
    """Binds sessions to the conversations of executors."""

    def __init__(self, database: Database, fleet: Fleet, rules: LeaseRules) -> None:
        self._database = database
        self._fleet = fleet
        self._rules = rules

    async def bind(self, caller: Caller, session_id: str, bind: Bind) -> Binding:
        """Stores the binding; the same again changes nothing, another id in one attempt is refused."""
        check_session_id(session_id)
        if caller.kind != "runner":
            raise Forbidden("Only the runner that holds the attempt may bind its session.")
        runner_id = bind.runner_id or caller.runner_id or ""
        runner = await self._fleet.get(runner_id, bind.epoch or 0)
        check_runner(caller, runner_id, runner.epoch if bind.epoch is None and runner else bind.epoch or 0, runner)
        return await self._database.write(lambda tx: self._bind(tx, caller, session_id, bind))

    def _bind(self, tx: Transaction, caller: Caller, session_id: str, bind: Bind) -> Binding:
        run = attempt_of(tx, caller, session_id, bind.run_id, bind.attempt, self._rules)
        held = tx.one("attempt_by_id", run_id=run["run_id"], attempt=run["attempt"]) or {}
        if (bind.executor_type, bind.hostname) != (run["executor_type"], held["hostname"]):
            raise Conflict(
                f"This attempt runs {run['executor_type']} on {held['hostname']}, "
                f"not {bind.executor_type} on {bind.hostname}.",
                code="binding_conflict",
                hint="Report the executor of the run and the hostname of the registration.",
            )
        open_binding = tx.one("open_binding", session_id=session_id)
        same = open_binding is not None and _same(open_binding, bind)
        if held["bound_id"] is not None and not same:
            raise Conflict(
                f"This attempt is bound to {held['bound_id']} already.",
                code="binding_conflict",
                hint="One attempt has one conversation; report the first one.",
            )
        own_conversation(tx, session_id, bind)
        begins = run["context"] == "fresh" and open_binding is not None and open_binding["run_id"] != run["run_id"]
        if open_binding is not None and same and not begins:
            kept = open_binding
        else:
            kept = open_generation(tx, run, open_binding, bind)
        tx.run("bound_attempt", run_id=run["run_id"], attempt=run["attempt"], bound_id=bind.executor_session_id)
        return render_binding(kept)


def native_id(reported: Bind | CreateExternalSession) -> dict[str, str]:
    """What tells a conversation from all others."""
    return {
        "executor_type": reported.executor_type,
        "executor_session_id": reported.executor_session_id,
        "id_scope": id_scope(reported.executor_type, reported.hostname),
    }


def own_conversation(tx: Transaction, session_id: str, bind: Bind) -> None:
    """A native id belongs to one session for ever; of two that bind it at once the second waits for the first."""
    tx.run("own_native_id", **native_id(bind), session_id=session_id)
    owner = tx.one("owner_of_native_id", **native_id(bind))
    if owner is None or owner["session_id"] != session_id:
        raise Conflict(
            f"The conversation {bind.executor_session_id} belongs to another session.",
            code="executor_session_in_use",
            hint="Start a new conversation; two sessions must not write one.",
        )


def _same(open_binding: Row, bind: Bind) -> bool:
    """Whether the report says what the open binding says; one without a directory says nothing of it."""
    names = ["executor_type", "executor_session_id", "hostname"] + ["project_dir"] * (bind.project_dir is not None)
    return all(open_binding[name] == getattr(bind, name) for name in names)


def open_generation(tx: Transaction, run: Row, open_binding: Row | None, bind: Bind) -> Row:
    """Closes the open binding and opens the next one; the new row."""
    session_id = run["session_id"]
    tx.run("close_binding", session_id=session_id, now=tx.now_ms)
    last = tx.one("last_generation", session_id=session_id)
    generation = (last["generation"] if last else 0) + 1
    session = tx.one("session_by_id", session_id=session_id) or {}
    reason = binding_reason(
        generation,
        forked=session.get("forked_from") is not None,
        handoff=bool(run["from_log"]),
        fresh=run["context"] == "fresh",
        moved=open_binding is not None and open_binding["hostname"] != bind.hostname,
    )
    tx.run(
        "insert_binding",
        session_id=session_id,
        generation=generation,
        executor_type=bind.executor_type,
        executor_session_id=bind.executor_session_id,
        id_scope=id_scope(bind.executor_type, bind.hostname),
        hostname=bind.hostname,
        project_dir=bind.project_dir,
        runner_id=run["runner_id"],
        run_id=run["run_id"],
        attempt=run["attempt"],
        now=tx.now_ms,
        reason=reason,
    )
    note_event(
        tx,
        run,
        event_types.SESSION_BOUND,
        {
            "generation": generation,
            "executor_type": bind.executor_type,
            "executor_session_id": bind.executor_session_id,
            "hostname": bind.hostname,
            "project_dir": bind.project_dir,
            "reason": reason,
        },
    )
    made = tx.one("open_binding", session_id=session_id)
    if made is None:
        raise RuntimeError("a binding vanished inside its own transaction")
    return made
