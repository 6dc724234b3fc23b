"""What of a database URL may be shown: everything but its secrets. Knows no driver and opens nothing."""

import re
from typing import Final
from urllib.parse import unquote

HIDDEN: Final = "***"
_NAME: Final = r"[\w.~%+$!-]"
_HOST: Final = rf"(?:{_NAME}+|\[[0-9A-Fa-f:.%]+\])?(?::\d*)?"
_URL: Final = re.compile(
    rf"(postgres(?:ql)?://)(?:({_NAME}*)(:[^@/]*)?@)?({_HOST}(?:,{_HOST})*)(/{_NAME}*)?(?:\?(.*))?", re.ASCII
)
"""Read as libpq does: credentials end at the first @. What does not fit may have a secret anywhere."""
_SECRET: Final = re.compile(r"pass(?!file)|secret|token|scram")


def is_postgres(url: str) -> bool:
    """Whether it names a PostgreSQL server."""
    return url.startswith(("postgresql://", "postgres://"))


def shown(url: str) -> str:
    """The URL with *** for each secret; of one that cannot be read no more than its scheme."""
    scheme, separator, _ = url.partition("://")
    if scheme == "sqlite" or (not separator and "=" not in url and "@" not in url):
        return url
    found = _URL.fullmatch(url)
    if found is None:
        return f"{scheme}://{HIDDEN}" if separator and scheme.isalnum() else HIDDEN
    return _put_together(found, HIDDEN)


def without_secrets(url: str) -> str | None:
    """The URL as it may stand in a command, its secrets left out; None when it cannot be read."""
    found = _URL.fullmatch(url)
    return None if found is None else _put_together(found, "")


def holds_secret(url: str) -> bool:
    """Whether the URL has a password in it that is not empty, or cannot be read, so that it may have one."""
    plain = url.replace(":@", "@", 1)
    return shown(plain) != plain


def _put_together(found: re.Match[str], instead: str) -> str:
    scheme, user, password, place, name, query = found.groups(default="")
    credentials = f"{user}:{instead}" if len(password) > 1 and instead else user
    parts = [shown_part for part in query.split("&") if part and (shown_part := _parameter(part, instead))]
    at = "@" if found[2] is not None else ""
    return f"{scheme}{credentials}{at}{place}{name}" + (f"?{'&'.join(parts)}" if parts else "")


def _parameter(part: str, instead: str) -> str:
    name, separator, _ = part.partition("=")
    if not separator:
        return instead
    if _SECRET.search(unquote(name).lower()):
        return f"{name}={instead}" if instead else ""
    return part
