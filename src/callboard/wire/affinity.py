"""Where a session has to go on, and what is kept of its conversation: answers to people and agents."""

from callboard.wire.responses import Response


class KeptTranscript(Response, kw_only=True):
    """What is kept of the conversation of a portable session; its content is for runners alone."""

    size_bytes: int
    run_id: str
    """The run after which it was taken."""
    stored_at: str


class Affinity(Response, kw_only=True):
    """Where a resume of the session must run; None means anywhere."""

    session_id: str
    hostname: str | None
    project_dir: str | None
    executor_type: str | None
    executor_session_id: str | None
    portable: bool
    """Whether the host is a preference: after a grace time another one may restore the transcript and go on."""
    transcript: KeptTranscript | None
    stays: str | None
    """Why a portable session has to stay where it is all the same, in a sentence."""
