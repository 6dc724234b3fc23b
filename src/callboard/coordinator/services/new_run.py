"""A request for a run that is checked as far as it can be outside of its transaction, and who stands behind it."""

import msgspec

from callboard.coordinator.services.run_agents import Snapshot
from callboard.domain.caller import Caller
from callboard.domain.errors import Forbidden
from callboard.wire.requests import CreateRun


class NewRun(msgspec.Struct, kw_only=True):
    """A checked request for a run, with all that was decided before its transaction."""

    request: CreateRun
    prompt: str
    caller: Caller
    parent_session_id: str | None
    """The proven or named parent, for a first run; the calling session, for a later one."""
    executor_type: str
    """What the request names, else the default; a later run takes its session's."""
    offered_executors: frozenset[str]
    no_match_ms: int
    portable: bool = False
    """Whether a session that says nothing of it is portable, where it can be."""
    traceparent: str | None = None
    retry_of: str | None = None
    trigger: str | None = None
    """What starts the run, where it is neither a person nor an agent."""
    message_id: str | None = None
    """The message that the run carries."""
    left_behind: bool = False
    """Whether that was said to an earlier run, whose agent did not take it: nobody asks for a run now."""
    session_id: str | None = None
    """The id of the new session, where it had to be known before."""
    forked_from: str | None = None
    """The session whose turns the prompt of a new one tells."""
    held: bool = False
    """Something has to be made ready before the run may be claimed."""
    agent_directory: str | None = None
    """Where the agent is looked for, while the directory of the run is not known."""
    agent: Snapshot | None = None
    """The agent of the run, once that is known; its defaults are in the request then."""

    @property
    def repeats(self) -> bool:
        """Whether the run asks for what another one was asked: its words and bounds are complete."""
        follows = self.retry_of is not None or self.forked_from is not None
        return follows or self.trigger not in (None, "issue", "task")


def proven_parent(caller: Caller, named: str | None, header: str | None) -> str | None:
    """The calling session: from a session token by proof, else as a person names it. Forbidden for a forged one."""
    if caller.kind == "session":
        for said in (named, header):
            if said is not None and said != caller.session_id:
                raise Forbidden(
                    f"This token proves {caller.session_id}, not {said}.",
                    code="foreign_parent",
                    hint="Leave parent_session_id and X-Agent-Session-Id out: the token says who the parent is.",
                )
        return caller.session_id
    if not caller.may_write:
        raise Forbidden(f"{caller.kind_in_words} token may not start runs.", hint="Use a user's or an owner's token.")
    return named if named is not None else header
