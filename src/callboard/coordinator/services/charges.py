"""Usage that is reported: booked, told in the log and charged to the run's pool, in one transaction."""

import msgspec

from callboard.coordinator.services import budget_changes, ledger, run_changes
from callboard.domain import event as event_types
from callboard.domain.usage import UsageRow
from callboard.store.database import Row, Transaction


def book(tx: Transaction, run: Row, attempt: int, rows: list[UsageRow], *, incomplete: bool) -> bool:
    """Books rows of an attempt; whether its run has spent what its budget allows, and is to stop.

    The run's pool and session are locked.
    """
    booked = ledger.book(tx, run, attempt, rows)
    if booked or (incomplete and not rows):
        payload = {"run_id": run["run_id"], "attempt": attempt, "rows": msgspec.to_builtins(booked)}
        if incomplete:
            payload["usage_incomplete"] = True
        run_changes.note_event(tx, run, event_types.USAGE, payload)
    return budget_changes.charge(tx, run, booked)


def stop_spent(tx: Transaction, run: Row) -> None:
    """Stops a run whose budget is used up, unless another process leads it: that one is not ours to stop."""
    if not run_changes.is_external(run):
        run_changes.ask_to_stop(tx, run, reason="budget_exceeded", stopped_by=None)
