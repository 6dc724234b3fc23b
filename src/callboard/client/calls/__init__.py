"""Every endpoint as a typed, pure function that returns a Call; one module for each noun."""

from callboard.client.calls import (
    agents,
    approvals,
    callbacks,
    events,
    health,
    lifecycle,
    logins,
    runner,
    runners,
    runs,
    sessions,
    tasks,
    tokens,
    usage,
    work,
)

__all__ = [
    "agents",
    "approvals",
    "callbacks",
    "events",
    "health",
    "lifecycle",
    "logins",
    "runner",
    "runners",
    "runs",
    "sessions",
    "tasks",
    "tokens",
    "usage",
    "work",
]
