"""A step of the demonstration: an agent that starts agents, and hears from them when they end."""

from typing import Final

from callboard.cli.demo.means import SECONDS, Means
from callboard.cli.event_lines import payload_of
from callboard.cli.output import span
from callboard.client import calls
from callboard.wire.responses import Run, TreeNode

WHAT_FAILS: Final = "the build server did not answer"
LEAD_SCRIPT: Final = f"""\
child async_callback - say Writing the docs ;; result written
child async_callback - fail-first 1 {WHAT_FAILS} ;; say built ;; result built
say Both are begun; I need not wait."""


def lead_and_children(means: Means) -> None:
    """Two children, one of which fails and is tried again; the lead hears of each end."""
    tell = means.tell
    tell.step(
        "An agent starts agents; one of them fails, and is tried again",
        "The lead does not wait: it is resumed when a child ends, however that was.",
    )
    lead, run_id = means.start(LEAD_SCRIPT, "--title", "The lead")
    tell.check(
        "the lead's run has ended, none is held open for the children", means.end_of(run_id).status == "completed"
    )
    _hear(means, lead, 2)
    children = _children(means, lead)
    tell.check("it has two children, whose parent their tokens prove", len(children) == 2, children)
    failed = _latest_run(means, next((child for child in children if child.status == "failed"), children[0]))
    reason = failed.error.message if failed.error else ""
    tell.say(span("✗ ", "red"), f"{failed.reason}: {reason}")
    tell.check("it failed with the agent's own words", WHAT_FAILS in reason, reason)
    again = means.end_of(means.run_id_in(means.command("retry", failed.session_id)))
    tell.say(span("✓ ", "green"), f"{again.reason}: {again.result_text or ''}")
    tell.check("the retry completed", again.reason == "completed", again.reason)
    same = (again.session_id, again.retry_of) == (failed.session_id, failed.run_id)
    tell.check("it is the same session, and names the run that it repeats", same, again)
    heard = _hear(means, lead, 3)
    expected = {_latest_run(means, child).run_id for child in children} | {failed.run_id}
    tell.check("the lead was told of each of the three ends exactly once", sorted(heard) == sorted(expected), heard)
    means.command("tree", lead)


def _hear(means: Means, lead: str, ends: int) -> list[str]:
    """The runs of whose end the lead's agent was told, as soon as it was told of so many."""

    def heard() -> list[str]:
        events = [event for event in means.watcher.events(lead) if event.type == "callback_accepted"]
        return [str(payload_of(event)["child_run_id"]) for event in events]

    means.need(means.watcher.wait_until(lambda: len(heard()) >= ends, SECONDS), f"the lead heard of {len(heard())}")
    return heard()


def _children(means: Means, lead: str) -> list[TreeNode]:
    tree = means.client.send(calls.sessions.tree(lead))
    return [node for node in tree.nodes if node.parent_session_id == lead]


def _latest_run(means: Means, child: TreeNode) -> Run:
    return means.client.send(calls.sessions.runs(child.session_id, limit=1)).items[0]
