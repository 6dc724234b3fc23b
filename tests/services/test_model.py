"""A random world: people, runners, lost runners, repeated and foreign reports; the promises hold after every step."""

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from callboard.domain.errors import Conflict
from callboard.domain.run import ENDED, LIVE
from callboard.domain.session import session_status
from callboard.wire.runner import Claim
from tests.services.world import OWNER, PlayedRunner, World, open_world

Held = tuple[PlayedRunner, Claim]


class Coordinator(RuleBasedStateMachine):
    """R2, R6, R7, R15, R19: promises 1, 2, 4, 5 and 7, whatever happens in whatever order."""

    sessions: Bundle[str] = Bundle("sessions")
    held: Bundle[Held] = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.resources = contextlib.AsyncExitStack()
        self.runners: list[PlayedRunner] = []
        self.ended: dict[str, tuple[str, str]] = {}
        self.attempts: dict[str, int] = {}
        self.cancelled: set[str] = set()

    def do(self, work: Any) -> Any:
        """Runs to its end what a rule asks; a Conflict is a legal answer."""
        try:
            return self.loop.run(work)
        except Conflict:
            return None

    @initialize()
    def begin(self) -> None:
        """A coordinator and two runners."""
        directory = self.resources.enter_context(tempfile.TemporaryDirectory())
        opened = self.resources.enter_async_context(open_world(Path(directory), grace_ms=1000, lost_run_ms=60_000))
        self.world: World = self.loop.run(opened)
        self.runners = [self.loop.run(self.world.runner(name)) for name in ("one", "two")]

    @rule(target=sessions, on_lost=st.sampled_from(["wait", "retry", "fail"]))
    def person_starts(self, on_lost: str) -> str:
        """A person starts a session."""
        created = self.loop.run(self.world.start(on_lost=on_lost, repeatable=on_lost == "retry"))
        return str(created.session_id)

    @rule(session_id=sessions, on_busy=st.sampled_from(["enqueue", "reject", "interrupt"]))
    def person_resumes(self, session_id: str, on_busy: str) -> None:
        """A person resumes one."""
        self.do(self.world.resume(session_id, on_busy=on_busy))

    @rule(session_id=sessions)
    def person_stops(self, session_id: str) -> None:
        """A person stops one."""
        outcome = self.do(self.world.stops.stop_session(OWNER, session_id, subtree=False))
        self.cancelled |= set(outcome.cancelled if outcome else ())

    @rule(target=held, number=st.integers(0, 1), slots=st.integers(1, 3))
    def runner_claims(self, number: int, slots: int) -> Any:
        """A runner asks for work."""
        runner = self.runners[number]
        claims = self.do(runner.claim(slots)) or []
        for claim in claims:
            assert claim.attempt > self.attempts.get(claim.run_id, 0), "an attempt's number was given twice"
            assert claim.run_id not in self.cancelled, "what a person cancelled runs again"
            self.attempts[claim.run_id] = claim.attempt
        return multiple(*[(runner, claim) for claim in claims])

    @rule(held=held)
    def runner_asks_to_launch(self, held: Held) -> None:
        """The permission to launch."""
        runner, claim = held
        answer = self.do(runner.started(claim))
        if answer and answer.ok and not answer.stop:
            assert claim.attempt == self.attempts[claim.run_id], "a stale attempt may launch"

    @rule(held=held, again=st.booleans())
    def runner_posts(self, held: Held, again: bool) -> None:
        """Events, sometimes those of before."""
        runner, claim = held
        count = runner.counts.get((claim.run_id, claim.attempt), 0)
        self.do(runner.post(claim, ("note", {"n": 1}), ("note", {"n": 2}), first=max(count - 1, 0) if again else None))
        run = self.loop.run(self.world.run(claim.run_id))
        if run.attempt != claim.attempt or run.status in ENDED:
            runner.counts[claim.run_id, claim.attempt] = count

    @rule(held=held, kind=st.sampled_from(["completed", "failed", "stopped"]), lost=st.booleans())
    def runner_ends(self, held: Held, kind: str, lost: bool) -> None:
        """The end of an attempt, or the news that the agent is gone."""
        runner, claim = held
        self.do(runner.end(claim, kind, reason="interrupted" if lost and kind == "failed" else None))

    @rule(held=held)
    def runner_gives_back(self, held: Held) -> None:
        """The news that nothing was launched, at any time."""
        runner, claim = held
        self.do(runner.give_back(claim))

    @rule(held=held)
    def stranger_ends(self, held: Held) -> None:
        """A34: the other runner reports it."""
        runner, claim = held
        other = next(each for each in self.runners if each is not runner)
        assert self.do(other.end(claim, "failed", event_count=0)) is None

    @rule(seconds=st.sampled_from([5, 12, 40]), beating=st.sets(st.integers(0, 1)), all_held=st.booleans())
    def time_passes(self, seconds: int, beating: set[int], all_held: bool) -> None:
        """Some runners are heard of meanwhile, with all that they hold or with nothing."""
        beats = [(self.runners[number], self._live_of(self.runners[number]) if all_held else []) for number in beating]
        self.loop.run(self.world.pass_time(seconds, *beats))

    def _live_of(self, runner: PlayedRunner) -> list[Claim]:
        rows = self.loop.run(
            self.world.database.read(lambda tx: tx.all("live_runs_of_runner", runner_id=runner.runner_id))
        )
        names = ("session_id", "type", "trigger", "prompt", "context", "executor_type")
        blank: dict[str, Any] = {name: "" for name in names}  # noqa: C420 - fromkeys would make it a dict of texts
        blank |= {"run_number": 1, "executor_session_id": None, "binding_generation": 0, "project_dir": None}
        return [Claim(run_id=row["run_id"], attempt=row["attempt"], **blank) for row in rows]

    @invariant()
    def promises_hold(self) -> None:
        """Looks at every session and run."""
        if self.runners:
            self.loop.run(self._check())

    async def _check(self) -> None:
        rows = await self.world.database.read(
            lambda tx: tx.all("list_runs", status="", session_id="", runner_id="", before="run_~", limit=1000)
        )
        for session_id in {row["session_id"] for row in rows}:
            own = sorted((row for row in rows if row["session_id"] == session_id), key=lambda row: row["number"])
            await self._check_session(session_id, own)

    async def _check_session(self, session_id: str, own: list[dict[str, Any]]) -> None:
        live = [row for row in own if row["status"] in LIVE]
        ended = [row for row in own if row["status"] in ENDED]
        claimable = [row for row in own if row["queue_key"] is not None]
        waiting = [row for row in own if row["status"] == "pending"]
        assert len(live) <= 1
        assert len(claimable) == (1 if waiting and not live else 0), "the queue forgot or doubled a run"
        assert claimable == waiting[: len(claimable)], "not first come first served"
        events = await self.world.log(session_id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        for row in ended:
            told = [event for event in events if event.type == "run_completed" and event.run_id == row["run_id"]]
            assert len(told) == 1
            assert self.ended.setdefault(row["run_id"], (row["status"], row["reason"])) == (
                row["status"],
                row["reason"],
            )
        shown = session_status(
            live[0]["status"] if live else None,
            bool(live and live[0]["stop_requested_at"]),
            ended[-1]["status"] if ended else None,
        )
        assert await self.world.status(session_id) == shown

    def teardown(self) -> None:
        """Closes the database."""
        self.loop.run(self.resources.aclose())
        self.loop.close()


TestCoordinator = Coordinator.TestCase
TestCoordinator.settings = settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "30")), stateful_step_count=30, deadline=None
)
