"""Portable sessions as rows say: what is kept of a conversation, and what a waiting run prefers. Changes nothing."""

import json

import msgspec

from callboard.domain.portability import Preference, Stays
from callboard.store.database import Row, Transaction
from callboard.wire.runner import TranscriptCopy


class KeptCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A kept transcript as a claim needs it."""

    copy: TranscriptCopy
    run_number: int
    """The run after which it was taken."""
    behind: bool
    """Whether the conversation went on after it, with what is lost on another host."""


def preference_of(tx: Transaction, run: Row) -> Preference | None:
    """What a pending run prefers; None when it may go anywhere, or must go where its demands say."""
    if run["preferred_since"] is None or run["status"] != "pending":
        return None
    session = tx.one("session_by_id", session_id=run["session_id"])
    lost = tx.one("last_lost_contact", session_id=run["session_id"])
    return Preference(
        hostname=run["preferred_host"],
        since_ms=run["preferred_since"],
        registered=tx.one("host_has_runner", hostname=run["preferred_host"]) is not None,
        lost_at_ms=lost["lost_at"] if lost else None,
        stays=None if session is None else stays(tx, session),
    )


def stays(tx: Transaction, session: Row) -> Stays | None:
    """Why a portable session cannot leave its host; None when it can."""
    if session["workspace"]:
        return "workspace"
    binding = tx.one("open_binding", session_id=session["session_id"])
    kept = tx.one("transcript_of_session", session_id=session["session_id"])
    if kept is not None and kept["refused"]:
        return "too_large"
    return None if kept is not None and _is_of(kept, binding) else "no_copy"


def copy_for(tx: Transaction, session: Row, binding: Row, hostname: str) -> KeptCopy | None:
    """What the host that continues the conversation may need of it; None when it has to have it itself."""
    kept = tx.one("transcript_of_session", session_id=session["session_id"])
    if not session["portable"] or kept is None or not _is_of(kept, binding):
        return None
    native_id = binding["executor_session_id"]
    last = tx.one("last_run_of_conversation", session_id=session["session_id"], executor_session_id=native_id)
    behind = last is not None and last["number"] > kept["run_number"]
    leads = binding["hostname"] != hostname
    if behind and not leads:
        return None
    copy = TranscriptCopy(
        executor_session_id=native_id,
        size_bytes=kept["size_bytes"],
        sha256=kept["sha256"],
        parts=json.loads(kept["parts"]),
        leads=leads,
    )
    return KeptCopy(copy=copy, run_number=kept["run_number"], behind=behind)


def _is_of(kept: Row, binding: Row | None) -> bool:
    """Whether a whole transcript of the bound conversation is there."""
    names = ("executor_type", "executor_session_id")
    return binding is not None and kept["stored_at"] is not None and all(kept[one] == binding[one] for one in names)
