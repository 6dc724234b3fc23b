"""The command line of a Callboard that is one migration ahead of ours: what becomes of our databases under it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.support.command import CommandLine

ADDED: Final = "CREATE TABLE later_thing (a TEXT); INSERT INTO later_thing VALUES ('x');"
_PROGRAM: Final = """
import sys
from callboard.store import migrate
from callboard.store.migrate import Migration
known = migrate.load()
later = [*known, Migration(len(known) + 1, "later.sql", sys.argv.pop(1))]
migrate.load = lambda: later
from callboard.cli.main import main
sys.exit(main())
"""


class LaterVersion(CommandLine):
    """Runs commands with a further migration, which is this SQL."""

    def __init__(self, directory: Path, environment: Mapping[str, str], sql: str = ADDED) -> None:
        super().__init__(directory, environment)
        self.sql = sql

    def start(self, *words: str, stdin: Any, stdout: Any, stderr: Any, **variables: str) -> subprocess.Popen[bytes]:
        """Begin one command."""
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, self.sql, *words],
            env=self.whole_environment(**variables),
            cwd=self.directory,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
