"""Measures what pages keep while a session streams: `python tools/measure_page_memory.py --events-per-second 250`.

Starts a coordinator, a runner and Chromium of its own, opens Home and the session in a window each, and prints now and
then the heap of each after a forced collection and its DOM nodes, and the slopes before and beyond the number of items
that a page keeps. Judges nothing.
"""

import argparse
import math
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, pstdev
from typing import Final

from playwright.sync_api import Browser, CDPSession, sync_playwright

REPOSITORY: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.browser.conftest import ARGUMENTS  # noqa: E402 - tests are found by path
from tests.browser.pages import Visitor  # noqa: E402
from tests.support.built_pages import built_pages  # noqa: E402
from tests.support.world import World  # noqa: E402

KIB: Final = 1024
LOOK_SECONDS: Final = 10.0
BATCH_SECONDS: Final = 0.1
MARGIN_SECONDS: Final = 60.0
"""How long the script goes on for, beyond what is measured."""
LETTERS: Final = 40
"""The length of a message."""
TIMELINE: Final = REPOSITORY / "web" / "src" / "live" / "timeline.ts"


@dataclass(frozen=True)
class Look:
    """What a page had at a moment: seconds since the beginning, events there were, KiB of heap, DOM nodes."""

    at: float
    events: int
    kib: float
    nodes: int


def main(arguments: Sequence[str]) -> int:
    """Print what both pages keep over time."""
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
    made = coordinator.start_run(_script(seconds + MARGIN_SECONDS, rate), title="Streams", permission_mode="full")
    with Visitor(browser, coordinator) as home, Visitor(browser, coordinator) as session:
        home.log_in()
        session.log_in(f"/ui/sessions/{made.session_id}")
        heaps = {"home": _heap_of(home), "session": _heap_of(session)}
        found: dict[str, list[Look]] = {name: [] for name in heaps}
        begun = time.monotonic()
        while (at := time.monotonic() - begun) < seconds:
            events = coordinator.session(made.session_id).last_seq
            for name, heap in heaps.items():
                found[name].append(Look(at, events, *_kept(heap)))
            kept = "  ".join(
                f"{name} {looks[-1].kib:9,.0f} KiB {looks[-1].nodes:6,} nodes" for name, looks in found.items()
            )
            print(f"{at:6.0f} s  {events:8,} events  {kept}", flush=True)
            home.page.wait_for_timeout(LOOK_SECONDS * 1000)
        for name, looks in found.items():
            for line in _slopes(looks):
                print(f"{name}: {line}")
    coordinator.http.post(f"/sessions/{made.session_id}/stop", json={})


def _script(seconds: float, rate: float) -> str:
    batch = max(1, round(rate * BATCH_SECONDS))
    pause = batch / rate
    return "\n".join([f"emit {batch} {LETTERS}", f"sleep {pause:.4f}"] * int(seconds / pause))


def _slopes(looks: Sequence[Look]) -> Iterator[str]:
    """How much a page grows before and beyond the number of items that it keeps."""
    bound = _most_items()
    for where, part in (
        (f"until {bound:,} events", [look for look in looks if look.events < bound]),
        ("beyond them", [look for look in looks if look.events >= bound]),
    ):
        if len(part) > 2:
            times, kibs = [look.at for look in part], [look.kib for look in part]
            slope, begin = linear_regression(times, kibs)
            spread = math.dist(kibs, [begin + slope * at for at in times]) / math.sqrt(len(part) - 2)
            error = spread / (pstdev(times) * math.sqrt(len(part)))
            rate = (part[-1].events - part[0].events) / (times[-1] - times[0])
            nodes = sorted(look.nodes for look in part)
            yield (
                f"{where}, {times[-1] - times[0]:.0f} s at {rate:.0f} events a second: "
                f"{slope * 60:+,.0f} KiB a minute (standard error {error * 60:,.0f}), "
                f"{slope * KIB / rate:+,.0f} bytes an event, {min(kibs):,.0f} to {max(kibs):,.0f} KiB, "
                f"{nodes[0]:,} to {nodes[-1]:,} nodes"
            )


def _most_items() -> int:
    (found,) = re.findall(r"MOST_ITEMS = ([\d_]+);", TIMELINE.read_text(encoding="utf-8"))
    return int(found)


def _heap_of(person: Visitor) -> CDPSession:
    session = person.context.new_cdp_session(person.page)
    session.send("HeapProfiler.enable")
    return session


def _kept(session: CDPSession) -> tuple[float, int]:
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    used = float(session.send("Runtime.getHeapUsage")["usedSize"])
    return used / KIB, int(session.send("Memory.getDOMCounters")["nodes"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
