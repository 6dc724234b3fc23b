"""Portable sessions: when a run may leave the host of its conversation, and which transcript is the newer one there.

Pure decisions over values; knows no files, rows or HTTP.
"""

from typing import Final, Literal

import msgspec

from callboard.domain.runner import LeaseRules

PORTABLE_EXECUTORS: Final = frozenset({"claude-code", "scripted"})
"""Executors whose conversation is one file that may be put on another machine."""
PART_BYTES: Final = 512 * 1024
"""A transcript travels in parts of this size, each under its hash: what was stored before is not sent again."""
MAX_PARTS: Final = 64
MAX_TRANSCRIPT_BYTES: Final = PART_BYTES * MAX_PARTS

Stays = Literal["workspace", "no_copy", "too_large"]
STAYS: Final[dict[Stays, str]] = {
    "workspace": "The session's work lies in a workspace there, which cannot be moved.",
    "no_copy": "No transcript of the conversation is kept here, so it cannot be moved.",
    "too_large": "The conversation's transcript is larger than what is kept here, so it cannot be moved.",
}
"""Why the run of a portable session has to wait for the host of its conversation all the same."""


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a waiting run that prefers the host of its conversation; times in Unix milliseconds."""

    hostname: str
    since_ms: int
    """Since when the run may be claimed."""
    registered: bool
    """Whether any runner of that host is registered."""
    lost_at_ms: int | None = None
    """When contact with an agent of the session was lost that has not come back: it may be at work there."""
    stays: Stays | None = None


def moves_at_ms(preference: Preference, rules: LeaseRules) -> int | None:
    """From when on runners of other hosts may take the run; None: never."""
    if preference.stays is not None:
        return None
    graced = preference.since_ms + (rules.portable_grace_ms if preference.registered else 0)
    if preference.lost_at_ms is None:
        return graced
    return max(graced, preference.lost_at_ms + rules.lost_run_ms)


class LocalTranscript(msgspec.Struct, frozen=True, kw_only=True):
    """A transcript on a runner's disk, compared with the copy of the coordinator."""

    size_bytes: int
    sha256: str
    beginning_sha256: str | None
    """Of as many bytes as the copy has; None when it is shorter."""


def is_restored(local: LocalTranscript | None, copy_sha256: str, *, leads: bool) -> bool:
    """Whether the copy takes the place of what lies on this disk.

    `leads`: the conversation was last on another host, so that what lies here is old whatever it holds. Else a local
    transcript that goes on where the copy ends is the newer one.
    """
    if local is None:
        return True
    if local.sha256 == copy_sha256:
        return False
    return leads or local.beginning_sha256 != copy_sha256
