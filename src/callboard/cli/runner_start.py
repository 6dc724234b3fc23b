"""A runner's settings from options, environment and files, with the coordinator to join and the token for it."""

import os
from pathlib import Path

from callboard.cli.context import Context
from callboard.cli.daemon_settings import runner_table, table_in
from callboard.cli.runner_offer import Offer
from callboard.client.discovery import JOIN_TOKEN_FILE, default_data_dir, discover
from callboard.runner.config import RunnerSettings, RunnerTable, runner_settings


def settings_of(context: Context, offer: Offer) -> RunnerSettings:
    """Everything that a runner is told. InvalidRequest for what cannot be."""
    files = [] if offer.config is None else [table_in(offer.config.expanduser())]
    told = runner_table(context.settings, _flags(offer), *files)
    configured = context.settings["data_dir"]
    state_dir = context.where.data_dir or (Path(configured) if configured else default_data_dir())
    url, token_file = context.named_in_file("url"), context.named_in_file("token_file")
    access = discover(
        os.environ,
        url=context.where.url or url,
        token_file=context.where.token_file or (Path(token_file).expanduser() if token_file else None),
        data_dir=context.where.data_dir,
        default_dir=state_dir.expanduser(),
        token_name=JOIN_TOKEN_FILE,
    )
    return runner_settings(told, url=access.url, join_token=access.token, state_dir=state_dir.expanduser())


def _flags(offer: Offer) -> RunnerTable:
    return RunnerTable(
        project_dir=None if offer.project_dir is None else str(offer.project_dir),
        roots=None if offer.root is None else [str(root) for root in offer.root],
        offer=offer.executor,
        tags=offer.tag,
        require_matching_tags=offer.require_matching_tags or None,
        slots=offer.slots,
        name=offer.name,
        hostname=offer.hostname,
        allow_shell=offer.allow_shell or None,
    )
