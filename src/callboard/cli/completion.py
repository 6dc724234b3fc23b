"""`completion`: the script that lets a shell complete commands, options and live ids."""

from typing import Annotated, Literal

from cyclopts import Parameter

from callboard.cli.app import build_app
from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, Show

Shell = Literal["bash", "zsh", "fish"]


def completion(shell: Annotated[Shell, Parameter(help="For which shell.")], /, *, show: Show = NO_SHOW) -> int:
    """Print the completion script of a shell; it asks the coordinator for live ids."""
    context = Context(show)
    script = build_app(whole=True).generate_completion(prog_name="callboard", shell=shell)
    if context.output.json_wanted:
        context.output.value({"shell": shell, "script": script})
    else:
        print(script)
    return 0
