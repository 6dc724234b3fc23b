"""The claimable runs in memory, by demand class: a cache of runs.queue_key that only saves looking.

Whether a run may be claimed is decided by the database's compare-and-set; a stale entry costs one lost claim.
"""

import heapq
from collections.abc import Callable

Entry = tuple[int, str, str]
"""queue_key, run_id, demand class."""


class ClaimQueue:
    """Heaps of (queue_key, run_id), one a demand class; a run is in at most once. About 200 bytes a run."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[tuple[int, str]]] = {}
        self._known: set[str] = set()

    def __len__(self) -> int:
        return len(self._known)

    def classes(self) -> list[str]:
        """The demand classes in which runs wait."""
        return list(self._heaps)

    def add(self, entry: Entry) -> None:
        """Puts a run in its place; also one that was taken and not claimed."""
        queue_key, run_id, demand_class = entry
        if run_id not in self._known:
            self._known.add(run_id)
            heapq.heappush(self._heaps.setdefault(demand_class, []), (queue_key, run_id))

    def take(self, fits: Callable[[str], bool], most: int) -> list[Entry]:
        """Takes up to `most` runs whose class fits, in the order of the queue over all classes."""
        heads = [(heap[0], demand_class) for demand_class, heap in self._heaps.items() if fits(demand_class)]
        heapq.heapify(heads)
        taken: list[Entry] = []
        while heads and len(taken) < most:
            _, demand_class = heapq.heappop(heads)
            heap = self._heaps[demand_class]
            queue_key, run_id = heapq.heappop(heap)
            self._known.discard(run_id)
            taken.append((queue_key, run_id, demand_class))
            if heap:
                heapq.heappush(heads, (heap[0], demand_class))
            else:
                del self._heaps[demand_class]
        return taken
