"""What lapses: leases, unheard claims, deadlines, waits for a runner. A lease lapses only while it could be renewed."""

from collections.abc import Callable
from functools import partial
from typing import Final, Literal

import msgspec

from callboard.coordinator.services import run_changes
from callboard.coordinator.services.affinity import release
from callboard.coordinator.services.locking import locked_run
from callboard.coordinator.services.lost_runs import Followed, follow, give_up, what_follows
from callboard.coordinator.services.portability import preference_of
from callboard.coordinator.services.run_changes import RunEnd
from callboard.domain.portability import moves_at_ms
from callboard.domain.runner import LeaseRules
from callboard.store.clock import JumpDetector
from callboard.store.database import Database, Row, Transaction
from callboard.store.hints import RunnersChanged
from callboard.store.idempotency import forget_old

GRACE_KEY: Final = "leases_expire_from"
"""The row that all coordinators obey: no lease expires before this time."""


Done = list[Literal["interrupted", "requeued", "failed", "stop_requested", "released"]]
"""What a sweep did to one run, by the names of Swept; empty when the run had moved on."""


class Swept(msgspec.Struct, kw_only=True):
    """What one sweep did."""

    interrupted: int = 0
    requeued: int = 0
    failed: int = 0
    stop_requested: int = 0
    released: int = 0
    in_grace: bool = False

    def count(self, done: Done) -> None:
        """Counts what became of a run."""
        self.interrupted += done.count("interrupted")
        self.requeued += done.count("requeued")
        self.failed += done.count("failed")
        self.stop_requested += done.count("stop_requested")
        self.released += done.count("released")


class LeaseService:
    """Sweeps what has lapsed; one call does one bounded round."""

    def __init__(self, database: Database, rules: LeaseRules) -> None:
        self._database = database
        self._rules = rules
        self._jumps = JumpDetector(database.clock, rules.clock_jump_ms)
        self._swept_at: int | None = None
        self._renewal_refused = False

    def renewal_refused(self) -> None:
        """A holder that spoke got no answer from the store: as good as if nobody could renew."""
        self._renewal_refused = True

    async def sweep_once(self) -> Swept:
        """Interrupts, requeues, fails, stops or lets go what is due; each run by itself, with a fresh look."""
        swept = Swept()
        away, begun_at = self._was_away() or self._renewal_refused, self._database.clock.now_ms()
        self._renewal_refused = False
        self._swept_at = None  # until the store has carried this sweep out: while it refuses, nobody can renew
        if away:
            await self._begin_grace()
        due = await self._database.read(lambda tx: _due(tx, self._rules))
        if self._is_long_since(begun_at):
            # The store was silent while it was asked: what it tells now lapsed when nobody could renew.
            await self._begin_grace()
            due = await self._database.read(lambda tx: _due(tx, self._rules))
        swept.in_grace = due.in_grace
        for run_id in due.lapsed:
            await self._each(run_id, self._lapse, swept)
        for run_id in due.long_lost:
            await self._each(run_id, self._give_up, swept)
        for run_id in due.past_deadline:
            await self._each(run_id, self._time_out, swept)
        for run_id, reason in due.waited_too_long:
            await self._each(run_id, partial(_fail, reason=reason), swept)
        for run_id in due.released:
            await self._each(run_id, self._release, swept)
        self._swept_at = begun_at
        return swept

    def _was_away(self) -> bool:
        """Whether holders may have been unable to renew: a start, a silent store or process, or a jump of the clock."""
        jumped = self._jumps.jumped()
        if self._swept_at is None:
            return True
        return jumped or self._is_long_since(self._swept_at)

    def _is_long_since(self, at_ms: int) -> bool:
        """Whether so much time has passed that a holder may have lost its lease in it."""
        return self._database.clock.now_ms() - at_ms > self._rules.lost_runner_ms // 2

    async def _begin_grace(self) -> None:
        await self._database.write(lambda tx: _extend_grace(tx, self._rules.grace_ms))

    async def _each(self, run_id: str, work: Callable[[Transaction, Row], Done], swept: Swept) -> None:
        def one(tx: Transaction) -> Done:
            run = locked_run(tx, run_id)
            return [] if run is None else work(tx, run)

        swept.count(await self._database.write(one))

    def _lapse(self, tx: Transaction, run: Row) -> Done:
        """A claim nobody spoke of goes back; a running attempt whose lease is over is interrupted."""
        if self._spares(tx):
            return []
        unheard = run["unheard_at"] is not None and run["unheard_at"] < tx.now_ms
        over = run["lease_expires_at"] is not None and run["lease_expires_at"] < tx.now_ms
        if run["status"] == "claimed" and (unheard or over):
            return ["requeued"] if run_changes.unclaim(tx, run, "unheard") else []
        if run["status"] == "running" and over:
            follows = what_follows(run)
            why = "its runner has not been heard of since its lease began"
            if run_changes.lose(tx, run, why, follows):
                return ["interrupted", *_counted(follow(tx, run["run_id"], follows))]
        return []

    def _give_up(self, tx: Transaction, run: Row) -> Done:
        if run["status"] != "interrupted" or run["interrupted_at"] > tx.now_ms - self._rules.lost_run_ms:
            return []
        return [] if self._spares(tx) else _counted(give_up(tx, run))

    def _release(self, tx: Transaction, run: Row) -> Done:
        """Other hosts may take a run whose own had its time."""
        preference = preference_of(tx, run)
        moves_at = None if preference is None else moves_at_ms(preference, self._rules)
        if moves_at is None or moves_at > tx.now_ms or self._spares(tx):
            return []
        release(tx, run)
        return ["released"]

    def _spares(self, tx: Transaction) -> bool:
        """Whether nothing may expire: in the grace time, or when that is about to begin."""
        return self._renewal_refused or in_grace(tx)

    def _time_out(self, tx: Transaction, run: Row) -> Done:
        if run["status"] != "running" or run["deadline_at"] is None or run["deadline_at"] > tx.now_ms:
            return []
        return ["stop_requested"] if run_changes.ask_to_stop(tx, run, reason="timeout", stopped_by=None) else []

    async def prune_once(self) -> int:
        """Forgets old idempotency keys and demand classes that no run needs, a batch at a time."""

        def work(tx: Transaction) -> int:
            tx.lock_fleet()
            gone = forget_old(tx)
            for row in tx.all("unused_classes"):
                gone += tx.run("delete_class", demand_class=row["demand_class"])
            if gone:
                tx.hint(RunnersChanged())
            return gone

        return await self._database.write(work)


