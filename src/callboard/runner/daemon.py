"""The runner process: registers, takes up what it held before, claims and looks after runs, until it is told to end.

The only place where the parts of the runner meet. When it ends, agents go on under their keepers.
"""

import asyncio
import os
import platform
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from callboard import __version__
from callboard.client import AsyncClient
from callboard.domain.errors import CallboardError, Unauthenticated
from callboard.runner import logs
from callboard.runner.agent_files import AgentFiles
from callboard.runner.claim_loop import claim_for_ever
from callboard.runner.clock import Clock, SystemClock
from callboard.runner.config import RunnerSettings
from callboard.runner.contact import Contact
from callboard.runner.context import OfferedExecutor, RunnerContext
from callboard.runner.environment import hide_from_other_processes
from callboard.runner.heartbeat_loop import beat_for_ever
from callboard.runner.held import HeldAttempt, Holdings
from callboard.runner.identity import Identity, take_identity
from callboard.runner.jobs import Jobs
from callboard.runner.machine import measure_for_ever
from callboard.runner.offers import offered_executors
from callboard.runner.reconcile import attempts_on_disk
from callboard.runner.registration import Joining, Membership
from callboard.runner.repository_work import repository_work
from callboard.runner.supervision import supervise
from callboard.runner.waiting import ended
from callboard.wire.runner import Register

LEAVE_SECONDS: Final = 4.0
"""How long a runner that ends waits for what is about to be decided or accepted."""
_LOG = structlog.get_logger(__name__)


async def run_runner(
    settings: RunnerSettings,
    *,
    closing: asyncio.Event | None = None,
    announce: Callable[[str], None] | None = None,
    clock: Clock | None = None,
    random_fraction: Callable[[], float] | None = None,
) -> int:
    """Run until SIGTERM or SIGINT, or until `closing` is set; returns 0 then.

    `announce` is called with the runner's id once it is registered; by default it is said on stderr. Raises
    CallboardError: Conflict when another process is this runner, Unauthenticated when it may not join or was
    removed, InvalidRequest when something that it was told cannot be.
    """
    logs.configure()
    hide_from_other_processes()
    process = RunnerProcess(settings, clock or SystemClock(), random_fraction or secrets.SystemRandom().random)
    identity = await asyncio.to_thread(
        take_identity, settings.state_dir, settings.hostname, settings.project_dir, settings.name
    )
    try:
        ending = closing or _ending_by_signal()
        context = await _unless(ending, process.join(identity))
        if context is not None:
            (announce or _announce)(identity.runner_id)
            await process.work(context, ending)
    finally:
        identity.release()
    return 0


