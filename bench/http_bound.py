"""The bound of HTTP: uvicorn, httptools and uvloop as the coordinator uses them, and an application that does nothing
but read a request's body, decode it into the coordinator's own struct and answer in the same shape.
"""

import asyncio
import socket
import sys
from typing import Any, Final

import msgspec
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from callboard.wire.requests import CreateRun
from callboard.wire.responses import RunCreated
from callboard.wire.runner import EventsStored, PostEvents

_runs: Final = msgspec.json.Decoder(CreateRun)
_events: Final = msgspec.json.Decoder(PostEvents)
_encoder: Final = msgspec.json.Encoder()
_CREATED: Final = RunCreated(run_id="run_" + "0" * 26, session_id="ses_" + "0" * 26, status="pending")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI."""
    body = await _body(receive)
    answer: Any = _CREATED
    if scope["path"] == "/runs":
        _runs.decode(body)
    else:
        answer = EventsStored(seqs=list(range(1, len(_events.decode(body).events) + 1)))
    encoded = _encoder.encode(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(encoded)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": encoded})


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


async def serve() -> None:
    """Listens on a free port, says which, and serves until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = uvicorn.Config(
            application,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        sys.stderr.write(f"listening on http://127.0.0.1:{listener.getsockname()[1]}\n")
        sys.stderr.flush()
        await uvicorn.Server(settings).serve([listener])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
