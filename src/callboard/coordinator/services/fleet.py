"""The registered runners in memory: what each offers and which demand classes it fits. The rows are the truth."""

import asyncio
import json
from collections.abc import Iterable
from typing import Final

import msgspec

from callboard.domain.demands import Demands, Offer, demand_class, match
from callboard.domain.runner import LeaseRules, RunnerState, runner_state
from callboard.store.database import Database, Row, Transaction
from callboard.store.hints import Hint, LookAgain, RunnersChanged

MAX_LEARNED: Final = 10_000
"""Classes that are kept in memory besides those of the last reading: most of them are not needed for long."""


class FleetRunner(msgspec.Struct, kw_only=True):
    """A runner as dispatch needs it."""

    runner_id: str
    name: str
    hostname: str
    project_dir: str
    epoch: int
    slots: int
    draining: bool
    last_heard_at: int
    offer: Offer


def offer_of(row: Row) -> Offer:
    """What a runner's row says that it offers."""
    return Offer(
        hostname=row["hostname"],
        roots=tuple(json.loads(row["roots"])),
        executor_types=tuple(json.loads(row["executor_types"])),
        tags=tuple(json.loads(row["tags"])),
        require_matching_tags=bool(row["require_matching_tags"]),
        script_executor_types=tuple(json.loads(row["script_executor_types"])),
    )


def record_class(tx: Transaction, demands: Demands, canonical: str) -> str:
    """The class of the demands, recorded with the time since when no registered runner fits it."""
    key = demand_class(demands)
    if tx.one("hold_class", demand_class=key) is None:
        tx.lock_fleet()  # a runner that registers meanwhile either sees this class, or is seen here
        fits = any(not match(demands, offer_of(row)) for row in tx.all("all_runners"))
        tx.run("insert_class", demand_class=key, demands=canonical, unmatched_since=None if fits else tx.now_ms)
    return key


def reconsider_classes(tx: Transaction) -> None:
    """After a runner came, changed or went: writes for each class whether some registered runner fits it."""
    offers = [offer_of(row) for row in tx.all("all_runners")]
    for row in tx.all("all_classes"):
        demands = msgspec.json.decode(row["demands"], type=Demands)
        fits = any(not match(demands, offer) for offer in offers)
        if fits == (row["unmatched_since"] is None):
            continue
        since = None if fits else tx.now_ms
        tx.run("mark_class", demand_class=row["demand_class"], unmatched_since=since)


class Fleet:
    """All registered runners, kept up by hints and reloaded whole: they are few."""

    def __init__(self, database: Database, rules: LeaseRules) -> None:
        self._database = database
        self._rules = rules
        self._runners: dict[str, FleetRunner] = {}
        self._fits: dict[tuple[str, str], bool] = {}
        self._demands: dict[str, Demands] = {}
        self._learned = 0
        self._changes = 1
        self._seen = 0
        self._reading = asyncio.Lock()
        """Many polls want the same at the same moment: it is read once for all of them."""

    def on_hints(self, hints: list[Hint]) -> None:
        """Reloads at the next use when runners changed."""
        if any(isinstance(hint, RunnersChanged | LookAgain) for hint in hints):
            self.forget()

    def forget(self) -> None:
        """Memory is old: reads everything at the next use."""
        self._changes += 1

    async def refresh(self) -> None:
        """Reads the runners and the classes, if anything changed since the last time."""
        if self._seen == self._changes:
            return
        async with self._reading:
            changes = self._changes
            if self._seen == changes:
                return
            runners, classes = await self._database.read(lambda tx: (tx.all("all_runners"), tx.all("all_classes")))
            self._runners = {row["runner_id"]: _runner(row) for row in runners}
            self._demands = {row["demand_class"]: msgspec.json.decode(row["demands"], type=Demands) for row in classes}
            self._fits.clear()
            self._learned = 0
            self._seen = changes

    async def learn(self, keys: Iterable[str]) -> None:
        """Reads the classes that are not in memory yet."""
        if not (wanted := [key for key in keys if key not in self._demands]):
            return
        async with self._reading:
            unknown = [key for key in wanted if key not in self._demands]
            if not unknown:
                return
            rows = await self._database.read(lambda tx: [tx.one("class_by_key", demand_class=key) for key in unknown])
            for row in rows:
                if row is not None:
                    self._demands[row["demand_class"]] = msgspec.json.decode(row["demands"], type=Demands)
                    self._learned += 1
            if self._learned > MAX_LEARNED:
                self.forget()

    def knows(self, key: str) -> bool:
        """Whether a class is in memory."""
        return key in self._demands

    async def get(self, runner_id: str, epoch: int = 0) -> FleetRunner | None:
        """A runner, or None; the rows are read again for one of whose registration elsewhere memory has not heard."""
        await self.refresh()
        runner = self._runners.get(runner_id)
        if runner is None or runner.epoch < epoch:
            self.forget()
            await self.refresh()
        return self._runners.get(runner_id)

    async def is_lost(self, runner: FleetRunner) -> bool:
        """Whether a runner has been silent for too long, here and at every other coordinator."""
        now_ms = await self._database.now_ms()
        if self.state(runner, now_ms) != "lost":
            return False
        self.forget()
        heard = await self.get(runner.runner_id)
        return heard is None or self.state(heard, now_ms) == "lost"

    def peek(self, runner_id: str) -> FleetRunner | None:
        """A runner as far as memory knows."""
        return self._runners.get(runner_id)

    async def all(self) -> list[FleetRunner]:
        """Every registered runner."""
        await self.refresh()
        return list(self._runners.values())

    def heard(self, runner_id: str, now_ms: int) -> None:
        """A runner spoke."""
        if runner := self._runners.get(runner_id):
            runner.last_heard_at = max(runner.last_heard_at, now_ms)

    def state(self, runner: FleetRunner, now_ms: int) -> RunnerState:
        """Whether the runner is online, lost or draining."""
        return runner_state(runner.draining, runner.last_heard_at, now_ms, self._rules)

    def fits(self, runner: FleetRunner, key: str) -> bool:
        """Whether a runner fits a class; one that is not in memory fits nobody until it is learned."""
        known = self._fits.get((runner.runner_id, key))
        if known is None:
            demands = self._demands.get(key)
            if demands is None:
                return False
            known = not match(demands, runner.offer)
            self._fits[runner.runner_id, key] = known
        return known


def _runner(row: Row) -> FleetRunner:
    return FleetRunner(
        runner_id=row["runner_id"],
        name=row["name"],
        hostname=row["hostname"],
        project_dir=row["project_dir"],
        epoch=row["epoch"],
        slots=row["slots"],
        draining=bool(row["draining"]),
        last_heard_at=row["last_heard_at"],
        offer=offer_of(row),
    )
