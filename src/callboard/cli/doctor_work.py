"""What `doctor` finds on work on issues: git and the way to GitHub on this machine, places, and what is left over."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from callboard.cli.context import Context
from callboard.cli.daemon_settings import runner_table
from callboard.cli.findings import Finding, Verdict
from callboard.client import calls
from callboard.client.retry import NO_RETRIES
from callboard.domain.errors import CallboardError
from callboard.wire.work import Project
from callboard.workspace.git import Git
from callboard.workspace.github import GitHubAccess
from callboard.workspace.github_program import GitHubProgram
from callboard.workspace.refusal import WorkspaceRefused

OLDEST_GIT: Final = (2, 32)
PROGRAM_SECONDS: Final = 10.0
MAX_LISTED: Final = 200
_VERSION: Final = re.compile(r"git version (\d+)\.(\d+)")


def look_at_work(context: Context) -> Iterator[Finding]:
    """git; and, as far as the coordinator can be asked, the projects and what their work left behind."""
    try:
        projects = context.client.send(calls.work.list_projects(limit=MAX_LISTED), retry=NO_RETRIES).items
    except CallboardError:  # what is wrong with it is said elsewhere
        projects = []
    here = [one for one in projects if any(place.hostname == socket.gethostname() for place in one.locations)]
    yield _git(needed=bool(here))
    for project in here:
        if project.tracker == "github":
            yield _github(context, project)
    yield from _places(projects)
    if projects:
        yield from _left_over(context)


def _git(*, needed: bool) -> Finding:
    bad: Verdict = "wrong" if needed else "warning"
    path = shutil.which("git")
    if path is None:
        sentence = "not found; it is needed for work on issues, whose worktrees it makes"
        return Finding(name="git", verdict=bad, sentence=sentence, next_step="Install git 2.32 or newer.")
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        sentence = f"{path} does not answer ({problem})"
        return Finding(name="git", verdict=bad, sentence=sentence, next_step="Install git 2.32 or newer.")
    said = " ".join(done.stdout.split())
    found = _VERSION.match(said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GIT:
        sentence = f"{path}: {said or 'no version'}; worktrees of work on issues need 2.32"
        return Finding(name="git", verdict=bad, sentence=sentence, next_step="Install git 2.32 or newer.")
    return Finding(name="git", verdict="ok", sentence=f"{path}: {said}")


def _github(context: Context, project: Project) -> Finding:
    """Whether a runner of this machine, told what this shell is told, has a way to the project's tracker."""
    if project.remote_url is None:
        sentence = f"{project.name}: its issues are at GitHub, and no remote `origin` is known."
        step = "git remote add origin URL, then in the repository: callboard project add"
        return Finding(name="github", verdict="warning", sentence=sentence, next_step=step)
    table = runner_table(context.settings)
    access = GitHubAccess(
        program=table.gh and str(Path(table.gh).expanduser()),
        token_file=Path(table.github_token_file).expanduser() if table.github_token_file else None,
        api_url=table.github_api_url,
        environment=os.environ,
    )
    with tempfile.TemporaryDirectory(prefix="callboard-") as home:
        try:
            tracker = access.tracker(Git(Path(home), os.environ, threading.Event()), project.remote_url)
            by_program = isinstance(tracker, GitHubProgram)
            logged_in = tracker.push_token() is not None
        except WorkspaceRefused as refused:
            sentence = f"{project.name}: {refused.sentence}"
            return Finding(name="github", verdict="warning", sentence=sentence, next_step=refused.hint)
    if not logged_in:
        sentence = f"{project.name}: gh has no login for {access.host}."
        step = f"gh auth login --hostname {access.host}"
        return Finding(name="github", verdict="warning", sentence=sentence, next_step=step)
    way = "gh, which has a login" if by_program else "a token (GitHub was not asked)"
    return Finding(name="github", verdict="ok", sentence=f"{project.name}: {access.host} by {way}")


def _places(projects: list[Project]) -> Iterator[Finding]:
    """Places of projects at which nobody can work."""
    for project in projects:
        for place in project.locations:
            if not place.runner_ids:
                yield Finding(
                    name="place",
                    verdict="warning",
                    sentence=f"{project.name}: no runner is online for {place.hostname}:{place.path}",
                    next_step=f"On {place.hostname}: callboard runner --project-dir {place.path}",
                )


def _left_over(context: Context) -> Iterator[Finding]:
    """What preparations made and nobody could undo."""
    try:
        sessions = context.client.send(calls.work.list_sessions(limit=MAX_LISTED), retry=NO_RETRIES).items
    except CallboardError:
        return
    for one in sessions:
        if one.work is not None and one.work.undo_error:
            yield Finding(
                name="worktree",
                verdict="warning",
                sentence=f"{one.session_id} ({one.handle}) is half made, and stays so: {one.work.undo_error}",
                next_step="It is tried again by itself once an hour or more often; look: callboard worktrees",
            )
