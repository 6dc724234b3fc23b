"""The entry of the command line: `--version` without any import, one place for every error, exit codes."""

import os
import sys
from collections.abc import Sequence
from typing import Final

from callboard import __version__

INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line (default: the process's) and leave with its exit code."""
    _fill_closed_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in (["--version"], ["-V"]):
        sys.stdout.write(f"callboard {__version__}\n")
        sys.exit(0)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # What an agent wrote may hold what the terminal's encoding has not.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(given))


def _fill_closed_streams() -> None:
    """Whoever closed a stream (`>&-`) wants none of it; a socket in its place would get what is printed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (
        stream or open(number, mode, closefd=False)  # noqa: SIM115 - for the rest of the process
        for number, mode, stream in ((0, "r", sys.stdin), (1, "w", sys.stdout), (2, "w", sys.stderr))
    )


def _run(given: list[str]) -> int:
    try:
        # Imported here so that `--version` stays cheap, and Ctrl-C meanwhile is one like any other.
        from callboard.cli.dispatch import run_command  # noqa: PLC0415

        return run_command(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`). What is still buffered must not fail at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
