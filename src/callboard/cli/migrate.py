"""`migrate`: brings a PostgreSQL database to the schema of this version; needs no coordinator."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.exit_codes import FAILED
from callboard.cli.options import NO_SHOW, Show


def migrate(
    *,
    database: Annotated[str | None, Parameter(help="Database URL; default: as the coordinator is told.")] = None,
    check: Annotated[bool, Parameter(help="Change nothing; exits 1 when there is something to migrate.")] = False,
    show: Show = NO_SHOW,
) -> int:
    """Bring a PostgreSQL database to the schema of this version. Make a backup and stop the coordinators before.

    Several at once wait for each other. All of it happens, or nothing: one that is killed leaves the old schema.
    An empty database needs no command: the first coordinator fills it. SQLite is migrated at every start.
    """
    from callboard.cli.daemon_settings import coordinator_config, database_as_setting  # noqa: PLC0415 - heavy
    from callboard.coordinator.services import migration  # noqa: PLC0415 - brings the database

    context = Context(show)
    output = context.output
    config, _ = coordinator_config(context.settings, {"database": database} if database else {})
    with database_as_setting():
        work = migration.look(config.database) if check else migration.migrate(config.database, output.warn)
        schema = asyncio.run(work)
    if output.json_wanted:
        output.value({"from": schema.before, "to": schema.after, "changed": not check and not schema.is_current})
    elif schema.is_current:
        output.line(f"The schema is this version's already ({schema.after}).")
    elif check:
        output.line(f"The schema has version {schema.before}, this Callboard needs {schema.after}: callboard migrate")
    else:
        output.line(f"The schema was brought from version {schema.before} to {schema.after}.")
    return FAILED if check and not schema.is_current else 0
