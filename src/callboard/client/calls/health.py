"""Calls that need no token."""

from callboard.client.call import Call, path
from callboard.wire.health import Health


def alive() -> Call[Health]:
    """The process answers."""
    return Call(method="GET", path=path("healthz"), response=Health, repeatable=True)


def ready() -> Call[Health]:
    """The coordinator takes requests; Unavailable when it does not."""
    return Call(method="GET", path=path("readyz"), response=Health, repeatable=True)
