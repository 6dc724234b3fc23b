"""The small process that owns one launch of an agent: starts it, journals its output, feeds its input, ends it.

Runs `__main__.py` with the standard library alone and outlives the runner. It knows a directory with a launch.json
in it, and nothing of runs, sessions, executors or what the lines mean.
"""

from typing import Final

TRACKING: Final = "CALLBOARD_TRACKING"
"""The variable in the environment of an agent, and so of what it starts, that names the attempt."""

READY: Final = b"ready\n"
"""What a keeper prints when its socket is there and the agent is started, or could not be."""

SOCKET: Final = "keeper.sock"
"""The names in the directory of a launch."""
JOURNAL: Final = "journal"
LAUNCH: Final = "launch.json"
IDENTITY: Final = "keeper.pid"

DEFAULT_LIMITS: Final[dict[str, float]] = {
    "line_bytes": 1 << 20,  # of one line of output; what is longer is cut
    "journal_bytes": 64 << 20,  # not yet acknowledged; beyond it the agent's output waits
    "drain_seconds": 4.0,  # how long after its exit others may still write to the agent's output
    "interrupt_seconds": 10.0,  # for the executor's own polite stop, then SIGTERM
    "term_seconds": 10.0,  # then SIGKILL
    "kill_seconds": 5.0,  # how long the last processes are waited for
    "orphan_seconds": 900.0,  # without any runner
}
