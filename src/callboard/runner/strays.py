"""Ends what earlier attempts of a session left on this host. Blocking; finds nothing where there is no procfs."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from callboard.executors.process import Strays, end_strays
from callboard.keeper import TRACKING
from callboard.keeper.processes import processes

SESSION_VARIABLE: Final = b"AGENT_SESSION_ID"
END_SECONDS: Final = 10.0


def end_earlier_attempts(session_id: str, earlier: Iterable[str], current: str) -> Strays:
    """End every process that carries a tracking value of an earlier attempt, or the session and another value.

    One run of a session is live at a time, so whatever else works for the session does so for nobody.
    """
    found = set(earlier) | tracking_values(session_id)
    found.discard(current)
    return end_strays(found, END_SECONDS) if found else Strays(0, 0)


def tracking_values(session_id: str) -> set[str]:
    """The tracking values of living processes of this session."""
    values = set()
    for one in processes():
        environment = _environment(one.pid)
        if environment.get(SESSION_VARIABLE) == session_id.encode() and one.pid != os.getpid():
            values.add(environment.get(TRACKING.encode(), b"").decode("ascii", "replace"))
    return values - {""}


def _environment(pid: int) -> dict[bytes, bytes]:
    with suppress(OSError):
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return {name: value for name, _, value in (pair.partition(b"=") for pair in pairs)}
    return {}
