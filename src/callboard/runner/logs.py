"""Structured logs of a runner on standard error, unless its program has its own: text for people, else JSON lines."""

import sys
from typing import TextIO

import structlog
from structlog.typing import Processor


def configure(stream: TextIO | None = None) -> None:
    """Send what the runner logs there (default: stderr); nothing when logging is configured already."""
    if structlog.is_configured():
        return
    target = stream or sys.stderr
    people = target.isatty()
    renderers: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=True)]
        if people
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.WriteLoggerFactory(target),
    )
