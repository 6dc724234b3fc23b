"""Structured logs on standard error: JSON lines, or text on a terminal. Secrets are never given to a logger."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

_NOISE = {"uvicorn.error": logging.ERROR, "asyncio": logging.ERROR}
"""Below these levels a stranger's connection could fill the log."""


def configure(level: str, form: str, stream: TextIO = sys.stderr) -> None:
    """Sends every log of this process there; `form` is json, text or auto."""
    number = logging.getLevelNamesMapping()[level.upper()]
    as_text = form == "text" or (form == "auto" and stream.isatty())
    renderers: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
        if as_text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(number),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forward()], level=number, force=True)
    for name, least in _NOISE.items():
        logging.getLogger(name).setLevel(max(least, number))


class _Forward(logging.Handler):
    """Gives what libraries log to the same place in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
        )
