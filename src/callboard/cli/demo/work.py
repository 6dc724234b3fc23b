"""A step of the demonstration: an issue gets a worktree, a branch and an agent that goes on until its check passes."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from callboard.cli.demo.means import SECONDS, Means
from callboard.cli.event_lines import payload_of
from callboard.cli.exit_codes import CONFLICT
from callboard.cli.output import span
from callboard.client import calls
from callboard.domain.errors import Unavailable

GIT_SECONDS: Final = 20.0
CHECK: Final = "greets-twice"
AGENT: Final = """\
---
name: greeter
description: Writes a line of a greeting each time.
executor: scripted
permission_mode: edit
---
append greeting.txt Hello.
say There is a line more.
"""
SETTINGS: Final = f"""\
executor = "scripted"
agent = "greeter"

[checks.{CHECK}]
argv = ["sh", "-c", "echo $(grep -c Hello greeting.txt) of 2 lines; test $(grep -c Hello greeting.txt) = 2"]
"""


def issue_in_a_worktree(means: Means) -> None:
    """An issue spawned into a worktree of its own; refused while somebody has it; done when its check passes."""
    tell = means.tell
    tell.step(
        "An issue becomes work in a worktree of its own, until its check passes",
        "No two active sessions have an issue in common. Not the agent says that it is done, but the check.",
    )
    if shutil.which("git") is None:
        tell.say("git is not installed here; with it you would see this, too.")
        return
    project = means.stage.project
    _make_repository(project)
    means.command("project", "add", ".")
    means.command("trust", ".")
    means.command("task", "new", "Greet twice", "--body", "The greeting has to have two lines.")
    printed = means.command("task", "run", "1", "--check", CHECK)
    tell.check("the task has passed", "#1  passed" in printed, printed)
    (session,) = means.client.send(calls.work.list_sessions()).items
    _show_iterations(means, session.session_id)
    worktree = Path(session.workspace.path) if session.workspace else project
    lines = (worktree / "greeting.txt").read_text(encoding="utf-8").count("Hello.")
    tell.check(f"the file is in the worktree {worktree.name}, with {lines} lines", lines == 2, lines)
    tell.check("the repository's own folder was not touched", not (project / "greeting.txt").exists())
    _show_conflict(means)


def _make_repository(project: Path) -> None:
    folder = project / ".callboard"
    (folder / "agents").mkdir(parents=True)
    (folder / "agents" / "greeter.md").write_text(AGENT, encoding="utf-8")
    (folder / "config.toml").write_text(SETTINGS, encoding="utf-8")
    who = ("-c", "user.name=Demo", "-c", "user.email=demo@example.org", "-c", "commit.gpgsign=false")
    _git(project, "init", "-q", "-b", "main")
    _git(project, "add", ".callboard")
    _git(project, *who, "commit", "-q", "-m", "How to work here")


def _git(project: Path, *words: str) -> None:
    done = subprocess.run(
        ["git", "-C", str(project), *words], capture_output=True, text=True, timeout=GIT_SECONDS, check=False
    )
    if done.returncode:
        raise Unavailable(f"git {words[0]} failed: {done.stderr.strip()}", hint="Look whether git works here.")


def _show_iterations(means: Means, session_id: str) -> None:
    """What the check said each time, and that the agent was told."""
    enough = means.watcher.wait_until(lambda: len(_said_by_check(means, session_id)) == 2, SECONDS)
    means.need(enough, "the check did not run twice")
    for passed, text in _said_by_check(means, session_id):
        mark = span("✓ ", "green") if passed else span("✗ ", "red")
        means.tell.say(mark, f"{CHECK}: {text}")
    means.tell.check(
        "the first try failed its check, the second was told so and passed",
        [passed for passed, _ in _said_by_check(means, session_id)] == [False, True],
    )
    session = means.client.send(calls.sessions.get(session_id))
    means.tell.check("one session, two runs", session.run_count == 2, session.run_count)


def _said_by_check(means: Means, session_id: str) -> list[tuple[bool, str]]:
    events = [event for event in means.watcher.events(session_id) if event.type == "check_completed"]
    return [(payload["exit_code"] == 0, str(payload["tail"]).strip()) for payload in map(payload_of, events)]


def _show_conflict(means: Means) -> None:
    """An issue that somebody works on is given to nobody else."""
    means.command("task", "new", "Write the docs")
    means.command("spawn", "2", "--agent", "greeter")
    means.tell.command("callboard spawn 1 2")
    code, printed = means.stage.run("spawn", "1", "2")
    means.tell.shown(printed)
    means.tell.check("a second spawn that has an issue in common is refused", code == CONFLICT, code)
    sessions = means.client.send(calls.work.list_sessions()).items
    means.tell.check("it has made no session", len(sessions) == 2, [session.title for session in sessions])
    means.end_of(sessions[0].latest_run_id or "")
