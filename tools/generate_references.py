"""Write the references that are derived from code, or with --check say which are stale.

Each is rendered by one function from the place where the facts stand; nothing in them is written by hand.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from callboard.domain.errors import CODES

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


REFERENCES: Final[dict[str, Callable[[], str]]] = {
    "docs/reference/errors.md": render_errors,
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
