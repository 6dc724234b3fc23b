"""Adapters for agent frameworks: state machines over a journal, and the link to the keeper that writes it."""
