"""The entry of the command line: `--version` without any import, one place for every error, exit codes."""

import os
import sys
from collections.abc import Sequence

from callboard import __version__


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line (default: the process's) and leave with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in (["--version"], ["-V"]):
        sys.stdout.write(f"callboard {__version__}\n")
        sys.exit(0)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # What an agent wrote may hold what the terminal's encoding has not.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(given))


def _run(given: list[str]) -> int:
    # Imported here so that `--version` stays cheap.
    from callboard.cli.dispatch import run_command  # noqa: PLC0415

    try:
        return run_command(given)
    except BrokenPipeError:
        # The reader has seen enough (`| head`). What is still buffered must not fail at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
