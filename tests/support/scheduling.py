"""Which tests go to one worker together: those that share what is dear to set up, or that disturb each other.

The mark `xdist_group` would say it at the test. It has no effect: pytest-xdist 3.8 writes it into a name of the test
that pytest 9.2 does not read.
"""

from typing import Final

from xdist.scheduler import LoadScopeScheduling

SHARED_ROOMS: Final = frozenset({"browser"})
"""One browser at a time; its pages are timed."""
SHARED_FILES: Final = frozenset({"domain", "http", "pages", "services", "store"})
"""Rooms of short tests, many of which share a coordinator or a database with their file."""
SLOW_FILES: Final = frozenset(
    {"tests/acceptance/test_bad_input.py", "tests/cli/test_times.py", "tests/faults/test_spawns.py"}
)


class SharingScheduling(LoadScopeScheduling):
    """Hands out whole rooms, files, or single tests. What has most tests begins first."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        room = file.removeprefix("tests/").split("/")[0]
        if room in SHARED_ROOMS:
            return room
        return file if room in SHARED_FILES or file in SLOW_FILES else nodeid
