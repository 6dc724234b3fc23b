"""What the checks of a claim execute on this machine: as the runner's file says, or a repository's trusted one."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from callboard.domain.checks import TIMEOUT_SECONDS, Check
from callboard.domain.invocation import CheckOrder
from callboard.runner.config import CheckTable, Name, RunnerSettings
from callboard.runner.environment import agent_environment
from callboard.runner.trust import REPOSITORY_FILE, is_trusted, read_bounded

_TABLES: Final = dict[Name, CheckTable]


class CheckUnknown(Exception):
    """This machine does not know what a check executes; the text says where to name it."""


def check_orders(
    asked: Iterable[Check], settings: RunnerSettings, environment: Mapping[str, str], directory: str, repository: Path
) -> list[CheckOrder]:
    """The checks as they are executed in the directory; blocking. Raises CheckUnknown.

    They get the allowed part of the runner's environment and what their tables name, and no token.
    """
    wanted = list(asked)
    if not wanted:
        return []
    named = _of_repository(settings, repository) if any(one.argv is None for one in wanted) else {}
    return [_order(one, settings.checks, named, environment, directory, repository) for one in wanted]


def checks_in(content: bytes) -> dict[str, CheckTable]:
    """The tables [checks.NAME] of a repository's file; empty when it has none. ValueError."""
    try:
        return msgspec.convert(_tables(tomllib.loads(content.decode())), _TABLES)
    except msgspec.ValidationError as wrong:
        raise ValueError(str(wrong)) from wrong


def _tables(values: dict[str, Any]) -> Any:
    """`checks` may also be a list of names that other files describe."""
    checks = values.get("checks", {})
    return {} if isinstance(checks, list) else checks


def _of_repository(settings: RunnerSettings, repository: Path) -> dict[str, CheckTable]:
    """What the repository's own file names, if somebody trusts that file as it is."""
    try:
        content = read_bounded(repository / REPOSITORY_FILE)
        return checks_in(content) if is_trusted(settings.state_dir, content) else {}
    except (OSError, ValueError):
        return {}


def _order(
    check: Check,
    own: Mapping[str, CheckTable],
    named: Mapping[str, CheckTable],
    environment: Mapping[str, str],
    directory: str,
    repository: Path,
) -> CheckOrder:
    table = own.get(check.name) or named.get(check.name) if check.argv is None else CheckTable(argv=check.argv)
    if table is None:
        raise CheckUnknown(
            f"This machine does not know the check {check.name!r}. Name it as [checks.{check.name}] in the runner's "
            f"file, or in {repository / REPOSITORY_FILE} and trust that file as it is: callboard trust {repository}"
        )
    return CheckOrder(
        name=check.name,
        argv=table.argv,
        env=agent_environment(environment, passed=table.environment, declared=table.env, identity={}),
        cwd=directory,
        timeout_seconds=check.timeout_seconds or table.timeout_seconds or TIMEOUT_SECONDS,
    )
