"""A real Chromium, a coordinator that it must not harm, and a hostile server. The browser reaches loopback alone."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.evil import EvilServer
from tests.browser.pages import Visitor
from tests.browser.turncoat import ADDRESS
from tests.browser.victim import Victim
from tests.support.built_pages import built_pages
from tests.support.coordinator import Coordinator
from tests.support.world import World

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
OURS_ONLY: Final = (
    f"MAP rebound.test {ADDRESS},MAP *.test 127.0.0.1,MAP * ~NOTFOUND,EXCLUDE 127.0.0.1,EXCLUDE localhost"
)
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules={OURS_ONLY}",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return where Chromium is; skip with a sentence where it is not."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("There is no Chromium; install one (Debian: apt-get install --no-install-recommends chromium).")
    return found


@pytest.fixture(scope="session")
def pages() -> Path:
    """Return the directory of the built pages."""
    return built_pages()


@pytest.fixture(scope="module")
def pages_world(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a world for the stage of a file's tests, whose coordinators serve the pages."""
    assert pages.is_dir()
    with World(tmp_path_factory.mktemp("stage")) as world:
        yield world


@pytest.fixture(scope="module")
def network_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file in which the browser notes whom it speaks to; whole when the browser has ended."""
    return tmp_path_factory.mktemp("network") / "log.json"


@pytest.fixture(scope="module")
def browser(chromium: str, network_log: Path) -> Iterator[Browser]:
    """Yield a browser with a profile of its own; once it has ended, it must have spoken to loopback alone."""
    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, f"--log-net-log={network_log}"]
        started = playwright.chromium.launch(executable_path=chromium, args=arguments, timeout=30_000)
        yield started
        started.close()
    addresses = _addresses(network_log)
    assert addresses, "the browser noted no connection: the log is not read rightly"
    assert {one for one in addresses if not one.startswith(("127.", "[::1]"))} == set()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Yield a window without a past."""
    made = browser.new_context()
    made.set_default_timeout(10_000)
    yield made
    made.close()


class HasCoordinator(Protocol):
    """The stage of a file's tests, as far as whoever visits it knows it."""

    @property
    def coordinator(self) -> Coordinator:
        """Return the coordinator that serves the pages."""
        ...


@pytest.fixture
def visitor(stage: HasCoordinator, browser: Browser) -> Iterator[Visitor]:
    """Yield a person who has a window and is not logged in yet; each file has its own `stage`."""
    with Visitor(browser, stage.coordinator) as person:
        yield person


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """Yield a coordinator that has something to lose, and notes every request."""
    with World(tmp_path_factory.mktemp("victim")) as world:
        yield Victim(world.coordinator(access_log="true"))


@pytest.fixture(scope="module")
def evil() -> Iterator[EvilServer]:
    """Yield the hostile server."""
    with EvilServer() as server:
        yield server


def _addresses(network_log: Path) -> set[str]:
    """Every address that a connection was tried to or a datagram sent to.

    Chromium connects datagram sockets to foreign addresses to learn its own; as long as it sends nothing, no packet
    leaves.
    """
    log = json.loads(network_log.read_text(encoding="utf-8"))
    types = {number: name for name, number in log["constants"]["logEventTypes"].items()}
    events = [(types[one["type"]], one["source"]["id"], one.get("params", {})) for one in log["events"]]
    senders = {source for kind, source, _ in events if kind == "UDP_BYTES_SENT"}
    return {
        params["address"]
        for kind, source, params in events
        if "address" in params and (kind == "TCP_CONNECT_ATTEMPT" or (kind == "UDP_CONNECT" and source in senders))
    }
