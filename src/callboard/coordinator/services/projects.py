"""Projects: a repository with its tracker, its places and its defaults. Touches no repository."""

import json
import posixpath
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from callboard.coordinator.services.fleet import Fleet, FleetRunner
from callboard.coordinator.services.job_changes import works_at
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.domain import ids as id_kinds
from callboard.domain.caller import Caller
from callboard.domain.demands import inside
from callboard.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from callboard.domain.idempotency import Idempotency
from callboard.domain.ids import Ids
from callboard.domain.work_names import check_base, check_branch, check_prefix
from callboard.store.database import Database, Row, Transaction
from callboard.store.hints import JobWaits
from callboard.store.idempotency import remember, remembered
from callboard.wire.responses import Page
from callboard.wire.times import rfc3339
from callboard.wire.work import AddProject, ChangeProject, Location, Project, ProjectSettings

_MOST_NAMED: Final = 5


class ProjectService:
    """All projects."""

    def __init__(self, database: Database, fleet: Fleet, ids: Ids) -> None:
        self._database = database
        self._fleet = fleet
        self._ids = ids

    async def add(self, caller: Caller, request: AddProject, idempotency: Idempotency | None) -> Project:
        """A project with this place; one more place of a project of this name; said again, what has changed."""
        if caller.project_id is not None:
            raise Forbidden("This token is bound to one project, and may not add one.")
        _check_place(request.path)
        _check_settings(request.settings)
        _check_base(request.default_branch)
        online = await self._online()

        def work(tx: Transaction) -> Project:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=Project)
            added = _render(tx, self._add(tx, request), online)
            remember(tx, idempotency, 201, msgspec.json.encode(added))
            return added

        return await self._database.write(work)

    def _add(self, tx: Transaction, request: AddProject) -> Row:
        about = {
            "default_branch": request.default_branch,
            "remote_url": request.remote_url,
            "tracker": request.tracker,
            "settings": msgspec.json.encode(request.settings).decode(),
        }
        new_id = self._ids.new(id_kinds.PROJECT)
        tx.run("insert_project", project_id=new_id, name=request.name, now=tx.now_ms, **about)
        found = tx.one("project_by_name", project=request.name)
        if found is None:
            raise RuntimeError(f"the project {request.name!r} vanished inside its transaction")
        project_id = found["project_id"]
        before = find_project(tx, None, project_id)
        tx.run("change_project", project_id=project_id, **about)
        if not request.replace_issues:
            _check_issues(tx, before, request.tracker)
        place = {"hostname": request.hostname, "path": request.path}
        if not tx.run("insert_location", project_id=project_id, now=tx.now_ms, **place):
            _check_own(tx, project_id, place)
        tx.hint(JobWaits(hostname=request.hostname))
        return find_project(tx, None, project_id)

    async def get(self, caller: Caller, project_id: str) -> Project:
        """One project. NotFound."""
        online = await self._online()
        return await self._database.read(lambda tx: _render(tx, find_project(tx, caller, project_id), online))

    async def _online(self) -> list[FleetRunner]:
        now_ms = await self._database.now_ms()
        return [one for one in await self._fleet.all() if self._fleet.state(one, now_ms) != "lost"]

    async def list(
        self,
        caller: Caller,
        *,
        name: str | None,
        hostname: str | None,
        path: str | None,
        page: str | None,
        limit: int,
    ) -> Page:
        """Projects by name; those of this name, or of which a place or a worktree holds this directory."""
        check_limit(limit)
        after = read_mark("projects", page, "")
        online = await self._online()

        def work(tx: Transaction) -> Page:
            rows = tx.all("list_projects", after=after, project_id=caller.project_id or "", limit=limit + 1)
            if name is not None:
                named = tx.one("project_by_name", project=name)
                rows = [] if named is None else _rows(tx, caller, [named["project_id"]])
            elif hostname is not None and path is not None:
                rows = _rows(tx, caller, _holding(tx, hostname, posixpath.normpath(path)))
            items = [_render(tx, row, online) for row in rows[:limit]]
            return page_of("projects", items, limit, rows[limit - 1]["name"] if len(rows) > limit else None)

        return await self._database.read(work)

    async def change(self, caller: Caller, project_id: str, request: ChangeProject) -> Project:
        """Writes what is given; the rest stays."""
        if isinstance(request.settings, ProjectSettings):
            _check_settings(request.settings)
        if isinstance(request.default_branch, str):
            _check_base(request.default_branch)
        online = await self._online()

        def work(tx: Transaction) -> Project:
            row = find_project(tx, caller, project_id)
            settings = request.settings
            given = {"default_branch": request.default_branch, "tracker": request.tracker}
            if isinstance(settings, ProjectSettings):
                given["settings"] = msgspec.json.encode(settings).decode()
            about = {name: value for name, value in given.items() if value is not msgspec.UNSET}
            kept = {name: row[name] for name in ("default_branch", "remote_url", "tracker", "settings")}
            tx.run("change_project", project_id=project_id, **(kept | about))
            if not request.replace_issues and isinstance(request.tracker, str):
                _check_issues(tx, row, request.tracker)
            return _render(tx, find_project(tx, caller, project_id), online)

        return await self._database.write(work)

    async def remove(self, caller: Caller, project_id: str) -> None:
        """Removes a project to which nothing belongs. Conflict `project_in_use`."""

        def work(tx: Transaction) -> None:
            row = find_project(tx, caller, project_id)
            held = tx.one("what_holds_project", project_id=project_id) or {}
            if any(held.values()):
                told = ", ".join(f"{name} ({count})" for name, count in held.items() if count)
                raise Conflict(
                    f"The project {row['name']} cannot be removed: {told} belong to it.",
                    code="project_in_use",
                    hint=f"To end work there, remove its places: callboard project remove {row['name']} --path PATH",
                )
            for room in ("locations", "tasks", "milestones", "issues"):
                tx.run(f"delete_{room}_of_project", project_id=project_id)
            tx.run("delete_project", project_id=project_id)

        await self._database.write(work)

    async def remove_location(self, caller: Caller, project_id: str, hostname: str, path: str) -> Project:
        """Takes a place away from a project. NotFound; Conflict `project_in_use` while a worktree is there."""
        online = await self._online()

        def work(tx: Transaction) -> Project:
            row = find_project(tx, caller, project_id)
            worktrees = tx.all("worktrees_of_place", hostname=hostname, path=path)
            if worktrees:
                handles = ", ".join(str(one["handle"]) for one in worktrees)
                raise Conflict(
                    f"{hostname}:{path} has worktrees: {handles}.",
                    code="project_in_use",
                    hint="Delete them first: callboard delete NUMBER",
                    errors=[{"session_id": one["session_id"], "title": f"issue {one['handle']}"} for one in worktrees],
                )
            if not tx.run("delete_location", project_id=project_id, hostname=hostname, path=path):
                raise NotFound(f"{row['name']} has no place {hostname}:{path}.", code="no_location")
            return _render(tx, row, online)

        return await self._database.write(work)


