"""Routes of a browser's login: the one-time link, its exchange for a cookie, and the end of it."""

from callboard.coordinator.http.answer import Answer, render_json
from callboard.coordinator.http.call import Call
from callboard.coordinator.http.cookies import set_cookie
from callboard.wire.logins import LoginLink, LoginState


async def create_link(call: Call) -> LoginLink:
    """POST /login/links."""
    return await call.services.logins.create_link(call.caller)


async def show_login(call: Call) -> LoginState:
    """GET /login: no refusal, for a page that only wants to know; a browser would note that as an error."""
    return await call.services.logins.show(call.secret)


async def log_in(call: Call) -> Answer:
    """POST /login: the code of a link becomes a cookie."""
    login = await call.services.logins.exchange(call.body.code)
    return _with_cookie(call, render_json(login.me), login.secret, login.seconds)


async def log_out(call: Call) -> Answer:
    """POST /logout: the browser's token ends, and its cookie goes."""
    await call.services.logins.end(call.caller)
    return _with_cookie(call, Answer(204), "", 0)


def _with_cookie(call: Call, answer: Answer, secret: str, seconds: int) -> Answer:
    cookie = set_cookie(call.headers, call.scope["scheme"], secret, seconds)
    return Answer(answer.status, answer.body, (cookie, *answer.headers))
