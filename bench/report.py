"""docs/benchmarks.md from the kept results: figures for people, one column a database, with what bounds them.

Measures nothing.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_TITLES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_RATES: Final = (
    ("run creations", "creations", 1, "≥ 1,500"),
    ("single events", "events", 1, "≥ 3,000"),
    ("events in batches of 100", "batches", 100, "≥ 40,000"),
)
_BOUNDS: Final = (
    ("group commits alone, one event a row", "commits", 1),
    ("group commits alone, 100 events a row, as events", "commits_of_batches", 100),
    ("a commit a row on 8 connections", "single_commits", 1),
)

Result = dict[str, Any]
Cell = Callable[[Result], str]


def write(results: Path) -> None:
    """Writes the page from what results there are."""
    parts = [_head(results)]
    sections = {
        "rates": _rates,
        "claims": _claims,
        "large": _large,
        "streams": _streams,
        "polls": _polls,
        "forgetting": _forgetting,
    }
    parts += [render(found) + _note(found) for name, render in sections.items() if (found := _result(results, name))]
    TARGET.write_text("\n".join(parts), encoding="utf-8")


def _result(results: Path, name: str) -> Result:
    path = results / f"{name}.json"
    found: Result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _note(result: Result) -> str:
    """What somebody wrote into a result that is kept: how it came about."""
    return f"\n{result['note']}\n" if "note" in result else ""


def _head(results: Path) -> str:
    machines = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))["machine"] for path in sorted(results.iterdir())
    }
    server = next((one["postgresql"]["server_version"] for one in machines.values() if "postgresql" in one), "")
    loads = ", ".join(
        f"{name} {one['load_average_before']:g}" for name, one in machines.items() if "load_average_before" in one
    )
    return f"""<!-- Generated from bench/results by `make bench`; not by hand. -->
# Benchmarks

`make bench` measures on your machine, SQLite and PostgreSQL in one run; `ARGS="--database sqlite"` or `postgresql`
measures one of them, names (`ARGS="streams polls"`) only those. Compare ratios within one run: speeds vary. "Per core"
is for a second of the coordinator's processor time, all its threads together; what the server of PostgreSQL takes
besides is said apart. Everything is durable before its 2xx: SQLite with `synchronous=FULL`, PostgreSQL {server} with
`fsync`, `full_page_writes` and `synchronous_commit` on, on the same disk. Coordinator, server and load share the cores
of one machine. What is aimed at is aimed at on SQLite.