class RunnerProcess:
    """One process of a runner."""

    def __init__(self, settings: RunnerSettings, clock: Clock, random_fraction: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._random_fraction = random_fraction
        self._supervisions: dict[asyncio.Task[None], HeldAttempt] = {}
        self._agent_files = AgentFiles(settings, dict(os.environ))

    async def join(self, identity: Identity) -> RunnerContext:
        """Register, and bring together what the parts share."""
        environment = dict(os.environ)
        executors = offered_executors(self._settings, environment)
        joining = Joining(self._order(identity, executors), self._contact)
        membership = await joining.join(
            credential=identity.credential, known=identity.known, join_token=self._settings.join_token
        )
        contact = self._contact(identity.credential)
        context = RunnerContext(
            settings=self._settings,
            membership=membership,
            contact=contact,
            clock=self._clock,
            executors=executors,
            attempts=identity.attempts,
            holdings=Holdings(self._settings.slots),
            jobs=Jobs(repository_work(identity.folder, self._settings, environment), contact, membership),
            environment=environment,
        )
        await self._agent_files.upload_changed(context)
        return context

    async def work(self, context: RunnerContext, ending: asyncio.Event) -> None:
        """Look after runs until it is time to end. Raises what the coordinator says when it dismisses this process."""
        for held in await asyncio.to_thread(attempts_on_disk, context.attempts):
            context.holdings.add(held)
            self._supervise(context, held)
        context.jobs.begin()
        _LOG.info("registered", runner_id=context.membership.runner_id, epoch=context.membership.epoch)
        loops: list[asyncio.Task[None]] = [
            asyncio.create_task(beat_for_ever(context)),
            asyncio.create_task(claim_for_ever(context, lambda held: self._supervise(context, held))),
            asyncio.create_task(self._agent_files.keep_uploaded(context)),
            asyncio.create_task(measure_for_ever(context, context.jobs.work.journal.count)),
        ]
        told = asyncio.create_task(ending.wait())
        try:
            first: list[asyncio.Future[Any]] = [told, context.contact.dismissal, *loops]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await ended(told, *loops)
            await self._leave(context)
        if context.contact.dismissal.done():
            raise _parting(context.contact.dismissal.result().cause, context.membership)
        for loop in loops:
            if not loop.cancelled() and (defect := loop.exception()):
                raise defect

    def _supervise(self, context: RunnerContext, held: HeldAttempt) -> None:
        task = asyncio.create_task(supervise(context, held))
        self._supervisions[task] = held
        task.add_done_callback(self._supervisions.pop)

    async def _leave(self, context: RunnerContext) -> None:
        """Let go of every attempt: what lives goes on under its keeper.

        A launch that was asked for may still happen, and an end may still be reported, for a few seconds.
        """
        settling = [asyncio.create_task(held.settled.wait()) for held in context.holdings if held.asked]
        reporting = [task for task, held in self._supervisions.items() if held.reporting]
        if (settling or reporting) and not context.contact.dismissal.done():
            await asyncio.wait([*settling, *reporting], timeout=LEAVE_SECONDS)
        await context.jobs.close(LEAVE_SECONDS)
        await ended(*settling)
        await ended(*self._supervisions)
        await context.contact.close()

    def _contact(self, token: str) -> Contact:
        return Contact(AsyncClient(self._settings.url, token), self._clock, self._random_fraction)

    def _order(self, identity: Identity, executors: dict[str, OfferedExecutor]) -> Register:
        settings = self._settings
        return Register(
            hostname=settings.hostname,
            project_dir=str(settings.project_dir),
            name=settings.name,
            credential_sha256=identity.credential_sha256,
            launch_token=identity.launch_token,
            roots=[str(root) for root in settings.roots],
            executor_types=sorted(executors),
            script_executor_types=sorted(name for name, one in executors.items() if one.executes_prompt),
            tags=list(settings.tags),
            require_matching_tags=settings.require_matching_tags,
            slots=settings.slots,
            version=__version__,
            facts={"platform": platform.platform(terse=True), "python": platform.python_version()},
        )


def _parting(cause: CallboardError, membership: Membership) -> CallboardError:
    """Why this process ends, in a sentence for a person."""
    if cause.code == "runner_superseded":
        return cause
    return Unauthenticated(
        f"The coordinator does not know {membership.runner_id} any more: {cause.detail}",
        hint="It was removed. Start the runner again to join anew.",
    )


def _announce(runner_id: str) -> None:
    sys.stderr.write(f"registered {runner_id}\n")
    sys.stderr.flush()


def _ending_by_signal() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one ends the process at once."""
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told(number: signal.Signals) -> None:
        if ending.is_set():
            os._exit(128 + number)
        ending.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told, number)
    return ending


async def _unless(ending: asyncio.Event, joining: Coroutine[Any, Any, RunnerContext]) -> RunnerContext | None:
    """The result of joining; None when the runner is told to end before."""
    join, told = asyncio.create_task(joining), asyncio.create_task(ending.wait())
    try:
        await asyncio.wait({join, told}, return_when=asyncio.FIRST_COMPLETED)
        return join.result() if join.done() else None
    finally:
        await ended(join, told)
