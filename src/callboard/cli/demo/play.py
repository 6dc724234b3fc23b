"""The steps of the demonstration: each does something for real, shows it, and checks what it claims."""

from collections.abc import Callable
from functools import partial
from typing import Final

from callboard.cli.browser import login_url
from callboard.cli.demo.client import claude_code
from callboard.cli.demo.family import lead_and_children
from callboard.cli.demo.means import SECONDS, Means
from callboard.cli.demo.narration import Narrator
from callboard.cli.demo.stage import CLAUDE_CODE, Stage
from callboard.cli.demo.watcher import Watcher
from callboard.cli.demo.work import issue_in_a_worktree
from callboard.cli.event_lines import payload_of, text_of
from callboard.cli.output import span
from callboard.cli.text import money
from callboard.client import calls

STREAM_PIECES: Final = 40
USED: Final = (1200, 340, 8700)
LIVE_SCRIPT: Final = """\
write notes.txt a line from the agent
tool search {"query": "callboard"}
usage a-model 1200 340 8700
sleep 0.3
stream 12 1.5
result written"""


class Play(Means):
    """What the steps share."""

    def __init__(self, stage: Stage, tell: Narrator) -> None:
        super().__init__(stage, tell)
        self.first_session = ""

    def steps(self) -> tuple[Callable[[], None], ...]:
        """All steps in order."""
        real = (partial(claude_code, self),) if CLAUDE_CODE in self.stage.executors else ()
        return (
            self.identity_first,
            self.live,
            partial(lead_and_children, self),
            self.stop_for_good,
            self.memory,
            self.why_it_waits,
            self.coordinator_killed,
            *real,
            partial(issue_in_a_worktree, self),
            self.summary,
        )

    # ---------------------------------------------------------------- steps

    def identity_first(self) -> None:
        """A session id before any runner."""
        self.tell.step(
            "A session has its identity before anything runs",
            "The coordinator gives the id at once; there is no runner on this machine yet.",
        )
        url = self.stage.start_coordinator()
        self.client = self.stage.client()
        self.watcher = Watcher(self.client)
        self.tell.say(span(f"a coordinator listens on {url}", "dim"))
        self.tell.say("watch it in a browser, while it lasts: ", login_url(self.client, self.client.url))
        session_id, run_id = self.start("say I was told so before I was born\nresult ready")
        self.first_session = session_id
        runners = self.client.send(calls.runners.list_()).items
        self.tell.check("the session's id is known, its run is pending, no runner exists", not runners, runners)
        runner_id = self.stage.start_runner()
        self.tell.say(span(f"a runner joins: {runner_id}", "dim"))
        self.show_until_end(session_id, run_id)
        run = self.client.send(calls.runs.get(run_id))
        self.tell.check("the runner took it, and it completed under the same id", run.reason == "completed", run.reason)

    def live(self) -> None:
        """Events and pieces of messages as they happen."""
        self.tell.step(
            "Everything is seen live", "Tool calls, files and words arrive while the agent works, and stay in the log."
        )
        session_id, run_id = self.start(LIVE_SCRIPT)
        self.show_until_end(session_id, run_id)
        types = [event.type for event in self.watcher.events(session_id)]
        self.tell.check("each tool call has its end", types.count("pre_tool") == types.count("post_tool") == 2, types)
        pieces = len(self.watcher.deltas(run_id))
        self.tell.check(f"the message was seen growing, in {pieces} pieces", pieces > 1, pieces)
        written = self.stage.project / "notes.txt"
        self.tell.check("the file is really there", written.is_file(), written)
        usage = self.client.send(calls.runs.get(run_id)).usage
        self.tell.check(
            f"what it cost is counted: {usage.input_tokens} + {usage.output_tokens} tokens, {money(usage)}",
            (usage.input_tokens, usage.output_tokens, usage.cost_microdollars) == USED,
            usage,
        )

    def stop_for_good(self) -> None:
        """A hanging run is stopped and no process is left."""
        self.tell.step(
            "A run that hangs is stopped for good",
            "`stopped` is only said when no process of the attempt is left: interrupt, SIGTERM, SIGKILL.",
        )
        session_id, run_id = self.start("say now I hang\nignore-term\nhang")
        self.need(self.watcher.wait_until(lambda: self.has_said(session_id, "now I hang"), SECONDS), "it never began")
        processes = self.stage.processes_of(run_id)
        self.tell.check(f"the agent lives: process {', '.join(map(str, processes))}", bool(processes), processes)
        self.command("stop", session_id)
        stopped = self.end_of(run_id)
        left = self.stage.processes_of(run_id)
        self.tell.check(f"the run is {stopped.status}, and no process of it is left", not left, left)
        self.tell.check(
            f"how sure that is stands in the record: {stopped.certainty}",
            stopped.status == "stopped" and bool(stopped.certainty),
            (stopped.status, stopped.certainty),
        )

    def memory(self) -> None:
        """A resume remembers."""
        self.tell.step(
            "A session goes on where it was",
            "The first session again: another run, another process, the same conversation.",
        )
        printed = self.command("resume", self.first_session, "recall")
        run = self.end_of(self.run_id_in(printed))
        self.tell.say(span("assistant: ", "green", "bold"), (run.result_text or "").replace("\n", " / "))
        self.tell.check("it remembers the first turn", "before I was born" in (run.result_text or ""), run.result_text)
        session = self.client.send(calls.sessions.get(self.first_session))
        self.tell.check("one session, two runs", session.run_count == 2, session.run_count)
        bindings = self.client.send(calls.sessions.bindings(self.first_session)).items
        self.tell.check("one conversation of the agent carries it", len(bindings) == 1, len(bindings))

    def why_it_waits(self) -> None:
        """`why` names what is missing."""
        self.tell.step("Why is it waiting?", "A run that nobody can take says so, runner by runner.")
        session_id, run_id = self.start("say never", "--tag", "gpu")
        self.command("why", session_id)
        answer = self.client.send(calls.runs.why(run_id))
        codes = [reason.code for runner in answer.runners for reason in runner.reasons]
        self.tell.check("the sentence names the tag that no runner has", "gpu" in answer.sentence, answer.sentence)
        self.tell.check("the reason is one of a closed list: tag_missing", codes == ["tag_missing"], codes)
        self.command("stop", session_id)
        run = self.client.send(calls.runs.get(run_id))
        self.tell.check("taken back, it never started", run.status == "stopped" and run.attempt == 0, run.status)

    def coordinator_killed(self) -> None:
        """kill -9 of the coordinator in the middle of a stream."""
        self.tell.step(
            "The coordinator is killed with -9 in the middle of a sentence",
            "Agents live under small keepers, reports wait on disk, readers go on by cursor.",
        )
        session_id, run_id = self.start(f"say before\nstream {STREAM_PIECES} 5\nsay after\nresult whole")
        enough = self.watcher.wait_until(lambda: len(self.watcher.deltas(run_id)) >= STREAM_PIECES // 8, SECONDS)
        self.need(enough, "the message never began to grow")
        agents = self.stage.processes_of(run_id)
        coordinator = self.stage.coordinator
        self.need(coordinator is not None, "there is no coordinator")
        if coordinator is not None:
            self.tell.say(span(f"kill -9 {coordinator.pid}", "red", "bold"), "   (the coordinator)")
            coordinator.kill()
        alive = self.stage.processes_of(run_id)
        self.tell.check(
            f"the agent does not notice: process {', '.join(map(str, alive))} works on",
            bool(agents) and alive == agents,
            (agents, alive),
        )
        url = self.stage.start_coordinator()
        self.tell.say(span(f"a new coordinator listens on {url}, on the same database", "dim"))
        run = self.end_of(run_id)
        self.tell.check("the run completed", run.reason == "completed", run.reason)
        self.tell.check("in its first attempt: nothing ran twice", run.attempt == 1, run.attempt)
        self.check_log(session_id)

    def summary(self) -> None:
        """What is there now."""
        self.tell.step("The callboard", "Who needs you, what works, what waits, what is done.")
        self.tell.command("callboard ps")
        self.tell.bare(lambda: self.stage.run_openly("ps"))

    # ---------------------------------------------------------------- means

    def check_log(self, session_id: str) -> None:
        """The log is whole, and the reader of the stream got all of it exactly once, across the kill."""
        stored = self.client.send(calls.events.list_(session_id, limit=200)).items
        numbers = [event.seq for event in stored]
        self.tell.check(
            f"its log has events 1 to {numbers[-1]}, without a gap",
            numbers == list(range(1, len(numbers) + 1)),
            numbers,
        )
        arrived = self.watcher.wait_until(lambda: len(self.watcher.events(session_id)) >= len(stored), SECONDS)
        seen = [event.seq for event in self.watcher.events(session_id)]
        self.tell.check("the reader of the stream got each of them once, in order", arrived and seen == numbers, seen)
        ends = sum(event.type == "run_completed" for event in stored)
        self.tell.check("it ended exactly once", ends == 1, ends)
        whole = "".join(f"piece {number} " for number in range(1, STREAM_PIECES + 1)).strip()
        texts = [text_of(payload_of(event)).strip() for event in stored if event.type == "message"]
        self.tell.check("the message that was cut in the middle is whole in the log", whole in texts, texts)
