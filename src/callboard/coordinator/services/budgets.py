"""Budgets as people change them, and what follows when a pool has more or less than before. Charges nothing.

Keeps nothing in memory: what is to be done is read from the rows, so a coordinator that dies between two steps is
followed by any other, and two that do the same step do it once.
"""

from functools import partial
from typing import Final

import msgspec

from callboard.coordinator.services import budget_changes, charges, run_changes
from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.budget_changes import insufficient_for_raise, lock_pools, read_pools, write_pools
from callboard.coordinator.services.following_run import retry_of
from callboard.coordinator.services.lifecycle_changes import change, work_of
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.locking import lock_subtree, locked_run
from callboard.coordinator.services.rendering import render_budget
from callboard.coordinator.services.run_creation import create
from callboard.coordinator.services.run_requests import check_session_id
from callboard.domain import event as event_types
from callboard.domain.budget import UNITS, Amounts, Pools
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, InvalidRequest
from callboard.domain.ids import Ids
from callboard.domain.lifecycle import UNDER_WAY, moved
from callboard.domain.run import LIVE
from callboard.store.database import Database, Row, Transaction
from callboard.store.events import NewEvent, append
from callboard.store.hints import BudgetDue, Hint, LookAgain
from callboard.wire.budgets import BudgetChanged, SetBudget

TREES_AT_ONCE: Final = 50


class _Due(msgspec.Struct):
    """What a look at some trees found to do."""

    last: str | None
    """The last tree that was looked at; None when there was none."""
    unsettled: list[str] = []
    to_stop: list[str] = []
    to_offer: list[str] = []


class BudgetService:
    """Sets budgets, stops what has used them up, and lets go on what was waiting for them."""

    def __init__(self, database: Database, ids: Ids, limits: TreeLimits) -> None:
        self._database = database
        self._ids = ids
        self._limits = limits

    async def set(self, caller: Caller, session_id: str, request: SetBudget) -> BudgetChanged:
        """Raises or lowers the budget of a session, gives it one, or takes it away; what had stopped goes on if it can.

        Conflict `budget_fixed` for a session that draws from the pool above, or has pools below and none itself;
        `budget_insufficient` when the pool above has not enough left.
        """
        check_session_id(session_id)
        limits = _limits_of(request)

        def work(tx: Transaction) -> BudgetChanged:
            session = _with_pool(tx, caller, session_id, limits)
            lock_pools(tx, session_id)
            pools = read_pools(tx, session_id)
            ids = msgspec.json.encode(pools.within(session_id)).decode()
            waiting = tx.all("sessions_waiting_for_budget", ids=ids)
            tx.lock_session(session_id, *(row["session_id"] for row in waiting))
            before = pools.by_id[session_id].limits if session["pool_session_id"] else {}
            short = pools.limit(session_id, limits, request.unlimited)
            if short is not None:
                raise insufficient_for_raise(pools.by_id[session_id], short)
            write_pools(tx, pools)
            tx.hint(BudgetDue())
            _tell(tx, caller, session, pools, before)
            resumed = [run_id for row in waiting if (run_id := self._go_on(tx, caller, row)) is not None]
            return BudgetChanged(budget=render_budget(read_pools(tx, session_id), session_id), resumed=resumed)

        return await self._database.write(work)

    def _go_on(self, tx: Transaction, caller: Caller, waiting: Row) -> str | None:
        """Lets a session go on that waited: by a run that follows the stopped one, or by what waits in its queue."""
        if budget_changes.short_to_start(tx, waiting["pool_session_id"]) is not None:
            return None
        session = tx.all("session_by_id", session_id=waiting["session_id"])[0]
        work = work_of(tx, session["session_id"])
        task = tx.one("task_to_reopen", session_id=session["session_id"]) if work else None
        halts_task = work is not None and work["lifecycle"] == "stuck" and _stopped_for_budget(task)
        if work is not None and halts_task:
            work = change(tx, work, moved("stuck", "restart"), by="callboard", reason="The budget was raised.")
        halted = work is not None and work["lifecycle"] not in UNDER_WAY
        latest = None if halted or session["archived_at"] else tx.one("run_for_report", run_id=session["latest_run_id"])
        if latest is None or not (latest["reason"] == "budget_exceeded" or halts_task):
            run_changes.refresh_session(tx, session["session_id"])
            return None
        new = retry_of(tx, latest, caller, frozenset({latest["executor_type"]}))
        return create(tx, new, self._ids, self._limits).run_id

    def is_due(self, hints: list[Hint]) -> bool:
        """Whether a sweep should follow at once: something was spent, raised or ended."""
        return any(isinstance(hint, BudgetDue | LookAgain) for hint in hints)

    async def sweep_once(self) -> int:
        """Looks at all pools in use: gives back what ended runs had reserved, stops and offers; how much there was."""
        done, last = 0, ""
        while True:
            due = await self._database.read(partial(_look, after=last))
            for top in due.unsettled:
                await self._database.write(partial(_settle, top=top))
            for run_id in due.to_stop:
                await self._database.write(partial(_stop, run_id=run_id))
            for session_id in due.to_offer:
                await self._database.write(partial(_offer, session_id=session_id))
            done += len(due.unsettled) + len(due.to_stop) + len(due.to_offer)
            if due.last is None:
                return done
            last = due.last


