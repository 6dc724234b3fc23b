"""What every part of a running runner shares. A plain record: it does nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callboard.executors.base import Executor
from callboard.runner.clock import Clock
from callboard.runner.config import RunnerSettings
from callboard.runner.contact import Contact
from callboard.runner.held import Holdings
from callboard.runner.jobs import Jobs
from callboard.runner.registration import Membership


@dataclass(frozen=True, kw_only=True)
class OfferedExecutor:
    """An executor under the name that runs ask for, with its table of the runner's file."""

    executor: Executor
    table: Mapping[str, Any]
    passed: tuple[str, ...] = ()
    """Names of environment variables that its agents get besides the allowed ones."""
    executes_prompt: bool = False
    """Whether it runs its prompt as a script, so that no text from elsewhere may be in it."""


@dataclass(kw_only=True)
class Measured:
    """What was found of the machine and is not told yet, and what is told anew with all that is found."""

    facts: dict[str, Any] = field(default_factory=dict)
    lasting: dict[str, Any] = field(default_factory=dict)

    def keep(self, **facts: Any) -> None:
        """Tell this with the next heartbeat, and again with every look at the machine: an answer may be lost."""
        self.lasting |= facts
        self.facts = self.facts | facts

    def take(self) -> dict[str, Any]:
        """The facts; they are not given again."""
        taken, self.facts = self.facts, {}
        return taken


@dataclass(frozen=True, kw_only=True)
class RunnerContext:
    """One registered process of a runner."""

    settings: RunnerSettings
    membership: Membership
    contact: Contact
    clock: Clock
    executors: Mapping[str, OfferedExecutor]
    attempts: Path
    """The folder of the attempts."""
    holdings: Holdings
    jobs: Jobs
    measured: Measured = field(default_factory=Measured)
    environment: Mapping[str, str] = field(repr=False)
    """The runner's own environment, of which agents get the allowed part."""
