"""Renews the leases of all held attempts and passes on what comes back; stops the agents after too long a silence."""

from dataclasses import replace
from typing import Final

import structlog

from callboard.client.calls import runner
from callboard.domain.errors import CallboardError
from callboard.runner.attempt_files import CutShort
from callboard.runner.contact import PASSING
from callboard.runner.context import RunnerContext
from callboard.wire.runner import Heartbeat, HeartbeatAnswer

RETRY_SECONDS: Final = 1.0
_LOG = structlog.get_logger(__name__)


async def beat_for_ever(context: RunnerContext) -> None:
    """Send heartbeats until cancelled: one at once, then one each interval, more often while they fail."""
    while True:
        try:
            await beat_once(context)
            pause = context.membership.heartbeat_seconds
        except CallboardError as error:
            if not isinstance(error, PASSING):
                _LOG.error("heartbeat_refused", code=error.code, detail=error.detail)
            pause = min(RETRY_SECONDS, context.membership.heartbeat_seconds)
            stop_after_silence(context)
        await context.clock.pause(pause)


async def beat_once(context: RunnerContext) -> HeartbeatAnswer:
    """Send one heartbeat and act on its answer."""
    beat = Heartbeat(
        runner_id=context.membership.runner_id,
        epoch=context.membership.epoch,
        attempts=context.holdings.refs,
        clock_ms=context.clock.now_ms(),
        facts=context.measured.take(),
    )
    call = replace(runner.heartbeat(beat), timeout_seconds=context.membership.lease_seconds / 4)
    answer = await context.contact.send(call)
    for order in answer.stops:
        context.holdings.want_stop(order)
    for ref in answer.stale:
        context.holdings.disown(ref)
    for decision in answer.decisions:
        context.holdings.decide(decision)
    for message in answer.messages:
        context.holdings.tell(message)
    for job in answer.jobs:
        context.jobs.take(job)
    if answer.clock_skew_ms:
        _LOG.warning("clock_differs", milliseconds=answer.clock_skew_ms)
    return answer


def stop_after_silence(context: RunnerContext) -> None:
    """After too long without the coordinator, have every agent stopped: it may have been given up there."""
    allowed = context.membership.stop_on_runner_seconds
    if context.contact.silent_seconds <= allowed:
        return
    message = f"The runner heard nothing from the coordinator for {allowed:g} s and stopped the agent."
    for held in context.holdings:
        if held.launched and held.cut_short(CutShort(reason="interrupted", code="out_of_contact", message=message)):
            _LOG.warning("out_of_contact", run_id=held.claim.run_id, attempt=held.claim.attempt)
