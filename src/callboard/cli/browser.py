"""The way from a terminal into a browser: a one-time link, and a file that leads there without showing it to others."""

import os
import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import quote

from callboard.client import calls
from callboard.client.transport import Client

LINK_FILE: Final = "open.html"
PAGE: Final = '<!doctype html><title>Callboard</title><meta http-equiv="refresh" content="0;url={}">'
_SCREENS: Final = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")


def login_url(client: Client, url: str, place: str = "") -> str:
    """A link that logs one browser in, once, and shows a page; `place` is its path, else the dashboard.

    The code stands behind the hash mark, which no browser sends anywhere.
    """
    code = client.send(calls.logins.create_link()).code
    return f"{url}/ui/login#code={code}" + (f"&next={quote(place, safe='/')}" if place else "")


def may_open_browser(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether there is a screen, as far as the environment tells."""
    return platform == "darwin" or any(environment.get(name) for name in _SCREENS)


def open_in_browser(url: str, folder: Path) -> bool:
    """Lets the person's browser open the link; false when there is none.

    What stands among a program's arguments can be read by every user of the machine: the browser is given a private
    file that leads on.
    """
    import webbrowser  # noqa: PLC0415 - only two commands need it

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / LINK_FILE
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(PAGE.format(escape(url)))
    return webbrowser.open(file.as_uri())
