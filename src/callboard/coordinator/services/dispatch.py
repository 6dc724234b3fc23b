"""Claims: gives waiting runs to the runners that ask for them, and tells runners what to stop.

Holds no truth: the queue in memory says where to look, the database's compare-and-set decides.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import structlog

from callboard.coordinator.services.approval_changes import decisions_for, expire_all
from callboard.coordinator.services.callback_changes import assign
from callboard.coordinator.services.claim_queue import ClaimQueue, Entry
from callboard.coordinator.services.claims import build_claim
from callboard.coordinator.services.fleet import Fleet, FleetRunner
from callboard.coordinator.services.job_changes import orders_of as job_orders_of
from callboard.coordinator.services.jobs import take_jobs, waiting_jobs
from callboard.coordinator.services.lent_slots import LOOK_SECONDS, lent
from callboard.coordinator.services.locking import lock_pools_of_runs, lock_runs
from callboard.coordinator.services.message_changes import orders_for
from callboard.coordinator.services.run_changes import (
    changed,
    note_event,
    refresh_session,
    revoke_session_tokens,
    unclaim,
    withhold,
)
from callboard.coordinator.services.runner_access import check_epoch, check_runner
from callboard.coordinator.services.signals import Signals, runner_key
from callboard.coordinator.services.worker_contexts import with_worker_prompt
from callboard.domain import event as event_types
from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError
from callboard.domain.ids import Ids
from callboard.domain.runner import LeaseRules
from callboard.store.database import Database, Transaction
from callboard.store.hints import Hint, JobWaits, LookAgain, Queued, RunChanged, RunnersChanged, RunnerTold
from callboard.wire.jobs import JobOrder
from callboard.wire.runner import Claim, DecisionOrder, MessageOrder, PollAnswer, StopOrder

MAX_CLAIMS = 16
"""Runs in one answer: enough to fill a runner in a few polls, few enough to lose little with an answer."""
MAX_WAIT_SECONDS = 60.0
LOAD_PAGE = 5000

log = structlog.get_logger(__name__)


class _Giving(NamedTuple):
    """What a claim needs besides the run and the runner."""

    rules: LeaseRules
    ids: Ids


_Order = StopOrder | DecisionOrder | MessageOrder | JobOrder
_OrderKey = tuple[str, int, str]


class Poller:
    """One runner's long poll that is being held."""

    def __init__(self, runner_id: str, slots: int, event: asyncio.Event) -> None:
        self.runner_id = runner_id
        self.slots = slots
        self.event = event
        self.told = True
        """Whether there may be stops for the runner: what is only woken for a run does not ask the database."""


