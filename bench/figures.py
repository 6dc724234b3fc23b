"""Small statistics over measured values, and their rounding for people."""

import statistics
from collections.abc import Iterable, Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that this share of the values does not exceed; 0 when there is none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def median(values: Iterable[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def rounded(value: float) -> float:
    """The value with three significant digits: more would be noise."""
    return float(f"{value:.3g}")


def latencies(seconds: Sequence[float]) -> dict[str, float]:
    """What many waits come to, in milliseconds."""
    return {
        "count": len(seconds),
        "p50_ms": rounded(percentile(seconds, 50) * 1000),
        "p99_ms": rounded(percentile(seconds, 99) * 1000),
        "greatest_ms": rounded(max(seconds, default=0.0) * 1000),
    }