def _limits_of(request: SetBudget) -> Amounts:
    limits = {unit: amount for unit in UNITS if (amount := getattr(request, f"budget_{unit}")) is not None}
    if not limits and not request.unlimited:
        raise InvalidRequest("There is no limit to set.", hint="Give budget_microdollars, budget_tokens or unlimited.")
    for unit in request.unlimited:
        if unit in limits:
            raise InvalidRequest(
                f"budget_{unit} is given, and said to be unlimited.",
                errors=[{"pointer": "/unlimited", "message": f"{unit} is given a limit as well"}],
            )
    return limits


def _stopped_for_budget(task: Row | None) -> bool:
    return task is not None and task["outcome"] == "budget_exceeded"


def _with_pool(tx: Transaction, caller: Caller, session_id: str, limits: Amounts) -> Row:
    """The session, which is a pool now if it drew from none."""
    session = visible_session(tx, caller, session_id)
    if session["pool_session_id"] is None:
        lock_subtree(tx, session_id)
        session = visible_session(tx, caller, session_id)
    pool = session["pool_session_id"]
    if pool is None and not limits:
        raise InvalidRequest(f"{session_id} has no budget, so that there is no limit to take away.")
    if pool is None:
        budget_changes.begin(tx, session_id, limits)
    elif pool != session_id:
        raise Conflict(
            f"{session_id} draws from the budget of {pool}.",
            code="budget_fixed",
            hint=f"Change that one: callboard budget {pool}",
        )
    return session


def _tell(tx: Transaction, caller: Caller, session: Row, pools: Pools, before: Amounts) -> None:
    by = tx.one("token_by_id", token_id=caller.token_id) or {}
    payload = msgspec.to_builtins(render_budget(pools, session["session_id"]))
    payload |= {f"before_{unit}": before.get(unit) for unit in UNITS}
    payload |= {"by": caller.token_id, "by_label": by.get("label") or None}
    append(
        tx,
        session["session_id"],
        session["root_session_id"],
        [NewEvent(type=event_types.BUDGET_CHANGED, payload=msgspec.json.encode(payload))],
        run_id=None,
        attempt=None,
    )


def _look(tx: Transaction, after: str) -> _Due:
    """What is to be done in the next trees with pools in use."""
    tops = [row["top_session_id"] for row in tx.all("open_trees", after=after, limit=TREES_AT_ONCE)]
    if not tops:
        return _Due(last=None)
    pools = read_pools(tx, *tops)
    runs = tx.all("runs_of_pools", ids=msgspec.json.encode([*pools.by_id]).decode())
    busy = budget_changes.busy_pools(runs)
    alive = {pool.session_id for one in busy for pool in pools.chain(one)}
    idle = [one for one in pools.by_id.values() if one.is_open and one.session_id not in alive]
    going = {row["session_id"] for row in runs if row["status"] in LIVE or row["queue_key"] is not None}
    return _Due(
        last=tops[-1],
        unsettled=sorted({[*pools.chain(pool.session_id)][-1].session_id for pool in idle}),
        to_stop=[row["run_id"] for row in runs if _may_be_stopped(row) and pools.must_stop(row["pool_session_id"])],
        to_offer=sorted(
            {row["session_id"] for row in runs if row["session_id"] not in going and _may_start(pools, row)}
        ),
    )


def _may_be_stopped(run: Row) -> bool:
    external = run["trigger"] == "external"
    return run["status"] in ("running", "interrupted") and run["stop_requested_at"] is None and not external


def _may_start(pools: Pools, run: Row) -> bool:
    withheld = run["status"] == "pending" and run["queue_key"] is None
    return withheld and pools.starts_nothing(run["pool_session_id"]) is None


def _settle(tx: Transaction, top: str) -> None:
    pools = budget_changes.locked_pools(tx, top)
    budget_changes.settle(tx, pools)
    write_pools(tx, pools)


def _stop(tx: Transaction, run_id: str) -> None:
    run = locked_run(tx, run_id)
    if run is None or not _may_be_stopped(run):
        return
    if read_pools(tx, run["pool_session_id"]).must_stop(run["pool_session_id"]):
        charges.stop_spent(tx, run)


def _offer(tx: Transaction, session_id: str) -> None:
    tx.lock_session(session_id)
    run_changes.refresh_session(tx, session_id)
