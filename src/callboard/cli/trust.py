"""`trust`: says that the checks a repository's `.callboard/config.toml` names may be executed here, as they are now."""

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, Show
from callboard.cli.settings import whole_path
from callboard.client.discovery import default_data_dir
from callboard.domain.errors import InvalidRequest
from callboard.runner.checks import checks_in
from callboard.runner.trust import REPOSITORY_FILE, read_bounded
from callboard.runner.trust import trust as remember


def trust(
    path: Annotated[Path | None, Parameter(help="The repository, or its file; default: this directory.")] = None,
    /,
    *,
    data_dir: Annotated[Path | None, Parameter(help="Data directory of this machine's runner.")] = None,
    show: Show = NO_SHOW,
) -> int:
    """Let runners of this machine execute the checks that a repository's .callboard/config.toml names.

    Trusted is what the file holds now; after a change it has to be trusted again. Look at it first.
    """
    context = Context(show)
    given = whole_path(path)
    file = given / REPOSITORY_FILE if given.is_dir() else given
    try:
        content = read_bounded(file)
        checks = checks_in(content)
    except (OSError, ValueError) as problem:
        raise InvalidRequest(f"{file} cannot be trusted: {problem}.", hint="Correct the file.") from problem
    configured = context.settings["data_dir"]
    directory = (data_dir or (Path(configured) if configured else default_data_dir())).expanduser()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = remember(directory, file, content)
    output = context.output
    if output.json_wanted:
        output.value({"file": str(file), "checks": {name: table.argv for name, table in checks.items()}, "new": new})
        return 0
    output.note(f"{file} is trusted on this machine as it is now{'' if new else ', as before'}. It names these checks:")
    for name, table in checks.items():
        output.line(name if output.quiet else f"{name}: {shlex.join(table.argv)}")
    return 0
