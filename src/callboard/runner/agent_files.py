"""Tells the coordinator which agents the runner's directory and its user have in files. Hinders no start."""

import asyncio
from typing import Final

import structlog

from callboard.client.agent_files import AgentSource, project_source, upload_async, user_source
from callboard.domain.errors import CallboardError
from callboard.runner.contact import Dismissed
from callboard.runner.context import RunnerContext

UPLOAD_SECONDS: Final = 10.0
_LOG = structlog.get_logger(__name__)


async def upload_agents(context: RunnerContext) -> None:
    """Upload what has changed since the last time; whatever is wrong is logged, and said by `agent validate`."""
    settings = context.settings
    for source in (
        await asyncio.to_thread(project_source, settings.project_dir, settings.hostname),
        await asyncio.to_thread(user_source, settings.hostname, context.environment),
    ):
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                await _upload(context, source)
        except (CallboardError, Dismissed, TimeoutError) as error:
            _LOG.warning("agents_not_uploaded", scope=source.scope, why=str(error) or type(error).__name__)


async def _upload(context: RunnerContext, source: AgentSource) -> None:
    taken = await upload_async(context.contact.send, source)
    for problem in taken.errors:
        _LOG.warning("agent_file_refused", path=problem.path, why=problem.message)