def find_project(tx: Transaction, caller: Caller | None, project_id: str) -> Row:
    """The project's row; NotFound when there is none that the caller may see."""
    row = tx.one("project_by_id", project_id=project_id)
    if row is None or (caller is not None and not caller.sees_project(project_id)):
        raise NotFound(
            f"There is no project {project_id}.", code="project_not_found", hint="`callboard project list` lists them."
        )
    return row


def settings_of(project: Row) -> ProjectSettings:
    """The settings in a project's row."""
    return msgspec.json.decode(project["settings"], type=ProjectSettings)


def _rows(tx: Transaction, caller: Caller, project_ids: Sequence[str]) -> list[Row]:
    found = [tx.one("project_by_id", project_id=one) for one in dict.fromkeys(project_ids) if caller.sees_project(one)]
    return [row for row in found if row is not None]


def _holding(tx: Transaction, hostname: str, path: str) -> list[str]:
    """The projects of which a place, or a worktree, holds a directory; the nearest place speaks for itself."""
    for row in tx.all("worktrees_of_host", hostname=hostname):
        if inside(path, json.loads(row["workspace"])["path"]):
            return [row["project_id"]]
    while True:
        place = tx.one("location_by_place", hostname=hostname, path=path)
        if place is not None:
            return [place["project_id"]]
        if path in ("/", "."):
            return []
        path = posixpath.dirname(path)


def _check_own(tx: Transaction, project_id: str, place: dict[str, str]) -> None:
    there = tx.one("location_by_place", **place)
    if there is None or there["project_id"] == project_id:
        return
    other = tx.one("project_by_id", project_id=there["project_id"]) or {"name": there["project_id"]}
    raise Conflict(
        f"{place['hostname']}:{place['path']} belongs to the project {other['name']}.",
        code="location_taken",
        hint=f"Use that one, or take the place away from it: callboard project remove {other['name']} "
        f"--path {place['path']}",
    )


def _check_issues(tx: Transaction, before: Row, tracker: str) -> None:
    """Looked at after the project was changed, so that nobody makes another issue meanwhile."""
    if before["tracker"] != "local" or tracker == "local":
        return
    rows = tx.all("local_issues", project_id=before["project_id"], limit=_MOST_NAMED + 1)
    if not rows:
        return
    named = ", ".join(str(row["number"]) for row in rows[:_MOST_NAMED]) + (", …" if len(rows) > _MOST_NAMED else "")
    raise Conflict(
        f"{before['name']} has issues of its own ({named}); those of {tracker} with their numbers would replace them.",
        code="local_issues",
        hint="Keep them elsewhere first, then: callboard project add PATH --replace-issues. "
        'Or keep the tracker: tracker = "local".',
    )


def _check_place(path: str) -> None:
    if not path.startswith("/") or path != posixpath.normpath(path):
        raise InvalidRequest(
            f"{path[:200]!r} is no plain absolute path.", errors=[{"pointer": "/path", "message": "no absolute path"}]
        )


def _check_settings(settings: ProjectSettings) -> None:
    if settings.worktree_prefix is not None:
        check_prefix(settings.worktree_prefix)
    if settings.base_branch is not None:
        check_base(settings.base_branch, "/settings/base_branch")


def _check_base(branch: str | None) -> None:
    if branch is not None:
        check_branch(branch, "/default_branch")


def _render(tx: Transaction, row: Row, online: Sequence[FleetRunner]) -> Project:
    places = tx.all("locations_of_projects", ids=json.dumps([row["project_id"]]))
    return Project(
        **{name: row[name] for name in ("project_id", "name", "default_branch", "remote_url", "tracker")},
        settings=settings_of(row),
        locations=[_location(place, online) for place in places],
        **(tx.one("open_in_project", project_id=row["project_id"]) or {}),
        created_at=rfc3339(row["created_at"]),
    )


def _location(place: dict[str, Any], online: Sequence[FleetRunner]) -> Location:
    there = [one for one in online if one.hostname == place["hostname"] and works_at(one.offer.roots, place["path"])]
    return Location(hostname=place["hostname"], path=place["path"], runner_ids=sorted(one.runner_id for one in there))
