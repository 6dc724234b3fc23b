"""Follows one launch: reads its journal to the end, has its executor say what that means, and stops it when asked.

Reads from the beginning each time; what was done in an earlier reading has keys and ids, so that it is not done twice.
"""

import asyncio
import sys
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final

import msgspec
import structlog

from callboard.domain.checks import CheckOutcome
from callboard.domain.event import CHECK_COMPLETED, CHECK_STARTED
from callboard.domain.invocation import (
    Action,
    Approve,
    Bind,
    CloseInput,
    Delta,
    Emit,
    Finish,
    Input,
    Outcome,
    Relaunch,
    Signal,
    Usage,
    Withdraw,
)
from callboard.executors.base import Conversation
from callboard.executors.journal import Record
from callboard.executors.process import KeeperLink, close_journal
from callboard.runner.clock import Clock
from callboard.runner.deltas import Deltas
from callboard.runner.held import HeldAttempt
from callboard.runner.outbox import Outbox, posted_event
from callboard.runner.printed import Printed
from callboard.runner.waiting import is_set_within

CATCH_UP_SECONDS: Final = 2.0
"""How long a stop waits until the journal is read, so that the executor knows in which state the agent is."""
STOP_RETRY_SECONDS: Final = 0.5
SAVE_SECONDS: Final = 1.0
SHARE_BYTES: Final = 256 * 1024
COST_OF_A_RECORD: Final = 4096
"""Reading a record costs as much as so many bytes of it."""
_LOG = structlog.get_logger(__name__)


