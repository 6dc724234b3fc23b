"""Books what attempts used: each row once, with a price of our own where it has none, and sums that stay exact.

Knows no budgets, and not who reports.
"""

import msgspec

from callboard.domain.prices import estimated, plain_model
from callboard.domain.usage import UsageRow, is_adjustment
from callboard.store.database import Row, Transaction


def book(tx: Transaction, run: Row, attempt: int, rows: list[UsageRow]) -> list[UsageRow]:
    """Books ledger rows; those that were new, as they are in the ledger. The session of the run is locked."""
    return [row for given in sorted(rows, key=is_adjustment) if (row := _book(tx, run, attempt, given)) is not None]


def _book(tx: Transaction, run: Row, attempt: int, given: UsageRow) -> UsageRow | None:
    exact = is_adjustment(given) and given.cost_microdollars is not None
    row = _with_difference(tx, run, attempt, given) if exact else estimated(given, tx.now_ms)
    values = msgspec.to_builtins(row) | {"estimated": int(row.estimated)}
    new = tx.run(
        "book_usage",
        **values,
        run_id=run["run_id"],
        attempt=attempt,
        session_id=run["session_id"],
        project_id=run["session_project_id"],
        agent_name=run["agent_name"],
        now=tx.now_ms,
    )
    if new and exact:
        for model in _open_costs(tx, run, attempt, given):
            tx.run("cover_usage", run_id=run["run_id"], attempt=attempt, model=model)
    return row if new else None


def _with_difference(tx: Transaction, run: Row, attempt: int, given: UsageRow) -> UsageRow:
    """An exact total, less the estimates of the rows that it covers: they keep their price, the sum is exact."""
    booked = sum(_open_costs(tx, run, attempt, given).values())
    return msgspec.structs.replace(given, cost_microdollars=(given.cost_microdollars or 0) - booked)


def _open_costs(tx: Transaction, run: Row, attempt: int, given: UsageRow) -> dict[str, int]:
    """What the attempt's rows of this model without an exact cost are estimated to cost, by their name of it."""
    found = tx.all("open_costs", run_id=run["run_id"], attempt=attempt)
    same = [row for row in found if plain_model(row["model"]) == plain_model(given.model)]
    return {row["model"]: row["cost_microdollars"] or 0 for row in same}
