"""The claimable runs in memory, by demand class: a cache of runs.queue_key that only saves looking.

Whether a run may be claimed is decided by the database's compare-and-set; a stale entry costs one lost claim.
"""

import heapq
from collections.abc import Callable

from callboard.store.hints import Queued

Entry = tuple[int, str, str]
"""queue_key, run_id, demand class."""


class ClaimQueue:
    """Heaps of (queue_key, run_id), one a demand class; a run is in at most once."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[Entry]] = {}
        self._known: set[str] = set()

    def __len__(self) -> int:
        return len(self._known)

    def classes(self) -> list[str]:
        """The demand classes in which runs wait."""
        return list(self._heaps)

    def add(self, queued: Queued) -> None:
        """Puts a run in its place."""
        if queued.run_id not in self._known:
            self.put_back((queued.queue_key, queued.run_id, queued.demand_class))

    def put_back(self, entry: Entry) -> None:
        """Puts back an entry that was taken and not claimed."""
        if entry[1] in self._known:
            return
        self._known.add(entry[1])
        heapq.heappush(self._heaps.setdefault(entry[2], []), entry)

    def take(self, fits: Callable[[str], bool], most: int) -> list[Entry]:
        """Takes up to `most` runs whose class fits, in the order of the queue over all classes."""
        heads = [(heap[0], demand_class) for demand_class, heap in self._heaps.items() if fits(demand_class)]
        heapq.heapify(heads)
        taken: list[Entry] = []
        while heads and len(taken) < most:
            _, demand_class = heapq.heappop(heads)
            heap = self._heaps[demand_class]
            entry = heapq.heappop(heap)
            self._known.discard(entry[1])
            taken.append(entry)
            if heap:
                heapq.heappush(heads, (heap[0], demand_class))
            else:
                del self._heaps[demand_class]
        return taken
