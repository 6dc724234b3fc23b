"""The ASGI application: every request passes the same gates in the same order before a route sees it.

Order: Host and Origin, address, token, then the endpoint. Only a route whose access is `open` skips the token.
"""

import itertools
import secrets
import time
from collections.abc import Iterable
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from callboard.coordinator.config import Config
from callboard.coordinator.http.answer import ALREADY_SENT, Answer, write
from callboard.coordinator.http.call import Call, Process, Services
from callboard.coordinator.http.endpoint import Endpoint
from callboard.coordinator.http.guard import AddressBudget, Login, SiteCheck, check_meant, proof_of, read_headers
from callboard.coordinator.http.in_flight import InFlight
from callboard.coordinator.http.parse import ClientLeft
from callboard.coordinator.http.problem import defect, render_problem
from callboard.coordinator.http.route import Route
from callboard.coordinator.http.router import Router
from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, MethodNotAllowed, NotFound, Unauthenticated, Unavailable

NOBODY: Final = Caller(token_id="", kind="read_only")
"""Who asks an open route; endpoints of other routes never see it."""
_REFUSALS: Final = (401, 403, 421, 429)
_READING: Final = ("GET", "HEAD")

log = structlog.get_logger("callboard.http")


class Exchange:
    """One request on its way through; what the log and the counters need of it."""

    __slots__ = ("caller", "endpoint", "number", "parameters", "scope", "started")

    def __init__(self, scope: Scope, number: str) -> None:
        self.scope = scope
        self.number = number
        self.started = time.perf_counter()
        self.endpoint: Endpoint | None = None
        self.parameters: dict[str, str] = {}
        self.caller = NOBODY

    @property
    def peer(self) -> str:
        """The address of who asks."""
        client = self.scope.get("client")
        return client[0] if client else "local"


class Application:
    """Routes behind their gates."""

    def __init__(self, routes: Iterable[Route], services: Services, process: Process, config: Config) -> None:
        self._services = services
        self._process = process
        self._log_all = config.access_log
        self._site = SiteCheck(config.host_names(), config.allowed_origins)
        per_second = config.failed_logins_per_second
        tokens, budget = services.tokens, AddressBudget(config.failed_logins, per_second)
        self._login = Login(tokens.authenticate, tokens.authenticate_ended, budget)
        self._loud = AddressBudget(config.failed_logins, per_second)
        self._unknown = process.metrics.tally("", "")
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        in_flight = InFlight()
        self._router = Router(self._methods(routes, in_flight, config))

    def _methods(
        self, routes: Iterable[Route], in_flight: InFlight, config: Config
    ) -> Iterable[tuple[str, str, Endpoint]]:
        for route in routes:
            tally = self._process.metrics.tally(route.method, route.path, timed=route.manner == "answer")
            endpoint = Endpoint(route, tally, in_flight, _body_limit(route, config))
            yield route.method, route.path, endpoint
            if route.changes_nothing:
                yield "HEAD", route.path, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; there is nothing but HTTP here."""
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is served here, not {scope['type']}")
        exchange = Exchange(scope, f"{self._prefix}-{next(self._numbers):x}")
        try:
            answer = await self._answer(exchange, receive, send)
        except CallboardError as error:
            answer = self._refuse(exchange, error)
        except ClientLeft:
            return
        except Exception as error:
            log.exception("request_failed", request_id=exchange.number, **self._facts(exchange), error=repr(error))
            answer = render_problem(defect(), exchange.number)
        if answer is not ALREADY_SENT:
            await write(send, answer, exchange.number.encode())
        self._count(exchange, answer.status)

    async def _answer(self, exchange: Exchange, receive: Receive, send: Send) -> Answer:
        scope = exchange.scope
        headers = read_headers(scope["headers"])
        found = self._router.find(scope["path"])
        endpoint = found.methods.get(scope["method"]) if found else None
        linked = endpoint is not None and endpoint.route.is_static_page and scope["method"] == "GET"
        self._site.check(headers, scope["scheme"], may_be_linked=linked)
        proof = proof_of(headers, scope["scheme"])
        if endpoint is None or endpoint.route.access != "open":
            repeats_end = endpoint is not None and endpoint.route.ends_run
            exchange.caller = await self._login.caller(proof, exchange.peer, repeats_end=repeats_end)
            if proof is not None and proof.by_cookie and scope["method"] not in _READING:
                check_meant(headers)
        if found is None:
            raise NotFound(f"There is nothing at {scope['path'][:200]}.")
        if endpoint is None:
            raise MethodNotAllowed(f"{scope['path'][:200]} takes {', '.join(sorted(found.methods))}.")
        exchange.endpoint = endpoint
        exchange.parameters = found.parameters
        call = Call(self._services, self._process, exchange.caller, headers, scope, receive, send, exchange.number)
        call.secret = proof.secret if proof is not None else ""
        return await self._run(endpoint, call, exchange)

    async def _run(self, endpoint: Endpoint, call: Call, exchange: Exchange) -> Answer:
        """The endpoint's answer; on an open route a secret may be tried in vain as seldom as a token elsewhere."""
        try:
            return await endpoint.answer(call, exchange.parameters)
        except Unauthenticated:
            if endpoint.route.access == "open":
                self._login.failed(exchange.peer)
            raise

    def _refuse(self, exchange: Exchange, error: CallboardError) -> Answer:
        allow = ""
        found = self._router.find(exchange.scope["path"])
        if isinstance(error, MethodNotAllowed) and found:
            allow = ", ".join(sorted(found.methods))
        # Looked up again: a store that is away refuses the token before the endpoint is known.
        endpoint = found.methods.get(exchange.scope["method"]) if found else None
        if isinstance(error, Unavailable) and endpoint is not None and endpoint.route.report:
            self._process.renewal_refused()
        answer = render_problem(error, exchange.number, allow)
        if answer.status >= 500 or (answer.status in _REFUSALS and self._loud.spend(exchange.peer)):
            log.warning("refused", request_id=exchange.number, **self._facts(exchange), code=error.code)
        return answer

    def _count(self, exchange: Exchange, status: int) -> None:
        seconds = time.perf_counter() - exchange.started
        (exchange.endpoint.tally if exchange.endpoint else self._unknown).count(status, seconds)
        if self._log_all:
            log.info(
                "request",
                request_id=exchange.number,
                status=status,
                milliseconds=round(seconds * 1000, 1),
                **self._facts(exchange),
            )

    def _facts(self, exchange: Exchange) -> dict[str, object]:
        """What every line of the log says of a request; nothing that a client could hide a secret in."""
        caller = exchange.caller
        facts: dict[str, object] = {
            "peer": exchange.peer,
            "token_id": caller.token_id,
            "method": exchange.scope["method"],
            "route": exchange.endpoint.route.path if exchange.endpoint else None,
            **exchange.parameters,
        }
        if caller.run_id:
            facts |= {"caller_session_id": caller.session_id, "caller_run_id": caller.run_id, "attempt": caller.attempt}
        return facts


def _body_limit(route: Route, config: Config) -> int:
    """The most bytes that a body of this route may have."""
    if route.imports:
        return config.import_bytes
    return config.report_bytes if route.report else config.body_bytes
