"""How large a tree of sessions may grow; every number is configuration."""

import msgspec


class TreeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on lineage, enforced when a session is created."""

    depth: int = 5
    children_per_session: int = 20
    sessions_per_root: int = 100
    waiting_runs_per_session: int = 100
    """How many resumes may be queued on one session."""


class WorkRules(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of work on issues."""

    prepare_ms: int = 60_000
    """How long a worktree may take to be there, the wait for a runner included."""
    undo_retry_ms: int = 30_000
    """How soon an undo that failed is tried again; each time later."""
    halt_ms: int = 2_000
    """How long a worker that reports stuck has to hear the answer, before its run is ended."""
