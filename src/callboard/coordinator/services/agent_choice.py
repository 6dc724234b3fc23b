"""Which agent is meant by a name: that of the project before that of the user before the API's own. Changes nothing."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from callboard.coordinator.services.run_agents import Snapshot
from callboard.domain.agent import PRECEDENCE, Agent, plain_directory
from callboard.domain.caller import Caller
from callboard.domain.demands import inside
from callboard.domain.errors import Conflict, NotFound
from callboard.store.database import Row, Transaction
from callboard.wire.requests import CreateRun


def choose(tx: Transaction, name: str, *, fits: Callable[[Row], bool], directory: str | None) -> Row:
    """The agent that is meant in a directory. NotFound `agent_not_found`, Conflict `ambiguous_agent`.

    Where no directory is known an agent of some project is meant too, if no other project has one of that name.
    """
    rows = tx.all("agents_by_name", name=name)
    away = any(row["scope"] == "project" and not _is_there(row, directory) for row in rows)
    home = _repository_of(tx, directory) if away and directory is not None else None
    fitting = [row for row in rows if fits(row) and (_is_there(row, directory) or (home and _is_there(row, home)))]
    places = {row["directory"] for row in fitting if row["scope"] == "project"}
    if directory is None and len(places) > 1:
        raise Conflict(
            f"Several projects have an agent {name!r}.",
            code="ambiguous_agent",
            hint="Name project_dir.",
            errors=[{"pointer": "/project_dir", "message": place} for place in sorted(places)],
        )
    if not fitting:
        raise agent_not_found(name, elsewhere=bool(rows))
    return min(fitting, key=_order)


def named_agent(
    tx: Transaction, request: CreateRun, project_id: str | None, session: Row | None, directory: str | None = None
) -> Snapshot | None:
    """The agent that a request names, as it is now: in its directory, else in this one, else the session's.

    Of a session in a worktree that is the repository, in which the files of its project are.
    """
    if request.agent_name is None:
        return None
    more = request.additional_demands
    place = request.project_dir or (more.project_dir if more else None) or directory or _home_of(session)

    def fits(row: Row) -> bool:
        return row["project_id"] in (None, project_id)

    return snapshot_of(choose(tx, request.agent_name, fits=fits, directory=place))


def place_of_agent(tx: Transaction, name: str | None, places: Sequence[str]) -> str:
    """Of a project's places the first that has an agent of this name in its files; else the first."""
    rows = tx.all("agents_by_name", name=name) if name is not None else []
    own = [row for row in rows if row["scope"] == "project"]
    return next((place for place in places if any(_is_there(row, place) for row in own)), places[0])


def _repository_of(tx: Transaction, directory: str) -> str | None:
    """The repository of the worktree of a work session that holds this directory: there its project's agents are."""
    place = plain_directory(directory)
    names = [part for part in place.split("/") if part]
    rows = tx.all("worktrees_called", names=json.dumps(names)) if names else []
    spaces = [json.loads(row["workspace"]) for row in rows]
    return next((one.get("repository") for one in spaces if inside(place, one["path"])), None)


def _home_of(session: Row | None) -> str | None:
    if session is None:
        return None
    place: str | None = json.loads(session["workspace"]).get("repository") if session["workspace"] else None
    own: str | None = session["project_dir"]
    return place or own


def hidden_by(row: Row, others: Iterable[Row]) -> list[Row]:
    """Of agents of the same name those that are meant before this one: in their project's directory, else anywhere."""

    def meets(other: Row) -> bool:
        both = other["scope"] == row["scope"] == "project"
        return not both or inside(other["directory"], row["directory"])

    before = [other for other in others if _order(other) < _order(row) and meets(other)]
    return sorted(before, key=_order)


def visible(caller: Caller) -> Callable[[Row], bool]:
    """Whether a caller may see an agent."""
    return lambda row: row["project_id"] is None or caller.sees_project(row["project_id"])


def definition_of(row: Row) -> Agent:
    """What a kept agent says."""
    return msgspec.json.decode(row["definition"], type=Agent)


def snapshot_of(row: Row) -> Snapshot:
    """What a run keeps of its agent: later edits change nothing in it. Conflict `agent_inactive`."""
    agent: Snapshot = json.loads(row["definition"])
    if not agent.get("active", True):
        raise Conflict(
            f"The agent {row['name']!r} is not active.", code="agent_inactive", hint="Take another, or activate it."
        )
    return agent | {"scope": row["scope"], "etag": row["etag"]}


def agent_not_found(name: str, *, elsewhere: bool = False) -> NotFound:
    """The refusal for a name that means nobody."""
    where = "; one of that name belongs to another project" if elsewhere else ""
    return NotFound(
        f"There is no agent {name[:80]!r} here{where}.",
        code="agent_not_found",
        hint="`callboard agent list` shows them, `callboard agent sync` uploads those of this directory.",
    )


def _is_there(row: Row, directory: str | None) -> bool:
    return row["scope"] != "project" or directory is None or inside(plain_directory(directory), row["directory"])


def _order(row: Row) -> tuple[Any, ...]:
    """The nearest directory first, a project's own before everybody's, the newest of several."""
    depth = len(row["directory"] or "") if row["scope"] == "project" else 0
    return (PRECEDENCE.index(row["scope"]), -depth, row["project_id"] is None, -row["updated_at"], row["source"])
