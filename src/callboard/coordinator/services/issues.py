"""Issues: the local tracker, and what is remembered of one elsewhere. Asks no tracker itself."""

from typing import Any, Final

import msgspec

from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.projects import find_project
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, NotFound
from callboard.domain.idempotency import Idempotency
from callboard.domain.text import MAX_INTEGER, check_line
from callboard.store.database import Database, Row, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.queries import IssuesQuery
from callboard.wire.responses import Page
from callboard.wire.times import rfc3339
from callboard.wire.work import ChangeIssue, Issue, NewIssue

MAX_SEARCHED: Final = 10_000


class IssueService:
    """The issues of all projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, caller: Caller, project_id: str, request: NewIssue, idempotency: Idempotency | None
    ) -> Issue:
        """An issue of the local tracker, with the project's next number. Conflict `not_local_tracker`."""
        check_line(request.title, "/title")

        def work(tx: Transaction) -> Issue:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=Issue)
            made = show_issue(tx, project_id, add_issue(tx, caller, project_id, request))
            remember(tx, idempotency, 201, msgspec.json.encode(made))
            return made

        return await self._database.write(work)

    async def get(self, caller: Caller, project_id: str, number: int) -> Issue:
        """One issue. NotFound."""

        def work(tx: Transaction) -> Issue:
            find_project(tx, caller, project_id)
            return show_issue(tx, project_id, number)

        return await self._database.read(work)

    async def list(self, caller: Caller, project_id: str, wanted: IssuesQuery) -> Page:
        """A project's issues, newest first; with words of at most the 10,000 newest below the page's mark."""
        limit = wanted.limit
        check_limit(limit)
        name = f"issues:{project_id}"
        below = {
            "project_id": project_id,
            "before": int(read_mark(name, wanted.page, str(MAX_INTEGER + 1))),
            "state": wanted.state or "",
        }
        words = (wanted.q or "").casefold().split()

        def work(tx: Transaction) -> Page:
            find_project(tx, caller, project_id)
            rows = _listed(tx, below, words, limit + 1)
            last = str(rows[limit - 1]["number"]) if len(rows) > limit else None
            return page_of(name, [_render(row) for row in rows[:limit]], limit, last)

        return await self._database.read(work)

    async def change(self, caller: Caller, project_id: str, number: int, request: ChangeIssue) -> Issue:
        """Writes what is given of an issue of the local tracker; the rest stays."""
        if isinstance(request.title, str):
            check_line(request.title, "/title")

        def work(tx: Transaction) -> Issue:
            _local(find_project(tx, caller, project_id))
            row = _find(tx, project_id, number)
            asked: dict[str, Any] = {"title": request.title, "body": request.body, "state": request.state}
            given = {name: value if value is not msgspec.UNSET else row[name] for name, value in asked.items()}
            tx.run("change_issue", project_id=project_id, number=number, now=tx.now_ms, **given)
            return show_issue(tx, project_id, number)

        return await self._database.write(work)


def _listed(tx: Transaction, below: dict[str, Any], words: list[str], limit: int) -> list[Row]:
    if not words:
        return tx.all("list_issues", **below, limit=limit)
    titles = tx.all("issue_titles", **below, limit=MAX_SEARCHED)
    numbers = [row["number"] for row in titles if _has_all(row, words)][:limit]
    found = msgspec.json.encode(numbers).decode()
    return tx.all("issues_by_number", project_id=below["project_id"], numbers=found) if numbers else []


def _has_all(row: Row, words: list[str]) -> bool:
    number = f"#{row['number']}"
    text = f"{number} {row['title']}".casefold()
    return all(number == word if word[0] == "#" and word[1:].isdigit() else word in text for word in words)


def add_issue(tx: Transaction, caller: Caller, project_id: str, request: NewIssue) -> int:
    """A new issue of the local tracker; its number. NotFound, Conflict `not_local_tracker`."""
    _local(find_project(tx, caller, project_id))
    taken = tx.one("next_issue_number", project_id=project_id)
    if taken is None:
        _local(find_project(tx, caller, project_id))  # the tracker was changed meanwhile
        raise RuntimeError(f"the project {project_id} vanished inside a transaction")
    number = int(taken["last_issue"])
    tx.run(
        "insert_issue",
        project_id=project_id,
        number=number,
        title=request.title,
        body=request.body,
        state="open",
        fetched_at=None,
        now=tx.now_ms,
    )
    return number


def show_issue(tx: Transaction, project_id: str, number: int) -> Issue:
    """An issue as it is answered. NotFound."""
    return _render(_find(tx, project_id, number))


def _find(tx: Transaction, project_id: str, number: int) -> Row:
    row = tx.one("issue_by_number", project_id=project_id, number=number)
    if row is None:
        raise NotFound(f"The project has no issue {number}.", code="issue_not_found")
    return row


def _local(project: Row) -> None:
    if project["tracker"] != "local":
        raise Conflict(
            f"The issues of {project['name']} are kept at {project['tracker']}.",
            code="not_local_tracker",
            hint="Make or change the issue there; callboard spawn takes its number.",
        )


def _render(row: Row) -> Issue:
    same = ("project_id", "number", "title", "body", "state", "session_id", "task_id", "milestone_id")
    return Issue(
        **{name: row[name] for name in same},
        created_at=rfc3339(row["created_at"]),
        updated_at=rfc3339(row["updated_at"]),
    )
