"""Whether a session may have one more child: depth, children, size of the tree, and a tree that is being stopped."""

from callboard.coordinator.services.limits import TreeLimits
from callboard.domain.errors import Conflict
from callboard.store.database import Row, Transaction


def check_tree(tx: Transaction, parent: Row, limits: TreeLimits) -> None:
    """Conflict `limit_reached` or `tree_stopping` when a session may have no further child."""
    if parent["depth"] + 1 > limits.depth:
        raise Conflict(
            f"A child here would be at depth {parent['depth'] + 1}; the limit is {limits.depth}.",
            code="limit_reached",
            hint="Do the work in this session instead of starting another.",
        )
    children = tx.one("count_children", session_id=parent["session_id"])
    if children and children["children"] >= limits.children_per_session:
        raise Conflict(
            f"{parent['session_id']} has {children['children']} children; the limit is {limits.children_per_session}.",
            code="limit_reached",
            hint="Resume one of them, or do the work in this session.",
        )
    size = tx.one("count_tree", root_session_id=parent["root_session_id"])
    if size and size["sessions"] >= limits.sessions_per_root:
        raise Conflict(
            f"This tree has {size['sessions']} sessions; the limit is {limits.sessions_per_root}.",
            code="limit_reached",
            hint="Resume an existing session of the tree.",
        )
    above: Row | None = parent
    while above is not None:
        if above["tree_stopping"]:
            raise Conflict(
                f"The tree below {above['session_id']} is being stopped.",
                code="tree_stopping",
                hint="Start nothing more; this session is being stopped too.",
            )
        above = tx.one("session_by_id", session_id=above["parent_session_id"]) if above["parent_session_id"] else None
