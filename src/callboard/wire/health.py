"""What a coordinator says of its own health. Knows no check."""

import msgspec

from callboard.wire.responses import Response


class Health(Response, kw_only=True):
    """200 of /healthz and /readyz."""

    status: str
    checks: dict[str, str] = msgspec.field(default_factory=dict)
