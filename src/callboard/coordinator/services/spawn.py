"""Spawn: numbers of issues become one session in a worktree of its own. What it writes is in work_creation."""

import msgspec

from callboard.coordinator.services.fleet import Fleet
from callboard.coordinator.services.limits import TreeLimits, WorkRules
from callboard.coordinator.services.new_run import NewRun
from callboard.coordinator.services.projects import find_project, settings_of
from callboard.coordinator.services.work_creation import NewWork, look, reserve
from callboard.domain.caller import Caller
from callboard.domain.errors import InvalidRequest
from callboard.domain.idempotency import Idempotency
from callboard.domain.ids import Ids
from callboard.domain.runner import LeaseRules
from callboard.domain.work_names import check_base
from callboard.store.database import Database, Row, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.requests import CreateRun
from callboard.wire.work import Spawn, Spawned


class SpawnService:
    """Starts work on issues."""

    def __init__(
        self,
        database: Database,
        fleet: Fleet,
        ids: Ids,
        rules: LeaseRules,
        limits: TreeLimits,
        work_rules: WorkRules,
        default_executor_type: str,
    ) -> None:
        self._database = database
        self._fleet = fleet
        self._ids = ids
        self._rules = rules
        self._limits = limits
        self._work_rules = work_rules
        self._default_executor_type = default_executor_type

    async def spawn(self, caller: Caller, project_id: str, request: Spawn, idempotency: Idempotency | None) -> Spawned:
        """One session for these issues, reserved at once; its job ends when the worktree is there."""
        self.check(request)
        offered = await self.offered()

        def work(tx: Transaction) -> Spawned:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=Spawned)
            project = find_project(tx, caller, project_id)
            new = self.new_work(caller, project, request, offered)
            spawned = look(tx, self._ids, new) if request.dry_run else reserve(tx, self._ids, self._limits, new)
            remember(tx, idempotency, 201, msgspec.json.encode(spawned))
            return spawned

        return await self._database.write(work)

    def check(self, request: Spawn) -> None:
        """InvalidRequest for words that exclude each other, or are no names."""
        if request.reuse_branch and request.new_branch:
            raise InvalidRequest(
                "reuse_branch and new_branch exclude each other.",
                errors=[{"pointer": "/new_branch", "message": "not with reuse_branch"}],
            )
        if request.base_branch is not None:
            check_base(request.base_branch, "/base_branch")

    async def offered(self) -> frozenset[str]:
        """The executors of all runners."""
        return frozenset(name for runner in await self._fleet.all() for name in runner.offer.executor_types)

    def new_work(self, caller: Caller, project: Row, request: Spawn, offered: frozenset[str]) -> NewWork:
        """The work that is asked for, with its first run; for a spawn, a task and a milestone alike."""
        return NewWork(
            project=project,
            issues=request.issues,
            run=self._first_run(caller, project, request, offered),
            prepare_ms=self._work_rules.prepare_ms,
            base_branch=request.base_branch,
            reuse_branch=request.reuse_branch,
            new_branch=request.new_branch,
            hostname=request.hostname,
            accept_text=request.accept_text,
        )

    def _first_run(self, caller: Caller, project: Row, request: Spawn, offered: frozenset[str]) -> NewRun:
        """What the first run is asked is written when its worktree is there."""
        settings = settings_of(project)
        agent_name = request.agent_name or settings.agent_name
        executor_type = request.executor_type or (None if request.agent_name else settings.executor_type)
        return NewRun(
            request=CreateRun(
                type="start_session",
                prompt="",
                project=project["project_id"],
                agent_name=agent_name,
                executor_type=executor_type,
                model=request.model,
                permission_mode=request.permission_mode,
                limits=request.limits,
                context="fresh",
            ),
            prompt="",
            caller=caller,
            parent_session_id=None,
            executor_type=executor_type or self._default_executor_type,
            offered_executors=offered,
            no_match_ms=self._rules.no_match_ms,
            trigger="issue",
            held=True,
        )
