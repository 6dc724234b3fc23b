"""Which executors this machine offers: those that are found and work, under the names that runs ask for."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from callboard.domain.errors import InvalidRequest
from callboard.executors import EXECUTORS, load
from callboard.executors.interpreters import executes_prompt
from callboard.runner.config import ExecutorTable, RunnerSettings
from callboard.runner.context import OfferedExecutor

SHELL: Final = ExecutorTable(type="command", argv=["sh", "-c"], prompt="argument")
"""`command` when the runner allows what a person asks for to run as a shell script."""
_LOG = structlog.get_logger(__name__)


def offered_executors(settings: RunnerSettings, environment: Mapping[str, str]) -> dict[str, OfferedExecutor]:
    """The executors by name. Raises InvalidRequest for a table that cannot work, or when one asked for is not there."""
    tables = _tables(settings)
    wanted = tables if settings.offer is None else settings.offer
    offered: dict[str, OfferedExecutor] = {}
    for name in wanted:
        if name not in tables:
            raise InvalidRequest(
                f"This machine has no executor {name!r}.", hint=f"There are: {', '.join(sorted(tables))}."
            )
        table = tables[name]
        if missing := _missing(name, table, environment):
            _refuse_or_leave_out(name, missing, settings)
        else:
            kind, settings_of_it = _kind(name, table), table.settings()
            offered[name] = OfferedExecutor(
                executor=load(kind),
                table=settings_of_it,
                passed=tuple(table.environment),
                executes_prompt=kind == "command" and executes_prompt(settings_of_it),
            )
    return offered


def _tables(settings: RunnerSettings) -> dict[str, ExecutorTable]:
    unnamed = {name: ExecutorTable() for name in EXECUTORS if load(name).default_argv is not None}
    tables = unnamed | settings.executors
    if settings.allow_shell:
        tables.setdefault("command", SHELL)
    return tables


def _kind(name: str, table: ExecutorTable) -> str:
    kind = table.type or name
    if kind not in EXECUTORS:
        raise InvalidRequest(
            f"[executors.{name}] is of no known type ({kind!r}).", hint=f"Types: {', '.join(EXECUTORS)}."
        )
    return kind


def _missing(name: str, table: ExecutorTable, environment: Mapping[str, str]) -> str:
    """The program that is not there; empty when all is there."""
    default = load(_kind(name, table)).default_argv
    if default == ():
        return ""
    argv = table.settings().get("argv") or default
    if not argv:
        raise InvalidRequest(f"[executors.{name}] names no program.", hint='Add argv = ["PROGRAM", "ARGUMENT"].')
    path = table.env.get("PATH") or environment.get("PATH") or os.defpath
    return "" if shutil.which(Path(argv[0]).expanduser(), path=path) else argv[0]


def _refuse_or_leave_out(name: str, program: str, settings: RunnerSettings) -> None:
    """What a person named must work; what we only looked for may be absent."""
    if settings.offer is not None or name in settings.executors:
        raise InvalidRequest(f"The executor {name!r} does not work here: there is no program {program!r}.")
    _LOG.info("executor_not_found", executor=name, program=program)
