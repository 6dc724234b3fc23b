"""How the machine of a runner is: load, memory, disk, the programs of its agents and their logins. Decides nothing.

Of a login only that it is there is looked for: no credential is read.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import structlog

from callboard.runner.context import OfferedExecutor, RunnerContext
from callboard.runner.environment import agent_environment

MEASURE_SECONDS: Final = 30.0
PROGRAM_SECONDS: Final = 10.0
LONGEST_VERSION: Final = 80
_LOG = structlog.get_logger(__name__)


class Login(msgspec.Struct, frozen=True):
    """Where an agent's program finds its login."""

    variables: tuple[str, ...]
    """Keys or tokens in its environment."""
    home_variable: str
    home: str
    file: str
    in_keychain: bool = False
    """On macOS it is kept where nobody else can look."""


_LOGINS: Final = {
    "claude-code": Login(
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        "CLAUDE_CONFIG_DIR",
        ".claude",
        ".credentials.json",
        in_keychain=True,
    ),
    "codex": Login(("OPENAI_API_KEY", "CODEX_API_KEY"), "CODEX_HOME", ".codex", "auth.json"),
}


async def measure_for_ever(context: RunnerContext, worktrees: Callable[[], int]) -> None:
    """Measure until cancelled; the next heartbeat takes along what was found. What cannot be measured is left out."""
    clients = await asyncio.to_thread(clients_of, context.executors, context.environment)
    _told(_busy)
    busy: dict[str, Any] = {}
    while True:
        found = await asyncio.to_thread(measured, context.settings.project_dir, worktrees)
        found["machine"] |= busy
        context.measured.facts = found | {"clients": clients} | context.measured.lasting
        await context.clock.pause(MEASURE_SECONDS)
        busy = _told(_busy)  # since the last time, so that the first tells nothing


def measured(place: Path, worktrees: Callable[[], int]) -> dict[str, Any]:
    """How the machine is now; bytes are bytes, the load is the average of a minute. Blocking."""
    machine: dict[str, Any] = {"cores": os.cpu_count() or 1}
    for look in (_load, _memory, lambda: _disk(place)):
        machine |= _told(look)
    return {"machine": machine} | _told(lambda: {"worktrees": worktrees()})


def _busy() -> dict[str, Any]:
    return {"cpu_percent": psutil.cpu_percent()}


def _load() -> dict[str, Any]:
    return {"load": round(os.getloadavg()[0], 2)}


def _memory() -> dict[str, Any]:
    memory = psutil.virtual_memory()
    return {"memory_bytes": memory.total, "memory_free_bytes": memory.available}


def _disk(place: Path) -> dict[str, Any]:
    disk = shutil.disk_usage(place)
    return {"disk_bytes": disk.total, "disk_free_bytes": disk.free}


def _told(look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is found; nothing where the system does not say: a runner works all the same."""
    try:
        return look()
    except (OSError, psutil.Error) as error:
        _LOG.warning("not_measured", error=str(error))
        return {}


def clients_of(executors: Mapping[str, OfferedExecutor], environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Version and login of each offered executor whose program has them; blocking."""
    found: dict[str, dict[str, str]] = {}
    for name, offered in executors.items():
        login = _LOGINS.get(offered.executor.name)
        argv = offered.table.get("argv") or offered.executor.default_argv
        if login is not None and argv:
            declared = offered.table.get("env") or {}
            seen = agent_environment(environment, passed=offered.passed, declared=declared, identity={})
            found[name] = {"version": _version(argv[0], seen), "login": _login(login, seen)}
    return found


def _version(program: str, environment: dict[str, str]) -> str:
    """What the program says of its version in one line; empty when it says nothing."""
    path = shutil.which(str(Path(program).expanduser()), path=environment.get("PATH"))
    if path is None:
        return ""
    try:
        done = subprocess.run(
            [path, "--version"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROGRAM_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return next(iter(done.stdout.strip().splitlines()), "")[:LONGEST_VERSION]


def _login(login: Login, environment: Mapping[str, str]) -> str:
    """`environment`, `file`, `keychain` where it may be there, or `none`."""
    if any(environment.get(name) for name in login.variables):
        return "environment"
    home = environment.get(login.home_variable) or Path(environment.get("HOME") or "/", login.home)
    if os.access(Path(home, login.file), os.F_OK):  # where we may not look, there is none for us
        return "file"
    return "keychain" if login.in_keychain and sys.platform == "darwin" else "none"
