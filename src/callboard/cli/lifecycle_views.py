"""How a change of work's lifecycle is shown. Asks nothing."""

from callboard.cli.output import Output, span
from callboard.cli.text import one_line, short_id
from callboard.wire.responses import Session


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
        step = session.work.next_step if session.work and session.lifecycle != "deleted" else None
        if step and not to_worker:
            output.note(span(f"next: {step}", "dim"))
    return 0
