"""Polls for work and holds what was claimed; a full runner keeps polling for stops. Launches nothing itself."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

import structlog

from callboard.client.calls import runner
from callboard.domain.errors import CallboardError
from callboard.runner.attempt_files import Attempt, AttemptFiles
from callboard.runner.contact import PASSING
from callboard.runner.context import RunnerContext
from callboard.runner.held import HeldAttempt
from callboard.runner.waiting import ended
from callboard.wire.runner import Claim, PollAnswer

SESSION_TOKEN_PREFIX: Final = "cbs_"
SESSION_TOKEN_BYTES: Final = 32
NOTHING_NEW_SECONDS: Final = 1.0
"""The pause after an answer that said nothing new, so that no coordinator is asked in a circle."""
_LOG = structlog.get_logger(__name__)


async def claim_for_ever(context: RunnerContext, supervise: Callable[[HeldAttempt], None]) -> None:
    """Poll until cancelled; `supervise` is told of each attempt once it is held."""
    failures = 0
    while True:
        try:
            answer = await poll_once(context)
            failures = 0
        except CallboardError as error:
            failures += 1
            if not isinstance(error, PASSING):
                _LOG.error("poll_refused", code=error.code, detail=error.detail)
            await context.contact.pause(failures)
            continue
        if answer is not None and not take(context, answer, supervise) and _says_anything(answer):
            await context.clock.pause(NOTHING_NEW_SECONDS)


async def poll_once(context: RunnerContext) -> PollAnswer | None:
    """The answer to one poll; None when it was given up because another number of runs is wanted now."""
    holdings = context.holdings
    holdings.changed.clear()
    holdings.rest_begun.clear()
    rest = holdings.rest_seconds(context.clock.monotonic())
    slots = 0 if rest else holdings.free_slots
    call = runner.poll(
        context.membership.runner_id,
        context.membership.epoch,
        slots=slots,
        wait_seconds=context.settings.poll_seconds,
    )
    poll = asyncio.create_task(context.contact.send(call))
    changed = asyncio.create_task((holdings.rest_begun if slots else holdings.changed).wait())
    try:
        await asyncio.wait({poll, changed}, timeout=rest or None, return_when=asyncio.FIRST_COMPLETED)
        return poll.result() if poll.done() else None
    finally:
        await ended(poll, changed)


def take(context: RunnerContext, answer: PollAnswer, supervise: Callable[[HeldAttempt], None]) -> bool:
    """Act on an answer; False when there was nothing new in it."""
    news = [context.holdings.want_stop(order) for order in answer.stops]
    news += [context.holdings.disown(ref) for ref in answer.stale]
    news += [context.holdings.decide(order) for order in answer.decisions]
    news += [context.holdings.tell(order) for order in answer.messages]
    news += [context.jobs.take(order) for order in answer.jobs]
    for claim in answer.runs:
        if (claim.run_id, claim.attempt) not in context.holdings:
            held = hold(context, claim)
            context.holdings.add(held)
            supervise(held)
            news.append(True)
    return any(news)


def hold(context: RunnerContext, claim: Claim) -> HeldAttempt:
    """A claim with a session token of its own and a place on the disk."""
    token = SESSION_TOKEN_PREFIX + secrets.token_urlsafe(SESSION_TOKEN_BYTES)
    attempt = Attempt(claim=claim, session_token=token)
    return HeldAttempt(attempt, AttemptFiles(context.attempts / attempt.tracking))


def _says_anything(answer: PollAnswer) -> bool:
    orders = (answer.runs, answer.stops, answer.stale, answer.decisions, answer.messages, answer.jobs)
    return any(orders) or answer.draining
