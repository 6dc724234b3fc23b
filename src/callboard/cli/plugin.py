"""`callboard plugin`: where the plugin for Claude Code lies. What it does is not known here."""

from pathlib import Path
from typing import Final

import msgspec

import callboard
from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, Show
from callboard.domain.errors import NotFound

_PACKAGE: Final = Path(callboard.__file__).resolve().parent
_PLACES: Final = (_PACKAGE / "plugin", _PACKAGE.parent.parent / "plugins" / "callboard")
"""Of an installed package, and of a clone."""


class Plugin(msgspec.Struct, kw_only=True):
    """What `plugin --json` prints."""

    directory: str


def plugin(*, show: Show = NO_SHOW) -> int:
    """Print the directory of the plugin for Claude Code, for its `--plugin-dir`. Needs no coordinator."""
    output = Context(show).output
    found = next((place for place in _PLACES if (place / ".claude-plugin" / "plugin.json").is_file()), None)
    if found is None:
        raise NotFound(
            "The plugin is not in this installation.", code="not_found", hint="Install callboard from its wheel."
        )
    if output.json_wanted:
        output.value(Plugin(directory=str(found)))
    else:
        output.line(str(found))
    return 0
