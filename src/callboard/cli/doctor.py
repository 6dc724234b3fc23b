"""`doctor`: looks for what is wrong on this machine and says what to do about it; changes nothing."""

import platform
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from callboard import __version__
from callboard.cli.context import Context
from callboard.cli.doctor_database import look_at_database
from callboard.cli.doctor_work import look_at_work
from callboard.cli.exit_codes import FAILED
from callboard.cli.findings import Finding, Verdict
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Style, span
from callboard.client import calls
from callboard.client.discovery import default_data_dir
from callboard.client.errors import Unreachable
from callboard.client.retry import NO_RETRIES
from callboard.domain.errors import CallboardError
from callboard.wire.responses import Runner

FREE_BYTES: Final = 1024**3
SKEW_MS: Final = 5_000
OLDEST_SQLITE: Final = (3, 51, 3)
PROGRAM_SECONDS: Final = 10.0
_SIGNS: Final[dict[Verdict, tuple[str, Style]]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "wrong": ("✗", "red"),
}


def doctor(*, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Look for what is wrong on this machine; exits 1 when something is."""
    context = Context(show, where)
    findings = [finding for look in _LOOKS for finding in look(context)]
    output = context.output
    if output.json_wanted:
        output.value({"version": __version__, "findings": findings})
    else:
        for finding in findings:
            sign, style = _SIGNS[finding.verdict]
            output.line(span(f"{sign} {finding.name:<12}", style), finding.sentence)
            if finding.next_step:
                output.line(span(f"  {'next:':<12}", "dim"), finding.next_step)
    return FAILED if any(finding.verdict == "wrong" for finding in findings) else 0


def _python(_: Context) -> Iterator[Finding]:
    yield Finding(name="callboard", verdict="ok", sentence=f"{__version__} on Python {platform.python_version()}")


def _sqlite(_: Context) -> Iterator[Finding]:
    import apsw  # noqa: PLC0415 - only here

    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    fit = version >= OLDEST_SQLITE
    yield Finding(
        name="sqlite",
        verdict="ok" if fit else "wrong",
        sentence=f"{apsw.sqlite_lib_version()}, bundled with apsw",
        next_step="" if fit else "Install a newer apsw: this SQLite can corrupt its write-ahead log.",
    )


def _data_directory(context: Context) -> Iterator[Finding]:
    directory = _directory(context)
    if not directory.exists():
        yield Finding(name="data", verdict="ok", sentence=f"{directory} is not there yet; `callboard up` makes it.")
        return
    for path in (directory, *(directory / name for name in ("token", "runner-token"))):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding(
                name="data", verdict="wrong", sentence=f"Others can read {path}.", next_step=f"chmod go= {path}"
            )
    yield from _place(directory)
    free = shutil.disk_usage(directory).free
    yield Finding(
        name="disk",
        verdict="ok" if free > FREE_BYTES else "warning",
        sentence=f"{free // 1024**2} MiB free for {directory}",
        next_step="" if free > FREE_BYTES else "Make room: the log of sessions grows there.",
    )


def _place(directory: Path) -> Iterator[Finding]:
    from callboard.coordinator.services.places import refusal_of  # noqa: PLC0415 - brings the database

    refused = refusal_of(directory)
    if refused is not None:
        yield Finding(name="place", verdict="wrong", sentence=refused.detail, next_step=refused.hint)


def _coordinator(context: Context) -> Iterator[Finding]:
    access = context.access
    try:
        health = context.client.send(calls.health.ready(), retry=NO_RETRIES)
    except Unreachable as error:
        yield Finding(name="coordinator", verdict="wrong", sentence=error.detail, next_step="Start one: callboard up")
        return
    except CallboardError as error:
        yield Finding(
            name="coordinator", verdict="wrong", sentence=f"{access.url}: {error.detail}", next_step=error.hint
        )
        return
    yield Finding(name="coordinator", verdict="ok", sentence=f"{access.url} ({access.url_origin}) is {health.status}")
    try:
        me = context.client.send(calls.tokens.me(), retry=NO_RETRIES)
    except CallboardError as error:
        hint = error.hint or "Set CALLBOARD_TOKEN_FILE to a file with a valid token."
        yield Finding(name="token", verdict="wrong", sentence=f"{access.token_origin}: {error.detail}", next_step=hint)
        return
    yield Finding(name="token", verdict="ok", sentence=f"{me.kind} token from {access.token_origin}")
    yield from _runners(context)


def _runners(context: Context) -> Iterator[Finding]:
    try:
        runners = context.client.send(calls.runners.list_(limit=200)).items
    except CallboardError as error:
        yield Finding(name="runners", verdict="warning", sentence=error.detail, next_step=error.hint)
        return
    online = [one for one in runners if one.state == "online"]
    yield Finding(
        name="runners",
        verdict="ok" if online else "warning",
        sentence=f"{len(online)} of {len(runners)} online, offering {_offered(online) or 'nothing'}",
        next_step="" if online else "Start one: callboard runner",
    )
    for one in runners:
        if abs(one.clock_skew_ms) > SKEW_MS:
            yield Finding(
                name="clock",
                verdict="warning",
                sentence=f"{one.hostname} differs from the coordinator by {one.clock_skew_ms} ms",
                next_step="Let its clock be set over the network; times of its events are off.",
            )


def _programs(_: Context) -> Iterator[Finding]:
    for name, purpose in (
        ("claude", "the executor claude-code"),
        ("codex", "the executor codex"),
    ):
        path = shutil.which(name)
        sentence = f"{path}: {_version(path)}" if path else f"not found; it is needed for {purpose} only"
        yield Finding(name=name, verdict="ok" if path else "warning", sentence=sentence)


def _boundary(_: Context) -> Iterator[Finding]:
    yield Finding(
        name="boundary",
        verdict="ok",
        sentence="Agents run as your user: what you can read and change, they can. A boundary is another user, "
        "a container, or a coordinator on another machine.",
    )


_LOOKS: Final[tuple[Callable[[Context], Iterator[Finding]], ...]] = (
    _python,
    _sqlite,
    _data_directory,
    look_at_database,
    _coordinator,
    look_at_work,
    _programs,
    _boundary,
)


def _directory(context: Context) -> Path:
    configured = context.settings["data_dir"]
    return context.where.data_dir or (Path(configured).expanduser() if configured else default_data_dir())


def _offered(runners: list[Runner]) -> str:
    return ", ".join(sorted({name for one in runners for name in one.executor_types}))


def _version(path: str) -> str:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"does not answer ({problem})"
    return (
        (done.stdout or done.stderr).strip().splitlines()[0] if (done.stdout or done.stderr).strip() else "no version"
    )
