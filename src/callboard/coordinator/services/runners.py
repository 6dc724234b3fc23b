"""Runners: registration with their own credential, heartbeats that renew leases, drain and removal."""

import hmac
import json
from typing import Final

from callboard.coordinator.services import run_changes
from callboard.coordinator.services.approval_changes import decisions_for
from callboard.coordinator.services.fleet import Fleet, reconsider_classes
from callboard.coordinator.services.job_changes import orders_of as job_orders_of
from callboard.coordinator.services.locking import lock_runs
from callboard.coordinator.services.lost_runs import forget_unlisted
from callboard.coordinator.services.message_changes import orders_for
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.rendering import render_runner
from callboard.coordinator.services.reports import holds
from callboard.coordinator.services.runner_access import check_runner
from callboard.coordinator.services.signals import Signals, runner_key
from callboard.domain import ids as id_kinds
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, NotFound
from callboard.domain.ids import Ids
from callboard.domain.runner import LeaseRules
from callboard.store.database import Database, Row, Transaction
from callboard.store.hints import RunnersChanged, TokenRevoked
from callboard.wire.responses import Page, Runner
from callboard.wire.runner import (
    AttemptRef,
    Deregister,
    Heartbeat,
    HeartbeatAnswer,
    Register,
    Registered,
    StopOrder,
)
from callboard.wire.times import rfc3339

SKEW_SHOWN_MS: Final = 5_000
"""A smaller difference between the clocks is the network."""


MAX_FACTS_BYTES: Final = 16 * 1024


