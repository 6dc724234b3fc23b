"""`trust`: says that what a repository brings to be executed or obeyed on this machine may be, as it is now."""

import shlex
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, Show
from callboard.cli.settings import whole_path
from callboard.client.discovery import default_data_dir
from callboard.domain.errors import InvalidRequest
from callboard.executors import EXECUTORS, load
from callboard.runner.checks import checks_in
from callboard.runner.config import CheckTable
from callboard.runner.trust import MAX_FILES, REPOSITORY_FILE, named_files, read_bounded, untrusted_files
from callboard.runner.trust import trust as remember

WITHOUT_TABLE: Final = {"strict_mcp": False}
"""Looks also at what only some runners let their clients use."""


def trust(
    path: Annotated[Path | None, Parameter(help="The repository, or one file of it; default: this directory.")] = None,
    /,
    *,
    data_dir: Annotated[Path | None, Parameter(help="Data directory of this machine's runner.")] = None,
    show: Show = NO_SHOW,
) -> int:
    """Let runners of this machine execute the checks, and use the settings of agents' clients, of a repository.

    Those are `.callboard/config.toml`, and for Claude Code its `.claude` folder and `.mcp.json`. Trusted is what the
    files hold now; one that is changed has to be trusted again. Look at them first.
    """
    context = Context(show)
    given = whole_path(path)
    contents = {file: _content(file) for file in _files(given)}
    if not contents:
        raise InvalidRequest(f"{given} brings nothing that has to be trusted.", hint="Name the repository, or a file.")
    checks: dict[str, CheckTable] = {}
    for file, content in contents.items():
        if file.parts[-2:] == REPOSITORY_FILE.parts:
            checks |= _checks(file, content)
    directory = _data_dir(context, data_dir)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = {file: remember(directory, file, content) for file, content in contents.items()}
    output = context.output
    if output.json_wanted:
        files = [{"file": str(file), "new": added} for file, added in new.items()]
        output.value({"files": files, "checks": {name: table.argv for name, table in checks.items()}})
        return 0
    if output.quiet:
        for file in new:
            output.line(str(file))
        return 0
    for file, added in new.items():
        output.note(f"{file} is trusted on this machine as it is now{'' if added else ', as before'}.")
    for name, table in checks.items():
        output.line(f"{name}: {shlex.join(table.argv)}")
    return 0


def withheld(context: Context, repository: Path) -> list[str]:
    """What a repository brings for agents' clients that runners of this machine do not let them use yet."""
    names = [name for kind in EXECUTORS for name in load(kind).repository_files({})]
    return untrusted_files(_data_dir(context, None), repository, names, str(Path.home()))


def are_checks_withheld(context: Context, repository: Path) -> bool:
    """Whether runners of this machine would refuse the checks of a repository's own settings."""
    return bool(untrusted_files(_data_dir(context, None), repository, [str(REPOSITORY_FILE)], str(Path.home())))


def _data_dir(context: Context, named: Path | None) -> Path:
    configured = context.settings["data_dir"]
    return (named or (Path(configured) if configured else default_data_dir())).expanduser()


def _files(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    wanted = [
        str(REPOSITORY_FILE),
        *(name for kind in EXECUTORS for name in load(kind).repository_files(WITHOUT_TABLE)),
    ]
    found = list(islice(named_files(given, wanted, str(Path.home())), MAX_FILES + 1))
    if len(found) > MAX_FILES:
        raise InvalidRequest(f"{given} brings more than {MAX_FILES} files; more are not looked at.")
    return found


def _content(file: Path) -> bytes:
    try:
        return read_bounded(file)
    except OSError as problem:
        raise _refused(file, problem) from problem


def _checks(file: Path, content: bytes) -> dict[str, CheckTable]:
    try:
        return checks_in(content)
    except ValueError as problem:
        raise _refused(file, problem) from problem


def _refused(file: Path, problem: Exception) -> InvalidRequest:
    return InvalidRequest(f"{file} cannot be trusted: {problem}.", hint="Correct the file.")
