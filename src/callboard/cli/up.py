"""`callboard up`: a coordinator, and a runner for one directory, as children of one process."""

import fcntl
import signal
import socket
import threading
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from callboard.cli.browser import login_url, may_open_browser, open_in_browser
from callboard.cli.child import Child, ChildFailed
from callboard.cli.context import Context
from callboard.cli.exit_codes import FAILED, INTERRUPTED
from callboard.cli.options import NO_SHOW, Show
from callboard.cli.output import Output, span
from callboard.cli.runner_offer import NO_OFFER, Offer
from callboard.cli.settings import whole_path
from callboard.client import calls
from callboard.client.agent_files import project_source, upload, user_source
from callboard.client.discovery import Access, default_data_dir, discover
from callboard.client.retry import NO_RETRIES
from callboard.client.transport import Client
from callboard.domain.errors import CallboardError
from callboard.domain.ids import runner_id
from callboard.runner.identity import LOCK_FILE

START_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.5


class Running(msgspec.Struct, kw_only=True):
    """What `up --json` prints once everything runs."""

    url: str
    data_dir: str
    runner_id: str
    project_dir: str
    started: list[str]
    login_url: str
    """Logs one browser in, once."""


def up(
    *,
    port: Annotated[int | None, Parameter(help="Port of the coordinator; default: 8765.")] = None,
    data_dir: Annotated[Path | None, Parameter(help="Directory of tokens and database.")] = None,
    browser: Annotated[
        bool, Parameter(name="--browser", negative="--no-browser", help="Open the page when it is there.")
    ] = True,
    offer: Offer = NO_OFFER,
    show: Show = NO_SHOW,
) -> int:
    """Run everything on this machine: a coordinator, and a runner for this directory.

    When a coordinator runs already on this data directory it is used, and only a missing runner is started.
    Ctrl-C ends what was started here. Agents live on under their keepers, and the next `up` finds them.
    """
    context = Context(show)
    configured = context.settings["data_dir"]
    directory = data_dir or (Path(configured).expanduser() if configured else default_data_dir())
    return _Household(context.output, directory.expanduser().absolute(), port, offer, browser=browser).run()


class _Household:
    """The children of one `up`."""

    def __init__(self, output: Output, data_dir: Path, port: int | None, offer: Offer, *, browser: bool) -> None:
        self._output = output
        self._data_dir = data_dir
        self._port = port
        self._offer = offer
        self._browser = browser
        self._children: list[Child] = []

    def run(self) -> int:
        """Start what is missing, say what there is, and stay until the end."""
        for number in (signal.SIGINT, signal.SIGTERM):
            # Also where a shell has SIGINT ignored for what it runs in the background.
            signal.signal(number, signal.default_int_handler)
        try:
            access = self._found() or self._coordinator()
            runner = self._runner_there()
            if runner is not None:
                self._upload_agents(access)
            else:
                runner = self._runner()  # it uploads them itself, and says what is wrong with them
            self._tell(access, runner)
            return self._stay() if self._children else 0
        except KeyboardInterrupt:
            self._output.note("\nStopping. Agents that work now live on; the next `callboard up` finds them.")
            return INTERRUPTED if not self._children else 0
        except ChildFailed as failed:
            self._output.warn(span("error: ", "red", "bold"), f"{failed} What it said stands above.")
            return failed.returncode or FAILED
        finally:
            for child in reversed(self._children):
                child.stop()

    def _upload_agents(self, access: Access) -> None:
        """Of a directory whose runner was there already: it may have other agents by now."""
        host = self._offer.hostname or socket.gethostname()
        try:
            with Client(access.url, access.token) as client:
                for source in (project_source(self._project_dir, host), user_source(host)):
                    for problem in upload(client, source).errors:
                        self._output.warn(span(f"{problem.path}: ", "red"), problem.message)
        except CallboardError as error:
            self._output.warn(span("agents: ", "dim"), error.detail)

    def _found(self) -> Access | None:
        access = discover(data_dir=self._data_dir)
        if access.url_origin == "default":
            return None
        try:
            with Client(access.url, access.token) as client:
                client.send(calls.tokens.me(), retry=NO_RETRIES)
        except CallboardError:
            return None
        return access

    def _coordinator(self) -> Access:
        port = [] if self._port is None else ["--port", str(self._port)]
        child = self._start("coordinator", ["serve", "--data-dir", str(self._data_dir), *port])
        child.wait_for_line("listening on ", START_SECONDS)
        return discover(data_dir=self._data_dir)

    def _runner(self) -> str:
        arguments = ["runner", "--data-dir", str(self._data_dir), *self._offer.as_arguments()]
        return self._start("runner", arguments).wait_for_line("registered ", START_SECONDS)

    def _runner_there(self) -> str | None:
        """The runner of this directory if a process on this machine is it; what the coordinator last heard is older."""
        wanted = runner_id(self._offer.hostname or socket.gethostname(), str(self._project_dir), self._offer.name or "")
        return wanted if _is_locked(self._data_dir / "runners" / wanted / LOCK_FILE) else None

    @property
    def _project_dir(self) -> Path:
        return whole_path(self._offer.project_dir)

    def _start(self, name: str, arguments: list[str]) -> Child:
        child = Child(name, arguments, on_line=lambda line: self._forward(name, line))
        self._children.append(child)
        return child

    def _forward(self, name: str, line: str) -> None:
        told = None if line.startswith(("listening on ", "registered ")) else readable(line)
        if told is not None:
            self._output.warn(span(f"{name}: ", "dim"), told)

    def _tell(self, access: Access, runner: str) -> None:
        started = [child.name for child in self._children]
        running = Running(
            url=access.url,
            data_dir=str(self._data_dir),
            runner_id=runner,
            project_dir=str(self._project_dir),
            started=started,
            login_url=self._login_url(access),
        )
        if self._browser and may_open_browser():
            open_in_browser(running.login_url, self._data_dir)
        if self._output.json_wanted:
            self._output.value(running)
            return
        self._output.line(span("Callboard is running" if started else "Callboard is running already", "bold", "green"))
        for name, value in _facts(running).items():
            self._output.line(span(f"  {name:<12}", "dim"), value)
        self._output.note(span("Try:  callboard run 'say hello' --executor scripted --wait", "dim"))
        if started:
            self._output.note(span("Ctrl-C stops the " + " and the ".join(started) + "; agents live on.", "dim"))

    def _login_url(self, access: Access) -> str:
        """A link that logs in; the bare page where the coordinator makes none, as one of an older version."""
        try:
            with Client(access.url, access.token) as client:
                return login_url(client, access.url)
        except CallboardError as error:
            self._output.warn(span("login link: ", "dim"), error.detail)
            return f"{access.url}/ui/"

    def _stay(self) -> int:
        never = threading.Event()
        while not never.wait(LOOK_SECONDS):
            for child in self._children:
                if child.returncode is not None:
                    raise ChildFailed(child.name, child.returncode)
        return 0


def readable(line: str) -> str | None:
    """A line of a child's log in words; None for one that only says that all is as it should be."""
    try:
        told = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return line
    if told.pop("level", "") in ("debug", "info"):
        return None
    told.pop("timestamp", None)
    event = str(told.pop("event", "")).replace("_", " ")
    return " ".join([event, *(f"{name}={value}" for name, value in told.items())])


def _is_locked(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _facts(running: Running) -> dict[str, Any]:
    return {
        "coordinator": running.url,
        "data": running.data_dir,
        "runner": f"{running.runner_id} for {running.project_dir}",
        "page": f"{running.login_url}  (logs in once; another: callboard open)",
    }
