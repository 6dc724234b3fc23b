"""Whether a request may come in at all: its Host, its Origin, and the token that proves who asks.

Knows no route; what a proven caller may do is for `access` and the services.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from callboard.coordinator.http.cookies import read_cookie
from callboard.domain.caller import Caller
from callboard.domain.errors import Forbidden, InvalidRequest, Misdirected, RateLimited, Unauthenticated

Headers = Mapping[bytes, bytes]
Authenticate = Callable[[str], Awaitable[Caller]]
OfEnded = Callable[[str], Awaitable[Caller | None]]

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_SECRET: Final = 512
MAX_ADDRESSES: Final = 4096
MAX_KNOWN_HOSTS: Final = 64
ONLY_ONCE: Final = frozenset(
    {
        b"host",
        b"origin",
        b"authorization",
        b"cookie",
        b"content-type",
        b"content-length",
        b"sec-fetch-site",
        b"sec-fetch-mode",
        b"sec-fetch-dest",
    }
)

CSRF_HEADER: Final = b"x-callboard-csrf"
"""A page of ours sends it with each request that changes something; a page of others cannot."""

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")


def host_name(host: str) -> str:
    """The name in a Host header, without its port, in lower case; empty when the header has another form."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else ""


def read_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers by name; InvalidRequest when one that decides something comes twice."""
    headers = dict(raw)
    if len(headers) != len(raw):
        seen: set[bytes] = set()
        for name, _ in raw:
            if name in seen and name in ONLY_ONCE:
                raise InvalidRequest(f"The header {name.decode('latin-1')} is given twice.")
            seen.add(name)
    return headers


class SiteCheck:
    """Host and Origin: against names that were rebound to us and pages of other sites."""

    def __init__(self, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._names = LOOPBACK | {name.lower() for name in hosts}
        self._origins = frozenset(origins)
        self._known: set[bytes] = set()

    def check(self, headers: Headers, scheme: str, *, may_be_linked: bool) -> None:
        """Misdirected for a foreign Host; Forbidden `cross_site` for a request that another site caused.

        What may be linked is opened by a click on another site's link: the browser shows it to the person alone.
        """
        host = headers.get(b"host", b"")
        if host not in self._known:
            self._check_host(host)
        origin = headers.get(b"origin")
        if origin is not None and not self._is_ours(origin, host, scheme):
            raise Forbidden("The request comes from a page of another origin.", code="cross_site")
        from_elsewhere = headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin")
        if from_elsewhere and not (may_be_linked and _is_visit(headers)):
            raise Forbidden("The request was caused by another site.", code="cross_site")

    def _check_host(self, host: bytes) -> None:
        name = host_name(host.decode("latin-1"))
        if name not in self._names:
            raise Misdirected(
                f"The Host {name[:100]!r} is not one of ours.",
                hint="Use a loopback name, or name it in CALLBOARD_ALLOWED_HOSTS.",
            )
        if len(self._known) < MAX_KNOWN_HOSTS:
            self._known.add(host)

    def _is_ours(self, origin: bytes, host: bytes, scheme: str) -> bool:
        text = origin.decode("latin-1")
        return text == f"{scheme}://{host.decode('latin-1').lower()}" or text in self._origins


def _is_visit(headers: Headers) -> bool:
    """Whether a tab or window goes there: no frame, image, script or fetch. Pages cannot set these headers."""
    return headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"


class AddressBudget:
    """A number of failures for each address, refilled with time; bounded in addresses, oldest forgotten first."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def spend(self, address: str) -> bool:
        """Takes one from the address's budget; False when nothing was left."""
        now = self._clock()
        left, at = self._left.pop(address, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._per_second)
        allowed = left >= 1
        if len(self._left) >= MAX_ADDRESSES:
            del self._left[next(iter(self._left))]
        self._left[address] = (left - 1 if allowed else left, now)
        return allowed


class Proof(NamedTuple):
    """The secret that a request shows: a bearer token, or the cookie that a browser adds to whatever it sends here."""

    secret: str
    by_cookie: bool = False


class Login:
    """Turns the secret of a request into the caller that it proves."""

    def __init__(self, authenticate: Authenticate, of_ended: OfEnded, failures: AddressBudget) -> None:
        self._authenticate = authenticate
        self._of_ended = of_ended
        self._failures = failures

    async def caller(self, proof: Proof | None, address: str, *, repeats_end: bool = False) -> Caller:
        """Who asks; Unauthenticated without a valid token, RateLimited after too many failures of an address.

        A valid token is never refused for failures of others behind the same address. With `repeats_end` the token
        of an attempt that ended a short while ago passes too, marked so.
        """
        if proof is None:
            raise Unauthenticated("No bearer token was sent.", hint="Send Authorization: Bearer TOKEN.")
        try:
            return _of_browser(await self._authenticate(proof.secret), proof)
        except Unauthenticated:
            if repeats_end and (ended := await self._of_ended(proof.secret)):
                return ended
            self.failed(address)
            raise

    def failed(self, address: str) -> None:
        """Counts a failure; RateLimited when the address has had too many."""
        if not self._failures.spend(address):
            raise RateLimited("Too many failed logins from this address.") from None


def _of_browser(caller: Caller, proof: Proof) -> Caller:
    """The caller; Unauthenticated when a browser's token comes as another's, or the other way round."""
    if proof.by_cookie != (caller.kind == "browser"):
        raise Unauthenticated("A browser's login comes as its cookie, and other tokens as bearer tokens.")
    return caller


def proof_of(headers: Headers, scheme: str) -> Proof | None:
    """What the request shows; a bearer token outweighs a cookie."""
    if b"authorization" in headers:
        secret = bearer(headers)
        return Proof(secret) if secret else None
    cookie = read_cookie(headers, scheme)
    return Proof(cookie, by_cookie=True) if cookie and len(cookie) <= MAX_SECRET and cookie.isascii() else None


def check_meant(headers: Headers) -> None:
    """Forbidden when a request with a cookie would change something and does not say that a page of ours made it."""
    if headers.get(CSRF_HEADER) != b"1":
        raise Forbidden(
            "A change by a browser's login needs the header X-Callboard-CSRF: 1.", code="csrf_header_missing"
        )


def bearer(headers: Headers) -> str | None:
    """The secret of the Authorization header, or None when there is none that could be one."""
    scheme, _, secret = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not 0 < len(secret) <= MAX_SECRET or not secret.isascii():
        return None
    return secret.decode("ascii").strip() or None
