"""What runners report of their attempts: started, usage, the end. (run_id, attempt) fences every report."""

import json

import msgspec

from callboard.coordinator.services import charges, run_changes
from callboard.coordinator.services.attempt_ends import EVENT_OF, end_of, reason_of, reason_of_refusal
from callboard.coordinator.services.fleet import Fleet
from callboard.coordinator.services.locking import lock_run
from callboard.coordinator.services.run_agents import output_misfits
from callboard.coordinator.services.run_changes import RunEnd, note_event
from callboard.coordinator.services.run_requests import check_run_id
from callboard.coordinator.services.runner_access import check_runner
from callboard.coordinator.services.task_runs import note_outcomes
from callboard.coordinator.services.tokens import unauthenticated
from callboard.domain import event as event_types
from callboard.domain import ids as id_kinds
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, NotFound
from callboard.domain.ids import Ids
from callboard.domain.run import MAX_UNLAUNCHED, after_lost, status_of
from callboard.domain.runner import LeaseRules
from callboard.store.database import Database, Row, Transaction
from callboard.wire.runner import (
    Ended,
    EndedAnswer,
    ExternalEnd,
    ExternalUsage,
    NotLaunched,
    Started,
    StartedAnswer,
    UsageReport,
)

KINDS = tuple(EVENT_OF)


def stale_attempt(run: Row, attempt: int) -> Conflict:
    """The answer to a report of an attempt that does not own its run."""
    return Conflict(
        f"Attempt {attempt} of {run['run_id']} does not own the run: it is {run['status']}, "
        f"attempt {run['attempt']}, runner {run['runner_id'] or 'none'}.",
        code="stale_attempt",
        hint="End this attempt's processes and report nothing more of it.",
        errors=[
            {
                "run_id": run["run_id"],
                "status": run["status"],
                "attempt": run["attempt"],
                "runner_id": run["runner_id"],
            }
        ],
    )


def find_run(tx: Transaction, run_id: str) -> Row:
    """The run that a report is about; its session is locked already when the report changes something."""
    run = tx.one("run_for_report", run_id=run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id}.", code="run_not_found")
    return run


def locked_run(tx: Transaction, run_id: str, *, with_pool: bool = False) -> Row:
    """The same, while nobody else can move it, or charge its pool."""
    lock_run(tx, run_id, with_pool=with_pool)
    return find_run(tx, run_id)


def holds(tx: Transaction, run: Row, caller: Caller, attempt: int) -> bool:
    """Whether the caller's runner was given this attempt, now or ever."""
    held = tx.one("attempt_by_id", run_id=run["run_id"], attempt=attempt)
    return held is not None and held["runner_id"] == caller.runner_id


def owned_run(tx: Transaction, run: Row, caller: Caller, attempt: int, rules: LeaseRules) -> Row:
    """The live run, if this attempt of the caller owns it; a lost attempt that speaks again reconnects first.

    The session of the run is locked already.
    """
    if run["attempt"] != attempt or not holds(tx, run, caller, attempt):
        raise stale_attempt(run, attempt)
    if run_changes.reconnect(tx, run, rules.lease_ms):
        run = find_run(tx, run["run_id"])
    if run["status"] not in ("claimed", "running"):
        raise stale_attempt(run, attempt)
    return run


