"""The typed client of the coordinator, for programs, the command line and runners; knows only the wire, no services."""

from callboard.client.call import Call, Nothing, PageOf
from callboard.client.errors import Unreachable
from callboard.client.retry import NO_RETRIES, RetryPolicy
from callboard.client.stream import Delta, Gap, Ready, StreamFilter, StreamFrame
from callboard.client.transport import AsyncClient, Client

__all__ = [
    "NO_RETRIES",
    "AsyncClient",
    "Call",
    "Client",
    "Delta",
    "Gap",
    "Nothing",
    "PageOf",
    "Ready",
    "RetryPolicy",
    "StreamFilter",
    "StreamFrame",
    "Unreachable",
]
