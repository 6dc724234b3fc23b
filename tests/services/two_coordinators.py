"""Two coordinators over one database of each kind, and what must be true of that database at any time.

On SQLite both share the one handle that there may be; there the works wait in one line, and the tests are easy.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from callboard.coordinator.services.limits import TreeLimits
from callboard.domain.errors import CallboardError
from callboard.domain.run import LIVE
from callboard.domain.runner import LeaseRules
from callboard.domain.session import session_status
from callboard.store.database import Row, Transaction
from callboard.store.events import page_by_seq
from callboard.store.hints import RunnersChanged
from tests.services.reading_world import Reading
from tests.services.world import PlayedRunner, SetClock, World
from tests.store.harness import make

T = TypeVar("T")
MAX_ROWS = 1_000
BOUND_SECONDS = 10.0


class Coordinators:
    """Two worlds."""

    def __init__(self, first: World, second: World, path: Path, limits: TreeLimits | None) -> None:
        self.first, self.second = first, second
        self.both = (first, second)
        self.readings = tuple(Reading(world, path, limits) for world in self.both)

    async def runner(self, hostname: str = "one", **more: Any) -> tuple[PlayedRunner, PlayedRunner]:
        """One runner as each coordinator knows it."""
        runner = await self.first.runner(hostname, **more)
        await self.catch_up()
        return runner, replace(runner, world=self.second)

    async def catch_up(self) -> None:
        """Lets both learn what the other has done, as their slow polls would."""
        for world in self.both:
            world.fleet.on_hints([RunnersChanged()])
            await world.dispatch.load()

    async def rows(self, query: str, **parameters: Any) -> list[Row]:
        """The rows of a query."""
        return await self.first.database.read(lambda tx: tx.all(query, **parameters))

    async def lapsed(self, number: int) -> None:
        """Waits until so many leases are over."""
        async with asyncio.timeout(BOUND_SECONDS):
            while len(await self.first.database.read(lambda tx: tx.all("lapsed_leases", now=tx.now_ms))) < number:
                pass

    async def problems(self) -> list[str]:
        """What is wrong with the sessions, their runs and their logs."""
        return await self.first.database.read(_problems)


def _problems(tx: Transaction) -> list[str]:
    found: list[str] = []
    for listed in tx.all("sessions_newest", **_ANY, before="ses_" + "z" * 26, limit=MAX_ROWS):
        session = tx.one("session_by_id", session_id=listed["session_id"]) or {}
        found += [f"{session['session_id']}: {problem}" for problem in _problems_of(tx, session)]
    return found


_ANY = dict.fromkeys(("status", "agent_name", "parent_session_id", "root_session_id", "project_id"), "")


def _problems_of(tx: Transaction, session: Row) -> list[str]:
    session_id = session["session_id"]
    runs = tx.all("list_runs_of_session", session_id=session_id, before="run_~", status="", limit=MAX_ROWS)[::-1]
    live = [run for run in runs if run["status"] in LIVE]
    waiting = [run for run in runs if run["status"] == "pending"]
    ended = [run for run in runs if run["ended_at"] is not None]
    events = page_by_seq(tx, session_id, 0, MAX_ROWS).events
    stopping = bool(live and live[0]["stop_requested_at"])
    status = session_status(live[0]["status"] if live else None, stopping, ended[-1]["status"] if ended else None)
    claimable = [run["number"] for run in waiting if run["queue_key"] is not None]
    recorded = [tx.one("known_class", demand_class=run["demand_class"]) for run in waiting if run["queue_key"]]
    completed = sorted(event.run_id or "" for event in events if event.type == "run_completed")
    said = {
        "numbers": ([run["number"] for run in runs], list(range(1, len(runs) + 1))),
        "run_count": (session["run_count"], len(runs)),
        "queued_runs": (session["queued_runs"], len(waiting)),
        "status": (session["status"], status),
        "seqs": ([event.seq for event in events], list(range(1, len(events) + 1))),
        "last_seq": (session["last_seq"], len(events)),
        "claimable": (claimable, [waiting[0]["number"]] if waiting and not live else []),
        "ends": (completed, sorted(run["run_id"] for run in ended)),
        "forgotten classes": (recorded.count(None), 0),
    }
    return [f"{name} is {is_}, not {should}" for name, (is_, should) in said.items() if is_ != should]


@asynccontextmanager
async def open_coordinators(
    kind: str, directory: Path, limits: TreeLimits | None = None, **rules: Any
) -> AsyncIterator[Coordinators]:
    """Both, in a new database."""
    harness = make(kind, directory)
    databases = [await harness.open()]
    if kind != "sqlite":
        databases.append(await harness.open())
    try:
        given = LeaseRules(**rules)
        first, second = (
            World(database, SetClock(), given, limits, seed)
            for seed, database in enumerate((databases[0], databases[-1]), 1)
        )
        yield Coordinators(first, second, directory / "callboard.db", limits)
    finally:
        for database in databases:
            await database.close()


async def at_once(*calls: Awaitable[T]) -> tuple[list[T], list[CallboardError]]:
    """What calls answered that were begun together, and how they were refused; any other error is raised."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, CallboardError)]
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, CallboardError):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)], refused
