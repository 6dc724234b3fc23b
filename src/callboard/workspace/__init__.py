"""Worktrees for work sessions: guarded git, preparation that can be undone, proof before anything is removed, shipping.

Blocking; knows no event loop, no coordinator and no run. Every refusal is a WorkspaceRefused.
"""