class ReportService:
    """Reports of runners."""

    def __init__(self, database: Database, fleet: Fleet, ids: Ids, rules: LeaseRules) -> None:
        self._database = database
        self._fleet = fleet
        self._ids = ids
        self._rules = rules

    async def _check(self, caller: Caller, run_id: str, runner_id: str, epoch: int) -> None:
        check_run_id(run_id)
        check_runner(caller, runner_id, epoch, await self._fleet.get(runner_id, epoch))

    async def started(self, caller: Caller, run_id: str, report: Started) -> StartedAnswer:
        """The permission to launch; asked again, the same answer."""
        await self._check(caller, run_id, report.runner_id, report.epoch)
        return await self._database.write(lambda tx: self._start(tx, caller, run_id, report))

    def _start(self, tx: Transaction, caller: Caller, run_id: str, report: Started) -> StartedAnswer:
        run = locked_run(tx, run_id)
        if run["attempt"] != report.attempt or not holds(tx, run, caller, report.attempt):
            raise stale_attempt(run, report.attempt)
        if run_changes.reconnect(tx, run, self._rules.lease_ms):
            run = find_run(tx, run_id)
        if run_changes.is_ended(run):
            return StartedAnswer(ok=False, stop=True)
        if run["status"] == "running":
            return StartedAnswer(stop=run["stop_requested_at"] is not None)
        if run["status"] != "claimed":
            raise stale_attempt(run, report.attempt)
        self._launch(tx, run, report)
        return StartedAnswer()

    def _launch(self, tx: Transaction, run: Row, report: Started) -> None:
        timeout = json.loads(run["limits"]).get("timeout_seconds")
        tx.run(
            "start_run",
            run_id=run["run_id"],
            attempt=run["attempt"],
            now=tx.now_ms,
            deadline_at=None if timeout is None else tx.now_ms + int(timeout * 1000),
            lease_expires_at=tx.now_ms + self._rules.lease_ms,
        )
        if report.takes_messages:
            tx.run("listening_attempt", run_id=run["run_id"], attempt=run["attempt"])
        tx.run(
            "insert_session_token",
            token_id=self._ids.new(id_kinds.TOKEN),
            secret_hash=report.session_token_sha256,
            project_id=run["session_project_id"],
            session_id=run["session_id"],
            run_id=run["run_id"],
            attempt=run["attempt"],
            now=tx.now_ms,
        )
        runner = tx.one("runner_by_id", runner_id=run["runner_id"])
        if runner is not None:
            tx.run("place_session", session_id=run["session_id"], project_dir=runner["project_dir"])
        binding = tx.one("last_generation", session_id=run["session_id"])
        payload = {
            "run_id": run["run_id"],
            "number": run["number"],
            "type": run["type"],
            "trigger": run["trigger"],
            "attempt": run["attempt"],
            "runner_id": run["runner_id"],
            "executor_type": run["executor_type"],
            "project_dir": report.project_dir,
            "binding_generation": binding["generation"] if binding else 0,
        }
        note_event(tx, run, event_types.RUN_START, payload)
        run_changes.begun(tx, run)

    async def not_launched(self, caller: Caller, run_id: str, report: NotLaunched) -> EndedAnswer:
        """The attempt was given back; it goes to the queue, or fails when this runner can never launch it."""
        await self._check(caller, run_id, report.runner_id, report.epoch)
        return await self._database.write(lambda tx: self._not_launched(tx, caller, run_id, report))

    def _not_launched(self, tx: Transaction, caller: Caller, run_id: str, report: NotLaunched) -> EndedAnswer:
        run = locked_run(tx, run_id)
        if run["attempt"] != report.attempt or not holds(tx, run, caller, report.attempt):
            raise stale_attempt(run, report.attempt)
        if run["status"] == "claimed" and report.retry:
            run_changes.unclaim(tx, run, "not_launched")
            return EndedAnswer(status="pending", reason="not_launched")
        if run["status"] in ("running", "interrupted") and report.retry and _may_wait_again(tx, run):
            run_changes.unlaunch(tx, run, report.message or "its runner gave it back and launched nothing")
            return EndedAnswer(status="pending", reason="not_launched")
        if run["status"] in ("claimed", "running", "interrupted"):
            return self._failed_launch(tx, run, report)
        return EndedAnswer(status=run["status"], reason=run["reason"] or "not_launched")

    def _failed_launch(self, tx: Transaction, run: Row, report: NotLaunched) -> EndedAnswer:
        """Nothing ran and nothing will: the run fails, or is stopped if that was asked for meanwhile."""
        given_up = report.retry and run["unlaunched"] >= MAX_UNLAUNCHED
        reason = run["stop_reason"] or ("max_attempts" if given_up else reason_of_refusal(tx, run, report))
        event = "report_stopped" if run["stop_reason"] else "fail"
        how = RunEnd(
            reason=reason,
            error_code=report.code or "not_launched",
            error_message=report.message or "The runner could not launch the agent.",
            stopped_by=run["stopped_by"],
            event=event,
        )
        run_changes.end(tx, run, how)
        return EndedAnswer(status=status_of(reason), reason=reason)

    async def usage(self, caller: Caller, run_id: str, report: UsageReport) -> EndedAnswer:
        """Books usage; also of a stale attempt, whose money is spent, which then gets its 409."""
        await self._check(caller, run_id, report.runner_id, report.epoch)

        def work(tx: Transaction) -> tuple[Row, bool]:
            run = locked_run(tx, run_id, with_pool=True)
            if not holds(tx, run, caller, report.attempt):
                raise stale_attempt(run, report.attempt)
            spent = charges.book(tx, run, report.attempt, report.rows, incomplete=report.incomplete)
            current = run["attempt"] == report.attempt
            if current and run_changes.reconnect(tx, run, self._rules.lease_ms):
                run = find_run(tx, run_id)
            if current and spent:
                charges.stop_spent(tx, run)
            return run, current

        run, current = await self._database.write(work)
        if not current:
            raise stale_attempt(run, report.attempt)
        return EndedAnswer(status=run["status"], reason=run["reason"] or "")

    async def external_usage(self, caller: Caller, run_id: str, report: ExternalUsage) -> EndedAnswer:
        """Books usage of an external session, by its session token."""
        check_run_id(run_id)

        def work(tx: Transaction) -> EndedAnswer:
            lock_run(tx, run_id, with_pool=True)
            run = external_run(tx, caller, run_id, self._rules)
            charges.book(tx, run, run["attempt"], report.rows, incomplete=report.incomplete)
            return EndedAnswer(status=run["status"], reason="")

        return await self._database.write(work)

    async def ended(self, caller: Caller, run_id: str, report: Ended, kind: str) -> EndedAnswer:
        """The end of an attempt; the first committed end stands, and its own repeats get its answer."""
        await self._check(caller, run_id, report.runner_id, report.epoch)
        outcome = await self._database.write(lambda tx: self._end(tx, caller, run_id, report, kind))
        if isinstance(outcome, Conflict):
            raise outcome
        return outcome

    def _end(self, tx: Transaction, caller: Caller, run_id: str, report: Ended, kind: str) -> EndedAnswer | Conflict:
        """The answer; a stale report's Conflict is returned, not raised, so that its usage stays booked."""
        run = locked_run(tx, run_id, with_pool=bool(report.usage))
        held = tx.one("attempt_by_id", run_id=run_id, attempt=report.attempt)
        if held is None or held["runner_id"] != caller.runner_id:
            raise stale_attempt(run, report.attempt)
        if held["answer"]:
            return msgspec.json.decode(held["answer"], type=EndedAnswer)
        try:
            run = owned_run(tx, run, caller, report.attempt, self._rules)
        except Conflict as stale:
            charges.book(tx, run, report.attempt, report.usage, incomplete=report.usage_incomplete)
            return stale
        if run["status"] == "claimed" and kind == "completed":
            raise Conflict(
                "This attempt never got the permission to launch.",
                code="stale_attempt",
                hint="Ask with started before anything is launched.",
            )
        if run["event_count"] < report.event_count:
            raise Conflict(
                f"{run['event_count']} of {report.event_count} events of this attempt are stored.",
                code="events_missing",
                hint="Post all events of the attempt again, then report the end again.",
                errors=[{"stored": run["event_count"], "reported": report.event_count}],
            )
        charges.book(tx, run, report.attempt, report.usage, incomplete=report.usage_incomplete)
        note_outcomes(tx, run, report.checks)
        answer = self._finish(tx, run, report, kind)
        tx.run(
            "answer_attempt",
            run_id=run_id,
            attempt=report.attempt,
            answer=msgspec.json.encode(answer).decode(),
        )
        return answer

    def _finish(self, tx: Transaction, run: Row, report: Ended, kind: str) -> EndedAnswer:
        reason = reason_of(run, report, kind)
        if reason == "interrupted":
            retried = self._lost_agent(tx, run)
            if retried == "retry":
                return EndedAnswer(status="pending", reason="interrupted")
            reason = "max_attempts" if retried == "exhausted" else reason
        end = end_of(run, report, kind, reason)
        misfit = output_misfits(run["agent"], report.result_data) if reason == "completed" else None
        if misfit is not None:
            reason = "output_invalid"
            end = msgspec.structs.replace(end, reason=reason, error_message=misfit, event="fail")
        run_changes.end(tx, run, end)
        return EndedAnswer(status=status_of(reason), reason=reason)

    def _lost_agent(self, tx: Transaction, run: Row) -> str:
        """The runner says that the agent is gone: what on_lost says follows; a run to be stopped is never retried."""
        if run["stop_requested_at"] is not None:
            return "wait"
        follows = after_lost(run["on_lost"], run["tries"], bool(run["repeatable"]))
        if follows == "retry":
            run_changes.lose(tx, run, "the agent is gone from its host", "retry")
            run_changes.requeue_lost(tx, find_run(tx, run["run_id"]))
        return follows

    async def external_ended(self, caller: Caller, run_id: str, report: ExternalEnd) -> EndedAnswer:
        """The end of an external session, by its session token; the same end again gets the same answer."""
        check_run_id(run_id)

        def work(tx: Transaction) -> EndedAnswer:
            if run_changes.has_ended_so(tx, caller, run_id, report.reason):
                return EndedAnswer(status=status_of(report.reason), reason=report.reason)
            if caller.ended:
                raise unauthenticated()
            run = external_run(tx, caller, run_id, self._rules)
            how = RunEnd(
                reason=report.reason,
                exit_code=report.exit_code,
                error_message=report.error_message,
                result_text=report.result_text,
                event=EVENT_OF[report.reason],
            )
            run_changes.end(tx, run, how)
            return EndedAnswer(status=status_of(report.reason), reason=report.reason)

        return await self._database.write(work)


