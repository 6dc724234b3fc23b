"""The next step of work on issues: what a person does so that work which rests goes on, or begins anew.

The only place that decides it, for all who say it. Pure. Knows no sessions, no runs and no time.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from callboard.domain.budget import Unit
from callboard.domain.lifecycle import ENDED, HALTED

NEVER_BEGUN: Final = ("undoing", "undone")
"""States of a worktree that was not made: its session was cancelled with the reason."""

Move = Literal["restart", "resume", "raise_budget", "begin_from_branch", "end_milestone", "begin_anew"]
"""What a next step does: `begin_from_branch` is a removal that keeps the branch, then a start that goes on with it."""


class Emptied(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that lets nothing start, and what is missing of it."""

    session_id: str
    unit: Unit


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How work stands, as far as the next step depends on it."""

    session_id: str
    handle: str
    issues: tuple[int, ...]
    lifecycle: str
    before: str | None = None
    """What a pause remembers."""
    worktree: str = "prepared"
    worktree_gone: bool = False
    """Whether its latest run found no folder where its worktree was made: another run would find none either."""
    stuck_reason: str | None = None
    guided: bool = False
    """Whether a person has said what to do since it is stuck."""
    waits_for_report: bool = False
    waits_for_budget: bool = False
    """Its latest run, or its task, ended because the budget was used up."""
    emptied: Emptied | None = None
    """The budget that lets no run of it start."""
    task: int | None = None
    """The issue of its task."""
    milestone: int | None = None
    """The number of its milestone."""
    milestone_through: bool = False
    """Whether all tasks of the milestone have passed, so that only its end is left."""
    over: bool = False
    """Whether its task has passed, or its milestone has ended: there is nothing to begin anew."""

    @property
    def never_begun(self) -> bool:
        """Whether its worktree was not made, so that nothing of it ever ran."""
        return self.worktree in NEVER_BEGUN

    @property
    def begin(self) -> str:
        """The command that begins it anew."""
        if self.milestone is not None:
            return f"callboard milestone start {self.milestone}"
        if self.task is not None:
            return f"callboard task run {self.task}"
        return f"callboard spawn {' '.join(map(str, self.issues)) or self.handle}"


def next_move(work: Standing) -> Move | None:
    """What a person does next, for programs; None where nothing is to be done, or nobody is waited for."""
    if work.lifecycle in ENDED:
        return _move_of_ended(work)
    if work.worktree_gone and work.lifecycle in HALTED:
        return "begin_from_branch"
    if work.lifecycle == "paused":
        return "resume"
    if work.waits_for_budget and work.emptied is not None:
        return "raise_budget"
    if work.lifecycle == "stuck":
        return "restart"
    waits = work.waits_for_report and work.milestone is not None and not work.over
    return "end_milestone" if waits else None


def next_step(work: Standing) -> str | None:
    """The same in words, with its commands."""
    words: dict[Move, Callable[[Standing], str]] = {
        "restart": _restarted,
        "resume": _resumed,
        "raise_budget": lambda work: raised(work.emptied) if work.emptied else "",
        "begin_from_branch": from_branch,
        "end_milestone": _ended_by_person,
        "begin_anew": _anew,
    }
    move = next_move(work)
    return words[move](work) if move else None


def from_branch(work: Standing) -> str:
    """The commands that go on from what was committed, without the folder of the worktree."""
    return f"callboard delete {work.handle} --keep-branch, then {work.begin} --reuse-branch"


def raised(empty: Emptied) -> str:
    """The command after which what a budget stopped goes on."""
    option = "--budget DOLLARS" if empty.unit == "microdollars" else "--budget-tokens TOKENS"
    return f"Raise it, and it goes on: callboard budget {empty.session_id} {option}"


def let_go_on(work: Standing) -> str:
    """The next step as the hint of a refusal; empty where there is none."""
    step = next_step(work) or ""
    if not step.startswith("callboard "):
        return step
    if step.startswith("callboard milestone end"):
        return f"End it: {step}"
    return f"{'Go on from its branch' if work.worktree_gone else 'Let it go on'}: {step}"


def how_it_stands(work: Standing, said: str = "") -> str:
    """The work in a sentence, with its reason where that was not said already."""
    plain = f"The work on {work.handle} is {work.lifecycle}"
    told = work.stuck_reason if work.stuck_reason and work.stuck_reason not in said else None
    return f"{plain}: {told}" if told else f"{plain}."


def _move_of_ended(work: Standing) -> Move | None:
    if work.never_begun:
        return "begin_anew"
    if work.lifecycle == "complete" or work.over:
        return None
    return "end_milestone" if work.milestone is not None and work.milestone_through else "begin_anew"


def _ended_by_person(work: Standing) -> str:
    return f"callboard milestone end {work.milestone}{' --summary TEXT' if work.lifecycle in ENDED else ''}"


def _resumed(work: Standing) -> str:
    return f"callboard resume {work.handle}" + (f", then {_restarted(work)}" if work.before == "stuck" else "")


def _restarted(work: Standing) -> str:
    restart = f"callboard restart {work.handle}"
    return restart if work.guided else f'callboard forward {work.handle} "…", then {restart}'


def _anew(work: Standing) -> str:
    """By its session's id: the number may mean other work by now."""
    if work.never_begun:
        return f"When that is mended: {work.begin}"
    leftover = work.lifecycle == "cancelled" and work.worktree == "prepared"
    return f"Begin anew: {f'callboard delete {work.session_id}, then ' if leftover else ''}{work.begin}"
