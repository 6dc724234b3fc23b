"""`spawn`: work on issues in a worktree of its own; it waits until that is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from cyclopts import Parameter

from callboard.cli import candidates
from callboard.cli.context import Context
from callboard.cli.exit_codes import CONFLICT
from callboard.cli.jobs import report_failure, wait_for_job, wait_for_work
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import span
from callboard.cli.projects import InProject, project_of
from callboard.cli.run import BOUNDS, PLACE, WHAT, budget_limits
from callboard.client import calls
from callboard.domain.errors import InvalidRequest, NotFound
from callboard.domain.issue_authors import read_accepted
from callboard.domain.work_names import MAX_ISSUES, as_numbers, issue_problems, refusal
from callboard.domain.worker_prompt import shown
from callboard.wire.requests import Limits, PermissionMode
from callboard.wire.work import Job, Project, Spawn, Spawned


@Parameter(name="*", group=WHAT)
@dataclass(frozen=True, kw_only=True)
class Worker:
    """Who works."""

    agent: Annotated[str | None, Parameter(help="Agent by name.", completer=candidates.agents)] = None
    executor: Annotated[str | None, Parameter(help="Executor by name.", completer=candidates.executors)] = None
    model: Annotated[str | None, Parameter(help="Model, where the executor takes one.")] = None
    permission_mode: Annotated[PermissionMode | None, Parameter(help="What the agent may do without asking.")] = None
    budget: Annotated[float | None, Parameter(group=BOUNDS, help="Most dollars, for it and all below it.")] = None
    budget_tokens: Annotated[int | None, Parameter(group=BOUNDS, help="Most tokens, for it and all below it.")] = None

    @property
    def limits(self) -> Limits | None:
        """Its budget, if it has one."""
        return budget_limits(self.budget, self.budget_tokens)


@Parameter(name="*", group=PLACE)
@dataclass(frozen=True, kw_only=True)
class Ground:
    """Where it begins."""

    project: InProject = None
    base: Annotated[str | None, Parameter(help="Branch to begin at.")] = None
    host: Annotated[str | None, Parameter(help="Only on this machine.")] = None
    reuse_branch: Annotated[bool, Parameter(help="Go on with a branch of that name that is there already.")] = False
    new_branch: Annotated[bool, Parameter(help="If the branch is there already, take the next free name.")] = False
    accept_text: Annotated[
        list[str] | None,
        Parameter(help="NUMBER=HASH: work on this issue though a stranger wrote it, if it still reads so."),
    ] = None


_WORKER, _GROUND = Worker(), Ground()
_NOTHING_BEGINS: Final = ("no_runner", "no_matching_runner", "runner_lost", "runner_draining", "budget")


def spawn(
    *issues: Annotated[str, Parameter(help="Numbers of issues; the first names the work.", allow_leading_hyphen=True)],
    worker: Worker = _WORKER,
    ground: Ground = _GROUND,
    dry_run: Annotated[bool, Parameter(help="Only say what would happen.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Start one session for these issues, in a worktree of its own. When this returns 0 the worktree is there.

    An issue that is in an active session already is refused; when anything fails nothing is left of it.
    """
    context = Context(show, where)
    project = project_of(context, ground.project)
    body = Spawn(issues=_numbers(context, project, issues), dry_run=dry_run, **how_to_work(worker, ground))
    return follow(context, context.client.send(calls.work.spawn(project.project_id, body)))


def how_to_work(worker: Worker, ground: Ground) -> dict[str, Any]:
    """What was said of worker and ground, as a request for work has it. InvalidRequest for a text that is none."""
    return {
        "agent_name": worker.agent,
        "executor_type": worker.executor,
        "model": worker.model,
        "permission_mode": worker.permission_mode,
        "limits": worker.limits,
        "base_branch": ground.base,
        "hostname": ground.host,
        "reuse_branch": ground.reuse_branch,
        "new_branch": ground.new_branch,
        "accept_text": read_accepted(ground.accept_text or ()),
    }


