"""Pages: open and static, with a policy that runs no script from elsewhere. They hold no data and need no token.

What they are made of is built from `web/` into the folder `static` beside this file, and read once.
"""

import functools
import gzip
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from callboard.coordinator.http.answer import SECURITY_HEADERS, Answer, Header
from callboard.coordinator.http.call import Call
from callboard.domain.errors import NotFound

STATIC: Final = Path(__file__).with_name("static")
ASSETS: Final = "/ui/assets/"
ENTRIES: Final = {"/ui/": "ui/index.html", "/chat/": "chat/index.html"}
MAX_FILES: Final = 500
POLICY: Final = (
    b"default-src 'self'; script-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    b"form-action 'self'; frame-ancestors 'none'"
)
_PAGE_RULES: Final[tuple[Header, ...]] = (
    (b"content-security-policy", POLICY),
    (b"x-frame-options", b"DENY"),
    # A stranger's page may open ours by a link, and gets no handle to its window.
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
    (b"vary", b"accept-encoding"),
    *SECURITY_HEADERS,
)
_FOR_EVER: Final[tuple[Header, ...]] = (
    # Its name has a checksum of its content in it.
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"vary", b"accept-encoding"),
    *SECURITY_HEADERS,
)
_HTML: Final[Header] = (b"content-type", b"text/html; charset=utf-8")
NOT_BUILT: Final = b"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Callboard</title>
<link rel="icon" href="data:,"></head>
<body>
<h1>Callboard is running</h1>
<p>The pages are not built in this copy of the source. Build them with <code>make web</code> (it needs npm), then start
the coordinator again.</p>
<p>The API, the stream and the command line work all the same: try <code>callboard ps</code> and
<code>callboard run</code>.</p>
</body>
</html>
"""


class File(NamedTuple):
    """A file of the pages, as it is sent."""

    body: bytes
    packed: bytes
    """The same in gzip."""
    kind: Header


async def home(call: Call) -> Answer:
    """GET /: to the dashboard."""
    del call
    return Answer(307, b"", ((b"location", b"/ui/"), _HTML, *_PAGE_RULES))


async def page(call: Call) -> Answer:
    """GET below /ui/ and /chat/: the page, whatever the deep link; a file that is not there is not found."""
    path: str = call.scope["path"]
    files = read_files()
    if path.startswith(ASSETS):
        return _sent(call, _asset(files, path), _FOR_EVER)
    if "." in path:
        raise _nothing_at(path)
    entry = files.get(next(name for start, name in ENTRIES.items() if path.startswith(start)))
    return _sent(call, entry, _PAGE_RULES) if entry else Answer(200, NOT_BUILT, (_HTML, *_PAGE_RULES))


def _asset(files: Mapping[str, File], path: str) -> File:
    found = files.get("assets/" + path.removeprefix(ASSETS))
    if found is None:
        raise _nothing_at(path)
    return found


def _sent(call: Call, file: File, rules: tuple[Header, ...]) -> Answer:
    if "gzip" in (call.header(b"accept-encoding") or ""):
        return Answer(200, file.packed, (file.kind, (b"content-encoding", b"gzip"), *rules))
    return Answer(200, file.body, (file.kind, *rules))


def _nothing_at(path: str) -> NotFound:
    return NotFound(f"There is nothing at {path[:200]}.")


@functools.cache
def read_files(static: Path = STATIC) -> dict[str, File]:
    """Every built file by its path, read once: what a request names is looked up here and never on the disk."""
    found = sorted(path for path in static.glob("*/*") if path.is_file())[:MAX_FILES]
    return {path.relative_to(static).as_posix(): _read(path) for path in found}


def _read(path: Path) -> File:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind == "image/svg+xml"
    body = path.read_bytes()
    return File(body, gzip.compress(body, mtime=0), (b"content-type", f"{kind}{'; charset=utf-8' * text}".encode()))