Load average of the machine before each, which other work makes slower: {loads or "not noted"}.
"""


def _rates(result: Result) -> str:
    databases, http = result["databases"], result["http"]
    amount = result["amount"]
    lines = [f"## Rates: {amount['clients']} clients, medians of {amount['rounds']} rounds\n"]
    rows: list[tuple[str, Cell]] = []
    for title, name, units, aim in _RATES:
        rows += [
            (f"**{title}**, per core and second (aim {aim})", _rate(name, "per_core_second", units)),
            ("· with the server's processor time", _rate(name, "per_core_second_of_both", units)),
            ("· per second of the clock", _rate(name, "per_second", units)),
            ("· p50, p99", _pair(name)),
            ("· of HTTP alone, per core", _ratio(f"{name}_of_http")),
            ("· of commits alone, per core of both", _ratio(f"{name}_of_commits")),
        ]
    lines += _table(databases, rows)
    bounds = [
        (f"{title}, per core of both", _rate(name, "per_core_second_of_both", units)) for title, name, units in _BOUNDS
    ]
    walls = [(f"{title}, per second of the clock", _rate(name, "per_second", units)) for title, name, units in _BOUNDS]
    lines += ["", *_table(databases, [*bounds, *walls], "bound, in the same run")]
    alone = ", ".join(f"{_number(http[name]['per_core_second'] * units)} {title}" for title, name, units, _ in _RATES)
    return (
        "\n".join(lines)
        + f"\n\nHTTP alone, the same bodies read, decoded and answered, per core and second: {alone}.\n"
    )


def _claims(result: Result) -> str:
    databases = result["databases"]
    amount = next(iter(databases.values()))["amount"]
    busy = f"with {amount['events_per_second']} events/s and {amount['other_polls']} other polls"
    lines = [
        "## From POST /runs to the arrival at a waiting runner (aim: p50 ≤ 5 ms, p99 ≤ 30 ms)\n",
        *_table(
            databases,
            [("idle coordinator: p50, p99", _pair("idle")), (busy, _pair("busy"))],
            f"{amount['runs']:,} runs",
        ),
    ]
    return "\n".join(lines) + "\n"


def _large(result: Result) -> str:
    databases = result["databases"]
    first = next(iter(databases.values()))
    rows: list[tuple[str, Cell]] = [(name.replace("_", " "), _pair("latencies", name)) for name in first["latencies"]]
    rows += [
        ("memory of the coordinator afterwards (PSS)", lambda one: f"{one['memory_in_the_end']['pss_mib']} MiB"),
        ("start", lambda one: f"{one['start_seconds']} s"),
        ("idle: cores of coordinator, of the server", lambda one: _cores(one["idle"])),
        ("size of the database", lambda one: f"{one['database_mib']} MiB"),
    ]
    title = (
        f"## {_number(first['amount']['sessions'])} sessions, each with a pending run (aim: p99 ≤ 10 ms, ≤ 150 MB)\n"
    )
    return "\n".join([title, *_table(databases, rows, "p50, p99 of each")]) + "\n"


def _streams(result: Result) -> str:
    databases = result["databases"]
    amount = next(iter(databases.values()))["amount"]
    rows: list[tuple[str, Cell]] = [
        ("lag of the own session's reader: p50, p99", _pair("lag_of_own")),
        ("lag of a reader of everything: p50, p99", _pair("lag_of_everything")),
        ("events wanted by all readers, missing, twice, out of order", _faults),
        ("cores of coordinator, of the server: events without readers", _share("events_without_readers")),
        ("· readers without events", _share("readers_without_events")),
        ("· both", _share("both")),
        ("memory (PSS) without readers, with them, after the events", _memory("without_readers", "with_readers")),
    ]
    title = (
        f"## {_number(amount['sessions'])} readers of their own sessions and {amount['readers_of_everything']} of "
        f"everything, {amount['events_per_second']} events/s in all\n\n"
        "The lag is from sending the POST to the arrival at the reader. With many readers frames are grouped for\n"
        "50 µs a reader, so that a core suffices; that is most of the lag.\n"
    )
    return "\n".join([title, *_table(databases, rows)]) + "\n"


def _polls(result: Result) -> str:
    databases = result["databases"]
    amount = next(iter(databases.values()))["amount"]
    rows: list[tuple[str, Cell]] = [
        ("cores of coordinator, of the server: no runners", _share("nothing")),
        (f"· polls, each held {amount['poll_seconds']:.0f} s", _share("polls")),
        (f"· polls, and heartbeats each {amount['heartbeat_seconds']:.0f} s", _share("polls_and_heartbeats")),
        ("POST /runs to the one runner that fits: p50, p99", _pair("wake_of_the_one")),
        ("POST /runs to any, when all fit: p50, p99", _pair("wake_of_any")),
        ("memory (PSS) without runners, with polls, in the end", _memory("without_runners", "with_polls")),
    ]
    title = f"## {_number(amount['runners'])} runners with nothing to do, each with a held poll\n"
    return "\n".join([title, *_table(databases, rows)]) + "\n"


def _forgetting(result: Result) -> str:
    databases = result["databases"]
    amount = next(iter(databases.values()))["amount"]
    rows: list[tuple[str, Cell]] = [
        ("nothing else: p50, p99", _pair("quiet")),
        ("old events are forgotten, SQLite is copied: p50, p99 (aim: p99 < 250 ms)", _pair("forgetting")),
        ("the longest of these", lambda one: f"{one['forgetting']['greatest_ms']:g} ms"),
        ("p99 of that of nothing else", lambda one: str(one["p99_of_quiet"])),
        ("longest that forgetting held a writer (aim: ≤ 100 ms)", lambda one: f"{one['longest_hold_ms']:g} ms"),
        ("events forgotten, ten in a row; copies made", _forgotten),
    ]
    title = (
        f"## Writes of {amount['runners']} runners, {_number(amount['events_per_second'])} a second in all, while "
        f"{_number(amount['old_events'])} old events are forgotten\n"
    )
    return "\n".join([title, *_table(databases, rows)]) + "\n"


def _table(databases: dict[str, Result], rows: Sequence[tuple[str, Cell]], head: str = "") -> list[str]:
    """A line a row, a column a database."""
    lines = [_row(head, *(_TITLES[name] for name in databases)), "|---" * (len(databases) + 1) + "|"]
    return lines + [_row(title, *(cell(one) for one in databases.values())) for title, cell in rows]


def _rate(name: str, figure: str, units: int) -> Cell:
    return lambda one: _number(one[name][figure] * units) if name in one else ""


def _ratio(name: str) -> Cell:
    return lambda one: str(one["ratios"][name])


def _pair(*names: str) -> Cell:
    """p50 and p99 of what stands below these names."""

    def cell(one: Result) -> str:
        for name in names:
            one = one[name]
        return f"{one['p50_ms']:g}, {one['p99_ms']:g} ms"

    return cell


def _cores(one: Result) -> str:
    return f"{one['coordinator_cores']:.3f}, {one['database_cores']:.3f}"


def _share(name: str) -> Cell:
    return lambda one: _cores(one["cores"][name])


def _memory(*names: str) -> Cell:
    return lambda one: ", ".join(str(one["memory"][name]["pss_mib"]) for name in (*names, "in_the_end")) + " MiB"


def _faults(one: Result) -> str:
    return f"{_number(one['wanted'])}, {one['missing']}, {one['repeated']}, {one['out_of_order']}"


def _forgotten(one: Result) -> str:
    return f"{_number(one['forgotten_batches'] * 10)}, {one['copies']}"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
