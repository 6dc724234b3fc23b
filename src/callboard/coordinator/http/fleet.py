"""Routes of what surrounds the work: runners, tokens, usage, and the state of the coordinator itself."""

from typing import Final

from callboard.coordinator.http.answer import API_HEADERS, JSON_HEADERS, Answer, render_json
from callboard.coordinator.http.call import Call
from callboard.coordinator.services.usage import LedgerPart
from callboard.domain.errors import InvalidRequest, Unavailable
from callboard.wire.health import Health
from callboard.wire.responses import Me, Page, Runner, Token, TokenCreated
from callboard.wire.times import to_ms

METRICS_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"


async def list_runners(call: Call) -> Page:
    """GET /runners."""
    return await call.services.runners.list(call.caller, call.query.page, call.query.limit)


async def show_runner(call: Call) -> Runner:
    """GET /runners/{runner_id}."""
    return await call.services.runners.get(call.caller, call.id)


async def drain_runner(call: Call) -> Runner:
    """POST /runners/{runner_id}/drain."""
    return await call.services.runners.drain(call.caller, call.id)


async def resume_runner(call: Call) -> Runner:
    """POST /runners/{runner_id}/resume."""
    return await call.services.runners.resume(call.caller, call.id)


async def remove_runner(call: Call) -> None:
    """DELETE /runners/{runner_id}."""
    await call.services.runners.remove(call.caller, call.id)


async def list_tokens(call: Call) -> Page:
    """GET /tokens."""
    return await call.services.tokens.list(call.caller, page=call.query.page, limit=call.query.limit)


async def create_token(call: Call) -> TokenCreated:
    """POST /tokens."""
    return await call.services.tokens.create(call.caller, call.body, call.idempotency)


async def revoke_token(call: Call) -> Token:
    """DELETE /tokens/{token_id}."""
    return await call.services.tokens.revoke(call.caller, call.id)


async def show_self(call: Call) -> Me:
    """GET /tokens/self."""
    return await call.services.tokens.self_(call.caller)


async def show_usage(call: Call) -> Page:
    """GET /usage."""
    asked = call.query
    since, until = _moment("from", asked.from_), _moment("to", asked.to)
    return await call.services.usage.grouped(
        call.caller,
        asked.group_by,
        since,
        until,
        part=LedgerPart(within=asked.within, session_id=asked.session_id),
        order=asked.order,
        page=asked.page,
        limit=asked.limit,
    )


def _moment(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return to_ms(text)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{name} is no RFC 3339 time: {text!r}.", errors=[{"pointer": f"?query/{name}"}]) from None


async def health(call: Call) -> Health:
    """GET /healthz: this process answers."""
    del call
    return Health(status="ok")


async def readiness(call: Call) -> Answer:
    """GET /readyz: whether requests should be sent here."""
    checks = await call.process.readiness()
    wrong = {name: found for name, found in checks.items() if found != "ok"}
    if wrong:
        raise Unavailable(
            "Not ready: " + "; ".join(f"{name}: {found}" for name, found in wrong.items()),
            errors=[{"check": name, "found": found} for name, found in wrong.items()],
        )
    return render_json(Health(status="ok", checks=checks))


async def metrics(call: Call) -> Answer:
    """GET /metrics, for Prometheus."""
    return Answer(200, call.process.metrics.text(), ((b"content-type", METRICS_TYPE), *API_HEADERS))


async def openapi(call: Call) -> Answer:
    """GET /openapi.json."""
    return Answer(200, call.process.openapi(), JSON_HEADERS)
