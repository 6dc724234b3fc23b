"""Which project a command means: the one that is named, else the one whose place or worktree holds this directory."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.client import calls
from callboard.client.transport import Client
from callboard.domain.errors import NotFound
from callboard.wire.work import Project

InProject = Annotated[str | None, Parameter(name="--project", help="Project by name; default: that of this directory.")]


def project_of(context: Context, named: str | None) -> Project:
    """The project. NotFound `project_not_found` when none is named and none is here."""
    name = named or context.settings["project"]
    found = named_project(context.client, name) if name else project_here(context.client)
    if found is not None:
        return found
    if name:
        raise NotFound(
            f"There is no project {name!r}.", code="project_not_found", hint="`callboard project list` lists them."
        )
    raise NotFound(
        "No project has a place or a worktree that holds this directory.",
        code="project_not_found",
        hint="Add it: callboard project add .  or name one: --project NAME",
    )


def named_project(client: Client, name: str) -> Project | None:
    """The project of this name or id."""
    found = client.send(calls.work.list_projects(name=name)).items
    return found[0] if found else None


def project_here(client: Client) -> Project | None:
    """The project of which a place, or a worktree, holds the current directory."""
    with suppress(FileNotFoundError):
        return project_holding(client, Path.cwd())
    return None


def project_holding(client: Client, directory: Path) -> Project | None:
    """The project of which a place, or a worktree, holds a directory of this machine."""
    place = str(directory.resolve())
    found = client.send(calls.work.list_projects(hostname=socket.gethostname(), directory=place)).items
    return found[0] if found else None
