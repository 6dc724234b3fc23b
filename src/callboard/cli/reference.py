"""The reference of the command line as Markdown, rendered from the commands themselves; docs/reference/cli.md is it."""

import re
from typing import Final

from callboard.cli.app import build_app
from callboard.cli.command import Command
from callboard.cli.commands import COMMANDS
from callboard.cli.exit_codes import MEANINGS
from callboard.cli.settings import SETTINGS

_SHARED: Final = re.compile(r"\n\*\*Options of all commands\*\*:\n((?:\n|\* [^\n]*\n)+)")


def render_reference() -> str:
    """Every command with its options and examples, the exit codes and the settings."""
    pages = build_app(whole=True).generate_docs(output_format="markdown", recursive=True, heading_level=1)
    shared = _SHARED.search(pages)
    pages = _SHARED.sub("\n", pages)
    for command in COMMANDS:
        pages = _with_examples(pages, command)
    options = f"## Options of all commands\n\n{shared[1].strip()}\n" if shared else ""
    return "\n".join((pages.rstrip() + "\n", options, _exit_codes(), _settings()))


def _with_examples(pages: str, command: Command) -> str:
    """Puts a command's examples at the end of its part."""
    text = "\n".join(command.examples)
    place = re.compile(rf"(## callboard {re.escape(command.words)}\n.*?)(\n#+ |\Z)", re.DOTALL)
    return place.sub(lambda found: f"{found[1].rstrip()}\n\n```console\n{text}\n```\n{found[2]}", pages, count=1)


def _exit_codes() -> str:
    rows = "".join(f"| {code} | {sentence} |\n" for code, sentence in MEANINGS.items())
    return f"## Exit codes\n\n| code | meaning |\n|---|---|\n{rows}"


def _settings() -> str:
    rows = "".join(
        f"| `{one.name}` | `{one.environment}` | {'yes' if one.in_project else 'no'} | {one.help} |\n"
        for one in SETTINGS
    )
    return (
        "## Settings\n\nA flag outweighs the environment, that the project's `.callboard/config.toml`, that the user's "
        "`~/.config/callboard/config.toml`, that the default. `callboard config show --origin` says which it was.\n\n"
        f"| setting | variable | in a project's file | meaning |\n|---|---|---|---|\n{rows}"
    )
