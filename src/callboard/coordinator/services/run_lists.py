"""Runs as lists show them, with what each used: a page costs as many queries as one run."""

from collections.abc import Sequence

from callboard.coordinator.services.rendering import render_run
from callboard.coordinator.services.usage import usage_of_runs
from callboard.domain.usage import UsageTotal
from callboard.store.database import Row, Transaction
from callboard.wire.responses import Run


def shown_runs(tx: Transaction, rows: Sequence[Row]) -> list[Run]:
    """Runs as they are answered; the rows hold every column of `runs`."""
    usage = usage_of_runs(tx, [row["run_id"] for row in rows])
    return [render_run(row, usage.get(row["run_id"], UsageTotal())) for row in rows]
