"""Why a run is where it is: one decision from what is known of it to a code, a sentence and the next step."""

import msgspec

from callboard.domain.demands import Demands, Offer, Reason, match
from callboard.domain.lifecycle import ENDED as WORK_ENDED
from callboard.domain.lifecycle import HALTED
from callboard.domain.portability import STAYS, Stays
from callboard.domain.run import ENDED, REASON_SENTENCES
from callboard.domain.runner import RunnerState
from callboard.domain.why_words import (
    AFTER_END,
    IN_TOKENS,
    LACKS,
    REMEDIES,
    RETRY,
    UNPRICED_SENTENCE,
    WAITS_FOR_HOST,
    sentence_of_end,
)
from callboard.domain.work_step import Emptied, Standing, how_it_stands, next_step, raised


class RunnerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A registered runner as it stands now."""

    runner_id: str
    name: str
    hostname: str
    state: RunnerState
    quiet_ms: int
    """How long ago it was last heard."""
    slots: int
    live_runs: int
    offer: Offer


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """The run of the same session that is before this one."""

    run_id: str
    status: str
    external: bool


class Preparing(msgspec.Struct, frozen=True, kw_only=True):
    """The preparation of the worktree that a run works in."""

    runner_name: str | None
    """Of the runner that makes it; None while none has taken it."""
    places: tuple[tuple[str, str], ...]
    """Hostname and path of each repository at which it may be made."""
    deadline_ms: int


class UsedUp(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that lets nothing start."""

    empty: Emptied
    sentence: str


class Checking(msgspec.Struct, frozen=True, kw_only=True):
    """The check that runs after the agent."""

    name: str
    since_ms: int


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A run and what surrounds it; times in Unix milliseconds."""

    run_id: str
    status: str
    demands: Demands
    session_id: str
    now_ms: int
    external: bool = False
    reason: str | None = None
    stopped_by: str | None = None
    error_message: str | None = None
    error_code: str | None = None
    runner_name: str | None = None
    since_ms: int = 0
    """When the present status began."""
    stop_requested: bool = False
    asks: str | None = None
    """What its agent asks permission for, if it waits for a person; `asked_ms` is since when."""
    asked_ms: int = 0
    asks_question: bool = False
    """Whether that is a question to answer, not a permission to give."""
    held_callbacks: int = 0
    """How many ends of children its session is not told until it goes on."""
    lost_deadline_ms: int | None = None
    """When an interrupted run fails; None when it does not wait."""
    no_match_deadline_ms: int | None = None
    """When the run fails because no registered runner fits; None while one does."""
    blocker: Blocker | None = None
    preparing: Preparing | None = None
    work: Standing | None = None
    """The work that it belongs to, where nothing of that runs now: its next step is the run's."""
    checking: Checking | None = None
    before: int = 0
    """How many runs with the same demands are before it in the queue."""
    runners: tuple[RunnerFacts, ...] = ()
    budget: UsedUp | None = None
    """Of a pending run: what does not let it start; None when it may."""
    pool_session_id: str = ""
    """Whose budget it draws from, else its own session."""
    preferred_host: str | None = None
    """Of a portable session: where its conversation is, as long as only that host may take the run."""
    moves_at_ms: int | None = None
    """When other hosts may take it; None when they never may."""
    stays: Stays | None = None
    """Why they never may."""
    moves_from: str | None = None
    """Of a portable session: the host of its conversation, when any other may take the run."""


class RunnerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Why one runner does not take the run; no reasons: it would."""

    runner: RunnerFacts
    fits: bool
    reasons: list[Reason]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Why the run is where it is."""

    code: str
    sentence: str
    next_step: str | None = None
    runners: list[RunnerAnswer] = []


def explain(run: RunFacts) -> Answer:
    """The answer for a run in any state, with what its session is not told yet."""
    answer = _explain(run)
    return _with_held(answer, run) if run.held_callbacks else answer


