"""Processor time and memory of processes, as the operating system counts them."""

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


class FamilyTime:
    """Counts the processor time of a process and of all that it starts, from its making on; of None it is nothing."""

    def __init__(self, pid: int | None) -> None:
        self._process = None if pid is None else psutil.Process(pid)
        self._begin = self._now()

    def since(self) -> float:
        """Seconds since then, with those of children that have ended."""
        return self._now() - self._begin

    def _now(self) -> float:
        if self._process is None:
            return 0.0
        own = self._process.cpu_times()
        return (
            own.user + own.system + own.children_user + own.children_system + sum(map(_spent, self._process.children()))
        )


def _spent(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


class Shares:
    """The processor time of a coordinator, of its database's server and of the load, as shares of cores."""

    def __init__(self, coordinator_pid: int, database_pid: int | None, load_pid: int) -> None:
        self._coordinator = ProcessorTime(coordinator_pid)
        self._database = FamilyTime(database_pid)
        self._load = ProcessorTime(load_pid)

    def over(self, seconds: float) -> dict[str, float]:
        """Cores used in these seconds since it was made."""
        return {
            "coordinator_cores": round(self._coordinator.since()[0] / seconds, 4),
            "database_cores": round(self._database.since() / seconds, 4),
            "load_cores": round(self._load.since()[0] / seconds, 4),
        }


def memory_mib(pid: int) -> dict[str, float]:
    """Memory of a process in MiB: its proportional share (PSS), and what is its own alone (USS)."""
    memory = psutil.Process(pid).memory_full_info()
    proportional = getattr(memory, "pss", memory.rss)
    return {"pss_mib": round(proportional / 2**20, 1), "uss_mib": round(memory.uss / 2**20, 1)}
