"""Settings of a coordinator and of a runner, put together from flags, environment and the user's file.

What the settings are, and whether a value fits, is known by the coordinator and the runner themselves.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from callboard.cli.settings import Settings, read_toml
from callboard.coordinator.config import Config, Source, from_environment, read_config
from callboard.domain.errors import DISK_FULL, InvalidRequest, Unavailable
from callboard.runner.config import RunnerTable, merged, read_tables

RUNNER_PREFIX: Final = "CALLBOARD_RUNNER_"
RUNNER_TABLES: Final = ("runner", "executors", "checks")
_LISTS: Final = ("roots", "tags", "offer")
_FLAGS: Final = ("require_matching_tags", "allow_shell")


def coordinator_config(
    settings: Settings, flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> tuple[Config, dict[str, str]]:
    """A coordinator's settings, and the origin of each that is no default."""
    sources = [Source("flag", flags), from_environment(environment)]
    table = settings.tables.get("coordinator")
    if table is not None:
        sources.append(Source(table.origin, table.value))
    data_dir = settings.found["data_dir"]
    if data_dir.value:
        sources.append(Source(data_dir.origin, {"data_dir": data_dir.value}))
    return read_config(sources)


@contextmanager
def database_as_setting() -> Iterator[None]:
    """Inside, a database that refuses us is a wrong setting (exit 2); one not ready, or without room, stays so (5)."""
    try:
        yield
    except Unavailable as refused:
        if refused.code in ("database_not_ready", DISK_FULL):
            raise
        # Nobody has been served yet: it is not that a coordinator cannot be reached, it is that none can be made.
        raise InvalidRequest(refused.detail, hint=refused.hint) from refused


def runner_table(
    settings: Settings, *by_precedence: RunnerTable, environment: Mapping[str, str] = os.environ
) -> RunnerTable:
    """What a runner was told: by those that are given, then by the environment, then by the user's file."""
    tables = {name: settings.tables[name] for name in RUNNER_TABLES if name in settings.tables}
    told = [*by_precedence, _from_environment(environment)]
    if tables:
        runner, executors, checks = (tables[name].value if name in tables else None for name in RUNNER_TABLES)
        told.append(read_tables(runner, executors, next(iter(tables.values())).origin, checks))
    return merged(*told)


def table_in(file: Path) -> RunnerTable:
    """The tables of a runner in a file; InvalidRequest when there is anything else in it."""
    values = read_toml(file)
    unknown = sorted(set(values) - set(RUNNER_TABLES))
    if unknown:
        raise InvalidRequest(f"{file}: {unknown[0]!r} is none of [runner], [executors.NAME] and [checks.NAME].")
    return read_tables(values.get("runner"), values.get("executors"), str(file), values.get("checks"))


def runner_origin(settings: Settings, name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Where a runner's setting comes from when no flag was given."""
    variable = RUNNER_PREFIX + name.upper()
    if variable in environment:
        return variable
    if name in ("executors", "checks"):
        found = settings.tables.get(name)
        return found.origin if found else "default"
    found = settings.tables.get("runner")
    return found.origin if found and name in found.value else "default"


def _from_environment(environment: Mapping[str, str]) -> RunnerTable:
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if variable.startswith(RUNNER_PREFIX):
            name = variable.removeprefix(RUNNER_PREFIX).lower()
            values[name] = _typed(name, text)
    return read_tables(values, None, "environment")


def _typed(name: str, text: str) -> Any:
    if name in _LISTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    if name in _FLAGS:
        with suppress(msgspec.ValidationError):  # as a text it is refused with its place
            return msgspec.convert(text, bool, strict=False)
    return int(text) if name == "slots" and text.isdecimal() else text
