"""The tree below a session as one answer: every session with its state, its own usage and that of all below it."""

from collections import Counter

from callboard.coordinator.services.rendering import group_of_row
from callboard.coordinator.services.usage import add, sum_of, usage_of_tree
from callboard.domain.usage import UsageTotal
from callboard.store.database import Row, Transaction
from callboard.store.reading import subtree
from callboard.wire.responses import Tree, TreeNode
from callboard.wire.times import rfc3339


def read_tree(tx: Transaction, session: Row) -> Tree:
    """The tree below a session, itself first, parents before children; at most 1,000 sessions."""
    rows = subtree(tx, session["session_id"])
    own = usage_of_tree(tx, session["root_session_id"])
    nodes = {row["session_id"]: _node(row, own.get(row["session_id"], UsageTotal())) for row in rows}
    for node in reversed(nodes.values()):
        parent = nodes.get(node.parent_session_id or "")
        if parent is not None:
            parent.children.insert(0, node.session_id)
            add(parent.usage_subtree, node.usage_subtree)
    return Tree(
        session_id=session["session_id"],
        root_session_id=session["root_session_id"],
        counts=dict(Counter(node.status for node in nodes.values())),
        nodes=list(nodes.values()),
    )


def _node(row: Row, own: UsageTotal) -> TreeNode:
    return TreeNode(
        session_id=row["session_id"],
        parent_session_id=row["parent_session_id"],
        depth=row["depth"],
        status=row["status"],
        group=group_of_row(row),
        title=row["title"],
        agent_name=row["agent_name"],
        waiting_for=row["waiting_for"],
        lifecycle=row["lifecycle"],
        queued_runs=row["queued_runs"],
        children=[],
        usage_self=own,
        usage_subtree=sum_of([own]),
        created_at=rfc3339(row["created_at"]),
    )
