"""The noun `config`: settings of the command line, the coordinator and the runner, and where each comes from."""

import difflib
import os
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.daemon_settings import RUNNER_PREFIX, coordinator_config, runner_origin, runner_table
from callboard.cli.exit_codes import USAGE
from callboard.cli.options import NO_SHOW, Show
from callboard.cli.output import Output, Part, span
from callboard.cli.settings import OUTSIDE, SETTINGS, Settings, read_settings
from callboard.coordinator.config import settings as coordinator_settings
from callboard.domain.database_url import shown
from callboard.domain.errors import CallboardError
from callboard.runner.config import RunnerTable


class Line(msgspec.Struct, kw_only=True):
    """A setting as it holds."""

    name: str
    value: Any
    origin: str
    environment: str
    help: str


def show_settings(
    *, origin: Annotated[bool, Parameter(help="Show where each value comes from.")] = False, show: Show = NO_SHOW
) -> int:
    """Every setting and its value: of this command line, of a coordinator, of a runner."""
    context = Context(show)
    lines = [*_own(context.settings), *_coordinator(context.settings), *_runner(context.settings)]
    output = context.output
    if output.json_wanted:
        output.value({"settings": lines, "files": [str(path) for path in context.settings.files]})
    elif output.quiet:
        for line in lines:
            output.line(line.name)
    else:
        columns = ("SETTING", "VALUE", "ORIGIN") if origin else ("SETTING", "VALUE")
        output.table(columns, [_row(line, origin) for line in lines], flexible=1)
    return 0


def check(*, show: Show = NO_SHOW) -> int:
    """Look for mistakes in files and environment; exits 2 when there are any."""
    output = Output(json=show.json, quiet=show.quiet, color=show.color or "auto")
    problems = _problems()
    if output.json_wanted:
        output.value({"problems": problems})
    elif problems:
        for problem in problems:
            output.line(span("✗ ", "red"), problem)
    else:
        files = read_settings().files
        output.note(f"Nothing is wrong in {', '.join(map(str, files)) or 'the environment; there are no files'}.")
    return USAGE if problems else 0


def _own(settings: Settings) -> list[Line]:
    return [
        Line(name=one.name, value=found.value, origin=found.origin, environment=one.environment, help=one.help)
        for one in SETTINGS
        for found in [settings.found[one.name]]
    ]


def _coordinator(settings: Settings) -> list[Line]:
    config, origins = coordinator_config(settings, {})
    return [
        Line(
            name=f"coordinator.{one.name}",
            value=shown(config.database) if one.name == "database" else getattr(config, one.name),
            origin=origins.get(one.name, "default"),
            environment=one.environment,
            help=one.help,
        )
        for one in coordinator_settings()
    ]


def _runner(settings: Settings) -> list[Line]:
    told = runner_table(settings)
    named = ("executors", "mcp_servers", "checks")
    values = {name: getattr(told, name) for name in RunnerTable.__struct_fields__ if name not in (*named, "keeper")}
    # Of executors, MCP servers and checks only the names: what is in them may be secret.
    values |= {name: sorted(getattr(told, name)) for name in named}
    return [
        Line(
            name=f"runner.{name}",
            value=value,
            origin=runner_origin(settings, name),
            environment=RUNNER_PREFIX + name.upper(),
            help="",
        )
        for name, value in values.items()
    ]


def _row(line: Line, origin: bool) -> list[Part]:
    value = (
        ""
        if line.value is None
        else line.value
        if isinstance(line.value, str)
        else msgspec.json.encode(line.value).decode()
    )
    row: list[Part] = [line.name, value]
    return [*row, span(line.origin, "dim" if line.origin == "default" else "cyan")] if origin else row


def _problems() -> list[str]:
    problems: list[str] = []
    looks: list[Callable[[], object]] = [
        read_settings,
        lambda: coordinator_config(_lenient(), {}),
        lambda: runner_table(_lenient(), environment={}),
        lambda: runner_table(_lenient()),
    ]
    for look in looks:
        try:
            look()
        except CallboardError as error:
            each = [str(one["message"]) for one in error.errors if "message" in one]
            problems += each or [f"{error.detail} {error.hint}".strip()]
    return [*dict.fromkeys([*problems, *_unknown_variables()])]


def _lenient() -> Settings:
    return read_settings(strict=False)


def _unknown_variables() -> list[str]:
    known = {one.environment for one in SETTINGS} | {one.environment for one in coordinator_settings()} | OUTSIDE
    problems = []
    for name in os.environ:
        if name.startswith("CALLBOARD_") and not name.startswith(RUNNER_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            problems.append(f"Nothing reads the variable {name}." + (f" Did you mean {near[0]}?" if near else ""))
    return problems
