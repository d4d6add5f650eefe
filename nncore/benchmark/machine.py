"""What this machine is, and the most it can do: its peak of arithmetic and of reading.

The loops are C kernels of the same vocabulary as all others (csrc/kernels/measure.c).
Each measurement takes a few milliseconds and is repeated; the best repetition counts,
because nothing but disturbance makes one slower.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nncore import _core

# Bytes read: what a second-level cache holds, and windows of more than any cache.
CACHED = 256 << 10
WINDOW = 64 << 20
LARGE = 1 << 30


def describe() -> dict[str, Any]:
    """Processor, system and versions, without names of hosts or people."""
    build = _core.build_info()
    return {
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "memory_bytes": _memory(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "compiler": build["compiler"],
        "isa": _core.default_isa(),
        "openmp": build["openmp"],
    }


def _processor() -> str:
    """The processor's name for itself, where the system tells."""
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> int:
    """Bytes of memory of the machine; 0 where unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def team_sizes(threads: int) -> list[int]:
    """The thread counts that are measured: 1, 2, 4, ... and `threads`.

    Example:
        >>> team_sizes(6)
        [1, 2, 4, 6]
    """
    powers = [1 << i for i in range(threads.bit_length()) if 1 << i < threads]
    return [*powers, threads]


def best_rate(
    work: Callable[[int, int], int],
    threads: int = 1,
    repetitions: int = 12,
    seconds: float = 4e-3,
) -> float:
    """The highest rate, per second, of work that comes in any number of rounds.

    Args:
        work: does so many rounds with so many threads, returns how much was done.
        threads: how many.
        repetitions: how often.
        seconds: how long one thread takes for a repetition. With one thread, because a
            team that waits for a busy CPU takes as long for nothing.
    """
    rounds, took = 1, 0.0
    while took < seconds / 2:
        start = time.perf_counter()
        work(rounds, 1)
        took = time.perf_counter() - start
        rounds = max(1, int(rounds * min(16.0, seconds / max(took, 1e-9))))
    best = 0.0
    for _ in range(repetitions):
        start = time.perf_counter()
        done = work(rounds, threads)
        best = max(best, done / (time.perf_counter() - start))
    return best


def fma_peak(dtype: str, threads: int, repetitions: int = 12) -> float:
    """Floating-point operations per second of multiply-adds in registers, 2 each."""

    def work(rounds: int, threads: int) -> int:
        return 2 * _core.measure_arithmetic(dtype, 1000 * rounds, threads)

    return best_rate(work, threads, repetitions)


def cached_bandwidth(threads: int, repetitions: int = 12) -> float:
    """Bytes per second read from the caches, 256 KiB per thread."""
    p = np.ones(CACHED // 4 * threads, np.float32)

    def work(rounds: int, threads: int) -> int:
        return 4 * _core.measure_reading(p, rounds, threads)

    return best_rate(work, threads, repetitions)


class Memory:
    """An array larger than caches are, read window by window."""

    def __init__(self, size: int = LARGE) -> None:
        """Make it: `size` bytes, less on a small machine."""
        total = _memory()
        size = min(size, total // 8) if total else size
        self.p = np.ones(max(size, 2 * WINDOW) // 4, np.float32)
        self.at = 0

    def bandwidth(self, threads: int, repetitions: int = 12) -> float:
        """Bytes per second read from memory by so many threads together."""
        step = WINDOW // 4

        def work(rounds: int, threads: int) -> int:
            done = 0
            for _ in range(rounds):
                if self.at + step > self.p.size:
                    self.at = 0
                window = self.p[self.at : self.at + step]
                self.at += step
                done += 4 * _core.measure_reading(window, 1, threads)
            return done

        return best_rate(work, threads, repetitions)


def measure(threads: int, quick: bool = False) -> list[dict[str, float]]:
    """Peaks and bandwidths for 1 to `threads` threads: one dictionary per count.

    Returns:
        Dictionaries with `threads`; `float32` and `float64`, the multiply-add peaks in
        operations per second; `cached` and `memory`, bytes read per second.
    """
    memory = Memory(LARGE // 4 if quick else LARGE)
    repetitions = 8 if quick else 20
    return [
        {
            "threads": count,
            "float32": fma_peak("float32", count, repetitions),
            "float64": fma_peak("float64", count, repetitions),
            "cached": cached_bandwidth(count, repetitions),
            "memory": memory.bandwidth(count, repetitions),
        }
        for count in team_sizes(threads)
    ]


def keep_best(
    peaks: list[dict[str, float]], dtype: str, threads: int, seen: Sequence[float]
) -> None:
    """Raise a peak where a later measurement of so many threads was better."""
    for row in peaks:
        if row["threads"] == threads:
            row[dtype] = max(row[dtype], *seen)
