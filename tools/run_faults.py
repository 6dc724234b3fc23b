"""Run the fault tests for a number of rounds and write what came out to docs/faults.md.

Knows no fault: those are the tests marked `faults`, and the report is made from pytest's own records. With --records
they are kept, so that many rounds can be run in several parts.
"""

import argparse
import platform
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

REPOSITORY = Path(__file__).resolve().parent.parent
REPORT = REPOSITORY / "docs" / "faults.md"
NO_TESTS_COLLECTED = 5
WHOLE = "all"


@dataclass
class Tally:
    """What the rounds of one fault test came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    """Which round, and the first line of what it said."""


def main() -> int:
    """Run, write the report, and return pytest's exit code."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as directory:
        records = Path(arguments.records or directory) / f"rounds{arguments.rounds}-seed{arguments.seed}"
        part = "-".join(arguments.part).replace("/", ".") or WHOLE
        code = _run(arguments, records / f"{part}.xml")
        if code == NO_TESTS_COLLECTED:
            sys.stderr.write("There is no fault test here; docs/faults.md is left as it is.\n")
            return 0
        tallies = _read(records)
        parts = sorted(record.stem for record in records.glob("*.xml"))
    REPORT.write_text(_render(tallies, parts, arguments), encoding="utf-8")
    sys.stdout.write(f"Wrote {REPORT.relative_to(REPOSITORY)}.\n")
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--records", help="keep the records here; the report is made of all with these rounds and seed")
    parser.add_argument("part", nargs="*", help="run only these files or tests")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, record: Path) -> int:
    seeds = [f"--seed={arguments.seed}", f"--hypothesis-seed={arguments.seed}"]
    choice = ["-m", "faults", f"--rounds={arguments.rounds}", *seeds]
    command = [sys.executable, "-m", "pytest", *arguments.part, *choice, "-q", f"--junit-xml={record}"]
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode


def _read(records: Path) -> dict[str, Tally]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    cases = (case for record in sorted(records.glob("*.xml")) for case in _cases(record))
    for case in cases:
        name = re.sub(r"round\d+-seed\d+-?|-round\d+-seed\d+(?=\])", "", case.get("name", "")).removesuffix("[]")
        tally = tallies[f"{case.get('classname', '')}.{name}".removeprefix("tests.")]
        outcome = {child.tag for child in case}
        tally.failed += bool(outcome & {"failure", "error"})
        tally.skipped += "skipped" in outcome
        tally.passed += not outcome & {"failure", "error", "skipped"}
        tally.seconds += float(case.get("time", "0"))
        tally.failures += [_told(case, child) for child in case if child.tag in ("failure", "error")]
    return tallies


def _cases(record: Path) -> Iterable[ET.Element]:
    return ET.parse(record).iter("testcase")  # noqa: S314 - pytest has written it for us


def _told(case: ET.Element, failure: ET.Element) -> str:
    found = re.search(r"\[(.*round\d+-seed\d+.*)\]", case.get("name", ""))
    first = next(iter(failure.get("message", "").splitlines()), "")
    return f"{found[1] if found else 'once'}: {first[:160]}"


def _render(tallies: dict[str, Tally], parts: list[str], arguments: argparse.Namespace) -> str:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "<!-- Written by `make faults`; not by hand. -->",
        "# Faults",
        "",
        f"`make faults ROUNDS={arguments.rounds} SEED={arguments.seed}` on {machine}.",
        "Each test breaks something at a moment that its seed chooses, then checks the promises.",
        "`test_r9_every_session…` is one long world instead of rounds: 8 sessions and some restarts of PostgreSQL and",
        "of the coordinator for each round. All of R9, 2,000 sessions: `python tools/run_faults.py --rounds 250",
        "tests/faults/test_database_restarts.py`, about 20 minutes.",
        *([] if parts == [WHOLE] else [f"Run in parts, these alone: {', '.join(parts)}."]),
        "",
        "| test | passed | failed | skipped | seconds |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| `{name}` | {tally.passed} | {tally.failed} | {tally.skipped} | {tally.seconds:.0f} |"
        for name, tally in sorted(tallies.items())
    ]
    failed = [(name, told) for name, tally in sorted(tallies.items()) for told in tally.failures]
    if failed:
        lines += ["", "## What failed", "", *(f"- `{name}`, {told}" for name, told in failed)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