def _with_held(answer: Answer, run: RunFacts) -> Answer:
    held = "The end of a child is" if run.held_callbacks == 1 else f"The ends of {run.held_callbacks} children are"
    step, said = answer.next_step or "callboard callbacks list --status held", "held until the session goes on."
    return msgspec.structs.replace(answer, sentence=f"{answer.sentence} {held} {said}", next_step=step)


def _explain(run: RunFacts) -> Answer:
    if run.status in ENDED:
        return _ended(run)
    if run.status == "interrupted":
        return _interrupted(run)
    if run.status == "pending":
        return _pending(run)
    return _live(run)


def duration(time_ms: int) -> str:
    """A span of time in words, rounded down: `50 s`, `4 min`, `3 h`, `2 days`."""
    seconds = max(0, time_ms) // 1000
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _ended(run: RunFacts) -> Answer:
    reason = run.reason or "failed"
    work = run.work
    if work is not None and work.never_begun and reason != "completed":
        said = f"Its worktree was not made: {work.stuck_reason}"
        return Answer(code="ended", sentence=said, next_step=next_step(work))
    ended = sentence_of_end(reason, run.stopped_by, run.error_message, run.error_code)
    parts = [ended or REASON_SENTENCES["failed"]]
    if run.error_message and run.error_message not in parts and reason not in ("completed", "stopped"):
        parts.append(run.error_message)
    step = IN_TOKENS if run.error_message == UNPRICED_SENTENCE else AFTER_END.get(reason, RETRY)
    step = step and step.format(run_id=run.run_id, session_id=run.session_id, pool=run.pool_session_id)
    if reason == "budget_exceeded" and run.budget is not None:
        step = raised(run.budget.empty)
    if work is not None and (reason != "completed" or work.lifecycle != "complete"):
        # A retry would be refused: the work itself has to go on first, or be begun anew.
        step = next_step(work) or (step if work.lifecycle not in (*HALTED, *WORK_ENDED) else None)
        if work.lifecycle in (*HALTED, *WORK_ENDED):
            ends = parts[-1].endswith((".", "!", "?", "…"))
            parts.append(("" if ends else "— ") + how_it_stands(work, said=" ".join(parts)))
    return Answer(code="ended", sentence=" ".join(parts), next_step=step)


def _live(run: RunFacts) -> Answer:
    where = run.runner_name or "its runner"
    spent = duration(run.now_ms - run.since_ms)
    if run.stop_requested:
        return Answer(
            code="stopping",
            sentence=f"A stop was asked for; {where} ends the agent and all its processes.",
            next_step="Wait: it is shown as stopped when none of them is left.",
        )
    if run.external:
        return Answer(code="external", sentence=f"Another process has led this conversation for {spent}.")
    if run.status == "claimed":
        return Answer(code="claimed", sentence=f"{where} took the run {spent} ago and has not started the agent yet.")
    if run.asks is not None:
        what, how = ("", " --answer TEXT") if run.asks_question else (" for permission", "")
        return Answer(
            code="waits_for_approval",
            sentence=f"Its agent asked{what} {duration(run.now_ms - run.asked_ms)} ago: {run.asks}",
            next_step=f"callboard approve {run.session_id}{how} or callboard deny {run.session_id}",
        )
    if run.checking is not None:
        spent = duration(run.now_ms - run.checking.since_ms)
        said = f"Its agent has ended; the check {run.checking.name} has been running on {where} for {spent}."
        return Answer(code="checking", sentence=said)
    return Answer(code="running", sentence=f"It has been running on {where} for {spent}.")


def _interrupted(run: RunFacts) -> Answer:
    where = run.runner_name or "its runner"
    lost = f"Contact with {where} was lost {duration(run.now_ms - run.since_ms)} ago."
    if run.lost_deadline_ms is None:
        return Answer(code="interrupted", sentence=f"{lost} What follows is decided at once.")
    left = duration(run.lost_deadline_ms - run.now_ms)
    follows = f"The agent may still be at work; unless the runner comes back within {left}, the run fails."
    if run.stop_requested:
        follows = f"The runner gets the stop first when it comes back; after {left} the run ends without it."
    return Answer(
        code="interrupted",
        sentence=f"{lost} {follows}",
        next_step=f"Look whether the machine of {where} is up and reaches the coordinator.",
    )


