"""The keeper's entry: `python -I -S __main__.py DIRECTORY`. Leaves its starter's session, then keeps one launch."""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def main(directory: str) -> None:
    """Forks away, so that the starter need not wait for us; says on stdout when the socket and the agent are there."""
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    os.chdir(directory)
    if os.fork():
        os._exit(0)
    os.setsid()
    umask = os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    _keep(umask)


def _keep(umask: int) -> None:
    # Only now: the path to our own package was added above, and the starter is free already.
    from callboard.keeper import IDENTITY, LAUNCH, READY  # noqa: PLC0415
    from callboard.keeper.loop import Keeper  # noqa: PLC0415
    from callboard.keeper.processes import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, prctl, process  # noqa: PLC0415

    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_DUMPABLE, 0)
    own = process(os.getpid())
    identity = {"pid": os.getpid(), "start_time": own.started if own else None}
    Path(IDENTITY).write_text(json.dumps(identity), encoding="utf-8")
    keeper = Keeper(json.loads(Path(LAUNCH).read_bytes()))
    try:
        keeper.start(umask)
        with suppress(OSError):  # a runner that was killed meanwhile is no reason to end the agent
            os.write(1, READY)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        keeper.run()
    except Exception as problem:  # noqa: BLE001 - whatever it is, no agent may be left without a keeper
        keeper.fail(problem)


if __name__ == "__main__":
    main(sys.argv[1])
