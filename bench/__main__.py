"""`python -m bench [rates | claims | large]...`: measures, writes bench/results/NAME.json and docs/benchmarks.md.

Without names it measures everything; `--quick` takes tiny amounts, to see that the benchmarks themselves work.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import apsw
import uvloop

from bench import claims, large, rates, report
from bench.load import Window

RESULTS: Final = Path(__file__).parent / "results"
Measure = Callable[[Path], Awaitable[dict[str, Any]]]

FULL: Final[dict[str, Measure]] = {
    "rates": lambda directory: rates.measure(directory, rates.Amount()),
    "claims": lambda directory: claims.measure(directory, claims.Amount()),
    "large": lambda directory: large.measure(directory, large.Amount()),
}
QUICK: Final[dict[str, Measure]] = {
    "rates": lambda directory: rates.measure(directory, rates.Amount(clients=8, rounds=1, window=Window(0.05, 0.2))),
    "claims": lambda directory: claims.measure(
        directory, claims.Amount(runs=20, warm_up_runs=2, other_polls=3, events_per_second=100)
    ),
    "large": lambda directory: large.measure(
        directory,
        large.Amount(sessions=200, demand_classes=10, fitting_classes=5, requests=20, idle_seconds=0.2),
    ),
}


def main() -> int:
    """Measures what was named."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(FULL)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="tiny amounts; results are printed, not kept")
    parser.add_argument("--report", action="store_true", help="measure nothing, write docs/benchmarks.md again")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(FULL)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if not asked.report:
        for name in asked.names or FULL:
            _keep(name, _measure((QUICK if asked.quick else FULL)[name]), asked.quick)
    if not asked.quick:
        report.write(RESULTS)
    return 0


def _measure(measure: Measure) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="callboard-bench-") as directory,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return {"machine": _machine()} | runner.run(_awaited(measure, Path(directory)))


async def _awaited(measure: Measure, directory: Path) -> dict[str, Any]:
    return await measure(directory)


def _machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
    }


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
