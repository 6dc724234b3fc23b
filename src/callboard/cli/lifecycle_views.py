"""How a change of work's lifecycle is shown. Asks nothing."""

from typing import Final

from callboard.cli.output import Output, span
from callboard.cli.text import one_line, short_id
from callboard.domain.lifecycle import HALTED, way_on
from callboard.wire.responses import Session

_NEXT: Final = {"cancelled": "callboard worktrees"}


def show_change(output: Output, session: Session, *, to_worker: bool = False) -> int:
    """The work as it is now and, unless its worker asks, what people may do."""
    handle = session.handle or short_id(session.session_id)
    if output.json_wanted:
        output.value(session)
    elif output.quiet:
        output.line(session.session_id)
    else:
        why = session.work.stuck_reason if session.work and session.lifecycle == "stuck" else None
        output.line("  ".join([handle, session.lifecycle or "", *([one_line(why)] if why else [])]))
        state = session.lifecycle or ""
        step = _NEXT.get(state) or (way_on(state, handle) if state in HALTED else "")
        if step and not to_worker:
            output.note(span(f"next: {step}", "dim"))
    return 0
