"""The life of one attempt, from its claim until its end is accepted: check, permission, launch, follow, report.

Whatever goes wrong, it leaves no agent behind that nobody looks after, and nothing unreported that can be reported.
"""

import asyncio
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from callboard.domain.errors import CallboardError, Conflict, NotFound
from callboard.domain.invocation import Approve, Decision, Invocation, Launch
from callboard.domain.usage import UsageRow
from callboard.executors.journal import JournalBroken
from callboard.executors.process import KeeperTaken
from callboard.runner.attempt_files import CutShort
from callboard.runner.attempt_reports import AttemptReports, AttemptStale
from callboard.runner.contact import Dismissed
from callboard.runner.context import RunnerContext
from callboard.runner.deltas import Deltas
from callboard.runner.ending import end_processes, end_what_is_left
from callboard.runner.held import HeldAttempt
from callboard.runner.launch import NotLaunchable, ask_permission, end_strays_before, prepare, restore, start
from callboard.runner.launches import run_launches
from callboard.runner.outbox import Outbox
from callboard.runner.report import End, EventsMissing, failed, never_launched, report_end
from callboard.runner.state_watch import StateWatch
from callboard.runner.transcripts import send_transcript
from callboard.runner.unstarted import forget_unstarted_launch
from callboard.runner.waiting import alone, ended, undisturbed
from callboard.wire.runner import PostedEvent

MAX_REPORTS: Final = 4
MAX_BREAKDOWNS: Final = 3
GIVE_BACK_SECONDS: Final = 3.0
LAST_USAGE_SECONDS: Final = 10.0
_LOG = structlog.get_logger(__name__)


async def supervise(context: RunnerContext, held: HeldAttempt) -> None:
    """Live through an attempt that is claimed or was found on the disk; it is held no longer when this returns.

    When this is cancelled an agent that runs goes on under its keeper, and a run that nothing was asked for yet is
    given back.
    """
    supervision = Supervision(context, held)
    life = asyncio.create_task(supervision.live())
    disowned = asyncio.create_task(held.disowned.wait())
    try:
        await asyncio.wait({life, disowned}, return_when=asyncio.FIRST_COMPLETED)
        if held.disowned.is_set():
            await ended(life)
            await undisturbed(supervision.let_go())
        else:
            await life
    except asyncio.CancelledError:
        await ended(life)
        if not held.asked and not held.launched and not held.disowned.is_set():
            await supervision.give_back_in_a_hurry()
        raise
    finally:
        held.settled.set()
        context.holdings.drop(held)
        await ended(disowned)