class Following:
    """One reading of one launch.

    `interrupted` and `signalled` say afterwards which steps of the stop ladder came before the agent's exit,
    `certainty` how sure it is that no process is left, and `checks` what became of those that ran to their end.
    """

    def __init__(
        self, held: HeldAttempt, number: int, conversation: Conversation, outbox: Outbox, deltas: Deltas
    ) -> None:
        self.interrupted = False
        self.signalled = False
        self.certainty: str | None = None
        self.checks: list[CheckOutcome] = []
        self._held = held
        self._number = number
        self._conversation = conversation
        self._outbox = outbox
        self._deltas = deltas
        self._printed = Printed()
        self._link = KeeperLink(held.files.launch_folder(number), number, held.attempt.tracking)
        self._known_until = held.accepted.get(number, 0)
        self._replayed_until = 0
        self._caught_up = asyncio.Event()
        self._exited = self._overdue = False
        self._event_index = 0
        self._unshared_bytes = 0

    async def until_end(self, clock: Clock) -> Outcome | Relaunch:
        """How the launch ended. Raises KeeperTaken, JournalBroken."""
        try:
            await self._attach()
            async with asyncio.TaskGroup() as group:
                others = [group.create_task(one) for one in self._others(clock)]
                async for record in self._link.records():
                    await self._take(record)
                    if record.is_fact("agent_over"):
                        await self._decide_on_checks(clock)
                    await self._let_others_run(record, clock)
                for other in others:
                    other.cancel()
        finally:
            await self._link.close()
        return self._conversation.outcome()

    def _others(self, clock: Clock) -> list[Coroutine[Any, Any, None]]:
        orders = [self._stop_when_wanted(clock), self._pass_decisions_on(), self._pass_messages_on()]
        return [*orders, self._acknowledge(clock)]

    async def _attach(self) -> None:
        await asyncio.to_thread(self._link.directory.mkdir, mode=0o700, exist_ok=True)
        if await self._link.connect():
            with suppress(TimeoutError):
                self._replayed_until = (await self._link.order("status")).get("size", 0)
        else:
            self._replayed_until = sys.maxsize
            await asyncio.to_thread(close_journal, self._link.directory, self._held.attempt.tracking)
        await self._do(self._conversation.begin(), None)
        self._note_position(0)

    async def _take(self, record: Record) -> None:
        self._note_fact(record)
        self._event_index = 0
        await self._do(self._conversation.record(record), record)
        if self._held.progress.tells_output:
            await self._do(self._printed.take(record), record)
        if record.is_fact("check_started") and self._held.progress.tells_checks:
            self._emit(Emit(CHECK_STARTED, {"name": record.fact["name"]}), record)
        if record.is_fact("check_ended"):
            self._note_check(record)
        self._outbox.mark(self._number, record.end)
        self._note_position(record.end)
        await self._outbox.room()

    def _note_check(self, record: Record) -> None:
        outcome = msgspec.convert(record.fact, CheckOutcome)
        self.checks.append(outcome)
        self._emit(Emit(CHECK_COMPLETED, msgspec.to_builtins(outcome)), record)

    async def _decide_on_checks(self, clock: Clock) -> None:
        """The keeper waits to be told; of a keeper that is gone the journal tells the rest."""
        outcome = self._conversation.outcome()
        wanted = isinstance(outcome, Outcome) and outcome.kind == "completed" and not self._held.stopping
        while self._link.connected:
            with suppress(TimeoutError):
                await self._link.check(run=wanted)
                return
            await clock.pause(STOP_RETRY_SECONDS)

    async def _let_others_run(self, record: Record, clock: Clock) -> None:
        """A journal that is long is read without ever waiting, so others have to be let in."""
        self._unshared_bytes += COST_OF_A_RECORD + len(record.data)
        if self._unshared_bytes >= SHARE_BYTES:
            self._unshared_bytes = 0
            await clock.pause(0)

    def _note_fact(self, record: Record) -> None:
        match record.fact.get("fact"):
            case "gone":
                self.certainty = record.fact["certainty"]
            case _ if self._exited:
                pass
            case "exit":
                self._exited = True
            case "overdue":
                self._overdue = True
            case "interrupt":
                self.interrupted = True
            case "signal" if not self._overdue:
                self.signalled = True

    def _note_position(self, offset: int) -> None:
        if offset >= self._replayed_until:
            self._caught_up.set()

    async def _do(self, actions: Iterable[Action], record: Record | None) -> None:
        for action in actions:
            match action:
                case Emit():
                    self._emit(action, record)
                case Bind() | Usage():
                    self._report(action, record)
                case Delta():
                    if self._caught_up.is_set():
                        self._deltas.add(action)
                case Approve() | Withdraw():
                    self._ask(action, record)
                case _:
                    await self._order(action)

    def _emit(self, emit: Emit, record: Record | None) -> None:
        if record is None:
            _LOG.error("event_without_record", type=emit.event_type, run_id=self._held.claim.run_id)
            return
        key = record.key(self._event_index)
        self._event_index += 1
        self._deltas.forget(emit.payload.get("message_key"))
        if record.end <= self._known_until:
            self._outbox.count_accepted()
        else:
            self._outbox.add_event(posted_event(key, emit.event_type, emit.payload, record.t_ms))

    def _report(self, action: Bind | Usage, record: Record | None) -> None:
        if record is not None and record.end <= self._known_until:
            return
        if isinstance(action, Bind):
            self._outbox.add_binding(action.executor_session_id)
        else:
            self._outbox.add_usage(action.rows, incomplete=action.incomplete)

    def _ask(self, about: Approve | Withdraw, record: Record | None) -> None:
        """A request that an earlier process has passed on is not passed on again; its decision comes all the same."""
        if record is None or record.end > self._known_until:
            self._outbox.add_approval(about)
        self._held.decided.set()

    async def _pass_decisions_on(self) -> None:
        """Give the agent each decision as it comes; the keeper writes the same one once."""
        while True:
            await self._held.decided.wait()
            self._held.decided.clear()
            await self._caught_up.wait()
            for request_id, decision in list(self._held.decisions.items()):
                await self._do(self._conversation.decide(request_id, decision), None)

    async def _pass_messages_on(self) -> None:
        """Say each message to this launch once, in their order; what an earlier process said, the keeper knows."""
        said: set[str] = set()
        while True:
            await self._caught_up.wait()
            for message_id, text in list(self._held.messages.items()):
                if message_id not in said:
                    said.add(message_id)
                    await self._do(self._conversation.message(text, message_id), None)
            await self._held.told.wait()
            self._held.told.clear()

    async def _order(self, action: Input | CloseInput | Finish | Signal) -> None:
        """Give the keeper an order; one that has nobody to obey it is void, the journal tells the rest."""
        with suppress(TimeoutError):
            match action:
                case Input():
                    await self._link.send_input(action.text, action.input_id)
                case CloseInput():
                    await self._link.close_input()
                case Finish():
                    await self._link.finish(action.after_seconds)
                case Signal() if self._caught_up.is_set():
                    await self._link.signal(action.name)

    async def _stop_when_wanted(self, clock: Clock) -> None:
        await self._held.stop_wanted.wait()
        await self._held.save()
        await is_set_within(self._caught_up, CATCH_UP_SECONDS)
        polite = [] if self._exited else self._conversation.interrupt()
        # The ladder begins before the interrupt is sent: a quick agent must not have left before the journal says why.
        while not await self._ladder_begun(after_interrupt=bool(polite)):
            await clock.pause(STOP_RETRY_SECONDS)
        await self._do(polite, None)

    async def _ladder_begun(self, *, after_interrupt: bool) -> bool:
        with suppress(TimeoutError):
            return await self._link.stop(after_interrupt=after_interrupt)
        return False

    async def _acknowledge(self, clock: Clock) -> None:
        """Let the journal grow as far as the coordinator has accepted it, and remember that position."""
        saved_at = clock.monotonic()
        while True:
            await self._held.accepted_more.wait()
            self._held.accepted_more.clear()
            with suppress(TimeoutError):
                await self._link.acknowledge(self._held.accepted.get(self._number, 0))
            if clock.monotonic() - saved_at >= SAVE_SECONDS:
                await asyncio.to_thread(self._held.files.save_accepted, dict(self._held.accepted))
                saved_at = clock.monotonic()
