"""Processor time and memory of a process, as the operating system counts them."""

import psutil


class ProcessorTime:
    """Counts a process's processor time from its making on."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._begin = self._now()

    def since(self) -> tuple[float, float]:
        """Seconds of all threads since then, and of the main thread alone."""
        whole, main = self._now()
        return whole - self._begin[0], main - self._begin[1]

    def _now(self) -> tuple[float, float]:
        whole = self._process.cpu_times()
        main = next((thread for thread in self._process.threads() if thread.id == self._process.pid), None)
        return whole.user + whole.system, main.user_time + main.system_time if main else 0.0


def memory_mib(pid: int) -> dict[str, float]:
    """Memory of a process in MiB: its proportional share (PSS), and what is its own alone (USS)."""
    memory = psutil.Process(pid).memory_full_info()
    proportional = getattr(memory, "pss", memory.rss)
    return {"pss_mib": round(proportional / 2**20, 1), "uss_mib": round(memory.uss / 2**20, 1)}
