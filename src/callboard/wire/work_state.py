"""What only a work session has, in its rows: worktree, lifecycle, and what the checks said."""

import msgspec


class WorkChecks(msgspec.Struct, kw_only=True):
    """What judges the latest run of a work session; null where nothing does, or it ended before that could."""

    state: str
    """`running`: the run has not ended, and is judged when it has; `passed` or `failed`."""
    failing: list[str]
    """The names of those that failed."""


class WorkState(msgspec.Struct, kw_only=True):
    """What only a work session has. `ended_reason`: of the cancel, or of no worktree; `actions`: what people may do."""

    state: str
    """`preparing`, `prepared`, `undoing` (it is tried again after an `undo_error`), `undone` or `removed`."""
    undo_error: str | None
    base_branch: str | None
    lifecycle_before: str | None
    stuck_reason: str | None
    ended_reason: str | None
    pull_request_url: str | None
    guidance: str | None
    heartbeat_at: str | None
    lifecycle_at: str
    task_id: str | None
    checks: WorkChecks | None
    actions: list[str]
    next_step: str | None
    """What a person does so that work which rests goes on, or begins anew; null where nobody is waited for."""
    next_move: str | None
    """In a word: `restart`, `resume`, `raise_budget`, `begin_from_branch`, `end_milestone` or `begin_anew`."""
