"""Pages: open and static, with a policy that runs no script from elsewhere. They hold no data and need no token."""

from typing import Final

from callboard.coordinator.http.answer import SECURITY_HEADERS, Answer, Header
from callboard.coordinator.http.call import Call
from callboard.domain.errors import NotFound

POLICY: Final = (
    b"default-src 'self'; script-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    b"form-action 'self'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", POLICY),
    (b"x-frame-options", b"DENY"),
    # A stranger's page may open ours by a link, and gets no handle to its window.
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
    *SECURITY_HEADERS,
)
NOT_BUILT: Final = b"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Callboard</title>
<link rel="icon" href="data:,"></head>
<body>
<h1>Callboard is running</h1>
<p>The page is not built in this installation. The API, the stream and the command line work all the same:
try <code>callboard ps</code> and <code>callboard run</code>.</p>
</body>
</html>
"""


async def home(call: Call) -> Answer:
    """GET /: to the dashboard."""
    del call
    return Answer(307, b"", ((b"location", b"/ui/"), *PAGE_HEADERS))


async def page(call: Call) -> Answer:
    """GET below /ui/ and /chat/: the page, whatever the deep link; a file that is not there is not found."""
    path: str = call.scope["path"]
    if "." in path:
        raise NotFound(f"There is nothing at {path[:200]}.")
    return Answer(200, NOT_BUILT, PAGE_HEADERS)
