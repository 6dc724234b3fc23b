"""The coordinator as a process: its socket, its signals and its end. Composes nothing."""

import asyncio
import contextlib
import errno
import os
import re
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeVar

import structlog
import uvicorn
import uvloop

from callboard.coordinator import app, logs
from callboard.coordinator.config import Config
from callboard.coordinator.http.protocol import BoundedProtocol
from callboard.domain.errors import DISK_FULL, Conflict, InvalidRequest, Unavailable

SPARE_FILES: Final = 256
BACKLOG: Final = 2048
STOP_SECONDS: Final = 2.0
"""For the loops, after the open requests."""
TICKS_A_SECOND: Final = 10
DATABASE_PAUSE_SECONDS: Final = 1.0
_SERVER_WORDS: Final = re.compile(r"^postgres|\b(host|dbname|user|password|service)\s*=")
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

T = TypeVar("T")

log = structlog.get_logger(__name__)


def run(config: Config, mount: app.Mount | None = None) -> None:
    """Serves until SIGTERM or SIGINT; a second one ends the process at once. CallboardError when it cannot begin."""
    logs.configure(config.log_level, config.log_format)
    raise_file_limit(config.connections + SPARE_FILES)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config, mount=mount))


def raise_file_limit(wanted: int) -> None:
    """Lets the process have this many open files, as far as the system allows: every connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


async def serve(config: Config, announce: Callable[[str], None] | None = None, mount: app.Mount | None = None) -> None:
    """The same on a running event loop; `announce` is called with the URL when requests are accepted."""
    check_address(config)
    check_database(config)
    directory = app.lock_data_directory(config)
    try:
        with listen(config) as listener:
            await _serve(config, directory, listener, announce or _announce, mount)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        hint = "Free some space, or choose another place with --data-dir; nothing was lost."
        raise Unavailable(f"There is no room in {directory.path}.", code=DISK_FULL, hint=hint) from error
    finally:
        directory.release()


def check_address(config: Config) -> None:
    """InvalidRequest, with the remedy, for an address that others could reach unprotected, or half a TLS setting."""
    if bool(config.tls_cert) != bool(config.tls_key):
        raise InvalidRequest("TLS needs both a certificate and its key.", hint="Give --tls-cert and --tls-key.")
    if config.is_local or config.secure:
        return
    if not config.behind_proxy:
        raise InvalidRequest(
            f"{config.host} can be reached from other machines, and there is no TLS.",
            code="insecure_address",
            hint="Give --tls-cert and --tls-key, or --behind-proxy if a proxy ends TLS before us, "
            "or leave --host out to serve this machine only.",
        )
    log.warning("serving beyond loopback without TLS of our own: a proxy is declared to end it", host=config.host)


def check_database(config: Config) -> None:
    """InvalidRequest for what was meant to be the URL of a server and would be taken for the path of a file."""
    if "://" not in config.database and _SERVER_WORDS.search(config.database):
        raise InvalidRequest(
            "The database is neither a URL nor the path of a file.",
            hint="Write postgresql://USER@HOST:PORT/NAME; a password belongs into ~/.pgpass.",
        )


async def once_ready(opening: Callable[[], Awaitable[T]], seconds: float, stopping: asyncio.Event) -> T | None:
    """What opens a database, tried until that is ready; None when stopped before.

    CallboardError when it refuses, or is not ready in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not stopping.is_set():
        try:
            return await opening()
        except Unavailable as error:
            left = deadline - loop.time()
            if error.code != "database_not_ready" or left <= 0:
                raise
            log.warning("waiting for the database", error=error.detail, gives_up_in_seconds=round(left, 1))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), min(DATABASE_PAUSE_SECONDS, left))
    return None


def listen(config: Config) -> socket.socket:
    """A socket at the address. Conflict `address_in_use`, InvalidRequest."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidRequest(f"{config.host} is no address to listen at: {error.strerror}.") from None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise Conflict(
            f"{config.host}:{config.port} cannot be listened at: {error.strerror}.",
            code="address_in_use",
            hint="Choose another with --port; --port 0 takes a free one.",
        ) from None
    made.setblocking(False)
    return made


def url_of(config: Config, listener: socket.socket) -> str:
    """Where clients on this machine find us."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a wildcard is no place to connect to
    scheme = "https" if config.secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def _serve(
    config: Config,
    directory: app.DataDirectory,
    listener: socket.socket,
    announce: Callable[[str], None],
    mount: app.Mount | None,
) -> None:
    stopping = asyncio.Event()
    with stop_on_signals(stopping):
        database = await once_ready(lambda: app.open_database(config), config.database_wait_seconds, stopping)
    if database is None:
        return
    coordinator = app.build(config, database, app.new_ids(database.clock), mount)
    try:
        await app.ensure_token_files(directory, coordinator.services.tokens)
        await coordinator.start()
        server = Server(config, coordinator.asgi)
        url = url_of(config, listener)

        def ready() -> None:
            app.write_url(directory, url)
            announce(url)

        with stop_on_signals(stopping):
            await server.serve_until(stopping, listener, ready, coordinator.drain)
    finally:
        app.remove_url(directory)
        await coordinator.stop(STOP_SECONDS)


def _announce(url: str) -> None:
    sys.stderr.write(f"listening on {url}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def stop_on_signals(stopping: asyncio.Event) -> Iterator[None]:
    """While inside, the first stop signal sets the event, and the second ends the process at once."""
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        if stopping.is_set():
            sys.stderr.write("stopped at once\n")
            sys.stderr.flush()
            os._exit(128 + number)
        stopping.set()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


class Server(uvicorn.Server):
    """uvicorn with bounds on how long a request may take to arrive, and without its own signal handling."""

    def __init__(self, config: Config, asgi: app.Application) -> None:
        self._request_seconds = config.request_seconds
        super().__init__(
            uvicorn.Config(
                asgi,
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=config.behind_proxy,
                forwarded_allow_ips=config.proxy_addresses or ["127.0.0.1", "::1"],
                limit_concurrency=config.connections,
                timeout_keep_alive=config.keep_alive_seconds,
                timeout_graceful_shutdown=max(1, round(config.drain_seconds)),
                ssl_certfile=config.tls_cert or None,
                ssl_keyfile=config.tls_key or None,
            )
        )

    async def serve_until(
        self, stopping: asyncio.Event, listener: socket.socket, ready: Callable[[], None], drain: Callable[[], None]
    ) -> None:
        """Serves from this socket until the event is set, then drains and waits a bounded time for what is open."""
        serving = asyncio.create_task(self.serve([listener]))
        waiting = asyncio.create_task(stopping.wait())
        while not self.started and not serving.done():
            await asyncio.wait((serving,), timeout=0.005)
        if self.started:
            ready()
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        drain()
        self.should_exit = True
        await serving

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are not the server's business."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Once a second cuts off requests that do not arrive."""
        if counter % TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedProtocol):
                    connection.cut_off_if_stuck(now, self._request_seconds)
        return await super().on_tick(counter)
