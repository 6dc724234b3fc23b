"""`python -m callboard.cli.with_parent …`: the command line for a child that has to end when its parent does."""

import ctypes
import signal
import sys
from typing import Final

from callboard.cli.main import main

_PR_SET_PDEATHSIG: Final = 1


def end_with_parent() -> None:
    """Have the system send SIGTERM when the parent dies, however that happens; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent()
    main()
