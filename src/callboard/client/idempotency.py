"""Keys under which the coordinator remembers the answer to a creating call."""

import secrets


def new_key() -> str:
    """A key that nobody else uses."""
    return secrets.token_hex(16)
