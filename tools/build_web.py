"""Builds the pages from `web/` into the package, when their sources have changed; and sees that no wheel lacks them.

`make web` runs it, and hatchling loads it as its hook. Knows npm and checksums, and nothing of what is built.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REPOSITORY: Final = Path(__file__).resolve().parent.parent
WEB: Final = REPOSITORY / "web"
STATIC: Final = REPOSITORY / "src" / "callboard" / "coordinator" / "http" / "static"
BUILT_FROM: Final = STATIC / "built-from.txt"
INSTALLED_FROM: Final = WEB / "node_modules" / ".installed-from"
MADE: Final = frozenset({"node_modules", "dist"})
NPM_SECONDS: Final = 600
OLDEST_NODE: Final = (20, 19)
KEPT: Final = ("HOME", "PATH", "LANG", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class NotPossible(Exception):
    """The pages cannot be built; the sentence says why and what helps."""


class WebHook(BuildHookInterface[Any]):
    """Puts the pages into every wheel and source archive; an editable installation is left alone."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a build; the build ends here when there are no pages and none can be made."""
        del build_data
        if version != "editable" and not _is_archive():
            build()


def build() -> None:
    """Builds when anything has changed since the last time. NotPossible."""
    sources = _checksum(_sources())
    if BUILT_FROM.exists() and BUILT_FROM.read_text(encoding="ascii").strip() == sources:
        return
    install()
    sys.stderr.write("Building the pages\n")
    _npm("run", "--silent", "build", "--", "--logLevel", "warn", "--outDir", str(STATIC))
    BUILT_FROM.write_text(sources + "\n", encoding="ascii")


def install() -> None:
    """Installs what the lock names, unless it is there. NotPossible."""
    lock = _checksum([WEB / "package-lock.json"])
    if INSTALLED_FROM.exists() and INSTALLED_FROM.read_text(encoding="ascii").strip() == lock:
        return
    sys.stderr.write("Installing the packages that build the pages\n")
    _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    INSTALLED_FROM.write_text(lock + "\n", encoding="ascii")


def _is_archive() -> bool:
    """A source archive has the pages, and not what they are made of."""
    return not WEB.exists() and (STATIC / "ui" / "index.html").exists()


def _sources() -> Iterator[Path]:
    if not (WEB / "package-lock.json").exists():
        raise NotPossible("The sources of the pages are not here: build from a clone, or from a release's archive.")
    for directory, names, leaves in os.walk(WEB):
        names[:] = sorted(name for name in names if name not in MADE)
        yield from (Path(directory, leaf) for leaf in sorted(leaves))


def _checksum(files: Iterator[Path] | list[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(WEB).as_posix()}\0".encode())
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def _npm(*words: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotPossible("npm is missing; it builds the pages (Debian: apt-get install npm; Node 20.19 or newer).")
    settings = {name: value for name, value in os.environ.items() if name.lower().startswith("npm_config_")}
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | settings
    _check_node(environment)
    done = subprocess.run([npm, *words], cwd=WEB, env=environment, timeout=NPM_SECONDS, check=False)
    if done.returncode:
        raise NotPossible(f"npm {words[0]} ended with {done.returncode}; what it said stands above.")


def _check_node(environment: dict[str, str]) -> None:
    node = shutil.which("node")
    command = [node or "node", "--version"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", told)[:2])
    if version < OLDEST_NODE:
        raise NotPossible(f"Node {'.'.join(map(str, OLDEST_NODE))} or newer builds the pages; here is {told.strip()}.")


def main() -> int:
    """Build, and install what tests of the pages need."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--if-possible", action="store_true", help="go on without pages where they cannot be built")
    possible = parser.parse_args().if_possible
    try:
        install()
        build()
    except NotPossible as error:
        sys.stderr.write(f"{error}\n")
        return 0 if possible else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
