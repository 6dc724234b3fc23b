"""`callboard serve`: the coordinator. What it then does is the coordinator's own business."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, Show
from callboard.domain.database_url import holds_secret


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the coordinator listens, and where it keeps its data."""

    host: Annotated[str | None, Parameter(help="Address to listen on; default: 127.0.0.1, this machine only.")] = None
    port: Annotated[int | None, Parameter(help="Port; default: 8765; 0 takes a free one.")] = None
    data_dir: Annotated[Path | None, Parameter(help="Directory of tokens and database (made with 0700).")] = None
    database: Annotated[
        str | None, Parameter(help="Database URL, best without a password; default: SQLite in DIR.")
    ] = None
    tls_cert: Annotated[Path | None, Parameter(help="Certificate chain (PEM), for addresses beyond this machine.")] = (
        None
    )
    tls_key: Annotated[Path | None, Parameter(help="Private key (PEM).")] = None
    behind_proxy: Annotated[bool, Parameter(help="A proxy that ends TLS stands before it.")] = False
    allowed_host: Annotated[
        list[str] | None, Parameter(help="Name by which clients know it, besides the loopback names; may be repeated.")
    ] = None
    log_level: Annotated[Literal["debug", "info", "warning", "error"] | None, Parameter(help="Least level logged.")] = (
        None
    )
    access_log: Annotated[bool, Parameter(help="Log every request.")] = False


NO_ADDRESS: Final = Address()
SEEN_BY_ALL: Final = (
    "warning: every user of this machine can read the password in --database (ps). Put it into ~/.pgpass, or give the "
    "URL as CALLBOARD_DATABASE or in the settings file."
)


def serve(*, address: Address = NO_ADDRESS, show: Show = NO_SHOW) -> int:
    """Run a coordinator until Ctrl-C; a second one on the same data directory is refused (exit 8).

    A database that does not answer is waited for (database_wait_seconds), then it exits with 5; one that refuses it,
    with 2.

    Every other setting is in the environment and in the table [coordinator] of the user's file.
    `callboard config show` lists them all.
    """
    # Imported here because it brings the server's libraries.
    from callboard.cli.daemon_settings import coordinator_config, database_as_setting  # noqa: PLC0415
    from callboard.coordinator.serve import run  # noqa: PLC0415
    from callboard.mcp_server.mounted import LazyMcp  # noqa: PLC0415

    context = Context(show)
    config, _ = coordinator_config(context.settings, _flags(address, show))
    if address.database and holds_secret(address.database):
        context.output.warn(SEEN_BY_ALL)
    with database_as_setting():
        run(config, lambda coordinator, config: LazyMcp(coordinator, config.body_bytes))
    return 0


def _flags(address: Address, show: Show) -> dict[str, Any]:
    given: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "data_dir": _text(address.data_dir),
        "database": address.database,
        "tls_cert": _text(address.tls_cert),
        "tls_key": _text(address.tls_key),
        "behind_proxy": address.behind_proxy or None,
        "allowed_hosts": address.allowed_host,
        "log_level": address.log_level,
        "log_format": "json" if show.json else None,
        "access_log": address.access_log or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.expanduser().absolute())
