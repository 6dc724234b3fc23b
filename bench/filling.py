"""Fills a database with sessions that wait with a run each, by the coordinator's own code for creating runs."""

import secrets
from typing import Final

from bench.databases import Home
from bench.world import new_run
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.run_creation import NewRun, create
from callboard.domain.caller import Caller
from callboard.domain.ids import IdSource
from callboard.store.database import Transaction
from callboard.wire.requests import AdditionalDemands

RUNS_A_WORK: Final = 500
NO_MATCH_MS: Final = 86_400_000
"""Runs that no runner fits must not end while they are measured."""
OWNER: Final = Caller(token_id="tok_bench", kind="owner")


async def fill(home: Home, sessions: int, demand_classes: int) -> None:
    """New sessions whose runs demand the tags class-0, class-1 … in turn."""
    database = await home.open()
    ids = IdSource(database.clock.now_ms, secrets.randbits)
    runs = [_new_run(number) for number in range(demand_classes)]

    def work(tx: Transaction, first: int, last: int) -> None:
        for number in range(first, last):
            create(tx, runs[number % demand_classes], ids, TreeLimits())

    try:
        for first in range(0, sessions, RUNS_A_WORK):
            last = min(first + RUNS_A_WORK, sessions)
            await database.write(lambda tx, first=first, last=last: work(tx, first, last))
    finally:
        await database.close()


def class_tag(number: int) -> str:
    """The tag that the runs of a class demand."""
    return f"class-{number}"


def _new_run(number: int) -> NewRun:
    request = new_run(additional_demands=AdditionalDemands(tags=[class_tag(number)]))
    return NewRun(
        request=request,
        prompt=request.prompt or "",
        caller=OWNER,
        parent_session_id=None,
        executor_type="scripted",
        offered_executors=frozenset(),
        no_match_ms=NO_MATCH_MS,
    )
