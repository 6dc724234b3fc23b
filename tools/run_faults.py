"""Run the fault tests for a number of rounds and write what came out to docs/faults.md.

Knows no fault: those are the tests marked `faults`, and the report is made from pytest's own record.
"""

import argparse
import platform
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

REPOSITORY = Path(__file__).resolve().parent.parent
REPORT = REPOSITORY / "docs" / "faults.md"
NO_TESTS_COLLECTED = 5


@dataclass
class Tally:
    """What the rounds of one fault test came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0


def main() -> int:
    """Run, write the report, and return pytest's exit code."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as directory:
        record = Path(directory) / "record.xml"
        code = _run(arguments, record)
        if code == NO_TESTS_COLLECTED:
            sys.stderr.write("There is no fault test yet; docs/faults.md is left as it is.\n")
            return 0
        tallies = _read(record)
    REPORT.write_text(_render(tallies, arguments), encoding="utf-8")
    sys.stdout.write(f"Wrote {REPORT.relative_to(REPOSITORY)}.\n")
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _run(arguments: argparse.Namespace, record: Path) -> int:
    seeds = [f"--seed={arguments.seed}", f"--hypothesis-seed={arguments.seed}"]
    choice = ["-m", "faults", f"--rounds={arguments.rounds}", *seeds]
    command = [sys.executable, "-m", "pytest", *choice, "-q", f"--junit-xml={record}"]
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode


def _read(record: Path) -> dict[str, Tally]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    for case in ET.parse(record).iter("testcase"):  # noqa: S314 - pytest has just written it for us
        name = re.sub(r"\[round\d+-seed\d+-?(.*)\]", r"[\1]", case.get("name", "")).removesuffix("[]")
        tally = tallies[f"{case.get('classname', '')}.{name}".removeprefix("tests.")]
        outcome = {child.tag for child in case}
        tally.failed += bool(outcome & {"failure", "error"})
        tally.skipped += "skipped" in outcome
        tally.passed += not outcome & {"failure", "error", "skipped"}
        tally.seconds += float(case.get("time", "0"))
    return tallies


def _render(tallies: dict[str, Tally], arguments: argparse.Namespace) -> str:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "<!-- Written by `make faults`; not by hand. -->",
        "# Faults",
        "",
        f"`make faults ROUNDS={arguments.rounds} SEED={arguments.seed}` on {machine}.",
        "Each test breaks something at a moment that its seed chooses, then checks the promises.",
        "",
        "| test | passed | failed | skipped | seconds |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| `{name}` | {tally.passed} | {tally.failed} | {tally.skipped} | {tally.seconds:.0f} |"
        for name, tally in sorted(tallies.items())
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
