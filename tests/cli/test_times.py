"""A82: what a shell asks at each key costs little CPU time; measured on a real process, the best of three."""

from collections.abc import Callable

from tests.support.command import CommandLine, Done

TRIES = 3


def _best_ms(command: Callable[[], Done]) -> float:
    done = [command() for _ in range(TRIES)]
    assert all(one.code == 0 for one in done), done[0].err
    return min(one.cpu_seconds for one in done) * 1000


def test_completing_an_id_costs_at_most_500_ms_of_cpu(callboard: CommandLine) -> None:
    assert _best_ms(lambda: callboard("__complete", "logs", "")) <= 500


def test_the_version_is_said(nowhere: CommandLine) -> None:
    assert nowhere("--version").out.startswith("callboard ")
