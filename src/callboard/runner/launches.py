"""Runs the launches of one attempt, one after another, until one is the last: usually the first."""

from pathlib import Path
from typing import Final

import msgspec

from callboard.domain.invocation import Invocation, Outcome, Relaunch
from callboard.executors import base
from callboard.executors.base import Executor
from callboard.runner.context import RunnerContext
from callboard.runner.deltas import Deltas
from callboard.runner.follow import Following
from callboard.runner.held import HeldAttempt
from callboard.runner.launch import WORKTREE_GONE, NotLaunchable, start
from callboard.runner.outbox import Outbox
from callboard.runner.report import MAX_ERROR_CHARACTERS, End, end_of, failed, with_checks
from callboard.runner.waiting import undisturbed
from callboard.wire.runner import Claim

MAX_LAUNCHES: Final = 5


async def run_launches(
    context: RunnerContext, held: HeldAttempt, invocation: Invocation, outbox: Outbox, deltas: Deltas
) -> End:
    """The end of an attempt whose first launch was made, now or by an earlier process. Starts what follows on it."""
    executor = context.executors[held.claim.executor_type].executor
    for number in range(1, MAX_LAUNCHES + 1):
        following = Following(held, number, executor.conversation(invocation), outbox, deltas)
        outcome = await following.until_end(context.clock)
        again = outcome if isinstance(outcome, Relaunch) else _begun_anew(executor, invocation, outcome, held.claim)
        if isinstance(outcome, Outcome) and again is None:
            end = end_of(outcome, held.progress, interrupted=following.interrupted, signalled=following.signalled)
            end = without_worktree(end, held.claim)
            return with_checks(end, held.progress, len(held.claim.checks), following.checks)
        if again is None or (held.stopping and number >= held.progress.launch):
            return End(kind="stopped", details={"certainty": following.certainty})
        invocation = again.invocation
        if number >= held.progress.launch:
            try:
                await undisturbed(start(context, held, number + 1, again.launch))
            except NotLaunchable as reason:
                return failed(reason.code, str(reason))
    return failed("too_many_launches", f"The executor asked for more than {MAX_LAUNCHES} launches.")


def without_worktree(end: End, claim: Claim) -> End:
    """The end of an agent that failed because its worktree was removed under it says so, whatever the agent said."""
    path = claim.project_dir
    by_itself = end.kind == "failed" and end.details.get("reason") == "failed"
    if not by_itself or claim.repository is None or path is None or Path(path).is_dir():
        return end
    said = end.details.get("error_message")
    message = WORKTREE_GONE.format(path) + (f" The agent: {said}" if said and path not in said else "")
    error = {"error_code": "project_dir_missing", "error_message": message[-MAX_ERROR_CHARACTERS:]}
    return msgspec.structs.replace(end, details=end.details | error)


def _begun_anew(executor: Executor, invocation: Invocation, outcome: Outcome, claim: Claim) -> Relaunch | None:
    """The launch that begins a lost conversation again under its id, while no answer of it is stored anywhere."""
    if outcome.reason != "executor_session_missing" or claim.answered or invocation.mode == "start":
        return None
    own_id = invocation.executor_session_id if executor.native_ids == "chosen" else None
    anew = msgspec.structs.replace(
        invocation,
        mode="start",
        executor_session_id=None,
        chosen_session_uuid=own_id or invocation.chosen_session_uuid,
    )
    return Relaunch(invocation=anew, launch=base.launch(executor, anew))
