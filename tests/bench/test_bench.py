"""The benchmarks themselves work, on both databases: each measures something, in tiny amounts; no figure is judged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DATABASES = ("sqlite", "postgresql")


def quick(name: str, database: str = "both") -> dict[str, Any]:
    """What a benchmark prints in its quick form."""
    command = [sys.executable, "-m", "bench", "--quick", "--database", database, name]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["machine"]["cores"] >= 1
    assert tuple(found["databases"]) == (DATABASES if database == "both" else (database,))
    return found


@pytest.mark.slow
def test_rates_are_measured_beside_their_bounds_and_durably() -> None:
    """80: speed is measured by benchmarks, never by timed tests; PostgreSQL writes to the disk before it answers."""
    found = quick("rates")
    for one in (found["http"], *found["databases"].values()):
        assert all(figure["per_second"] > 0 for name, figure in one.items() if name != "ratios")
    assert found["databases"]["postgresql"].keys() - found["databases"]["sqlite"].keys() == {"single_commits"}
    server = found["machine"]["postgresql"]
    assert (server["fsync"], server["synchronous_commit"], server["full_page_writes"]) == ("on", "on", "on")


@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES)
def test_claims_and_a_filled_database_are_measured(database: str) -> None:
    """80: every claim and every page is counted."""
    (claims,) = quick("claims", database)["databases"].values()
    assert (claims["idle"]["count"], claims["busy"]["count"]) == (20, 20)
    (large,) = quick("large", database)["databases"].values()
    assert {one["count"] for one in large["latencies"].values()} == {20}
    assert large["database_mib"] >= 0


@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES)
def test_every_reader_of_the_stream_gets_every_event_once(database: str) -> None:
    """20: without gap or duplicate, for readers of one session and for readers of everything."""
    (streams,) = quick("streams", database)["databases"].values()
    assert streams["events"] == 20
    assert streams["wanted"] == streams["arrived"] == 20 + 3 * 20
    assert (streams["lag_of_own"]["count"], streams["lag_of_everything"]["count"]) == (20, 60)
    assert [streams[name] for name in ("missing", "repeated", "foreign", "out_of_order", "broken")] == [0] * 5


@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES)
def test_held_polls_heartbeats_and_wakes_are_counted_apart(database: str) -> None:
    """30: a run wakes one of the held polls that fit it."""
    (polls,) = quick("polls", database)["databases"].values()
    assert polls["counts"]["heartbeats"] >= 20
    assert (polls["wake_of_the_one"]["count"], polls["wake_of_any"]["count"]) == (5, 5)
    assert polls["cores"].keys() == {"nothing", "polls", "polls_and_heartbeats"}


@pytest.mark.slow
def test_r11_writes_are_measured_while_old_events_are_forgotten_and_the_database_is_copied() -> None:
    """R11: the benchmark forgets all that is old in its time, and copies where it can."""
    for name, one in quick("forgetting")["databases"].items():
        assert one["forgotten_batches"] >= 100
        assert (one["copies"] > 0) == (name == "sqlite")
        assert min(one["quiet"]["count"], one["forgetting"]["count"]) > 0
