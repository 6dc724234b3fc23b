"""Answers why a run waits, lives or ended: gathers the facts, lets the domain decide, renders. Changes nothing."""

import json
from typing import Any, Final

import msgspec

from callboard.coordinator.services import job_changes, task_runs
from callboard.coordinator.services.access import visible_run
from callboard.coordinator.services.budget_changes import read_pools, shortage_sentence
from callboard.coordinator.services.callback_changes import MAX_HELD
from callboard.coordinator.services.fleet import offer_of
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.portability import preference_of
from callboard.coordinator.services.run_lists import shown_runs
from callboard.coordinator.services.run_requests import check_run_id
from callboard.coordinator.services.work_standing import standing_of
from callboard.domain.approval import ASK
from callboard.domain.caller import Caller
from callboard.domain.demands import Demands
from callboard.domain.event import CHECK_COMPLETED, CHECK_STARTED
from callboard.domain.lifecycle import UNDER_WAY
from callboard.domain.portability import moves_at_ms
from callboard.domain.run import ENDED, after_lost
from callboard.domain.runner import LeaseRules, runner_state
from callboard.domain.why import (
    Answer,
    Blocker,
    Checking,
    Preparing,
    RunFacts,
    RunnerAnswer,
    RunnerFacts,
    UsedUp,
    explain,
)
from callboard.domain.work_step import Emptied, Standing
from callboard.store.database import Database, Row, Transaction
from callboard.store.events import page_by_seq
from callboard.wire import responses as wire
from callboard.wire.times import rfc3339_or_none

MAX_RUNNERS: Final = 200
"""How many runners an answer shows, those that fit first."""
ASKS_CHARACTERS: Final = 200
"""How much of what an agent asks for is said."""
LOOKED_BACK: Final = 50
"""How many events from the end of a log are looked at for the check that runs."""
_SINCE: Final = {"claimed": "claimed_at", "running": "started_at", "interrupted": "interrupted_at"}


class WhyService:
    """Explains runs."""

    def __init__(self, database: Database, rules: LeaseRules) -> None:
        self._database = database
        self._rules = rules

    async def explain(self, caller: Caller, run_id: str) -> wire.Why:
        """Why the run is where it is, per runner, with its deadlines and its place in the queue."""
        check_run_id(run_id)
        return await self._database.read(lambda tx: self._explain(tx, caller, run_id))

    def _explain(self, tx: Transaction, caller: Caller, run_id: str) -> wire.Why:
        run = visible_run(tx, caller, run_id)
        runners = _all_runners(tx, self._rules) if run["status"] == "pending" else ()
        facts = _facts(tx, run, self._rules, runners)
        return _render(run, facts, with_runners=caller.is_person)

    async def queue(self, caller: Caller, page: str | None, limit: int) -> wire.Page:
        """Pending runs, oldest first, each with why it waits; what each runner says is left out."""
        check_limit(limit)
        after = read_mark("queue", page, "")

        def work(tx: Transaction) -> wire.Page:
            rows = tx.all("waiting_runs", after=after, project_id=caller.project_id or "", limit=limit + 1)
            runners = _all_runners(tx, self._rules)
            items = [
                wire.WaitingRun(
                    run=shown,
                    title=row["title"],
                    why=_render(row, _facts(tx, row, self._rules, runners), with_runners=False),
                )
                for row, shown in zip(rows[:limit], shown_runs(tx, rows[:limit]), strict=True)
            ]
            return page_of("queue", items, limit, rows[limit - 1]["run_id"] if len(rows) > limit else None)

        return await self._database.read(work)