class Dispatch:
    """Long polls of runners."""

    def __init__(self, database: Database, fleet: Fleet, signals: Signals, rules: LeaseRules, ids: Ids) -> None:
        self._database = database
        self._fleet = fleet
        self._signals = signals
        self._giving = _Giving(rules, ids)
        self._queue = ClaimQueue()
        self._pollers: dict[int, Poller] = {}
        self._in_doubt = False
        self._told: dict[str, set[_OrderKey]] = {}
        self._learning: set[asyncio.Task[None]] = set()

    @property
    def claimable(self) -> int:
        """How many runs wait to be claimed."""
        return len(self._queue)

    @property
    def polls_held(self) -> int:
        """How many polls are being held."""
        return len(self._pollers)

    async def load(self) -> None:
        """Fills the queue from the database; at start, and whenever in doubt."""
        last: Entry = (0, "", "")
        while True:
            entries = await self._database.read(_claimable_after(last))
            for entry in entries:
                self._queue.add(entry)
            if len(entries) < LOAD_PAGE:
                return
            last = entries[-1]

    def on_hints(self, hints: list[Hint]) -> None:
        """New claimable runs wake the polls that can take them; changed runners and lost hints wake all polls."""
        for hint in hints:
            if isinstance(hint, Queued):
                self._queue.add((hint.queue_key, hint.run_id, hint.demand_class))
                self._wake_for(hint.demand_class)
            elif isinstance(hint, RunChanged) and hint.status != "pending":
                self._queue.discard(hint.run_id)
            elif isinstance(hint, RunnersChanged | LookAgain):
                self._in_doubt |= isinstance(hint, LookAgain)
                self._tell(self._pollers.values())
            elif isinstance(hint, JobWaits):
                self._tell(poller for poller in self._pollers.values() if self._is_on(poller, hint.hostname))
            elif isinstance(hint, RunnerTold):
                self._tell(poller for poller in self._pollers.values() if poller.runner_id == hint.runner_id)

    def _is_on(self, poller: Poller, hostname: str) -> bool:
        runner = self._fleet.peek(poller.runner_id)
        return runner is None or hostname in ("", runner.hostname)

    def _tell(self, pollers: Iterable[Poller]) -> None:
        for poller in pollers:
            poller.told = True
            poller.event.set()

    def _wake_for(self, demand_class: str) -> None:
        """Wakes the polls that can take a run; a class that is new is read once before, not by every poll."""
        if self._fleet.knows(demand_class) or not self._pollers:
            self._wake_fitting(demand_class)
            return
        learning = asyncio.get_running_loop().create_task(self._learn_and_wake(demand_class))
        self._learning.add(learning)
        learning.add_done_callback(self._learning.discard)

    async def _learn_and_wake(self, demand_class: str) -> None:
        try:
            await self._fleet.learn([demand_class])
        except CallboardError as error:
            log.warning("a demand class cannot be read; every poll looks for itself", code=error.code)
        self._wake_fitting(demand_class)

    def _wake_fitting(self, demand_class: str) -> None:
        unknown = not self._fleet.knows(demand_class)
        for poller in self._pollers.values():
            runner = self._fleet.peek(poller.runner_id)
            if poller.slots > 0 and (unknown or runner is None or self._fleet.fits(runner, demand_class)):
                poller.event.set()

    async def poll(
        self, caller: Caller, runner_id: str, epoch: int, wait_seconds: float, slots: int, gone: asyncio.Event
    ) -> PollAnswer | None:
        """Runs, stops or the news of a drain for a runner; None when the time is over or the runner is gone."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(wait_seconds, MAX_WAIT_SECONDS)
        with self._signals.listen(runner_key(runner_id)) as event:
            poller = Poller(runner_id, slots, event)
            self._pollers[id(poller)] = poller
            going = asyncio.create_task(_pass_on(gone, event))
            try:
                while not gone.is_set():
                    event.clear()
                    told, poller.told = poller.told, False
                    runner = check_runner(caller, runner_id, epoch, await self._fleet.get(runner_id, epoch))
                    answer = await self._answer_now(runner, slots, told)
                    if answer is not None:
                        return answer
                    left = deadline - loop.time()
                    if left <= 0:
                        return None
                    await _wait(event, left if slots > 0 else min(left, LOOK_SECONDS))
            finally:
                going.cancel()
                del self._pollers[id(poller)]
        return None

    async def _answer_now(self, runner: FleetRunner, slots: int, told: bool) -> PollAnswer | None:
        news = await self._news(runner) if told else []
        runs = [] if runner.draining else await (self._claim(runner, slots) if slots > 0 else self._claim_lent(runner))
        if not news and not runs:
            return None
        return PollAnswer(
            runs=runs,
            stops=[order for order in news if isinstance(order, StopOrder)],
            decisions=[order for order in news if isinstance(order, DecisionOrder)],
            messages=[order for order in news if isinstance(order, MessageOrder)],
            jobs=[order for order in news if isinstance(order, JobOrder)],
            draining=runner.draining,
        )

    async def _news(self, runner: FleetRunner) -> list[_Order]:
        """Orders that no poll has carried yet; heartbeats repeat all of them."""
        orders, jobs_wait = await self._database.read(
            lambda tx: (_orders(tx, runner.runner_id), waiting_jobs(tx, runner))
        )
        if jobs_wait and not await self._fleet.is_lost(runner):
            orders = [order for order in orders if not isinstance(order, JobOrder)]
            orders += await self._database.write(lambda tx: take_jobs(tx, runner))
        told = self._told.setdefault(runner.runner_id, set())
        told &= {_key_of(order) for order in orders}
        news = [order for order in orders if _key_of(order) not in told]
        told |= {_key_of(order) for order in news}
        return news

    async def _claim(self, runner: FleetRunner, slots: int) -> list[Claim]:
        """Takes what fits from the queue and claims it; goes on while all that it took had moved on meanwhile."""
        if await self._fleet.is_lost(runner):
            return []
        if self._in_doubt:
            self._in_doubt = False
            await self.load()
        await self._fleet.learn(self._queue.classes())
        while entries := self._queue.take(lambda key: self._fleet.fits(runner, key), min(slots, MAX_CLAIMS)):
            claims = await self._claim_entries(entries, runner)
            if claims:
                return claims
        return []

    async def _claim_lent(self, runner: FleetRunner) -> list[Claim]:
        entries = await self._database.read(lambda tx: lent(tx, runner))
        await self._fleet.learn(key for _, _, key in entries)
        fitting = [entry for entry in entries if self._fleet.fits(runner, entry[2])]
        return await self._claim_entries(fitting, runner) if fitting else []

    async def _claim_entries(self, entries: list[Entry], runner: FleetRunner) -> list[Claim]:
        """Claims in one transaction, or in a second one that waits; what could not be tried is put back."""
        try:
            claims, held = await self._database.write(lambda tx: _claim_free(tx, entries, runner, self._giving))
            if claims or not held:
                return claims
            return await self._database.write(lambda tx: _claim_held(tx, held, runner, self._giving))
        except BaseException:
            self._fleet.forget()
            for entry in entries:
                self._queue.add(entry)
            raise

    async def undelivered(self, answer: PollAnswer, runner_id: str) -> None:
        """An answer that could not be written: its claims go back to the queue and its stops are told again."""
        told = self._told.get(runner_id, set())
        orders: list[_Order] = [*answer.stops, *answer.decisions, *answer.messages, *answer.jobs]
        told -= {_key_of(order) for order in orders}

        def give_back(tx: Transaction) -> None:
            tx.lock_session(*(claim.session_id for claim in answer.runs))
            for claim in answer.runs:
                run = tx.one("run_for_report", run_id=claim.run_id)
                if run and run["status"] == "claimed" and run["attempt"] == claim.attempt:
                    unclaim(tx, run, "unheard")

        await self._database.write(give_back)


def _orders(tx: Transaction, runner_id: str) -> list[_Order]:
    stops = [
        StopOrder(run_id=row["run_id"], attempt=row["attempt"], reason=row["stop_reason"] or "stopped")
        for row in tx.all("runs_of_runner_to_stop", runner_id=runner_id)
    ]
    return [*stops, *decisions_for(tx, runner_id), *orders_for(tx, runner_id), *job_orders_of(tx, runner_id)]


def _key_of(order: _Order) -> _OrderKey:
    match order:
        case DecisionOrder():
            return order.run_id, order.attempt, order.request_id
        case MessageOrder():
            return order.run_id, order.attempt, order.message_id
        case JobOrder():
            return order.job_id, 0, ""
    return order.run_id, order.attempt, ""


def _claimable_after(last: Entry) -> Callable[[Transaction], list[Entry]]:
    """The page of the queue behind an entry, in the order of its index: by class, then by place."""
    queue_key, run_id, demand_class = last

    def work(tx: Transaction) -> list[Entry]:
        rows = tx.all("claimable_runs", demand_class=demand_class, queue_key=queue_key, run_id=run_id, limit=LOAD_PAGE)
        return [(row["queue_key"], row["run_id"], row["demand_class"]) for row in rows]

    return work


def _claim_free(
    tx: Transaction, entries: list[Entry], runner: FleetRunner, giving: _Giving
) -> tuple[list[Claim], list[Entry]]:
    """Claims what nobody else is moving, and says what somebody is; waits for nobody.

    So two coordinators that look at the same queue take different runs, and a claim waits for no slow work on a
    session that it can do without. What is gone past is queued again: whoever moves it may leave it claimable.
    """
    check_epoch(tx, runner.runner_id, runner.epoch)
    looked = [(entry, _look(tx, entry[1])) for entry in entries]
    claims = _claim_each(tx, [entry for entry, found in looked if found == "free"], runner, giving)
    held = [entry for entry, found in looked if found == "held"]
    if claims:
        for _, run_id, _ in held:
            _queue_elsewhere(tx, run_id)
    return claims, held


def _look(tx: Transaction, run_id: str) -> Literal["free", "held", "withheld"]:
    """Locks the session of a run and the pool that it draws from, unless another work moves one of them."""
    found = tx.one("lock_free_session_of_run", run_id=run_id)
    if found is None:
        return "held"
    pool = found["pool_session_id"]
    if pool is None:
        return "free"
    if tx.one("lock_free_budget", pool_session_id=pool) is None:
        return "held"
    return "withheld" if withhold(tx, run_id, pool) else "free"


def _claim_held(tx: Transaction, entries: list[Entry], runner: FleetRunner, giving: _Giving) -> list[Claim]:
    """Waits for those who move these sessions: there is nothing else to claim, and nothing to look again for later."""
    run_ids = [run_id for _, run_id, _ in entries]
    pools = lock_pools_of_runs(tx, run_ids)
    lock_runs(tx, run_ids)
    free = [entry for entry in entries if not withhold(tx, entry[1], pools.get(entry[1]))]
    return _claim_each(tx, free, runner, giving)


def _claim_each(tx: Transaction, entries: list[Entry], runner: FleetRunner, giving: _Giving) -> list[Claim]:
    claims = (_claim_one(tx, entry, runner, giving) for entry in entries)
    return [claim for claim in claims if claim is not None]


def _claim_one(tx: Transaction, entry: Entry, runner: FleetRunner, giving: _Giving) -> Claim | None:
    _, run_id, demand_class = entry
    claimed = tx.one(
        "claim_run",
        run_id=run_id,
        demand_class=demand_class,
        runner_id=runner.runner_id,
        epoch=runner.epoch,
        now=tx.now_ms,
        lease_expires_at=tx.now_ms + giving.rules.lease_ms,
        unheard_at=tx.now_ms + giving.rules.unheard_ms,
    )
    if claimed is None:
        _queue_elsewhere(tx, run_id)
        return None
    tx.run(
        "insert_attempt",
        run_id=run_id,
        attempt=claimed["attempt"],
        runner_id=runner.runner_id,
        hostname=runner.hostname,
        now=tx.now_ms,
    )
    run = tx.one("run_for_report", run_id=run_id)
    if run is None:
        raise RuntimeError(f"run {run_id} vanished inside its own claim")
    if claimed["attempt"] > 1:
        revoke_session_tokens(tx, run_id)
        expire_all(tx, run)
    note_event(
        tx,
        run,
        event_types.RUN_CLAIMED,
        {"run_id": run_id, "attempt": run["attempt"], "runner_id": runner.runner_id, "hostname": runner.hostname},
    )
    refresh_session(tx, run["session_id"])
    changed(tx, run, "claimed")
    if run["executor_type"] not in runner.offer.script_executor_types:
        run = assign(tx, with_worker_prompt(tx, run, giving.ids), giving.ids)
    return build_claim(tx, run, runner)


def _queue_elsewhere(tx: Transaction, run_id: str) -> None:
    """A run that may be claimed still is queued again, under the demands that are its own now."""
    run = tx.one("run_by_id", run_id=run_id)
    if run is not None and run["queue_key"] is not None:
        place = {"run_id": run_id, "session_id": run["session_id"], "demand_class": run["demand_class"]}
        tx.hint(Queued(**place, queue_key=run["queue_key"]))


async def _pass_on(gone: asyncio.Event, event: asyncio.Event) -> None:
    """One event to wait for instead of two: with a thousand polls that wake at once it is what a wake costs."""
    await gone.wait()
    event.set()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set, or the time is over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
