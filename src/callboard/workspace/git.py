"""Starts git as a stranger's repository demands it: nothing that the repository says is executed as this user.

Knows how git is started, bounded and ended; knows nothing of worktrees.
"""

import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from callboard.workspace.refusal import WorkspaceRefused

SECONDS: Final = 30.0
OUTPUT_BYTES: Final = 4 * 1024 * 1024
ERROR_BYTES: Final = 16 * 1024
LOOK_SECONDS: Final = 0.2
_GUARDS: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.askPass": "",
    "core.alternateRefsCommand": "",
    "core.editor": "false",
    "core.pager": "cat",
    "core.quotePath": "true",
    "core.logAllRefUpdates": "true",
    "credential.helper": "",
    "credential.interactive": "false",
    "diff.ignoreSubmodules": "all",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
    "safe.bareRepository": "explicit",
    "submodule.recurse": "false",
    "worktree.useRelativePaths": "false",
}
_LOCKED: Final = re.compile(r"Unable to create '([^'\n]{1,4096}\.lock)': File exists")
_KEPT_VARIABLES: Final = frozenset({"TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR"})


@dataclass(frozen=True)
class Output:
    """What a program said. `truncated`: it said more, and was ended."""

    code: int
    out: bytes
    error: str
    truncated: bool = False

    @property
    def text(self) -> str:
        """Standard output without the last line end; what is no UTF-8 is replaced."""
        return self.out.decode(errors="replace").rstrip("\n")


@dataclass(frozen=True)
class Git:
    """git as it is started here. `home` is a private folder that stands in for the user's own."""

    home: Path
    environment: Mapping[str, str]
    stop: threading.Event
    """Once set, what runs is ended, and nothing more is started."""
    held: tuple[int, ...] = ()
    """Handles that what is started keeps open: a lock lives as long as the last git that works under it."""

    def holding(self, handle: int) -> "Git":
        """The same, with one more handle that git keeps."""
        return replace(self, held=(*self.held, handle))

    def without_handles(self) -> "Git":
        """The same for what works elsewhere; ssh, for one, may leave a process behind that would keep a lock."""
        return replace(self, held=())

    def run(
        self,
        git_dir: Path | None,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        fine: Collection[int] = (0,),
        seconds: float = SECONDS,
        most_bytes: int = OUTPUT_BYTES,
    ) -> Output:
        """The output of `git ARGUMENTS` on a git directory. Raises `git_failed` for an exit code that is not `fine`."""
        program = find_program("git", self.environment)
        if program is None:
            raise WorkspaceRefused("git_missing", "There is no program git on this runner's PATH.", "Install git.")
        place = () if git_dir is None else (f"--git-dir={git_dir}",)
        guards = [word for name, value in _GUARDS.items() for word in ("-c", f"{name}={value}")]
        argv = [program, "--no-pager", *guards, *place, *arguments]
        output = run_program(argv, self._variables() | dict(variables or {}), self, seconds, most_bytes)
        if output.code not in fine and not output.truncated:
            raise _failure(_verb(arguments), output)
        return output

    def _variables(self) -> dict[str, str]:
        kept = {name: value for name, value in self.environment.items() if name in _KEPT_VARIABLES}
        return kept | {
            "PATH": absolute_path(self.environment),
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_ASKPASS": "",
            "SSH_ASKPASS": "",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oClearAllForwardings=yes",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_AUTHOR_NAME": "Callboard",
            "GIT_AUTHOR_EMAIL": "callboard@localhost",
            "GIT_COMMITTER_NAME": "Callboard",
            "GIT_COMMITTER_EMAIL": "callboard@localhost",
        }


def absolute_path(environment: Mapping[str, str]) -> str:
    """The PATH without places that depend on the current directory."""
    parts = (environment.get("PATH") or os.defpath).split(os.pathsep)
    return os.pathsep.join(part for part in parts if part.startswith("/"))


def find_program(name: str, environment: Mapping[str, str]) -> str | None:
    """Where a program is; None when there is none."""
    return shutil.which(name, path=absolute_path(environment))


def run_program(
    argv: list[str], variables: Mapping[str, str], git: Git, seconds: float, most_bytes: int = OUTPUT_BYTES
) -> Output:
    """What a program said, started in our own folder and ended with all that it started. Raises `git_timeout`."""
    if git.stop.is_set():
        raise WorkspaceRefused("interrupted", "The runner is ending.")
    child = subprocess.Popen(
        argv,
        env=dict(variables),
        cwd=git.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=git.held,
    )
    with child:
        try:
            output = _listen(child, git.stop, time.monotonic() + seconds, most_bytes)
        except BaseException:
            _end(child)
            raise
        if output.truncated:
            _end(child)
        return output


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a program that nobody has waited for yet, so that its number is its own, with all that it started."""
    if child.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def _listen(child: subprocess.Popen[bytes], stop: threading.Event, deadline: float, most_bytes: int) -> Output:
    if child.stdout is None or child.stderr is None:
        raise ValueError("the program's output is not ours")
    out, error = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, out)
        selector.register(child.stderr, selectors.EVENT_READ, error)
        while selector.get_map():
            _check_time(child, stop, deadline)
            for key, _ in selector.select(LOOK_SECONDS):
                data = os.read(key.fd, 65_536)
                if data:
                    key.data.extend(data)
                else:
                    selector.unregister(key.fileobj)
            if len(out) > most_bytes:
                return Output(0, bytes(out[:most_bytes]), _said(error), truncated=True)
            del error[:-ERROR_BYTES]
    return Output(_exit_code(child, stop, deadline), bytes(out), _said(error))


def _exit_code(child: subprocess.Popen[bytes], stop: threading.Event, deadline: float) -> int:
    while True:
        with suppress(subprocess.TimeoutExpired):
            return child.wait(LOOK_SECONDS)
        _check_time(child, stop, deadline)


def _check_time(child: subprocess.Popen[bytes], stop: threading.Event, deadline: float) -> None:
    if stop.is_set():
        raise WorkspaceRefused("interrupted", "The runner is ending.")
    if time.monotonic() > deadline:
        program = Path(str(child.args[0] if isinstance(child.args, list) else child.args)).name
        raise WorkspaceRefused("git_timeout", f"{program} took too long and was ended.")


def _said(error: bytearray) -> str:
    return bytes(error).decode(errors="replace").strip()


def _failure(verb: str, output: Output) -> WorkspaceRefused:
    if "No space left on device" in output.error or "Disk quota exceeded" in output.error:
        return WorkspaceRefused("disk_full", f"git {verb}: there is no room on the disk.", "Free some, and try again.")
    locked = _LOCKED.search(output.error)
    if locked is not None:
        sentence = f"git {verb}: another git works here, or one was killed: {locked[1]} is there."
        return WorkspaceRefused("repository_busy", sentence, f"When no git works there: rm {shlex.quote(locked[1])}")
    lines = [line for line in output.error.splitlines() if line.strip()]
    said = " ".join(lines[-3:])[-600:] or f"exit code {output.code}"
    return WorkspaceRefused("git_failed", f"git {verb} failed: {said}")


def _verb(arguments: tuple[str, ...]) -> str:
    return next((word for word in arguments if not word.startswith(("-", "/"))), "")
