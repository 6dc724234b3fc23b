"""The world of services with those that read it: sessions, external sessions, why, usage and tokens."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import psycopg

from callboard.coordinator.services.external import ExternalService
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.sessions import SessionService
from callboard.coordinator.services.tokens import TokenService
from callboard.coordinator.services.usage import UsageService
from callboard.coordinator.services.why import WhyService
from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError
from callboard.domain.lifecycle import ENDED
from callboard.domain.usage import UsageRow
from callboard.wire.requests import CreateExternalSession
from callboard.wire.responses import ExternalSession, RunCreated
from callboard.wire.runner import Claim, UsageReport
from tests.services.world import OWNER, PlayedRunner, World, open_world

UNKNOWN_SESSION = "ses_00000000000000000000000000"
UNKNOWN_RUN = "run_00000000000000000000000000"
USER = Caller(token_id="tok_user", kind="user")
READER = Caller(token_id="tok_reader", kind="read_only")
JOINER = Caller(token_id="tok_joiner", kind="runner_join")
NATIVE_ID = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0000"


class Reading:
    """The services that read, beside the world that writes."""

    def __init__(self, world: World, path: Path, limits: TreeLimits | None = None) -> None:
        database, ids, rules = world.database, world.ids, world.rules
        self.world = world
        self.data_dir = path.parent
        self.database = url.read_text(encoding="utf-8") if (url := path.parent / "database-url").exists() else ""
        self.sessions = SessionService(database, ids)
        self.external = ExternalService(database, ids, rules, limits or TreeLimits())
        self.why = WhyService(database, rules)
        self.usage = UsageService(database)
        self.tokens = TokenService(database, ids)

    async def child(self, parent: RunCreated, prompt: str = "say child") -> RunCreated:
        """A session below another one, started by that session's agent."""
        return await self.world.start(prompt, agent_of(parent))

    async def ended(self, runner: PlayedRunner, kind: str = "completed", **end: Any) -> RunCreated:
        """A session whose only run has ended so."""
        created = await self.world.start()
        claim = await self.begin(runner)
        await runner.end(claim, kind, **end)
        return created

    async def begin(self, runner: PlayedRunner) -> Claim:
        """A claim that the runner was allowed to launch."""
        (claim,) = await runner.claim()
        await runner.started(claim)
        return claim

    async def book(self, runner: PlayedRunner, claim: Claim, *rows: UsageRow) -> None:
        """Usage of an attempt."""
        report = UsageReport(
            runner_id=runner.runner_id, epoch=runner.epoch, attempt=claim.attempt, rows=list(rows), incomplete=False
        )
        await self.world.reports.usage(runner.caller, claim.run_id, report)

    async def use(self, runner: PlayedRunner, cost: int) -> None:
        """A whole run of the runner that costs so much (micro-dollars)."""
        claim = await self.begin(runner)
        row = UsageRow(model="large", message_id="m1", input_tokens=10, cost_microdollars=cost)
        await self.book(runner, claim, row)
        await runner.end(claim)

    async def take_in(self, caller: Caller = USER, **changes: Any) -> tuple[ExternalSession, bool]:
        """Reports a conversation that is led elsewhere."""
        return await self.external.create(caller, conversation(**changes), None, None)

    async def leader(self, made: ExternalSession) -> Caller:
        """Who the token of an external session proves."""
        assert made.session_token is not None
        return await self.tokens.authenticate(made.session_token)

    def sql(self, statement: str, *values: Any) -> None:
        """Changes rows directly: what no service of this version writes yet, or would take too long."""
        if self.database:
            with psycopg.connect(self.database) as server:
                server.execute(statement.replace("?", "%s").encode(), values)
            return
        connection = apsw.Connection(str(self.data_dir / "callboard.db"))
        connection.set_busy_timeout(5_000)
        try:
            connection.execute(statement, values)
        finally:
            connection.close()

    def project(self, project_id: str) -> None:
        """A project."""
        self.sql(
            "INSERT INTO projects (project_id, name, created_at) VALUES (?, ?, 0)", project_id, f"name of {project_id}"
        )

    def put_in_project(self, session_id: str, project_id: str) -> None:
        """Moves a session into a project."""
        self.sql("UPDATE sessions SET project_id = ? WHERE session_id = ?", project_id, session_id)

    def put_on_issues(self, session_id: str, lifecycle: str, *numbers: int) -> None:
        """Makes a session work on issues."""
        issues = json.dumps([{"number": number, "title": f"Issue {number}"} for number in numbers])
        self.sql(
            "UPDATE sessions SET issues = ?, lifecycle = ?, handle = ? WHERE session_id = ?",
            issues,
            lifecycle,
            str(numbers[0]),
            session_id,
        )
        for table in ("session_issues", "active_issues"):
            self.sql(f"DELETE FROM {table} WHERE session_id = ?", session_id)  # noqa: S608
        for position, number in enumerate(numbers):
            place = "coalesce((SELECT project_id FROM sessions WHERE session_id = ?), '')"
            self.sql(
                f"INSERT INTO session_issues VALUES (?, ?, {place}, ?)",  # noqa: S608
                session_id,
                position,
                session_id,
                number,
            )
            if lifecycle not in ENDED:
                self.sql(
                    f"INSERT INTO active_issues VALUES ({place}, ?, ?)",  # noqa: S608
                    session_id,
                    number,
                    session_id,
                )


def conversation(**changes: Any) -> CreateExternalSession:
    """A conversation of Claude Code that a person leads."""
    values = {
        "executor_type": "claude-code",
        "executor_session_id": NATIVE_ID,
        "hostname": "laptop",
        "project_dir": "/srv/shop",
    }
    return CreateExternalSession(**(values | changes))


def agent_of(created: RunCreated) -> Caller:
    """The agent of a session's first attempt."""
    return Caller(token_id="tok_agent", kind="session", session_id=created.session_id, run_id=created.run_id, attempt=1)


def member(project_id: str) -> Caller:
    """A person whose token is of one project."""
    return Caller(token_id=f"tok_{project_id}", kind="user", project_id=project_id)


def code_of(error: CallboardError) -> tuple[type[CallboardError], str]:
    """What a program sees of an error."""
    return type(error), error.code


@asynccontextmanager
async def open_reading(directory: Path, kind: str, limits: TreeLimits | None = None) -> AsyncIterator[Reading]:
    """A world with its readers in a new database of a kind."""
    async with open_world(directory, kind) as world:
        yield Reading(world, directory / "callboard.db", limits)


__all__ = ["OWNER", "PlayedRunner", "Reading", "World"]
