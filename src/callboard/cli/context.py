"""What a command works with: its settings, its output and, when it needs one, a connection to the coordinator."""

import sys
from functools import cached_property
from pathlib import Path
from typing import Final

from callboard.cli.options import NO_WHERE, Show, Where
from callboard.cli.output import Output
from callboard.cli.settings import Settings, read_settings
from callboard.client.discovery import Access, discover
from callboard.client.transport import Client
from callboard.domain.errors import InvalidRequest

STDIN: Final = "\0stdin"
"""What a lone `-` becomes; no argument of a process can hold a NUL."""


class Context:
    """One invocation of a command."""

    def __init__(self, show: Show, where: Where = NO_WHERE, *, raw: bool = False) -> None:
        self.where = where
        self.settings: Settings = read_settings().with_flags(color=show.color)
        self.output = Output(json=show.json, quiet=show.quiet, color=self.settings["color"], raw=raw)

    @cached_property
    def access(self) -> Access:
        """Where the coordinator is and with which token."""
        where = self.where
        return discover(
            url=where.url or self.named_in_file("url"),
            token_file=where.token_file or _path(self.named_in_file("token_file")),
            data_dir=where.data_dir,
            default_dir=_path(self.settings["data_dir"]),
        )

    @cached_property
    def client(self) -> Client:
        """The connection; made when it is first used."""
        return Client(self.access.url, self.access.token)

    def named_in_file(self, name: str) -> str | None:
        """A setting that the user's file names; None when the environment, which discovery reads itself, does."""
        found = self.settings.found[name]
        return str(found.value) if "/" in found.origin else None

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something is lost; InvalidRequest when nobody can be asked or the answer is no."""
        if yes:
            return
        if self.settings["no_input"] or not sys.stdin.isatty():
            raise InvalidRequest(f"{question} Nobody can be asked here.", hint="Add --yes if that is what you want.")
        self.output.warn(f"{question} [y/N] ")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise InvalidRequest("Nothing was changed.", hint="Answer y, or add --yes, if that is what you want.")


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
