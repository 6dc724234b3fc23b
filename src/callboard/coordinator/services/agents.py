"""Agents as people and agents see and keep them. Those from files are shown and not changed; see agent_files."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from callboard.coordinator.services.agent_choice import agent_not_found, choose, definition_of, hidden_by, visible
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.domain.agent import Agent as Definition
from callboard.domain.agent import AgentFields, Scope, checked, is_name, runs_programs
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, NotFound, PreconditionFailed, PreconditionRequired
from callboard.domain.idempotency import Idempotency
from callboard.domain.shown_settings import without_secrets
from callboard.store.database import Database, Row, T, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.agents import Agent, AgentListed, ChangeAgent, CreateAgent, HiddenBy
from callboard.wire.responses import Page
from callboard.wire.times import rfc3339

API: Final = "api"
MAX_HIDING: Final = 20
_LISTED: Final = (
    "name", "description", "active", "executor", "model", "permission_mode", "tags", "parameters_schema",
)  # fmt: skip
_WHOLE: Final = (*_LISTED, "system_prompt", "tools", "mcp_servers", "demands", "limits", "output_schema")


class AgentService:
    """All agents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, caller: Caller, *, project_dir: str | None, page: str | None, limit: int) -> Page:
        """A page of agents by name; with a directory only those that are meant there."""
        check_limit(limit)
        name, scope, source = json.loads(read_mark("agents", page, '["", "", ""]'))
        filters = {"name": name, "scope": scope, "source": source, "project_id": caller.project_id or ""}

        def work(tx: Transaction) -> Page:
            rows = tx.all("agents_after", **filters, limit=limit + 1)
            last = rows[limit - 1] if len(rows) > limit else None
            mark = None if last is None else json.dumps([last["name"], last["scope"], last["source"]])
            shown = [row for row in rows[:limit] if _is_meant(tx, caller, row, project_dir)]
            names = {"first": shown[0]["name"], "last": shown[-1]["name"]} if shown else None
            several = tx.all("agents_of_shared_names", **names) if names else []
            listed = [_listed(row, _others(caller, row, several)) for row in shown]
            return page_of("agents", listed, limit, mark)

        return await self._database.read(work)

    async def get(self, caller: Caller, name: str, project_dir: str | None = None, scope: Scope | None = None) -> Agent:
        """The agent that a name means in a directory, or anywhere; of a scope also one that is hidden."""
        return await self._database.read(lambda tx: _render(tx, caller, _meant(tx, caller, name, project_dir, scope)))

    async def create(self, caller: Caller, request: CreateAgent, idempotency: Idempotency | None) -> Agent:
        """A new agent of the API. Conflict `agent_exists`."""
        agent = _allowed(caller, msgspec.convert(msgspec.to_builtins(request), Definition))

        def work(tx: Transaction) -> Agent:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=Agent)
            if not tx.run("insert_agent", **_new_row(tx, caller, agent)):
                raise Conflict(
                    f"There is an agent {agent.name!r} already.",
                    code="agent_exists",
                    hint=f"Change it with PUT /agents/{agent.name}, or take another name.",
                )
            made = _render(tx, caller, _own(tx, caller, agent.name))
            remember(tx, idempotency, 201, msgspec.json.encode(made))
            return made

        return await self._database.write(work)

    async def change(self, caller: Caller, name: str, request: ChangeAgent, etags: frozenset[str] | None) -> Agent:
        """The agent as it is from now on, if it is still one of these. Conflict `agent_read_only` for one of a file."""
        agent = _allowed(caller, _named(name, request))

        def work(tx: Transaction, row: Row) -> Agent:
            text, etag = kept(agent)
            key = {field: row[field] for field in ("scope", "source", "name", "etag", "path", "file_hash")}
            if not tx.run("change_agent", **key, definition=text, new_etag=etag, now=tx.now_ms):
                raise _changed(name)
            return _render(tx, caller, _own(tx, caller, name))

        return await self._change(caller, name, etags, work)

    async def delete(self, caller: Caller, name: str, etags: frozenset[str] | None) -> None:
        """Removes an agent of the API; runs that have it keep it."""

        def work(tx: Transaction, row: Row) -> None:
            if not tx.run("delete_agent", **{field: row[field] for field in ("scope", "source", "name", "etag")}):
                raise _changed(name)

        await self._change(caller, name, etags, work)

    async def _change(
        self, caller: Caller, name: str, etags: frozenset[str] | None, work: Callable[[Transaction, Row], T]
    ) -> T:
        def checked_work(tx: Transaction) -> T:
            row = _own(tx, caller, name)
            if etags is None:
                raise PreconditionRequired(
                    f"Which state of {name!r} is to be changed was not said.",
                    hint="Send its ETag as If-Match, or If-Match: * to change it whatever it is.",
                )
            if not etags & {row["etag"], "*"}:
                raise _changed(name)
            return work(tx, row)

        return await self._database.write(checked_work)


