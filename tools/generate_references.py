"""Write the references that are derived from code, or with --check say which are stale.

Each is rendered by one function from the place where the facts stand; nothing in them is written by hand.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from callboard.cli.reference import render_reference
from callboard.coordinator.config import settings
from callboard.coordinator.http.openapi import describe_as_json
from callboard.domain import event
from callboard.domain.errors import CODES
from callboard.domain.event import may_report

REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> int:
    """Write every reference, or compare; return 1 if one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a reference is stale")
    check = parser.parse_args().check
    stale = [name for name, render in REFERENCES.items() if not _is_current(REPOSITORY / name, render())]
    if check:
        sys.stderr.writelines(f"{name} is stale; run `make docs`.\n" for name in stale)
        return 1 if stale else 0
    for name in stale:
        _write(REPOSITORY / name, REFERENCES[name]())
    return 0


def render_errors() -> str:
    """Return the table of error codes."""
    rows = "".join(f"| `{code}` | {sentence} |\n" for code, sentence in CODES.items())
    return f"{_header('src/callboard/domain/errors.py')}# Error codes\n\n| code | meaning |\n|---|---|\n{rows}"


def render_events() -> str:
    """Return the table of event types and who writes them."""
    rows = "".join(
        f"| `{name}` | {'runner' if may_report(name) else 'coordinator'} | {payload} |\n"
        for name, payload in event.DESCRIPTIONS.items()
    )
    return (
        f"{_header('src/callboard/domain/event.py')}# Event types\n\n"
        "Types that are not in this table come from newer runners; they are kept and shown as they are.\n\n"
        f"| type | written by | payload |\n|---|---|---|\n{rows}"
    )


def render_schema() -> str:
    """Return the schema of the store, as the migrations write it."""
    folder = REPOSITORY / "src" / "callboard" / "store" / "sql" / "migrations"
    parts = [
        f"## {path.name}\n\n```sql\n{path.read_text(encoding='utf-8')}```\n" for path in sorted(folder.glob("*.sql"))
    ]
    return f"{_header('src/callboard/store/sql/migrations')}# Schema\n\n" + "\n".join(parts)


def render_configuration() -> str:
    """Return the table of the coordinator's settings."""
    rows = "".join(
        f"| `{each.name}` | `{each.environment}` | {each.unit or ''} | `{each.default!r}` | {each.help} |\n"
        for each in settings()
    )
    return (
        f"{_header('src/callboard/coordinator/config.py')}# Settings of the coordinator\n\n"
        "A flag of `callboard serve` wins over the environment, that over the project's and the user's file.\n\n"
        f"| setting | environment | unit | default | meaning |\n|---|---|---|---|---|\n{rows}"
    )


def render_openapi() -> str:
    """Return the description of the HTTP API, as it is served."""
    return json.dumps(json.loads(describe_as_json()), indent=1, ensure_ascii=False) + "\n"


def render_cli() -> str:
    """Return every command of the command line."""
    return _header("src/callboard/cli") + render_reference()


REFERENCES: Final[dict[str, Callable[[], str]]] = {
    "docs/openapi.json": render_openapi,
    "docs/reference/cli.md": render_cli,
    "docs/reference/configuration.md": render_configuration,
    "docs/reference/errors.md": render_errors,
    "docs/reference/events.md": render_events,
    "docs/reference/schema.md": render_schema,
}


def _header(source: str) -> str:
    return f"<!-- Generated from {source} by `make docs`; not by hand. -->\n"


def _is_current(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"Wrote {path.relative_to(REPOSITORY)}.\n")


if __name__ == "__main__":
    sys.exit(main())