class RunnerService:
    """The registered runners."""

    def __init__(self, database: Database, fleet: Fleet, signals: Signals, ids: Ids, rules: LeaseRules) -> None:
        self._database = database
        self._fleet = fleet
        self._signals = signals
        self._ids = ids
        self._rules = rules

    async def register(self, caller: Caller, request: Register) -> Registered:
        """A new runner, or a process that takes over a known one: only with that runner's own credential."""
        runner_id = id_kinds.runner_id(request.hostname, request.project_dir, request.name)
        if caller.kind == "runner" and caller.runner_id != runner_id:
            raise Forbidden(
                "This credential belongs to another runner.",
                hint="The same hostname, directory and name give the same runner; use its own state folder.",
            )
        if caller.kind not in ("runner", "runner_join", "owner"):
            raise Forbidden(
                f"{caller.kind_in_words} token may not register a runner.",
                hint="Use the runner-token of the coordinator.",
            )
        registered = await self._database.write(lambda tx: self._register(tx, runner_id, request))
        self._signals.wake(runner_key(runner_id))
        return registered

    def _register(self, tx: Transaction, runner_id: str, request: Register) -> Registered:
        tx.lock_fleet()
        known = tx.one("runner_by_id", runner_id=runner_id)
        if known and not hmac.compare_digest(known["credential_hash"], request.credential_sha256):
            raise Conflict(
                f"The runner {runner_id} ({request.name or request.hostname}) is known with another credential.",
                code="runner_known",
                hint=f"Start it with its old state folder, or remove it first: callboard runner remove {runner_id}",
            )
        same_process = known is not None and known["launch_token"] == request.launch_token
        epoch = 1 if known is None else known["epoch"] + (0 if same_process else 1)
        tx.run(
            "upsert_runner",
            runner_id=runner_id,
            hostname=request.hostname,
            project_dir=request.project_dir,
            name=request.name,
            roots=json.dumps(request.roots or [request.project_dir]),
            executor_types=json.dumps(request.executor_types),
            script_executor_types=json.dumps(_scripts(request)),
            tags=json.dumps(sorted(set(request.tags))),
            require_matching_tags=int(request.require_matching_tags),
            slots=request.slots,
            version=request.version,
            facts=json.dumps(request.facts),
            epoch=epoch,
            launch_token=request.launch_token,
            credential_hash=request.credential_sha256,
            now=tx.now_ms,
        )
        if known is None:
            self._give_credential(tx, runner_id, request)
        reconsider_classes(tx)
        tx.hint(RunnersChanged())
        return Registered(
            runner_id=runner_id,
            epoch=epoch,
            heartbeat_seconds=self._rules.heartbeat_ms / 1000,
            lease_seconds=self._rules.lease_ms / 1000,
            stop_on_runner_seconds=self._rules.stop_on_runner_ms / 1000,
            server_time=rfc3339(tx.now_ms),
            draining=bool(known and known["draining"]),
        )

    def _give_credential(self, tx: Transaction, runner_id: str, request: Register) -> None:
        tx.run(
            "runner_token",
            token_id=self._ids.new(id_kinds.TOKEN),
            secret_hash=request.credential_sha256,
            label=request.name or request.hostname,
            runner_id=runner_id,
            now=tx.now_ms,
        )

    async def heartbeat(self, caller: Caller, beat: Heartbeat) -> HeartbeatAnswer:
        """Renews the leases of the listed attempts; says what to stop and what is not the runner's any more."""
        runner = check_runner(caller, beat.runner_id, beat.epoch, await self._fleet.get(beat.runner_id, beat.epoch))
        was_lost = self._fleet.state(runner, await self._database.now_ms()) == "lost"
        answer, now = await self._database.write(lambda tx: (self._beat(tx, caller, beat), tx.now_ms))
        answer.draining = runner.draining
        self._fleet.heard(beat.runner_id, now)
        if was_lost:
            self._signals.wake(runner_key(beat.runner_id))
        return answer

    def _beat(self, tx: Transaction, caller: Caller, beat: Heartbeat) -> HeartbeatAnswer:
        skew = 0 if beat.clock_ms is None else beat.clock_ms - tx.now_ms
        skew = skew if abs(skew) >= SKEW_SHOWN_MS else 0
        _lock_held(tx, beat)
        stale = [held for held in beat.attempts if not self._renew(tx, caller, held)]
        forget_unlisted(tx, beat.runner_id, {(held.run_id, held.attempt) for held in beat.attempts})
        stops = [
            StopOrder(run_id=row["run_id"], attempt=row["attempt"], reason=row["stop_reason"] or "stopped")
            for row in tx.all("runs_of_runner_to_stop", runner_id=beat.runner_id)
        ]
        tx.run("heard_runner", runner_id=beat.runner_id, now=tx.now_ms, clock_skew_ms=skew)
        if beat.facts:
            _keep_facts(tx, beat)
        return HeartbeatAnswer(
            stops=stops,
            stale=stale,
            decisions=decisions_for(tx, beat.runner_id),
            messages=orders_for(tx, beat.runner_id),
            jobs=job_orders_of(tx, beat.runner_id),
            server_time=rfc3339(tx.now_ms),
            clock_skew_ms=skew,
        )

    def _renew(self, tx: Transaction, caller: Caller, held: AttemptRef) -> bool:
        """Whether the attempt is still the runner's; a lost one that nobody claimed since is connected again."""
        lease = tx.now_ms + self._rules.lease_ms
        run = tx.one("run_for_report", run_id=held.run_id)
        if run is None or run["attempt"] != held.attempt or not holds(tx, run, caller, held.attempt):
            return False
        if run["status"] in ("claimed", "running"):
            tx.run("renew_lease", run_id=held.run_id, attempt=held.attempt, lease_expires_at=lease)
            return True
        return run_changes.reconnect(tx, run, self._rules.lease_ms)

    async def deregister(self, caller: Caller, request: Deregister) -> None:
        """A runner leaves for good; refused while it holds runs."""
        check_runner(caller, request.runner_id, request.epoch, await self._fleet.get(request.runner_id, request.epoch))
        await self._database.write(lambda tx: _remove(tx, request.runner_id))

    async def remove(self, caller: Caller, runner_id: str) -> None:
        """A person removes a runner; its credential dies. Refused while it holds runs."""
        _require_fleet_rights(caller)
        await self._database.write(lambda tx: _remove(tx, runner_id))

    async def drain(self, caller: Caller, runner_id: str) -> Runner:
        """No new claims; its agents may finish."""
        return await self._set_draining(caller, runner_id, 1)

    async def resume(self, caller: Caller, runner_id: str) -> Runner:
        """Takes runs again."""
        return await self._set_draining(caller, runner_id, 0)

    async def _set_draining(self, caller: Caller, runner_id: str, draining: int) -> Runner:
        _require_fleet_rights(caller)

        def work(tx: Transaction) -> Runner:
            _find(tx, runner_id)
            tx.run("drain_runner", runner_id=runner_id, draining=draining)
            tx.hint(RunnersChanged())
            return self._render(tx, _find(tx, runner_id))

        changed = await self._database.write(work)
        self._signals.wake(runner_key(runner_id))
        return changed

    async def get(self, caller: Caller, runner_id: str) -> Runner:
        """One runner."""
        _require_reader(caller)
        return await self._database.read(lambda tx: self._render(tx, _find(tx, runner_id)))

    async def list(self, caller: Caller, page: str | None, limit: int) -> Page:
        """All runners."""
        _require_reader(caller)
        check_limit(limit)
        after = read_mark("runners", page, "")

        def work(tx: Transaction) -> Page:
            rows = tx.all("list_runners", after=after, limit=limit + 1)
            items = [self._render(tx, row) for row in rows[:limit]]
            return page_of("runners", items, limit, rows[limit - 1]["runner_id"] if len(rows) > limit else None)

        return await self._database.read(work)

    def _render(self, tx: Transaction, row: Row) -> Runner:
        live = len(tx.all("live_runs_of_runner", runner_id=row["runner_id"]))
        return render_runner(row, live_runs=live, now_ms=tx.now_ms, rules=self._rules)


