"""Runs the commands of a page from its top to its end in one shell, as a reader would, in a machine of its own."""

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.docs.pages import Block
from tests.support.processes import end_all_below
from tests.support.programs import scrubbed

SHELL: Final = frozenset({"sh", "bash", "console"})
SECONDS: Final = 50.0
_PROMPT: Final = "$ "
_TO_BACKGROUND: Final = re.compile(r"[ \t]&(?=[ \t]*(?:#.*)?$)", re.MULTILINE)

# What serves goes to the background, and the next line waits until it says that it does.
PRELUDE: Final = r"""
set -euo pipefail
said='^(listening on|registered rnr_|Callboard is running)'
in_background() {
  { set +x; } 2>/dev/null
  local log child
  log=$(mktemp)
  command callboard "$@" >"$log" 2>&1 &
  child=$!
  until grep -qE "$said" "$log"; do
    kill -0 $child 2>/dev/null || { cat "$log" >&2; return 1; }
    sleep 0.05
  done
  set -x
}
callboard() {
  case "$1 ${2---}" in
    'up '* | 'serve '* | 'runner --'*) in_background "$@" ;;
    *) command callboard "$@" ;;
  esac
}
a_session() { command callboard session list -q | head -n 1; }
a_run() { command callboard session show "$(a_session)" --json | grep -oE 'run_[0-9a-z]{26}' | head -n 1; }
set -x
"""


class Machine:
    """A home, a data directory and a port of its own; what a page takes as an example stands for something here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.project = self.home / "project"
        for directory in (self.project, self.home / "src", folder / "lib", folder / "backups"):
            directory.mkdir(parents=True)
        port = _free_port()
        self.environment = scrubbed(
            {
                "HOME": str(self.home),
                "CALLBOARD_DATA_DIR": str(folder / "lib" / "callboard"),
                "CALLBOARD_PORT": str(port),
                "TMPDIR": str(folder),
            }
        )
        self.meant = {
            "7f3k2q": '"$(a_session)"',
            "run_…": '"$(a_run)"',
            "/var/lib/callboard": str(folder / "lib" / "callboard"),
            "/backups": str(folder / "backups"),
            "https://callboard.example": f"http://127.0.0.1:{port}",
            "http://127.0.0.1:8765": f"http://127.0.0.1:{port}",
            "--token-file runner-token": f"--token-file {folder}/lib/callboard/runner-token",
            ". .venv/bin/activate": ":",
        }

    def run(self, blocks: Iterable[Block]) -> tuple[int, str]:
        """The exit code of all of them, the first failure ends it, and what was said."""
        script = PRELUDE + "\n".join(self._part(block) for block in blocks)
        shell = subprocess.Popen(
            ["bash", "-c", script],
            env=self.environment,
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = shell.communicate(timeout=SECONDS)
        finally:
            self._end(shell.pid)
            shell.wait()
        return shell.returncode, said

    def _part(self, block: Block) -> str:
        if block.kind == "python":
            return f"python - <<'PYTHON'\n{block.text}PYTHON\n"
        text = _TO_BACKGROUND.sub("", "\n".join(commands(block)))
        for example, meaning in self.meant.items():
            text = text.replace(example, meaning)
        return text

    def _end(self, group: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        end_all_below(self.folder)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def commands(block: Block) -> Iterator[str]:
    """The lines of a block that are typed; of a console those after a prompt."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.kind != "console":
        return iter(lines)
    return (line.removeprefix(_PROMPT) for line in lines if line.startswith(_PROMPT))


def callboard_words(block: Block) -> Iterator[list[str]]:
    """The words of every command of ours in a block, without what is the shell's."""
    for line in commands(block):
        words = shlex.split(line, comments=True)
        if words and words[0] == "callboard":
            ends = [place for place, word in enumerate(words) if word in ("&", "|", ">", "<", "&&", ";")]
            yield words[1 : ends[0]] if ends else words[1:]
