"""A step of the demonstration, on request: the person's own Claude Code, two turns of one conversation."""

from typing import Final

from callboard.cli.demo.means import Means
from callboard.cli.demo.stage import CLAUDE_CODE
from callboard.cli.output import span
from callboard.cli.text import money
from callboard.client import calls
from callboard.wire.responses import Run

TURN_SECONDS: Final = 120.0
"""A model may take its time."""
FIRST: Final = "Answer with one word and use no tool: which bird stands on one leg in shallow water?"
SECOND: Final = "Answer with one word and use no tool: which bird did you name?"


def claude_code(means: Means) -> None:
    """A turn, and a resume by another process in the same conversation."""
    tell = means.tell
    tell.step("The same with your Claude Code", "The session keeps its id; the client's conversation is bound to it.")
    session_id, run_id = means.start(FIRST, executor=CLAUDE_CODE)
    _show(means, run_id)
    again = means.run_id_in(means.command("resume", session_id, SECOND))
    _show(means, again)
    bindings = means.client.send(calls.sessions.bindings(session_id)).items
    tell.check("one conversation of the client carries both turns", len(bindings) == 1, bindings)
    usage = means.client.send(calls.sessions.usage(session_id)).self
    tell.check(f"what it took is counted: {usage.turns} turns, {money(usage)}", usage.turns >= 2, usage)


def _show(means: Means, run_id: str) -> None:
    run: Run = means.end_of(run_id, TURN_SECONDS)
    reason = run.error.message if run.error else run.reason
    means.tell.say(span("assistant: ", "green", "bold"), run.result_text or "")
    means.tell.check("the turn completed", run.reason == "completed", reason)