def _keep_facts(tx: Transaction, beat: Heartbeat) -> None:
    """What a runner says of itself and its machine: shown, never decided on. Too much of it is not kept."""
    known = json.loads(_find(tx, beat.runner_id)["facts"])
    facts = json.dumps(known | beat.facts)
    if len(facts) <= MAX_FACTS_BYTES:
        tx.run("told_facts", runner_id=beat.runner_id, facts=facts)


def _lock_held(tx: Transaction, beat: Heartbeat) -> None:
    """Locks the sessions of all that a heartbeat may move: what it lists, and what it should have listed."""
    live = {row["run_id"]: row["session_id"] for row in tx.all("live_runs_of_runner", runner_id=beat.runner_id)}
    others = {held.run_id for held in beat.attempts} - live.keys()
    lock_runs(tx, others, *live.values())


def _find(tx: Transaction, runner_id: str) -> Row:
    row = tx.one("runner_by_id", runner_id=runner_id)
    if row is None:
        raise NotFound(
            f"There is no runner {runner_id}.", code="runner_not_found", hint="`callboard runner list` shows them."
        )
    return row


def _remove(tx: Transaction, runner_id: str) -> None:
    tx.lock_fleet()
    _find(tx, runner_id)
    live = tx.all("live_runs_of_runner", runner_id=runner_id)
    if live:
        raise Conflict(
            f"The runner still has {len(live)} runs.",
            code="runner_busy",
            hint="Drain it and wait, or stop its runs.",
            errors=[{"run_id": row["run_id"], "status": row["status"]} for row in live[:20]],
        )
    for token in tx.all("tokens_of_runner", runner_id=runner_id):
        tx.hint(TokenRevoked(token_id=token["token_id"]))
    tx.run("revoke_runner_tokens", runner_id=runner_id, now=tx.now_ms)
    tx.run("delete_runner", runner_id=runner_id)
    reconsider_classes(tx)
    tx.hint(RunnersChanged())


def _require_fleet_rights(caller: Caller) -> None:
    """Runners serve all projects: whoever is narrowed to one manages none."""
    if not caller.may_write or caller.project_id is not None:
        raise Forbidden(
            f"{caller.kind_in_words} token {'of one project ' if caller.project_id else ''}may not manage runners.",
            hint="Use the owner's token, or one that is not narrowed to a project.",
        )


def _require_reader(caller: Caller) -> None:
    if not caller.is_person:
        raise Forbidden(f"{caller.kind_in_words} token may not see the runners.")


def _scripts(request: Register) -> list[str]:
    """Executors that run their prompt as a script; of a runner that does not know the word, those that may."""
    told = ["command"] if request.script_executor_types is None else request.script_executor_types
    return sorted(set(told) & set(request.executor_types))