def external_run(tx: Transaction, caller: Caller, run_id: str, rules: LeaseRules) -> Row:
    """The run of an external session that the caller's token leads; its posts renew its lease."""
    run = locked_run(tx, run_id)
    if not run_changes.is_external(run) or caller.run_id != run_id or caller.attempt != run["attempt"]:
        raise Forbidden(
            "Only the runner that holds the attempt may report this.",
            hint="A session token reports usage and the end only of its own external session.",
        )
    if run["status"] == "interrupted" and run_changes.reconnect(tx, run, rules.external_lease_ms):
        run = find_run(tx, run_id)
    if run["status"] != "running":
        raise stale_attempt(run, caller.attempt or 0)
    tx.run(
        "renew_lease",
        run_id=run_id,
        attempt=run["attempt"],
        lease_expires_at=tx.now_ms + rules.external_lease_ms,
    )
    return run


def _may_wait_again(tx: Transaction, run: Row) -> bool:
    """Whether a started attempt that says that it launched nothing is believed, and its run tried again."""
    held = tx.one("attempt_by_id", run_id=run["run_id"], attempt=run["attempt"])
    silent = not run["event_count"] and held is not None and held["bound_id"] is None
    return silent and run["stop_requested_at"] is None and run["unlaunched"] < MAX_UNLAUNCHED
