"""Callboard: an orchestrator for coding agents. Knows its version and imports nothing, so that every entry is cheap."""

__version__ = "0.1.0"