def _render(run: Row, facts: RunFacts, *, with_runners: bool) -> wire.Why:
    answer = explain(facts)
    return wire.Why(
        run_id=run["run_id"],
        status=run["status"],
        sentence=answer.sentence,
        code=answer.code,
        reason=run["reason"],
        next_step=answer.next_step,
        demands=json.loads(run["demands"]),
        place_in_queue=None if run["queue_key"] is None else facts.before + 1,
        waits_for_run_id=facts.blocker.run_id if facts.blocker else None,
        no_match_deadline_at=rfc3339_or_none(facts.no_match_deadline_ms),
        queue_deadline_at=rfc3339_or_none(run["queue_deadline_at"]),
        lost_deadline_at=rfc3339_or_none(facts.lost_deadline_ms),
        moves_at=rfc3339_or_none(facts.moves_at_ms),
        runners=_runners(answer) if with_runners else [],
    )


def _facts(tx: Transaction, run: Row, rules: LeaseRules, runners: tuple[RunnerFacts, ...]) -> RunFacts:
    """The row holds what `run_for_report` reads; the runners are looked at for a pending run only."""
    runner = tx.one("runner_by_id", runner_id=run["runner_id"]) if run["runner_id"] else None
    pending, claimable = run["status"] == "pending", run["queue_key"] is not None
    preference = preference_of(tx, run)
    asked = next(iter(tx.all("pending_approvals_of_run", run_id=run["run_id"])), None) if not pending else None
    return RunFacts(
        run_id=run["run_id"],
        session_id=run["session_id"],
        status=run["status"],
        demands=msgspec.json.decode(run["demands"], type=Demands),
        now_ms=tx.now_ms,
        external=run["trigger"] == "external",
        reason=run["reason"],
        stopped_by=run["stopped_by"],
        error_message=run["error_message"],
        error_code=run["error_code"],
        runner_name=(runner["name"] or runner["hostname"]) if runner else None,
        since_ms=run[_SINCE.get(run["status"], "created_at")],
        stop_requested=run["stop_requested_at"] is not None,
        asks=asked["description"][:ASKS_CHARACTERS] if asked else None,
        asked_ms=asked["requested_at"] if asked else 0,
        asks_question=asked is not None and asked["tool_name"] == ASK,
        held_callbacks=len(tx.all("held_callbacks", session_id=run["session_id"], limit=MAX_HELD)),
        lost_deadline_ms=_lost_deadline(run, rules),
        no_match_deadline_ms=_no_match_deadline(tx, run) if claimable else None,
        work=_work(tx, run) if (pending and not claimable) or run["status"] in ENDED else None,
        checking=_checking(tx, run),
        preparing=_preparing(tx, run) if pending and not claimable else None,
        blocker=_blocker(tx, run) if pending and not claimable else None,
        before=_before(tx, run) if claimable else 0,
        runners=runners,
        preferred_host=preference.hostname if preference else None,
        moves_at_ms=moves_at_ms(preference, rules) if preference else None,
        stays=preference.stays if preference else None,
        budget=_used_up(tx, run["pool_session_id"]) if pending or run["reason"] == "budget_exceeded" else None,
        pool_session_id=run["pool_session_id"] or run["session_id"],
        moves_from=run["preferred_host"] if pending and preference is None else None,
    )


def _lost_deadline(run: Row, rules: LeaseRules) -> int | None:
    if run["status"] != "interrupted":
        return None
    follows = after_lost(run["on_lost"], run["tries"], bool(run["repeatable"]))
    waits = follows == "wait" or run["stop_requested_at"] is not None
    return int(run["interrupted_at"]) + rules.lost_run_ms if waits else None


def _no_match_deadline(tx: Transaction, run: Row) -> int | None:
    """The clock runs only while no registered runner, online or not, fits."""
    known = tx.one("known_class", demand_class=run["demand_class"])
    if known is None or known["unmatched_since"] is None:
        return None
    return int(max(known["unmatched_since"], run["created_at"]) + run["no_match_ms"])


def _blocker(tx: Transaction, run: Row) -> Blocker | None:
    before = tx.one("run_before", session_id=run["session_id"], run_id=run["run_id"], number=run["number"])
    if before is None:
        return None
    return Blocker(run_id=before["run_id"], status=before["status"], external=before["trigger"] == "external")


