"""Tells the coordinator which agents the runner's directory and its user have in files. Hinders nothing else."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from callboard.client.agent_files import (
    AgentSource,
    Look,
    look_at,
    project_folders,
    project_source,
    upload_async,
    user_folders,
    user_source,
)
from callboard.domain.errors import CallboardError
from callboard.runner.config import RunnerSettings
from callboard.runner.contact import Dismissed
from callboard.runner.context import RunnerContext
from callboard.wire.agents import FileProblem

UPLOAD_SECONDS: Final = 10.0
LOOK_HEARTBEATS: Final = 3
MOST_TOLD: Final = 10
LONGEST_TOLD: Final = 300
_LOG = structlog.get_logger(__name__)


class AgentFiles:
    """What was uploaded last; what is wrong with a file is logged, told of the runner, and said by `agent validate`."""

    def __init__(self, settings: RunnerSettings, environment: Mapping[str, str]) -> None:
        self._project = [*project_folders(settings.project_dir).values()]
        self._user = [*user_folders(environment).values()]
        self._uploaded: dict[str, Look] = {}
        self._refused: dict[str, list[FileProblem]] = {}

    async def keep_uploaded(self, context: RunnerContext) -> None:
        """Look every few heartbeats whether a file has changed, until cancelled."""
        while True:
            await context.clock.pause(LOOK_HEARTBEATS * context.membership.heartbeat_seconds)
            await self.upload_changed(context)

    async def upload_changed(self, context: RunnerContext) -> None:
        """Upload what has changed since the last time; what cannot be uploaded now is tried again."""
        settings = context.settings
        if await self._has_changed("project"):
            source = await asyncio.to_thread(project_source, settings.project_dir, settings.hostname)
            await self._upload(context, source)
        if await self._has_changed("user"):
            source = await asyncio.to_thread(user_source, settings.hostname, context.environment)
            await self._upload(context, source)

    async def _has_changed(self, scope: str) -> bool:
        """Whether to upload; a change that comes while the files are read is seen by the next look."""
        look = await asyncio.to_thread(look_at, self._project if scope == "project" else self._user)
        known = self._uploaded.get(scope)
        self._uploaded[scope] = look
        return look != known

    async def _upload(self, context: RunnerContext, source: AgentSource) -> None:
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                taken = await upload_async(context.contact.send, source)
        except (CallboardError, Dismissed, TimeoutError) as error:
            del self._uploaded[source.scope]
            _LOG.warning("agents_not_uploaded", scope=source.scope, why=str(error) or type(error).__name__)
            return
        if taken.errors:  # a person may let it in without a change of the file
            del self._uploaded[source.scope]
        if taken.errors == self._refused.get(source.scope, []):
            return
        self._refused[source.scope] = taken.errors
        for problem in taken.errors:
            _LOG.warning("agent_file_refused", path=problem.path, why=problem.message)
        refused = [problem for problems in self._refused.values() for problem in problems]
        told = [{"path": one.path[:LONGEST_TOLD], "why": one.message[:LONGEST_TOLD]} for one in refused[:MOST_TOLD]]
        context.measured.keep(refused_agents={"files": told, "count": len(refused)})