def _pending(run: RunFacts) -> Answer:
    if run.work is not None and run.work.lifecycle in (*HALTED, *WORK_ENDED):
        return Answer(code="work_halted", sentence=how_it_stands(run.work), next_step=next_step(run.work))
    if run.preparing is not None:
        return _preparing(run, run.preparing)
    answers = [_ask(runner, run) for runner in run.runners]
    if run.budget is not None and not run.blocker:
        raise_it = f"{raised(run.budget.empty)}; or wait until others end."
        return Answer(code="budget", sentence=run.budget.sentence, next_step=raise_it, runners=answers)
    code, sentence, step = _behind(run.blocker) if run.blocker else _queued(run, answers)
    if not run.blocker:
        sentence += _portability(run)
    if code in WAITS_FOR_HOST and run.moves_at_ms is not None and _elsewhere(answers):
        code = "waits_for_host"
    return Answer(code=code, sentence=sentence, next_step=step, runners=answers)


def _preparing(run: RunFacts, facts: Preparing) -> Answer:
    """Its runners are no matter yet: where it goes is not known before its worktree is there."""
    left = duration(facts.deadline_ms - run.now_ms)
    if facts.runner_name is not None:
        return Answer(
            code="preparing",
            sentence=f"{facts.runner_name} makes its worktree. Unless that is done within {left}, it is undone.",
        )
    places = ", ".join(f"{hostname}:{path}" for hostname, path in facts.places[:5]) or "none"
    return Answer(
        code="preparing",
        sentence="Its worktree waits for a runner of a place of the project "
        f"({places}). Unless one comes within {left}, the spawn is undone.",
        next_step=f"Start one there: callboard runner --project-dir {facts.places[0][1] if facts.places else 'PATH'}",
    )


def _elsewhere(answers: list[RunnerAnswer]) -> bool:
    """Whether some other host's runner only waits for the host of the conversation."""
    return any([reason.code for reason in answer.reasons] == ["host_preferred"] for answer in answers)


def _portability(run: RunFacts) -> str:
    """What a portable session's run may do besides waiting for the host of its conversation."""
    if run.stays is not None:
        return f" {STAYS[run.stays]}"
    if run.preferred_host is not None and run.moves_at_ms is not None:
        left = run.moves_at_ms - run.now_ms
        when = f"In {duration(left)}" if left > 0 else "Now"
        return f" {when} another host may restore the conversation of {run.preferred_host} and take the run."
    if run.moves_from is not None:
        return f" A runner of another host than {run.moves_from} restores the conversation first."
    return ""


