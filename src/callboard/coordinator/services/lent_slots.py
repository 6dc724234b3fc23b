"""What a full runner takes all the same: one child for each of its agents that may be waiting for children.

Agents that wait hold their slots; if all of them did so for children that find none, nothing would ever go on.
"""

from typing import Final

from callboard.coordinator.services.claim_queue import Entry
from callboard.coordinator.services.fleet import FleetRunner
from callboard.store.database import Transaction

LOOK_SECONDS: Final = 1.0
"""How often is looked for a full runner whose poll is held."""


def lent(tx: Transaction, runner: FleetRunner) -> list[Entry]:
    """Waiting runs for which agents of a runner lend their slots: the next one of each agent that has none at work."""
    rows = tx.all("runs_for_lent_slots", runner_id=runner.runner_id, slots=runner.slots)
    first = {row["caller_session_id"]: row for row in reversed(rows)}
    return [(row["queue_key"], row["run_id"], row["demand_class"]) for row in first.values()]
