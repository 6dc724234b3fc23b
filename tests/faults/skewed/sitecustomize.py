"""Loaded by a Python that has this folder on its path: its wall clock is off by as many seconds as a file says.

The file may change while the process runs; then the clock has jumped.
"""
# ruff: noqa: TID251 - the clock of the machine is what is replaced here

import os
import time

_FILE = os.environ.get("SKEW_FILE", "")
_time, _time_ns = time.time, time.time_ns


def _skew() -> float:
    try:
        with open(_FILE, encoding="ascii") as file:  # noqa: PTH123 - a plain file, before anything else is imported
            return float(file.read() or 0)
    except OSError:
        return 0.0


if _FILE:
    time.time = lambda: _time() + _skew()
    time.time_ns = lambda: _time_ns() + int(_skew() * 1e9)