def _named(name: str, fields: AgentFields) -> Definition:
    return msgspec.convert(msgspec.to_builtins(fields) | {"name": name}, Definition)


def _allowed(caller: Caller, agent: Definition) -> Definition:
    """The agent, checked. What names programs to start is the owner's."""
    if runs_programs(checked(agent)) and not caller.is_owner:
        raise Forbidden(
            "Only the owner may say in an agent which programs are started as MCP servers.",
            hint="Name servers of the runner's file, or give an address.",
        )
    return agent


def kept(agent: Definition) -> tuple[str, str]:
    """The text of an agent as it is kept, and its ETag, to which the order of what its schemas say is nothing."""
    etag = hashlib.sha256(msgspec.json.encode(agent, order="sorted")).hexdigest()
    return msgspec.json.encode(agent).decode(), etag


def _new_row(tx: Transaction, caller: Caller, agent: Definition) -> dict[str, Any]:
    text, etag = kept(agent)
    return {
        "scope": API,
        "source": caller.project_id or "",
        "name": agent.name,
        "project_id": caller.project_id,
        "hostname": None,
        "directory": None,
        "path": None,
        "file_hash": None,
        "definition": text,
        "etag": etag,
        "created_by": caller.token_id,
        "now": tx.now_ms,
    }


def _own(tx: Transaction, caller: Caller, name: str) -> Row:
    """The agent of the API that a caller may change. NotFound; Conflict when there is only one of a file."""
    rows = [row for row in tx.all("agents_by_name", name=name) if visible(caller)(row)]
    changeable = [row for row in rows if row["scope"] == API and caller.sees_project(row["project_id"])]
    if changeable:
        return min(changeable, key=lambda row: row["project_id"] != caller.project_id)
    if not rows:
        raise agent_not_found(name)
    where = rows[0]["path"] or "outside of this token's project"
    raise Conflict(
        f"The agent {name!r} comes from {where}, and is changed there.",
        code="agent_read_only",
        hint="Edit the file, then: callboard agent sync",
    )


def _meant(tx: Transaction, caller: Caller, name: str, project_dir: str | None, scope: Scope | None = None) -> Row:
    if not is_name(name):
        raise agent_not_found(name)
    seen = visible(caller)
    return choose(tx, name, fits=lambda row: seen(row) and scope in (None, row["scope"]), directory=project_dir)


def _is_meant(tx: Transaction, caller: Caller, row: Row, project_dir: str | None) -> bool:
    if project_dir is None:
        return True
    try:
        meant = _meant(tx, caller, row["name"], project_dir)
    except NotFound:
        return False
    return (meant["scope"], meant["source"]) == (row["scope"], row["source"])


def _changed(name: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"The agent {name!r} is not any more what you have read.", hint=f"Read it again: GET /agents/{name}"
    )


def _listed(row: Row, others: list[Row]) -> AgentListed:
    agent = definition_of(row)
    return AgentListed(**{name: getattr(agent, name) for name in _LISTED}, **_place(row, others))


def _render(tx: Transaction, caller: Caller, row: Row) -> Agent:
    """An agent, whole; what its servers are reached with is shown to who may change what is kept there."""
    agent = definition_of(row)
    if not (caller.may_write and caller.sees_project(row["project_id"])):
        agent = without_secrets(agent)
    others = _others(caller, row, tx.all("agents_by_name", name=row["name"]))
    return Agent(**{name: getattr(agent, name) for name in _WHOLE}, **_place(row, others))


def _others(caller: Caller, row: Row, rows: list[Row]) -> list[Row]:
    """Those of them that have the same name, and that the caller may see."""
    return [one for one in rows if one["name"] == row["name"] and visible(caller)(one)]


def _place(row: Row, others: list[Row]) -> dict[str, Any]:
    """Where an agent comes from, and which of the others of its name hide it."""
    names = ("scope", "project_id", "hostname", "directory", "path", "etag")
    times = {name: rfc3339(row[name]) for name in ("created_at", "updated_at")}
    hiding = [
        HiddenBy(
            scope=one["scope"], directory=one["directory"] if one["scope"] == "project" else None, path=one["path"]
        )
        for one in hidden_by(row, others)[:MAX_HIDING]
    ]
    return {name: row[name] for name in names} | times | {"read_only": row["scope"] != API, "hidden_by": hiding}
