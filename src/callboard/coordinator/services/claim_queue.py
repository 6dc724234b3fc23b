"""The claimable runs in memory, by demand class: a cache of runs.queue_key that only saves looking.

Whether a run may be claimed is decided by the database's compare-and-set; a stale entry costs one lost claim.
"""

import heapq
from collections.abc import Callable
from typing import Final

Entry = tuple[int, str, str]
"""queue_key, run_id, demand class."""


MAX_STALE: Final = 1_000


class ClaimQueue:
    """Heaps of (queue_key, run_id), one a demand class; a run is in at most once. About 250 bytes a run."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[tuple[int, str]]] = {}
        self._known: dict[str, tuple[int, str]] = {}
        self._stale = 0

    def __len__(self) -> int:
        return len(self._known)

    def classes(self) -> list[str]:
        """The demand classes in which runs wait."""
        return list(self._heaps)

    def add(self, entry: Entry) -> None:
        """Puts a run in its place; also one that was taken and not claimed, or whose demands are others now."""
        queue_key, run_id, demand_class = entry
        known = self._known.get(run_id)
        if known is not None and known[1] != demand_class:
            self.discard(run_id)
        if run_id not in self._known:
            self._known[run_id] = queue_key, demand_class
            heapq.heappush(self._heaps.setdefault(demand_class, []), (queue_key, run_id))

    def discard(self, run_id: str) -> None:
        """Another coordinator has claimed the run, or it has ended. Its place is cleared away later."""
        if self._known.pop(run_id, None) is None:
            return
        self._stale += 1
        if self._stale > MAX_STALE + len(self._known):
            self._clear_stale()

    def take(self, fits: Callable[[str], bool], most: int) -> list[Entry]:
        """Takes up to `most` runs whose class fits, in the order of the queue over all classes."""
        heads = [(heap[0], demand_class) for demand_class, heap in self._heaps.items() if fits(demand_class)]
        heapq.heapify(heads)
        taken: list[Entry] = []
        while heads and len(taken) < most:
            _, demand_class = heapq.heappop(heads)
            heap = self._heaps[demand_class]
            queue_key, run_id = heapq.heappop(heap)
            if self._known.get(run_id) == (queue_key, demand_class):
                del self._known[run_id]
                taken.append((queue_key, run_id, demand_class))
            else:
                self._stale -= 1
            if heap:
                heapq.heappush(heads, (heap[0], demand_class))
            else:
                del self._heaps[demand_class]
        return taken

    def _clear_stale(self) -> None:
        for demand_class, heap in list(self._heaps.items()):
            kept = [place for place in heap if self._known.get(place[1]) == (place[0], demand_class)]
            heapq.heapify(kept)
            if kept:
                self._heaps[demand_class] = kept
            else:
                del self._heaps[demand_class]
        self._stale = 0
