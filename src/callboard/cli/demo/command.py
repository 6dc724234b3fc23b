"""`callboard demo`: plays the demonstration, sums it up and cleans up."""

import shutil
import signal
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from callboard.cli.browser import login_url
from callboard.cli.child import ChildFailed
from callboard.cli.context import Context
from callboard.cli.demo.narration import Claim, ClaimFailed, Narrator
from callboard.cli.demo.play import Play
from callboard.cli.demo.stage import Stage, own_surroundings
from callboard.cli.exit_codes import FAILED
from callboard.cli.options import NO_SHOW, Show
from callboard.cli.output import span
from callboard.domain.errors import CallboardError, NotFound

PROGRAM: Final = "claude"


class Summary(msgspec.Struct, kw_only=True):
    """What `demo --json` prints in the end."""

    ok: bool
    seconds: float
    claims: list[Claim]
    truth: str = ""


def demo(
    *,
    keep: Annotated[bool, Parameter(help="Stay in the end, to look around; Ctrl-C cleans up.")] = False,
    claude_code: Annotated[
        bool, Parameter(help="Two short turns with your Claude Code, too: it uses your account.")
    ] = False,
    show: Show = NO_SHOW,
) -> int:
    """See it all in a minute: a real coordinator, a real runner, a scripted agent; needs no account.

    It plays in a directory of its own that goes away in the end.
    Every claim is checked; it exits 1 with the truth when one does not hold.
    """
    if claude_code and shutil.which(PROGRAM) is None:
        raise NotFound(
            f"There is no program `{PROGRAM}` here.", hint="Install Claude Code and log in, or leave it out."
        )
    output = Context(show).output
    tell = Narrator(output)
    stage = Stage(claude_code=claude_code)
    tell.begin(f"everything happens in {stage.directory} and goes away in the end.")
    truth = _play(stage, tell, keep=keep)
    summary = Summary(ok=not truth, seconds=round(tell.seconds, 1), claims=tell.claims, truth=truth)
    if output.json_wanted:
        output.value(summary)
    elif truth:
        output.warn(span("The demonstration failed: ", "red", "bold"), truth)
    else:
        output.line()
        output.line(
            span(f"{len(tell.claims)} claims checked in {summary.seconds:.0f} s; ", "bold"), "nothing is left behind."
        )
        if not claude_code and shutil.which(PROGRAM):
            output.note("With your Claude Code too, two short turns on your account:  callboard demo --claude-code")
        output.note("Your own now:  callboard up")
    return 0 if summary.ok else FAILED


def _play(stage: Stage, tell: Narrator, *, keep: bool) -> str:
    """Empty when all went well, else the truth."""
    truth = ""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with own_surroundings(stage):
            steps = Play(stage, tell).steps()
            tell.steps = len(steps)
            for step in steps:
                step()
            if keep:
                _stay(stage, tell)
    except (ClaimFailed, ChildFailed, CallboardError) as error:
        truth = "\n".join([str(error), *stage.said[-20:]])
    finally:
        left = stage.close()
    if left and not truth:
        truth = f"processes are left over: {left}"
    return truth


def _stay(stage: Stage, tell: Narrator) -> None:
    with stage.client() as client:
        tell.say(f"Look at it:   {login_url(client, client.url)}")
    tell.say(f"Look around:  export CALLBOARD_DATA_DIR={stage.data_dir}")
    tell.say("Ctrl-C ends it and cleans up.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        return
