"""What holds for every test: bounds, a clean environment, and that nothing is left out unseen in CI.

Knows nothing of Callboard itself; fixtures that start its parts live beside the tests that use them.
"""

import os
import random
import signal
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest
from xdist.remote import Producer

from tests.support.scheduling import SharingScheduling
from tests.support.server_guard import end_server

REPOSITORY = Path(__file__).resolve().parent.parent
CLIENTS = REPOSITORY / ".cache" / "clients" / "node_modules"
CLAUDE_CODE = CLIENTS / "@anthropic-ai" / "claude-code-linux-x64" / "claude"

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# The PostgreSQL of the tests, see tests/support/postgres.py; all processes of a test run share one.
NAMED_SERVER = "CALLBOARD_TEST_POSTGRES"
SERVER_DIRECTORY = "CALLBOARD_TEST_SERVER_DIRECTORY"
SERVER_OWNER = "CALLBOARD_TEST_SERVER_OWNER"

IN_CI = os.environ.get("CALLBOARD_CI") == "1"
DEFAULT_ROUNDS = 2
"""Of a fault test that does not say another number with its mark `rounds`."""
DEFAULT_SEED = 1

# Whoever runs the tests may be an agent of Callboard, or a user of an agent client; their sessions, servers and
# keys must neither be reached nor change what a test sees.
FOREIGN_PREFIXES = ("CALLBOARD_", "AGENT_", "ANTHROPIC_", "CLAUDE", "CODEX_", "GIT_", "OPENAI_", "OTEL_", "XDG_")
KEPT = frozenset({"CALLBOARD_CI", NAMED_SERVER, SERVER_DIRECTORY, SERVER_OWNER})


@dataclass(frozen=True)
class FaultRound:
    """One round of a fault test: its number from 1 and the random source that decides when and what breaks."""

    number: int
    seed: int

    def source(self) -> random.Random:
        """Return a random source that is the same for the same seed and number."""
        return random.Random(f"{self.seed}.{self.number}")  # noqa: S311 - chooses moments, guards nothing


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the number of rounds and the seed of the fault tests from the command line."""
    group = parser.getgroup("callboard")
    group.addoption("--rounds", type=int, default=DEFAULT_ROUNDS, help="rounds of each fault test")
    group.addoption("--seed", type=int, default=DEFAULT_SEED, help="seed of the fault tests")
    group.addoption("--every-database", action="store_true", help="also tests marked `either_database` run on each")


def pytest_configure(config: pytest.Config) -> None:
    """Bound Hypothesis in time and number, and give this process a home of its own."""
    # Whoever runs the tests in the background may have had it ignored; the programs that they interrupt must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith(FOREIGN_PREFIXES) and name not in KEPT]:
        del os.environ[name]
    home = tempfile.TemporaryDirectory(prefix="callboard-tests-")
    config.add_cleanup(home.cleanup)
    os.environ.update(
        HOME=home.name,
        GIT_CONFIG_NOSYSTEM="1",
        GIT_AUTHOR_NAME="A Tester",
        GIT_AUTHOR_EMAIL="tester@example.org",
        GIT_COMMITTER_NAME="A Tester",
        GIT_COMMITTER_EMAIL="tester@example.org",
    )
    if "PYTEST_XDIST_WORKER" not in os.environ:
        server = tempfile.mkdtemp(prefix="cb-server-")
        os.environ |= {SERVER_DIRECTORY: server, SERVER_OWNER: str(os.getpid())}
        config.add_cleanup(lambda: end_server(Path(server)))
    rounds = config.getoption("--rounds")
    hypothesis.settings.register_profile(
        "callboard",
        deadline=None,  # two cores and real databases: a slow example is no failure, the test's timeout bounds it
        derandomize=rounds == DEFAULT_ROUNDS,  # with more rounds, --hypothesis-seed chooses
        database=None,
        max_examples=max(20, rounds * 10),
    )
    hypothesis.settings.load_profile("callboard")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharingScheduling | None:
    """Keep tests together that share something, where the Makefile asks for groups."""
    return SharingScheduling(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Turn a test that takes `fault_round` into one test for each round."""
    if "fault_round" in metafunc.fixturenames:
        seed = metafunc.config.getoption("--seed")
        count = metafunc.config.getoption("--rounds")
        own = metafunc.definition.get_closest_marker("rounds")
        if own and count == DEFAULT_ROUNDS:
            count = own.args[0]
        rounds = [FaultRound(number, seed) for number in range(1, count + 1)]
        metafunc.parametrize("fault_round", rounds, ids=[f"round{one.number}-seed{seed}" for one in rounds])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the second database of tests of which it decides nothing, unless every one is wanted."""
    if config.getoption("--every-database"):
        return
    spared = [item for item in items if item.get_closest_marker("either_database") and _is_on_postgresql(item)]
    config.hook.pytest_deselected(items=spared)
    left_out = set(spared)
    items[:] = [item for item in items if item not in left_out]


def _is_on_postgresql(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and callspec.params.get("database_kind") == "postgresql"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that is skipped has failed."""
    report = yield
    return _without_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """In CI a file that is skipped has failed."""
    report = yield
    return _without_skip(report)


def _without_skip(report: Report) -> Report:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason}\nWith CALLBOARD_CI=1 nothing may be skipped."
    return report


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, as Callboard does."""
    return "asyncio"


@pytest.fixture(scope="session")
def claude_code() -> Path:
    """Return the pinned Claude Code client; skip with a sentence where it is not installed."""
    if not CLAUDE_CODE.exists():
        pytest.skip("The Claude Code client is not installed; `make clients` does it on Linux x64.")
    return CLAUDE_CODE


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """Yield a directory whose path is short enough for a Unix socket in it (107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="cb-") as name:
        yield Path(name)
