"""Many command lines at the same moment: each a process of its own, forked when all is loaded, and let go together.

Run as a program: argument 1 is a folder with `commands.json`, a list of {words, environment}; it writes `out-N` and
`err-N` there, and prints the exit codes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import REPOSITORY
from tests.support.programs import scrubbed

SECONDS = 60.0


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


def at_once(folder: Path, directory: Path, commands: Sequence[tuple[Mapping[str, str], Sequence[str]]]) -> list[Ended]:
    """Run `callboard WORDS` with each environment, all at the same moment, in a directory; what became of each."""
    folder.mkdir()
    asked = [{"environment": dict(environment), "words": list(words)} for environment, words in commands]
    (folder / "commands.json").write_text(json.dumps(asked), encoding="utf-8")
    program = [sys.executable, "-m", "tests.faults.at_once", str(folder)]
    python_path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    environment = scrubbed({"PYTHONPATH": python_path, "CALLBOARD_TEST_DIRECTORY": str(directory)})
    done = subprocess.run(
        program, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    codes = json.loads(done.stdout)
    return [
        Ended(code, *((folder / f"{kind}-{number}").read_text(encoding="utf-8") for kind in ("out", "err")))
        for number, code in enumerate(codes)
    ]


def _main(folder: Path) -> None:
    from callboard.cli import dispatch, jobs, main, projects, spawn  # noqa: PLC0415 - only in the program
    from callboard.client import transport  # noqa: PLC0415

    del dispatch, jobs, projects, spawn, transport  # they are loaded, which every child has from here
    commands: list[dict[str, Any]] = json.loads((folder / "commands.json").read_text(encoding="utf-8"))
    gate, signal = os.pipe()
    children = []
    for number, command in enumerate(commands):
        if (child := os.fork()) == 0:
            os.close(signal)
            _child(folder, number, command, gate, main.main)
        children.append(child)
    os.close(signal)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.stdout.write(json.dumps(codes))


def _child(folder: Path, number: int, command: dict[str, Any], gate: int, run: Any) -> None:
    for descriptor, kind in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / f"{kind}-{number}", os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    os.environ.update(command["environment"])
    os.chdir(os.environ["CALLBOARD_TEST_DIRECTORY"])
    os.read(gate, 1)  # ends when the parent has let go of the other end
    code = 1
    try:
        run(command["words"])
    except SystemExit as ending:
        code = int(ending.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
