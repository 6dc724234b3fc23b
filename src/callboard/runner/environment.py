"""What an agent finds in its environment, and what the runner takes out of its own. Knows no executor."""

import ctypes
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Final

TOKEN_VARIABLE: Final = "CALLBOARD_TOKEN"
TOKEN_FILE_VARIABLE: Final = "CALLBOARD_TOKEN_FILE"
IDENTITY: Final = ("AGENT_SESSION_ID", "AGENT_RUN_ID", "CALLBOARD_URL", TOKEN_VARIABLE, "TRACEPARENT")
"""The names by which an agent, and whatever it starts, is known to the coordinator."""
ALLOWED: Final = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TERM", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL"})
ALLOWED_PREFIX: Final = "LC_"
_PR_SET_DUMPABLE: Final = 4


def agent_environment(
    source: Mapping[str, str],
    *,
    passed: Iterable[str],
    declared: Mapping[str, str],
    identity: Mapping[str, str],
) -> dict[str, str]:
    """The allow-listed part of `source`, the names that the executor's table lets pass, its declared values, and
    who the agent is. The identity wins over all others."""
    names = ALLOWED | set(passed)
    kept = {name: value for name, value in source.items() if name in names or name.startswith(ALLOWED_PREFIX)}
    kept.pop(TOKEN_VARIABLE, None)
    kept.pop(TOKEN_FILE_VARIABLE, None)
    return kept | dict(declared) | dict(identity)


def agent_identity(
    *, session_id: str, run_id: str, url: str, session_token: str, traceparent: str | None
) -> dict[str, str]:
    """The variables by which an agent knows its session and reaches the coordinator."""
    named = {
        "AGENT_SESSION_ID": session_id,
        "AGENT_RUN_ID": run_id,
        "CALLBOARD_URL": url,
        TOKEN_VARIABLE: session_token,
    }
    return named | ({"TRACEPARENT": traceparent} if traceparent else {})


def drop_token_from_environment() -> None:
    """Start this program again without a token in its environment, when there is one; the token goes through a pipe.

    What a process was started with stays readable in procfs for its whole life, so taking the variable out of
    `os.environ` would not do.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if token is None:
        return
    reading, writing = os.pipe()
    os.write(writing, token.encode())
    os.close(writing)
    os.set_inheritable(reading, True)
    kept = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    kept[TOKEN_FILE_VARIABLE] = f"/dev/fd/{reading}"
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept)  # noqa: S606 - ourselves, without a shell


def hide_from_other_processes() -> None:
    """Make this process's memory and environment unreadable for other processes of the same user, where possible."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
