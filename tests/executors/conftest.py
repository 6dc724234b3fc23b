"""Fixtures for executors."""