class _Due(msgspec.Struct):
    lapsed: list[str]
    long_lost: list[str]
    past_deadline: list[str]
    waited_too_long: list[tuple[str, str]]
    released: list[str]
    in_grace: bool


def _due(tx: Transaction, rules: LeaseRules) -> _Due:
    """What a sweep should look at; in the grace period nothing that a runner could have prevented."""
    graced, now = in_grace(tx), tx.now_ms
    waited = [(row["run_id"], "queue_timeout") for row in tx.all("runs_past_queue_deadline", now=now)]
    waited += [(row["run_id"], "no_matching_runner") for row in tx.all("runs_without_runner", now=now)]
    lapsed = [] if graced else [*tx.all("unheard_claims", now=now), *tx.all("lapsed_leases", now=now)]
    waits = {"before": now - rules.portable_grace_ms, "lost_before": now - rules.lost_run_ms}
    released = [] if graced else tx.all("runs_preferring_a_host", **waits)
    lost = [] if graced else tx.all("long_lost_runs", before=now - rules.lost_run_ms)
    return _Due(
        lapsed=[row["run_id"] for row in lapsed],
        long_lost=[row["run_id"] for row in lost],
        past_deadline=[row["run_id"] for row in tx.all("runs_past_deadline", now=now)],
        waited_too_long=waited,
        released=[row["run_id"] for row in released],
        in_grace=graced,
    )


def in_grace(tx: Transaction) -> bool:
    """Whether nothing expires yet that a runner keeps up: it may have had nobody to tell for a while."""
    row = tx.one("meta_value", key=GRACE_KEY)
    return row is not None and tx.now_ms < int(row["value"])


def _extend_grace(tx: Transaction, grace_ms: int) -> None:
    """In one statement, so that of two coordinators that start the later time stands."""
    tx.run("raise_meta_value", key=GRACE_KEY, value=str(tx.now_ms + grace_ms))


def _counted(followed: Followed) -> Done:
    return ["requeued"] if followed == "requeued" else ["failed"] if followed == "failed" else []


def _fail(tx: Transaction, run: Row, *, reason: str) -> Done:
    """Fails a run that waited too long, unless a runner that fits it has come since it was found."""
    if run["status"] != "pending" or (reason == "no_matching_runner" and not _is_unmatched(tx, run)):
        return []
    return ["failed"] if run_changes.end(tx, run, RunEnd(reason=reason, event=reason)) else []


def _is_unmatched(tx: Transaction, run: Row) -> bool:
    known = tx.one("known_class", demand_class=run["demand_class"])
    since = None if known is None else known["unmatched_since"]
    return run["queue_key"] is not None and since is not None and since + run["no_match_ms"] <= tx.now_ms