def _ask(runner: RunnerFacts, run: RunFacts) -> RunnerAnswer:
    """What one runner says to the demands, and whether it could take a run now."""
    mismatches = [_softened(reason, run) for reason in match(run.demands, runner.offer)]
    reasons = list(mismatches)
    if runner.state == "lost":
        reasons.append(Reason(code="runner_lost", found=str(runner.quiet_ms // 1000)))
    elif runner.state == "draining":
        reasons.append(Reason(code="runner_draining"))
    elif runner.live_runs >= runner.slots:
        reasons.append(Reason(code="no_free_slot", found=str(runner.slots)))
    return RunnerAnswer(runner=runner, fits=not mismatches, reasons=reasons)


def _softened(reason: Reason, run: RunFacts) -> Reason:
    """A host that is only preferred is said to be so."""
    if reason.code != "hostname_differs" or run.preferred_host is None or run.moves_at_ms is None:
        return reason
    left = max(0, run.moves_at_ms - run.now_ms)
    return Reason(code="host_preferred", wanted=run.preferred_host, found=duration(left))


def _behind(blocker: Blocker) -> tuple[str, str, str | None]:
    if blocker.external:
        return (
            "behind_external",
            "Another process leads this session's conversation now; the run waits until it ends or its lease is over.",
            "End that process, or wait.",
        )
    return (
        "behind_run",
        f"It waits for {blocker.run_id} of the same session, which is {blocker.status}.",
        f"Wait, or stop that one: callboard stop {blocker.run_id}",
    )


def _queued(run: RunFacts, answers: list[RunnerAnswer]) -> tuple[str, str, str | None]:
    fitting = [answer for answer in answers if answer.fits]
    ready = [answer for answer in fitting if not answer.reasons]
    if not answers:
        return "no_runner", f"No runner is registered.{_deadline(run)}", "Start one: callboard runner"
    if not fitting:
        return _no_match(run, answers)
    if not ready:
        return _all_away(fitting)
    if run.before:
        runs = "1 run with the same demands is" if run.before == 1 else f"{run.before} runs with the same demands are"
        return "in_queue", f"{runs} before it in the queue.", "Wait, or add a runner or slots."
    return "next", f"{ready[0].runner.name or ready[0].runner.hostname} takes it with its next poll.", None


def _no_match(run: RunFacts, answers: list[RunnerAnswer]) -> tuple[str, str, str | None]:
    """Names what every runner lacks; when there is no such thing, the runner that lacks least."""
    lacking = [[(reason.code, reason.wanted) for reason in match(run.demands, one.runner.offer)] for one in answers]
    missing_everywhere = [lack for lack in lacking[0] if all(lack in other for other in lacking)]
    nearest = min(range(len(answers)), key=lambda index: len(lacking[index]))
    code, wanted = (missing_everywhere or lacking[nearest])[0]
    if missing_everywhere:
        phrases = [LACKS[each].format(wanted=value) for each, value in missing_everywhere]
        sentence = f"No registered runner {', and none '.join(phrases)}."
    else:
        best = answers[nearest]
        sentence = (
            f"None of the {len(answers)} registered runners meets all demands. "
            f"Nearest is {best.runner.name or best.runner.hostname}: {best.reasons[0].sentence}"
        )
    return (
        "no_matching_runner",
        sentence + _deadline(run),
        REMEDIES[code].format(wanted=wanted) + _instead(code, answers),
    )


def _instead(code: str, answers: list[RunnerAnswer]) -> str:
    """Where a run could work that was given a directory in which nobody may, such as the one its caller stood in."""
    root = next((root for answer in answers for root in answer.runner.offer.roots), None)
    if code != "outside_roots" or root is None:
        return ""
    return f" or run where one may: callboard run --project-dir {root}"


def _deadline(run: RunFacts) -> str:
    if run.no_match_deadline_ms is None:
        return ""
    return f" Unless that changes within {duration(run.no_match_deadline_ms - run.now_ms)}, the run fails."


def _all_away(fitting: list[RunnerAnswer]) -> tuple[str, str, str | None]:
    """The fitting runner that could be ready soonest speaks for all: a full one, then a draining, then a lost one."""
    order = ("no_free_slot", "runner_draining", "runner_lost")
    soonest = min(fitting, key=lambda answer: order.index(answer.reasons[0].code))
    reason, name = soonest.reasons[0], soonest.runner.name or soonest.runner.hostname
    count = "The one runner that fits" if len(fitting) == 1 else f"Of the {len(fitting)} runners that fit, the nearest"
    steps = {
        "no_free_slot": "Wait for a run to end, or add a runner or slots.",
        "runner_draining": f"Let it take runs again: callboard runner resume {soonest.runner.runner_id}",
        "runner_lost": f"Look whether {soonest.runner.hostname} is up and its runner runs.",
    }
    return reason.code, f"{count} is {name}. {reason.sentence}", steps[reason.code]
