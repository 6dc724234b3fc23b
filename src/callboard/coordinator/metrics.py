"""What is counted in this process, and its Prometheus text. Counting costs a few additions; labels are bounded."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from callboard import __version__

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LABELS: Final = ("method", "route")


class RequestTally:
    """What one route was asked: answers by status, and their times."""

    def __init__(self, method: str, path: str, *, timed: bool) -> None:
        self.labels = (method, path)
        self.by_status: dict[int, int] = {}
        self.timed = timed
        """False for requests that are held open on purpose: their times say nothing."""
        self.buckets = [0] * (len(SECONDS) + 1)
        self.sum_seconds = 0.0

    def count(self, status: int, seconds: float) -> None:
        """Counts an answer."""
        self.by_status[status] = self.by_status.get(status, 0) + 1
        if self.timed:
            self.buckets[bisect_left(SECONDS, seconds)] += 1
            self.sum_seconds += seconds


class Gauge:
    """A number that is read when it is asked for."""

    def __init__(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        self.name = name
        self.help_text = help_text
        self.read = read


class Metrics(Collector):
    """Everything that this process counts."""

    def __init__(self) -> None:
        self._tallies: list[RequestTally] = []
        self._gauges: list[Gauge] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)
        PlatformCollector(registry=self._registry)
        ProcessCollector(registry=self._registry)

    def tally(self, method: str, path: str, *, timed: bool = True) -> RequestTally:
        """A new tally for a route; the path is the route's pattern, never an address."""
        made = RequestTally(method, path, timed=timed)
        self._tallies.append(made)
        return made

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A gauge named callboard_<name>."""
        self._gauges.append(Gauge(f"callboard_{name}", help_text, read))

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """What the registry asks for when it is scraped."""
        yield GaugeMetricFamily("callboard_build", f"Version {__version__} is running.", value=1)
        yield self._requests()
        yield self._durations()
        for gauge in self._gauges:
            yield GaugeMetricFamily(gauge.name, gauge.help_text, value=gauge.read())

    def _requests(self) -> Metric:
        family = CounterMetricFamily("callboard_http_requests", "Answers.", labels=(*_LABELS, "status"))
        for tally in self._tallies:
            for status, number in sorted(tally.by_status.items()):
                family.add_metric((*tally.labels, str(status)), number)
        return family

    def _durations(self) -> Metric:
        family = HistogramMetricFamily("callboard_http_seconds", "Time to answer.", labels=_LABELS)
        for tally in self._tallies:
            if tally.timed and tally.sum_seconds:
                family.add_metric(tally.labels, _cumulative(tally.buckets), tally.sum_seconds)
        return family


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    total = 0
    summed: list[tuple[str, float]] = []
    for limit, number in zip([*map(str, SECONDS), "+Inf"], buckets, strict=True):
        total += number
        summed.append((limit, float(total)))
    return summed
