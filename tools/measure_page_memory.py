"""Measures what pages keep in memory while a session streams: `python tools/measure_page_memory.py --minutes 4`.

Starts a coordinator, a runner and Chromium of its own, opens Home and the session in a window each, and prints now and
then the heap of each after a forced collection, and the slope over the second half. Judges nothing.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression
from typing import Final

from playwright.sync_api import Browser, CDPSession, sync_playwright

REPOSITORY: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.browser.conftest import ARGUMENTS  # noqa: E402 - tests are found by path
from tests.browser.pages import Visitor  # noqa: E402
from tests.support.built_pages import built_pages  # noqa: E402
from tests.support.world import World  # noqa: E402

KIB: Final = 1024
LOOK_SECONDS: Final = 15.0
FIRST_SECONDS: Final = 60.0
"""How long the script goes on for, beyond what is measured."""
LINE: Final = "say The test of the login waits too briefly."


def main(arguments: Sequence[str]) -> int:
    """Print the heaps of both pages over time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--events-per-second", type=float, default=20.0)
    asked = parser.parse_args(arguments)
    built_pages()
    with tempfile.TemporaryDirectory() as folder, World(Path(folder)) as world, sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        _measure(world, browser, asked.minutes * 60, asked.events_per_second)
        browser.close()
    return 0


def _measure(world: World, browser: Browser, seconds: float, rate: float) -> None:
    coordinator = world.coordinator()
    world.runner(coordinator)
    lines = int((seconds + FIRST_SECONDS) * rate)
    script = "\n".join([LINE, f"sleep {1 / rate:.4f}"] * lines)
    made = coordinator.start_run(script, title="Streams", permission_mode="full")
    with Visitor(browser, coordinator) as home, Visitor(browser, coordinator) as session:
        home.log_in()
        session.log_in(f"/ui/sessions/{made.session_id}")
        heaps = {"home": _heap_of(home), "session": _heap_of(session)}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in heaps}
        begun = time.monotonic()
        while (at := time.monotonic() - begun) < seconds:
            for name, heap in heaps.items():
                found[name].append((at, _kib(heap)))
            kept = "  ".join(f"{name} {looks[-1][1]:9,.0f} KiB" for name, looks in found.items())
            print(f"{at:6.0f} s  {coordinator.session(made.session_id).last_seq:7,} events  {kept}", flush=True)
            home.page.wait_for_timeout(LOOK_SECONDS * 1000)
        for name, looks in found.items():
            half = looks[len(looks) // 2 :]
            slope = linear_regression([at for at, _ in half], [kib for _, kib in half]).slope
            print(f"{name}: {slope * 60:+,.0f} KiB a minute, {slope * KIB / rate:+,.0f} bytes an event")
    coordinator.http.post(f"/sessions/{made.session_id}/stop", json={})


def _heap_of(person: Visitor) -> CDPSession:
    session = person.context.new_cdp_session(person.page)
    session.send("HeapProfiler.enable")
    return session


def _kib(session: CDPSession) -> float:
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / KIB


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
