"""What `doctor` finds: one thing that was looked at, and the verdict on it."""

from typing import Literal

import msgspec

Verdict = Literal["ok", "warning", "wrong"]


class Finding(msgspec.Struct, kw_only=True):
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    sentence: str
    next_step: str = ""
