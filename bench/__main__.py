"""`python -m bench [NAME]...`: measures, writes bench/results/NAME.json and docs/benchmarks.md.

Without names it measures everything; `--quick` takes tiny amounts, to see that the benchmarks themselves work.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import apsw
import uvloop

from bench import claims, forgetting, large, polls, rates, report, streams
from bench.databases import NAMES, Place, places
from bench.load import Window

RESULTS: Final = Path(__file__).parent / "results"
Places = list[Place]
Measure = Callable[[Places], Awaitable[dict[str, Any]]]
OnOne = Callable[[Place], Awaitable[dict[str, Any]]]


def _one_by_one(measure: OnOne) -> Measure:
    """On one database after another."""

    async def measured(places: Places) -> dict[str, Any]:
        return {"databases": {place.name: await measure(place) for place in places}}

    return measured


FULL: Final[dict[str, Measure]] = {
    "rates": lambda places: rates.measure(places, rates.Amount()),
    "claims": _one_by_one(lambda place: claims.measure(place, claims.Amount())),
    "large": _one_by_one(lambda place: large.measure(place, large.Amount())),
    "streams": _one_by_one(lambda place: streams.measure(place, streams.Amount())),
    "polls": _one_by_one(lambda place: polls.measure(place, polls.Amount())),
    "forgetting": _one_by_one(lambda place: forgetting.measure(place, forgetting.Amount())),
}
QUICK: Final[dict[str, Measure]] = {
    "rates": lambda places: rates.measure(places, rates.Amount(clients=8, rounds=1, window=Window(0.05, 0.2))),
    "claims": _one_by_one(
        lambda place: claims.measure(
            place, claims.Amount(runs=20, warm_up_runs=2, other_polls=3, events_per_second=100)
        )
    ),
    "large": _one_by_one(
        lambda place: large.measure(
            place, large.Amount(sessions=200, demand_classes=10, fitting_classes=5, requests=20, idle_seconds=0.2)
        )
    ),
    "streams": _one_by_one(
        lambda place: streams.measure(
            place, streams.Amount(sessions=20, readers_of_everything=3, events_per_second=50, seconds=0.4)
        )
    ),
    "polls": _one_by_one(
        lambda place: polls.measure(
            place, polls.Amount(runners=20, poll_seconds=0.4, heartbeat_seconds=0.2, seconds=0.4, wakes=5)
        )
    ),
    "forgetting": _one_by_one(
        lambda place: forgetting.measure(
            place, forgetting.Amount(old_events=1_000, runners=5, events_per_second=50, seconds=1.0)
        )
    ),
}


def main() -> int:
    """Measures what was named."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(FULL)}; all when none is named")
    parser.add_argument("--database", choices=[*NAMES, "both"], default="both", help="where to measure; both")
    parser.add_argument("--quick", action="store_true", help="tiny amounts; results are printed, not kept")
    parser.add_argument("--report", action="store_true", help="measure nothing, write docs/benchmarks.md again")
    asked = parser.parse_args()
    # Whoever ends us ends the servers that we started, too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    unknown = set(asked.names) - set(FULL)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if not asked.report:
        for name in asked.names or FULL:
            databases = NAMES if asked.database == "both" else (asked.database,)
            _keep(name, _measure((QUICK if asked.quick else FULL)[name], databases), asked.quick)
    if not asked.quick:
        report.write(RESULTS)
    return 0


def _measure(measure: Measure, databases: Sequence[str]) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="callboard-bench-") as directory,
        places(databases, Path(directory)) as made,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return {"machine": _machine(made)} | runner.run(_awaited(measure, made))


async def _awaited(measure: Measure, made: Places) -> dict[str, Any]:
    return await measure(made)


def _machine(made: Places) -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_average_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
    } | {place.name: place.version() for place in made if place.version()}


def _keep(name: str, result: dict[str, Any], quick: bool) -> None:
    text = json.dumps(result, indent=1) + "\n"
    if quick:
        sys.stdout.write(text)
        return
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    sys.stderr.write(f"measured {name}\n")


if __name__ == "__main__":
    sys.exit(main())
