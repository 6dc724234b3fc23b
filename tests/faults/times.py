"""Settings of coordinators in fault tests: how soon they call somebody lost."""

from typing import Any, Final

SOON: Final[dict[str, Any]] = {
    "heartbeat_seconds": 0.3,
    "lease_seconds": 1.5,
    "lost_runner_seconds": 2,
    "unheard_seconds": 2,
    "grace_seconds": 1,
    "sweep_seconds": 0.1,
}
"""For tests in which somebody is lost."""
LATE: Final[dict[str, Any]] = SOON | {"lease_seconds": 10, "lost_runner_seconds": 10, "unheard_seconds": 10}
"""For tests in which nobody may be: a busy machine must not look like a dead one."""
