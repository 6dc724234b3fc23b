"""Sessions, their trees, bindings and runs as people see them. Asks nobody."""

from collections.abc import Iterator
from typing import Final

from callboard.cli.output import Output, Part, span
from callboard.cli.shown import GROUPS, ago, name_of, state, state_of, title_of
from callboard.cli.text import dollars, money
from callboard.domain.usage import UsageTotal
from callboard.wire.responses import Binding, Run, Session, Tree, TreeNode

DONE_ON_TERMINAL: Final = 10
"""How many ended sessions a person is shown, who looks for what needs them."""
_COLUMNS: Final = ("SESSION", "STATUS", "TITLE", "AGENT", "EXECUTOR", "HOST", "CHILDREN", "QUEUED", "AGE", "COST")
_TITLE: Final = 2


def show_groups(output: Output, sessions: list[Session], *, every: bool) -> None:
    """Sessions by who must act next; a program gets one table of all."""
    if not sessions:
        output.note("No sessions yet. Start one:  callboard run PROMPT")
        return
    if not output.on_terminal:
        output.table(_COLUMNS, [_row(one, short=False) for one in sessions])
        return
    for group, name in GROUPS.items():
        found = [one for one in sessions if one.group == group]
        if group != "done":
            found.reverse()
        shown = found if every or group != "done" else found[:DONE_ON_TERMINAL]
        if shown:
            output.line(span(f"{name} ({len(found)})", "bold"))
            output.table(_COLUMNS, [_row(one, short=True) for one in shown], flexible=_TITLE)
        if len(shown) < len(found):
            output.note(span(f"and {len(found) - len(shown)} more (--all)", "dim"))


def _row(session: Session, *, short: bool) -> list[Part]:
    children = session.children
    return [
        span(name_of(session.session_id, short=short), "bold"),
        state_of(session),
        _headline(session),
        session.agent_name or "",
        session.executor_type or "",
        session.hostname or "",
        f"{children.ended}/{children.total}" if children.total else "",
        str(session.queued_runs or ""),
        ago(session.updated_at),
        money(session.usage),
    ]


def _headline(session: Session) -> str:
    """What it is about, or waits for; of work also that its worktree is not there; what is held for it."""
    text = (session.summary if session.waiting_for else None) or title_of(session)
    state = session.work.state if session.work else "prepared"
    notes = [] if state == "prepared" else [f"worktree {state}"]
    notes += [f"{session.held_callbacks} held"] if session.held_callbacks else []
    return f"{text} ({', '.join(notes)})" if notes else text


def branches(tree: Tree, *, short: bool) -> Iterator[list[Part]]:
    """A tree line by line, parents before children."""
    nodes = {node.session_id: node for node in tree.nodes}
    waiting: list[tuple[str, str, str]] = [(tree.session_id, "", "")]
    while waiting:
        session_id, before, branch = waiting.pop()
        node = nodes[session_id]
        yield [span(before + branch, "dim"), *_node(node, short=short)]
        below = before + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        known = [child for child in node.children if child in nodes]
        last = len(known) - 1
        waiting += [
            (child, below, "└─ " if index == last else "├─ ") for index, child in reversed(list(enumerate(known)))
        ]


def _node(node: TreeNode, *, short: bool) -> list[Part]:
    used = _usage(node.usage_subtree)
    own = money(node.usage_self) if node.children and node.usage_subtree != node.usage_self else ""
    return [
        span(name_of(node.session_id, short=short), "bold"),
        "  ",
        state(node.status),
        f"  {node.title or ''}",
        span(f"  {node.agent_name}" if node.agent_name else "", "dim"),
        span(f"  {used}" if used else "", "dim"),
        span(f" (itself {own})" if own else "", "dim"),
    ]


def show_facts(output: Output, session: Session) -> None:
    """What is known of one session."""
    output.line(span(session.session_id, "bold"), "  ", state_of(session), f"  {session.title or ''}")
    if session.reason_text and session.reason != "completed":
        output.line(f"  {session.reason_text}")
    for name, value in _facts(session).items():
        if value:
            output.line(span(f"  {name:<12}", "dim"), value)


def _facts(session: Session) -> dict[str, str]:
    labels = ", ".join(f"{name}={value}" for name, value in session.labels.items())
    return {
        "agent": session.agent_name or "",
        "issues": ", ".join(f"#{issue['number']} {issue.get('title') or ''}".strip() for issue in session.issues),
        "lifecycle": session.lifecycle or "",
        "branch": (session.workspace.branch if session.workspace else None) or "",
        "executor": session.executor_type or "",
        "context": session.context,
        "host": session.hostname or "",
        "directory": session.project_dir or "",
        "parent": session.parent_session_id or "",
        "root": session.root_session_id if session.root_session_id != session.session_id else "",
        "children": f"{session.children.ended} of {session.children.total} ended" if session.children.total else "",
        "held": f"{session.held_callbacks} (callboard callbacks list --status held)" if session.held_callbacks else "",
        "labels": labels,
        "runs": f"{session.run_count}, {session.queued_runs} waiting",
        "events": str(session.last_seq),
        "usage": _usage(session.usage),
        "budget": budget_of(session),
        "created": session.created_at,
        "resumed": session.last_resumed_at or "",
        "archived": session.archived_at or "",
    }


def budget_of(session: Session) -> str:
    """What is left of the budget that it draws from; empty without one."""
    found = session.budget
    if found is None:
        return ""
    left = [] if found.left_microdollars is None else [f"{dollars(found.left_microdollars)} left"]
    left += [] if found.left_tokens is None else [f"{found.left_tokens} tokens left"]
    return ", ".join(left) + ("" if found.session_id == session.session_id else f", of {found.session_id}")


def _usage(usage: UsageTotal) -> str:
    if not usage.input_tokens and not usage.output_tokens:
        return money(usage)
    return f"{usage.input_tokens} tokens in, {usage.output_tokens} out, {usage.turns} turns, {money(usage)}"


def show_bindings(output: Output, bindings: list[Binding]) -> None:
    """Which conversations have carried it."""
    if bindings:
        output.line()
        output.table(
            ("GENERATION", "EXECUTOR", "NATIVE ID", "HOST", "REASON", "BOUND AT", "ENDED AT"),
            [
                [
                    str(one.generation),
                    one.executor_type,
                    one.executor_session_id,
                    one.hostname,
                    one.reason,
                    one.bound_at,
                    one.ended_at or "",
                ]
                for one in bindings
            ],
        )


def show_runs(output: Output, runs: list[Run]) -> None:
    """Its runs."""
    output.line()
    output.table(
        ("RUN", "NUMBER", "STATUS", "REASON", "TRIGGER", "ATTEMPT", "RUNNER", "CREATED AT", "ENDED AT", "COST"),
        [
            [
                one.run_id,
                str(one.number),
                state(one.status),
                one.reason or "",
                one.trigger,
                str(one.attempt),
                one.runner_id or "",
                one.created_at,
                one.ended_at or "",
                money(one.usage),
            ]
            for one in runs
        ],
    )
