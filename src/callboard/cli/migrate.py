"""`migrate`: brings a PostgreSQL database to the schema of this version; needs no coordinator."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, Show


def migrate(
    *,
    database: Annotated[str | None, Parameter(help="Database URL; default: as the coordinator is told.")] = None,
    show: Show = NO_SHOW,
) -> int:
    """Bring a PostgreSQL database to the schema of this version. Make a backup and stop the coordinators before.

    An empty database needs no command: the first coordinator fills it. SQLite is migrated at every start.
    """
    from callboard.cli.daemon_settings import coordinator_config  # noqa: PLC0415 - brings the server's libraries
    from callboard.coordinator.services.migration import migrate as migrate_database  # noqa: PLC0415

    context = Context(show)
    config, _ = coordinator_config(context.settings, {"database": database} if database else {})
    steps = asyncio.run(migrate_database(config.database))
    if context.output.json_wanted:
        context.output.value({"migrations": steps})
    else:
        context.output.line(f"{steps} migrations were run." if steps else "The schema is this version's already.")
    return 0
