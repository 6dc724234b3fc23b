"""From a claim to a running agent: the checks, the permission, the mark on the disk, the keeper.

Each step is taken once the one before it is certain; nothing is started without an accepted `started`.
"""

import asyncio
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast, get_args

import msgspec

from callboard.domain.ids import uuid_of
from callboard.domain.invocation import CheckOrder, Invocation, Launch, PermissionMode
from callboard.executors import base
from callboard.executors.process import KeeperFailed, close_journal, start_keeper
from callboard.runner.attempt_reports import AttemptReports
from callboard.runner.checks import CheckUnknown, check_orders
from callboard.runner.context import OfferedExecutor, RunnerContext
from callboard.runner.directories import DirectoryRefused, working_directory
from callboard.runner.environment import agent_environment, agent_identity
from callboard.runner.held import HeldAttempt
from callboard.runner.identity import private_folder
from callboard.runner.mcp_servers import described_servers, mcp_servers
from callboard.runner.strays import end_earlier_attempts
from callboard.runner.transcripts import TranscriptLost, restore_transcript
from callboard.runner.trust import untrusted_files
from callboard.runner.unstarted import boot_id
from callboard.wire.runner import Claim

PROMPT_IS_SCRIPT: Final = (
    "[executors.{}] may run its prompt as a script here, and this prompt holds text from elsewhere. "
    "If its program only reads it, state prompt_is_data = true there."
)
ON_ITS_BRANCH: Final = "What was committed is on its branch, with which work can begin anew."
WORKTREE_GONE: Final = f"The worktree {{}} is not there any more. {ON_ITS_BRANCH}"


class NotLaunchable(Exception):
    """Nothing was started. `retry` is False when this runner can never start it."""

    def __init__(self, code: str, sentence: str, *, retry: bool) -> None:
        super().__init__(sentence)
        self.code = code
        self.retry = retry


def prepare(context: RunnerContext, held: HeldAttempt) -> tuple[Invocation, Launch]:
    """What is asked of the executor, and the process that it wants; blocking. Raises NotLaunchable."""
    offered = context.executors.get(held.claim.executor_type)
    if offered is None:
        raise NotLaunchable(
            "executor_missing", f"This runner has no executor {held.claim.executor_type!r}.", retry=False
        )
    if offered.executes_prompt and holds_foreign_text(held.claim):
        raise NotLaunchable("prompt_is_script", PROMPT_IS_SCRIPT.format(held.claim.executor_type), retry=False)
    _check_worktree(context, held.claim)
    try:
        invocation = invocation_of(context, held, offered)
        launch = base.launch(offered.executor, invocation)
        _checks(context, held, launch.cwd)
        held.files.save_invocation(invocation)
    except DirectoryRefused as refused:
        gone = refused.code == "project_dir_missing" and held.claim.repository is not None
        sentence = WORKTREE_GONE.format(held.claim.project_dir) if gone else str(refused)
        raise NotLaunchable(refused.code, sentence, retry=False) from refused
    except ValueError as cause:
        raise NotLaunchable("launch_refused", str(cause), retry=False) from cause
    except CheckUnknown as unknown:
        raise NotLaunchable("check_unknown", str(unknown), retry=False) from unknown
    except OSError as cause:
        raise NotLaunchable("runner_state_unwritable", str(cause), retry=True) from cause
    return invocation, launch


def _check_worktree(context: RunnerContext, claim: Claim) -> None:
    """What is in the place of a worktree, a link or a folder of others, is not ours to work in, although it is inside
    the same roots."""
    if claim.repository is None or claim.project_dir is None:
        return
    instead = context.jobs.work.workspaces.missing(Path(claim.repository), Path(claim.project_dir))
    if instead is not None:
        raise NotLaunchable("project_dir_missing", f"{instead} {ON_ITS_BRANCH}", retry=False)


def holds_foreign_text(claim: Claim) -> bool:
    """Whether others than the person who asked have words in the prompt; of old coordinators by what the run is."""
    return claim.prompt_as_data or claim.repository is not None or claim.trigger not in ("user", "external")


def _checks(context: RunnerContext, held: HeldAttempt, directory: str) -> list[CheckOrder]:
    """What follows on the agent, as it stands before the agent could change it. Raises CheckUnknown."""
    repository = Path(held.claim.repository or directory)
    return check_orders(held.claim.checks, context.settings, context.environment, directory, repository)


def invocation_of(context: RunnerContext, held: HeldAttempt, offered: OfferedExecutor) -> Invocation:
    """A claim in the words of an executor. Raises DirectoryRefused."""
    claim, settings = held.claim, context.settings
    directory = _directory(context, claim.project_dir)
    state = private_folder(private_folder(settings.state_dir / "executors") / claim.executor_type)
    environment = _environment(context, held, offered)
    return Invocation(
        run_id=claim.run_id,
        session_id=claim.session_id,
        attempt=claim.attempt,
        run_number=claim.run_number,
        mode="start" if claim.executor_session_id is None else "resume",
        context="fresh" if claim.context == "fresh" else "persistent",
        executor_type=claim.executor_type,
        executor_session_id=claim.executor_session_id,
        chosen_session_uuid=claim.conversation_uuid or str(uuid_of(claim.session_id)),
        prompt=claim.prompt,
        parameters=claim.parameters,
        project_dir=str(directory),
        agent=claim.agent,
        mcp_servers=_servers(context, claim, environment, str(directory)),
        model=claim.model,
        permission_mode=_permission_mode(claim),
        limits=claim.limits,
        settings=dict(offered.table),
        state_dir=str(state),
        environment=environment,
        untrusted_files=untrusted_files(
            settings.state_dir, directory, offered.executor.repository_files(offered.table), environment.get("HOME")
        ),
    )


