"""Which lines of a prompt are a script: those that we or the user wrote, never those of an issue, a page or a child.

Text from elsewhere stands in the prompt inside an element (`<agent-callback …>`, `<untrusted…>`, or any other that
begins a line, up to its end tag) or between `BEGIN UNTRUSTED` and `END UNTRUSTED` lines; whoever puts it there escapes
it, so that it cannot end its element. Inside, lines count only in a fence that opens with `callboard-script NONCE`,
with the nonce that the run's parameters hold.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

FENCE: Final = "callboard-script"
NONCES: Final = ("nonce", "script_nonce")
_OPEN = re.compile(r"^<([A-Za-z][\w.-]*)(\s[^<>]*)?>|<((?:agent-callback|untrusted)[\w.-]*)(\s[^<>]*)?>")
_MARK = re.compile(r"\b(BEGIN|END) UNTRUSTED\b", re.IGNORECASE)
_MARKS: Final = "untrusted marks"


def script_of(prompt: str, parameters: dict[str, Any]) -> list[str]:
    """The lines of a prompt that may run."""
    nonces = {str(parameters[name]) for name in NONCES if parameters.get(name)}
    return list(_trusted(prompt.splitlines(), nonces))


def _trusted(lines: Iterable[str], nonces: set[str]) -> Iterator[str]:
    inside: list[str] = []
    fenced = ours = False
    for line in lines:
        text = line.strip()
        if text.startswith("```"):
            words = text[3:].split()
            ours = not fenced and bool(inside) and len(words) == 2 and words[0] == FENCE and words[1] in nonces
            fenced = not fenced
        elif ours or not (_moves(text, inside) or inside):
            yield line


def _moves(text: str, inside: list[str]) -> bool:
    """Follows elements and marks into and out of foreign text; true when the line is such a border."""
    mark, opened = _MARK.search(text), _OPEN.search(text)
    name = (opened[1] or opened[3]) if opened else ""
    if mark:
        _enter_or_leave(_MARKS, mark[1].upper() == "BEGIN", inside)
    elif inside and text.endswith(f"</{inside[-1]}>") and not opened:
        inside.pop()
    elif opened and not opened[0].endswith("/>"):
        if not text.endswith(f"</{name}>"):
            inside.append(name)
    else:
        return False
    return True


def _enter_or_leave(name: str, enters: bool, inside: list[str]) -> None:
    if enters:
        inside.append(name)
    elif inside and inside[-1] == name:
        inside.pop()
