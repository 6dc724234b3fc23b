"""Takes jobs in repositories as polls and heartbeats bring them, has them done beside the event loop, reports each end.

One at a time in a repository. A job is said again until its end is accepted, so nothing of it is kept on the disk here.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec
import structlog

from callboard.client.calls import runner
from callboard.domain.errors import CallboardError
from callboard.runner.contact import Contact, Dismissed
from callboard.runner.registration import Membership
from callboard.runner.repository_work import RepositoryWork
from callboard.runner.waiting import ended
from callboard.wire.jobs import JobOrder
from callboard.wire.work import JobEnded
from callboard.workspace.refusal import WorkspaceRefused

MAX_JOBS: Final = 64
"""More are left to the next time that they are said."""
THREADS: Final = 4
MAX_REFUSALS: Final = 8
"""How often a report is tried that the coordinator fails at."""
MAX_MESSAGE_CHARACTERS: Final = 4000
_LOG = structlog.get_logger(__name__)


class Jobs:
    """The jobs that one process of a runner has in hand."""

    def __init__(self, work: RepositoryWork, contact: Contact, membership: Membership) -> None:
        self.work = work
        self._contact = contact
        self._membership = membership
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="job")
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._alone: dict[str, asyncio.Lock] = {}
        self._recovery: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Undo what an earlier process left half done; jobs that come wait for that."""
        self._recovery = asyncio.create_task(self._recover())

    def take(self, order: JobOrder) -> bool:
        """Have a job done; false when it is in hand already, or when there are too many."""
        if order.job_id in self._tasks or len(self._tasks) >= MAX_JOBS:
            return False
        task = asyncio.create_task(self._live(order))
        self._tasks[order.job_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(order.job_id, None))
        return True

    async def close(self, seconds: float) -> None:
        """Wait for what is being done, for a while; then end it. The next process undoes what is half done."""
        tasks = [*self._tasks.values(), *filter(None, [self._recovery])]
        if tasks and not self._contact.dismissal.done():
            await asyncio.wait(tasks, timeout=seconds)
        self.work.git.stop.set()
        await ended(*tasks)
        self._threads.shutdown(wait=False)

    async def _recover(self) -> None:
        try:
            undone = await self._beside(self.work.recover)
        except OSError as cause:
            _LOG.error("recovery_failed", detail=str(cause))
            return
        if undone:
            _LOG.warning("half_done_work_undone", sessions=undone)

    async def _live(self, order: JobOrder) -> None:
        if self._recovery is not None:
            await asyncio.wait({self._recovery})
        async with self._alone.setdefault(order.path, asyncio.Lock()):
            report = await self._done(order)
        if report is None:
            return
        try:
            await self._contact.send_until_answered(runner.job_ended(order.job_id, report), defects=MAX_REFUSALS)
        except (CallboardError, Dismissed) as error:
            _LOG.error("job_report_refused", job_id=order.job_id, kind=order.kind, detail=str(error))

    async def _done(self, order: JobOrder) -> JobEnded | None:
        """The report of a job; None when the runner ends in the middle of it."""
        log = _LOG.bind(job_id=order.job_id, kind=order.kind, session_id=order.session_id)
        try:
            answer = await self._beside(lambda: self.work.perform(order))
        except WorkspaceRefused as refused:
            if refused.code == "interrupted":
                return None
            log.warning("job_refused", code=refused.code, detail=refused.sentence)
            return self._report(error=refused)
        except Exception:
            log.exception("job_broke_down")
            return self._report(error=WorkspaceRefused("runner_failed", "The runner failed at this; see its log."))
        log.info("job_done")
        return self._report(answer=answer)

    async def _beside(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _report(self, *, answer: Any = None, error: WorkspaceRefused | None = None) -> JobEnded:
        report = JobEnded(runner_id=self._membership.runner_id, epoch=self._membership.epoch, answer=answer)
        if error is None:
            return report
        return msgspec.structs.replace(
            report,
            error_code=error.code,
            error_message=_plain(error.sentence)[:MAX_MESSAGE_CHARACTERS],
            error_hint=_plain(error.hint)[:MAX_MESSAGE_CHARACTERS] or None,
        )


def _plain(text: str) -> str:
    """The text without halves of surrogate pairs, which names of files may hold."""
    return text.encode("utf-8", "replace").decode()