class Supervision:
    """One attempt and those who speak for it."""

    def __init__(self, context: RunnerContext, held: HeldAttempt) -> None:
        self._context = context
        self._held = held
        self._reports = AttemptReports(context.contact, context.membership, held.claim)
        self._log = _LOG.bind(session_id=held.claim.session_id, run_id=held.claim.run_id, attempt=held.claim.attempt)

    async def live(self) -> None:
        """Until the end is accepted. An attempt that is found stale is marked as disowned."""
        for breakdown in range(1, MAX_BREAKDOWNS + 1):
            try:
                await self._until_accepted()
                return
            except AttemptStale:
                self._held.disowned.set()
                return
            except (Dismissed, KeeperTaken) as why:
                self._log.warning("attempt_left_to_another", why=str(why))
                return
            except Exception:  # noqa: BLE001 - the top of an attempt: a defect must not leave its agent to itself
                self._log.exception("supervision_broke_down", times=breakdown)
                await self._context.contact.pause(breakdown)
        await self._give_up()

    async def let_go(self) -> None:
        """End an attempt that is not ours any more: its processes at once, its usage last, nothing else reported."""
        self._log.warning("attempt_stale")
        self._held.cut_short(CutShort(reason="interrupted", code="stale_attempt", message="Not ours any more."))
        await end_processes(self._held)
        with suppress(TimeoutError, CallboardError, Dismissed, OSError, JournalBroken, msgspec.DecodeError):
            async with asyncio.timeout(LAST_USAGE_SECONDS):
                await self._book_what_was_spent()
        await asyncio.to_thread(self._held.files.remove)

    async def give_back_in_a_hurry(self) -> None:
        """Give the run back because the runner ends; if that fails, the next process of the runner does it."""
        with suppress(TimeoutError, CallboardError, AttemptStale, Dismissed):
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._reports.not_launched("runner_stopping", "The runner is ending.", retry=True)
                await asyncio.to_thread(self._held.files.remove)

    async def _until_accepted(self) -> None:
        if self._held.launched and self._held.found:
            await forget_unstarted_launch(self._held, self._context.clock)
        if self._held.launched:
            invocation = await asyncio.to_thread(self._held.files.invocation)
            await self._follow_and_report(invocation)
            return
        if self._held.found and not self._held.asked:
            await self._give_back(NotLaunchable("runner_restarted", "The runner was restarted before it.", retry=True))
            return
        try:
            launched = await self._launch()
        except NotLaunchable as reason:
            await self._give_back(reason)
            return
        self._context.holdings.forget_given_back()
        if launched:
            await self._follow_and_report(launched)
        else:
            await self._report(never_launched(), 0)

    async def _launch(self) -> Invocation | None:
        """What was launched; None when the run is to be stopped before anything ran. Raises NotLaunchable."""
        if not self._held.files.folder.exists():
            await self._make_folder()
        invocation, launch = await asyncio.to_thread(prepare, self._context, self._held)
        await restore(self._context, self._held, self._reports, invocation)
        await asyncio.to_thread(self._held.files.note_asked)
        self._held.asked = True
        permitted = await ask_permission(self._context, self._reports, self._held, invocation.project_dir)
        if not permitted or self._held.stopping:
            return None
        await undisturbed(self._launch_first(launch))
        return invocation

    async def _launch_first(self, launch: Launch) -> None:
        await end_strays_before(self._held)
        await start(self._context, self._held, 1, launch)
        self._held.settled.set()
        self._log.info("launched")

    async def _make_folder(self) -> None:
        try:
            await asyncio.to_thread(self._held.files.make, self._held.attempt)
        except OSError as cause:
            raise NotLaunchable("runner_state_unwritable", str(cause), retry=True) from cause

    async def _follow_and_report(self, invocation: Invocation) -> None:
        for _ in range(MAX_REPORTS):
            end, event_count = await self._follow(invocation)
            await self._send_transcript(invocation)
            try:
                await self._report(end, event_count)
                return
            except EventsMissing as missing:
                self._log.warning("events_missing", detail=str(missing))
                self._held.accepted.clear()
        await self._report(failed("events_missing", "The events of this attempt could not be stored."), 0)

    async def _follow(self, invocation: Invocation) -> tuple[End, int]:
        """The end, once every event before it is accepted, and how many those are."""
        if self._held.claim.executor_type not in self._context.executors:
            await end_processes(self._held)
            sentence = f"The runner came back without the executor {self._held.claim.executor_type!r}."
            return failed("executor_missing", sentence, reason="interrupted"), 0
        outbox = Outbox(_Speaker(self._context, self._held, self._reports, invocation), self._held.note_accepted)
        watch = StateWatch(self._context, self._held, invocation.project_dir)
        return await self._launches(invocation, outbox, watch), outbox.event_count

    async def _launches(self, invocation: Invocation, outbox: Outbox, watch: StateWatch | None = None) -> End:
        """Follow the launches while the outbox is being emptied and the state file of a work session is watched."""
        deltas = Deltas(self._reports.delta)
        try:
            async with asyncio.TaskGroup() as group:
                posting = [group.create_task(outbox.post_all()), group.create_task(deltas.post_all())]
                if watch is not None:
                    posting.append(group.create_task(watch.follow()))
                end = await run_launches(self._context, self._held, invocation, outbox, deltas)
                if watch is not None:
                    await watch.last_look()
                self._held.reporting = True
                await outbox.emptied()
                for task in posting:
                    task.cancel()
        except BaseExceptionGroup as group_error:
            raise alone(group_error) from group_error
        return end

    async def _send_transcript(self, invocation: Invocation) -> None:
        """Before the end is reported: whoever goes on with the session then finds the conversation as it is."""
        offered = self._context.executors.get(self._held.claim.executor_type)
        if self._held.claim.portable and offered is not None:
            await send_transcript(self._reports, offered.executor, invocation)

    async def _report(self, end: End, event_count: int) -> None:
        if end.left:
            strays = await end_what_is_left(self._held)
            end.details["certainty"] = f"{strays.left} processes left" if strays.left else "tracking"
        answer = await report_end(self._reports, end, event_count)
        self._log.info("ended", reported=end.kind, status=answer.status, reason=answer.reason)
        await asyncio.to_thread(self._held.files.remove)

    async def _give_back(self, reason: NotLaunchable) -> None:
        self._log.warning("not_launched", code=reason.code, detail=str(reason))
        if reason.retry and not self._held.found:
            self._context.holdings.rest_after_giving_back(self._context.clock.monotonic())
        await self._reports.not_launched(reason.code, str(reason), retry=reason.retry)
        await asyncio.to_thread(self._held.files.remove)

    async def _give_up(self) -> None:
        """A defect of ours: the agent is ended rather than left to itself, and the run fails rather than hangs."""
        await end_processes(self._held)
        with suppress(AttemptStale, Dismissed, CallboardError):
            await self._report(failed("runner_failed", "The runner failed to look after this attempt."), 0)

    async def _book_what_was_spent(self) -> None:
        if not self._held.launched or self._held.claim.executor_type not in self._context.executors:
            return
        invocation = await asyncio.to_thread(self._held.files.invocation)
        self._held.accepted.clear()
        await self._launches(invocation, Outbox(_Treasurer(self._reports), lambda _launch, _offset: None))


