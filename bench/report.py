"""docs/benchmarks.md from the kept results: figures for people, with what bounds them in the same run."""

import json
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_RATES: Final = (
    ("run creations", "creations", 1, "≥ 1,500"),
    ("single events", "events", 1, "≥ 3,000"),
    ("events in batches of 100", "batches", 100, "≥ 40,000"),
)
_BOUNDS: Final = (
    ("HTTP alone, body of a creation", "http_creations", 1),
    ("HTTP alone, body of an event", "http_events", 1),
    ("HTTP alone, bodies of 100 events, as events", "http_batches", 100),
    ("group commits alone, one event a row", "commits", 1),
    ("group commits alone, 100 events a row, as events", "commits_of_batches", 100),
)


def write(results: Path) -> None:
    """Writes the page from what results there are."""
    parts = [_head()]
    for name, render in (("rates", _rates), ("claims", _claims), ("large", _large)):
        path = results / f"{name}.json"
        if path.exists():
            parts.append(render(json.loads(path.read_text(encoding="utf-8"))))
    TARGET.write_text("\n".join(parts), encoding="utf-8")


def _head() -> str:
    return (
        "<!-- Generated from bench/results by `make bench`; not by hand. -->\n# Benchmarks\n\n"
        '`make bench` measures on your machine. Compare ratios within one run: speeds vary. "Per core"\n'
        "is for a second of the coordinator's processor time, all its threads together. Everything is durable\n"
        "(`synchronous=FULL`) before its 2xx.\n"
    )


def _rates(result: dict[str, Any]) -> str:
    figures, ratios = result["figures"], result["ratios"]
    lines = [
        f"## Rates: {result['amount']['clients']} clients, medians of {result['amount']['rounds']} rounds\n",
        "| what | per core, second | aim | wall, second | p50 | p99 | of HTTP alone | of commits alone |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for title, name, units, aim in _RATES:
        one = figures[name]
        of_http, of_commits = (value for key, value in ratios.items() if key.startswith(f"{name}_of_"))
        lines.append(
            _row(
                title,
                _number(one["per_core_second"] * units),
                aim,
                _number(one["per_second"] * units),
                f"{one['p50_ms']} ms",
                f"{one['p99_ms']} ms",
                str(of_http),
                str(of_commits),
            )
        )
    lines += ["", "| bound, in the same run | per core and second |", "|---|---|"]
    lines += [f"| {title} | {_number(figures[name]['per_core_second'] * units)} |" for title, name, units in _BOUNDS]
    return "\n".join(lines) + "\n"


def _claims(result: dict[str, Any]) -> str:
    lines = [
        "## From POST /runs to the arrival at a waiting runner (aim: p50 ≤ 5 ms, p99 ≤ 30 ms)\n",
        "| coordinator | runs | p50 | p99 |",
        "|---|---|---|---|",
    ]
    amount = result["amount"]
    busy = f"with {amount['events_per_second']} events/s and {amount['other_polls']} other polls"
    for title, name in (("idle", "idle"), (busy, "busy")):
        one = result[name]
        lines.append(f"| {title} | {one['count']} | {one['p50_ms']} ms | {one['p99_ms']} ms |")
    return "\n".join(lines) + "\n"


def _large(result: dict[str, Any]) -> str:
    amount = result["amount"]
    lines = [
        f"## {_number(amount['sessions'])} sessions, each with a pending run (aim: p99 ≤ 10 ms, ≤ 150 MB)\n",
        "| what | p50 | p99 |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name.replace('_', ' ')} | {one['p50_ms']} ms | {one['p99_ms']} ms |"
        for name, one in result["latencies"].items()
    ]
    memory = result["memory_in_the_end"]
    lines.append(
        f"\nMemory of the coordinator afterwards: {memory['pss_mib']} MiB (PSS); start {result['start_seconds']} s; "
        f"idle {result['idle_cores_used']} cores."
    )
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