def _numbers(context: Context, project: Project, words: Sequence[str]) -> list[int]:
    """The numbers that were typed; InvalidRequest names all that are wrong, those of no issue too."""
    option = next((word for word in words if word.startswith("-") and word.lstrip("-")[:1].isalpha()), None)
    if option is not None:
        raise InvalidRequest(f"spawn has no option {option}.", hint="Its options: callboard spawn --help")
    values = as_numbers(words)
    problems = issue_problems(values)
    if not problems:
        return values
    plain = dict.fromkeys(value for value in values if isinstance(value, int))
    known = project.tracker != "local" or len(plain) > MAX_ISSUES
    unknown = [number for number in plain if not known and not _is_issue(context, project, number)]
    raise refusal([*problems, *((number, "no such issue") for number in unknown)])


def _is_issue(context: Context, project: Project, number: int) -> bool:
    try:
        context.client.send(calls.work.get_issue(project.project_id, number))
    except NotFound:
        return False
    return True


def follow(context: Context, spawned: Spawned) -> int:
    """Wait until the worktree of a spawn is there, and print what there is; the exit code."""
    if spawned.session_id is not None:
        context.output.note(span(f"{spawned.session_id}  {spawned.handle}  {spawned.branch}", "dim"))
    try:
        job_id, what = spawned.job_id or "", f"The worktree {spawned.directory_name}"
        if spawned.session_id is None:
            job = wait_for_job(context, job_id, what)
        else:
            named = {"session_id": spawned.session_id, "handle": spawned.handle}
            job = wait_for_work(context, job_id, what, **named)
    except KeyboardInterrupt:
        context.output.warn(f"\nDetached; the spawn goes on. Look at it: callboard get {spawned.handle}")
        raise
    if job.status != "done":
        return report_failure(context, job)
    _show(context, spawned, job)
    if spawned.run_id is not None:
        _warn(context, spawned.run_id)
    return _tell_strangers(context, job.answer) if spawned.dry_run else 0


def _show(context: Context, spawned: Spawned, job: Job) -> None:
    output = context.output
    made: dict[str, Any] = job.answer
    if output.json_wanted:
        same = ("session_id", "run_id", "handle", "state_file", "executor_type", "dry_run")
        place = ("hostname", "path", "branch", "base_branch", "base_commit")
        value = {name: getattr(spawned, name) for name in same} | {name: made.get(name) for name in place}
        told = ("number", "title", "author", "content_hash", "allowed_by")
        value["issues"] = [{name: one[name] for name in told if name in one} for one in made.get("issues", [])]
        output.value(value)
    elif output.quiet:
        output.line(spawned.session_id or made["path"])
    else:
        output.line(span("would make" if spawned.dry_run else spawned.session_id or "", "bold"))
        for one in made.get("issues", []):
            output.line(span(f"  {'issue':<12}", "dim"), f"#{one['number']} {one['title']}")
        base = f"{made['base_branch']} {made['base_commit'][:12]}"
        for name, text in (("branch", made["branch"]), ("base", base), ("host", made["hostname"])):
            output.line(span(f"  {name:<12}", "dim"), text)
        output.line(span(f"  {'worktree':<12}", "dim"), made["path"])
        if not spawned.dry_run:
            handle = spawned.handle
            output.note(span(f"follow: callboard logs -f {handle}   look: callboard get {handle}", "dim"))


def _warn(context: Context, run_id: str) -> None:
    """A worktree in which nothing can begin is no success: what is missing is said at once."""
    why = context.client.send(calls.runs.why(run_id))
    if why.code in _NOTHING_BEGINS and not context.output.json_wanted:
        context.output.warn(span("warning: ", "yellow", "bold"), f"Nothing works there yet. {why.sentence}")
        context.output.warn(span("next:  ", "bold"), why.next_step or f"callboard why {run_id}")


def _tell_strangers(context: Context, made: dict[str, Any]) -> int:
    """After a dry run: the texts that a spawn would refuse, whole and with hidden parts written out; the exit code."""
    strange = [one for one in made.get("issues", []) if one.get("content_hash") and not one.get("allowed_by")]
    output = context.output
    for one in strange if not output.json_wanted else ():
        number, who = one["number"], one.get("author") or "somebody who is gone"
        output.warn(f"\nIssue {number} is by {who}, who is not of the project; nobody has accepted its text:")
        output.line(shown(one["title"]))
        output.line(shown(one.get("body", "")))
        output.warn(span("next:  ", "bold"), f"--accept-text {number}={one['content_hash']}")
    return CONFLICT if strange else 0