def _work(tx: Transaction, run: Row) -> Standing | None:
    """The work of the run, unless it only waits for its worktree, or for another run."""
    stands = standing_of(tx, run["session_id"]) if run["lifecycle"] is not None else None
    rests = run["status"] in ENDED or (stands is not None and stands.lifecycle not in UNDER_WAY)
    return stands if rests else None


def _checking(tx: Transaction, run: Row) -> Checking | None:
    """The check that was begun and has not ended, by the log; what came after the agent's end is at the log's end."""
    if run["status"] != "running" or not task_runs.is_of_task(run):
        return None
    session = tx.one("session_by_id", session_id=run["session_id"])
    after = max(0, session["last_seq"] - LOOKED_BACK) if session else 0
    told = page_by_seq(tx, run["session_id"], after, LOOKED_BACK, frozenset({CHECK_STARTED, CHECK_COMPLETED})).events
    last = next((event for event in reversed(told) if event.run_id == run["run_id"]), None)
    if last is None or last.type != CHECK_STARTED:
        return None
    name = msgspec.json.decode(last.payload, type=dict[str, Any]).get("name", "")
    return Checking(name=str(name), since_ms=last.at)


def _preparing(tx: Transaction, run: Row) -> Preparing | None:
    work = tx.one("work_session", session_id=run["session_id"])
    if work is None or work["state"] != "preparing":
        return None
    job = next((row for row in tx.all("open_jobs_of_session", session_id=run["session_id"])), None)
    runner = tx.one("runner_by_id", runner_id=job["runner_id"]) if job and job["runner_id"] else None
    places = job_changes.places_asked(tx, work["project_id"], job["hostname"] if job else None)
    return Preparing(
        runner_name=(runner["name"] or runner["hostname"]) if runner else None,
        places=tuple((row["hostname"], row["path"]) for row in places),
        deadline_ms=work["prepare_by"],
    )


def _used_up(tx: Transaction, pool_session_id: str | None) -> UsedUp | None:
    """The budget that lets no run start which draws from this pool."""
    if pool_session_id is None:
        return None
    pools = read_pools(tx, pool_session_id)
    short = pools.starts_nothing(pool_session_id)
    return (
        None
        if short is None
        else UsedUp(
            empty=Emptied(session_id=short.session_id, unit=short.unit), sentence=shortage_sentence(pools, short)
        )
    )


def _before(tx: Transaction, run: Row) -> int:
    before = tx.one(
        "place_in_queue", demand_class=run["demand_class"], queue_key=run["queue_key"], run_id=run["run_id"]
    )
    return int(before["before"]) if before else 0


def _all_runners(tx: Transaction, rules: LeaseRules) -> tuple[RunnerFacts, ...]:
    live = {row["runner_id"]: row["live_runs"] for row in tx.all("live_runs_by_runner")}
    return tuple(
        RunnerFacts(
            runner_id=row["runner_id"],
            name=row["name"],
            hostname=row["hostname"],
            state=runner_state(bool(row["draining"]), row["last_heard_at"], tx.now_ms, rules),
            quiet_ms=tx.now_ms - row["last_heard_at"],
            slots=row["slots"],
            live_runs=live.get(row["runner_id"], 0),
            offer=offer_of(row),
        )
        for row in tx.all("all_runners")
    )


def _runners(answer: Answer) -> list[wire.WhyRunner]:
    nearest_first = sorted(answer.runners, key=lambda each: (not each.fits, len(each.reasons)))
    return [_runner(each) for each in nearest_first[:MAX_RUNNERS]]


def _runner(answer: RunnerAnswer) -> wire.WhyRunner:
    return wire.WhyRunner(
        runner_id=answer.runner.runner_id,
        name=answer.runner.name,
        hostname=answer.runner.hostname,
        state=answer.runner.state,
        fits=answer.fits,
        reasons=[wire.WhyReason(code=reason.code, sentence=reason.sentence) for reason in answer.reasons],
    )