class _Speaker:
    """Posts what an outbox holds; a conversation that may not be bound ends the attempt."""

    def __init__(
        self, context: RunnerContext, held: HeldAttempt, reports: AttemptReports, invocation: Invocation
    ) -> None:
        self._hostname = context.settings.hostname
        self._held = held
        self._reports = reports
        self._project_dir = invocation.project_dir

    async def events(self, batch: list[PostedEvent], *, patient: bool = False) -> None:
        await self._reports.events(batch, patient=patient)

    async def bind(self, executor_session_id: str) -> None:
        try:
            await self._reports.bind(executor_session_id, self._hostname, self._project_dir)
        except CallboardError as error:
            _LOG.error("bind_refused", run_id=self._held.claim.run_id, code=error.code, detail=error.detail)
            self._held.cut_short(CutShort(reason="failed", code=error.code, message=error.detail))

    async def usage(self, rows: list[UsageRow], *, incomplete: bool) -> None:
        await self._reports.usage(rows, incomplete=incomplete)

    async def ask(self, asked: Approve) -> None:
        try:
            await self._reports.ask(asked, self._project_dir)
        except CallboardError as error:
            _LOG.error("approval_refused", run_id=self._held.claim.run_id, code=error.code, detail=error.detail)
            denied = Decision(allow=False, reason=f"Nobody could be asked: {error.detail}")
            self._held.note_decision(asked.request_id, denied)

    async def settled(self, request_id: str) -> None:
        with suppress(NotFound):
            await self._reports.settled(request_id)


class _Treasurer:
    """Posts nothing but usage, of an attempt that is stale: the money is spent."""

    def __init__(self, reports: AttemptReports) -> None:
        self._reports = reports

    async def events(self, batch: list[PostedEvent], *, patient: bool = False) -> None:
        pass

    async def bind(self, executor_session_id: str) -> None:
        pass

    async def ask(self, asked: Approve) -> None:
        pass

    async def settled(self, request_id: str) -> None:
        pass

    async def usage(self, rows: list[UsageRow], *, incomplete: bool) -> None:
        with suppress(AttemptStale, Conflict):
            await self._reports.usage(rows, incomplete=incomplete)