def _servers(
    context: RunnerContext, claim: Claim, environment: dict[str, str], directory: str
) -> dict[str, dict[str, Any]]:
    """The MCP servers of the agent; ValueError for one that it names and that nobody describes here."""
    described = msgspec.to_builtins(context.settings.mcp_servers)
    asked = described_servers((claim.agent or {}).get("mcp_servers"), described)
    return mcp_servers(asked, environment, directory)


async def restore(context: RunnerContext, held: HeldAttempt, reports: AttemptReports, invocation: Invocation) -> None:
    """Put the kept transcript of a portable session in its place before anything is asked. Raises NotLaunchable."""
    if held.claim.transcript is None:
        return
    executor = context.executors[held.claim.executor_type].executor
    try:
        await restore_transcript(reports, executor, invocation, held.claim.transcript)
    except TranscriptLost as lost:
        sentence = f"{lost} It goes on in a new one: callboard resume {held.claim.session_id} PROMPT --from-log"
        raise NotLaunchable("executor_session_missing", sentence, retry=False) from lost
    except OSError as cause:
        raise NotLaunchable("runner_state_unwritable", str(cause), retry=True) from cause


async def ask_permission(context: RunnerContext, reports: AttemptReports, held: HeldAttempt, project_dir: str) -> bool:
    """Whether the agent may be launched; False when the run is to be stopped before anything ran."""
    token = hashlib.sha256(held.attempt.session_token.encode()).hexdigest()
    takes_messages = context.executors[held.claim.executor_type].executor.takes_messages
    answer = await reports.started(token, project_dir, takes_messages=takes_messages)
    return answer.ok and not answer.stop


async def start(context: RunnerContext, held: HeldAttempt, number: int, launch: Launch) -> None:
    """Mark the launch, then start its keeper and with it the agent. Raises NotLaunchable when no keeper came up.

    Is not to be cancelled half-way: see `undisturbed`.
    """
    _check_again(context, launch)
    await asyncio.to_thread(_check_worktree, context, held.claim)
    try:
        checks = await asyncio.to_thread(_checks, context, held, launch.cwd)
    except CheckUnknown as unknown:
        raise NotLaunchable("check_unknown", str(unknown), retry=False) from unknown
    if held.progress.phase == "claimed":
        held.progress.tells_checks = held.progress.tells_output = True
    held.progress.phase = "launching"
    held.progress.launch = number
    held.progress.boot_id = await asyncio.to_thread(boot_id)
    await held.save()
    try:
        await start_keeper(
            held.files.launch_folder(number),
            launch,
            tracking=held.attempt.tracking,
            limits=context.settings.keeper.as_limits(),
            checks=checks,
        )
    except (KeeperFailed, OSError) as cause:
        await _make_sure_it_never_starts(held, number)
        raise NotLaunchable("keeper_failed", str(cause), retry=False) from cause


async def end_strays_before(held: HeldAttempt) -> None:
    """End what earlier attempts of the session left on this host. Raises NotLaunchable while some of it lives on."""
    earlier = [f"{held.claim.run_id}.{number}" for number in held.claim.earlier_attempts]
    strays = await asyncio.to_thread(end_earlier_attempts, held.claim.session_id, earlier, held.attempt.tracking)
    if strays.left:
        sentence = f"{strays.left} processes of an earlier attempt cannot be ended."
        raise NotLaunchable("earlier_attempt_alive", sentence, retry=False)


async def _make_sure_it_never_starts(held: HeldAttempt, number: int) -> None:
    """A keeper that was only slow must not come up after we have given up."""
    with suppress(OSError):
        await asyncio.to_thread(close_journal, held.files.launch_folder(number), held.attempt.tracking)


def _check_again(context: RunnerContext, launch: Launch) -> None:
    """What lay inside the roots when it was asked may have been swapped for a link since."""
    try:
        if str(_directory(context, launch.cwd)) == launch.cwd:
            return
    except DirectoryRefused as refused:
        raise NotLaunchable(refused.code, str(refused), retry=False) from refused
    raise NotLaunchable("project_dir_outside_roots", f"{launch.cwd} has become a link to another place.", retry=False)


def _directory(context: RunnerContext, asked: str | None) -> Path:
    settings = context.settings
    return working_directory(asked, settings.project_dir, settings.roots, context.jobs.work.workspaces.is_ours)


def _environment(context: RunnerContext, held: HeldAttempt, offered: OfferedExecutor) -> dict[str, str]:
    identity = agent_identity(
        session_id=held.claim.session_id,
        run_id=held.claim.run_id,
        url=context.settings.url,
        session_token=held.attempt.session_token,
        traceparent=held.claim.traceparent,
    )
    declared: dict[str, Any] = offered.table.get("env", {})
    return agent_environment(context.environment, passed=offered.passed, declared=declared, identity=identity)


def _permission_mode(claim: Claim) -> PermissionMode | None:
    mode = claim.permission_mode
    return cast(PermissionMode, mode) if mode in get_args(PermissionMode) else None
