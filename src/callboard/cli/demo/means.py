"""What the steps of the demonstration share: commands that are run for real and shown, and waiting for their ends.

Knows no step.
"""

from typing import Final

from callboard.cli.demo.narration import MARGIN, Narrator, quoted
from callboard.cli.demo.stage import Stage
from callboard.cli.demo.watcher import Watcher
from callboard.cli.event_lines import event_parts, payload_of, text_of
from callboard.cli.output import span
from callboard.cli.shown import clock_time
from callboard.client import calls
from callboard.client.stream import Delta, StreamFrame
from callboard.client.transport import Client
from callboard.domain.ids import RUN, SESSION, is_id
from callboard.domain.run import ENDED
from callboard.wire.responses import Event, Run

SECONDS: Final = 30.0
"""How long anything may take before the demonstration gives up on it."""


class Means:
    """The stage, the story, and a connection with a reader of the stream as soon as there is a coordinator."""

    def __init__(self, stage: Stage, tell: Narrator) -> None:
        self.stage = stage
        self.tell = tell
        self.client: Client
        self.watcher: Watcher

    def command(self, *words: str) -> str:
        """Run a command for real and show it with what it printed."""
        self.tell.command("callboard " + " ".join(quoted(word) for word in words))
        code, printed = self.stage.run(*words)
        self.tell.shown(printed)
        self.need(code == 0, f"`callboard {words[0]}` ended with {code}: {printed.strip()}")
        return printed

    def start(self, script: str, *more: str, executor: str = "scripted") -> tuple[str, str]:
        """Start a session with a script; its id and its run's."""
        printed = self.command("run", script, "--executor", executor, *more)
        session_id = next((word for word in printed.split() if is_id(SESSION, word)), "")
        self.need(bool(session_id), "no session id was printed")
        return session_id, self.run_id_in(printed)

    def run_id_in(self, printed: str) -> str:
        """The run's id that a command printed."""
        found = next((word for word in printed.split() if is_id(RUN, word)), "")
        self.need(bool(found), "no run id was printed")
        return found

    def end_of(self, run_id: str, seconds: float = SECONDS) -> Run:
        """The run after its end."""
        run = self.client.send(calls.runs.wait(run_id, seconds))
        self.need(run.status in ENDED, f"{run_id} did not end in {seconds:.0f} s; it is {run.status}")
        return run

    def show_until_end(self, session_id: str, run_id: str) -> None:
        """Show a session's events as they come, until the run has ended."""
        growing: list[str] = []

        def show(frame: StreamFrame) -> None:
            if isinstance(frame, Delta):
                self.tell.piece(frame.text if growing else MARGIN + " " * 14 + frame.text)
                growing.append(frame.text)
            elif isinstance(frame, Event):
                if growing:
                    self.tell.piece("\n")
                    growing.clear()
                self.tell.say(span(f"{clock_time(frame.at)}  ", "dim"), *event_parts(frame, whole=False))

        ended = self.watcher.show_until(
            session_id, lambda event: event.type == "run_completed" and event.run_id == run_id, show, SECONDS
        )
        self.need(ended, f"{run_id} did not end in {SECONDS:.0f} s")

    def has_said(self, session_id: str, text: str) -> bool:
        """Whether an assistant's message with this text has arrived."""
        return any(
            payload.get("role") == "assistant" and text in text_of(payload)
            for payload in map(payload_of, self.watcher.events(session_id))
        )

    def need(self, true: bool, sentence: str) -> None:
        """Give up with a sentence unless this is true."""
        if not true:
            self.tell.refuse(sentence)
