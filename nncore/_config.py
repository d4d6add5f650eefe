"""What this process runs on: threads, instruction sets, the build of the core."""

from __future__ import annotations

import contextlib
import os
import platform
import sys

import numpy as np

from . import _checks, _core
from ._version import __version__


def set_num_threads(n: int) -> None:
    """Set how many threads training, evaluation and prediction may use.

    A network takes fewer where fewer are faster. The number never exceeds what OpenMP,
    the CPU affinity and the cgroup quota of the process allow, and never changes a
    result. The variable NNCORE_NUM_THREADS sets it before the process starts, and
    `threads=` in `fit` and `predict` sets it for a call.

    Args:
        n: A positive integer; 0 goes back to what the process started with.

    Raises:
        ValueError: `n` is no integer of at least 0.

    Examples:
        >>> import nncore
        >>> nncore.set_num_threads(1)
        >>> nncore.get_num_threads()
        1
        >>> nncore.set_num_threads(0)
    """
    _core.set_num_threads(_checks.integer("n", n, 0, 2**31 - 1))


def get_num_threads() -> int:
    """Return how many threads a large network would use now.

    Examples:
        >>> import nncore
        >>> nncore.get_num_threads() >= 1
        True
    """
    return _core.get_num_threads()


def show_config() -> None:
    """Print versions, compiler, instruction sets and threads: what a report needs.

    Says, too, which library of OpenMP is in use, what limits the number of threads, and
    how large the caches are. The command `nncore info` prints the same.

    Examples:
        >>> import nncore
        >>> nncore.show_config()  # doctest: +ELLIPSIS
        nncore ...
    """
    build = _core.build_info()
    states = []
    for name, (built, supported) in _core.isas().items():
        missing = "not this CPU" if built else "not built in"
        states.append(f"{name} ({'ready' if supported and built else missing})")
    openmp = "no: the compiler had none, so one thread"
    if build["openmp"]:
        openmp = f"yes: {_openmp_file() or 'its file is not to be found'}"
    asked = os.environ.get("NNCORE_ISA")
    print(f"nncore {__version__}")
    lines = {
        "file": _core.__file__,
        "python": f"{platform.python_version()} on {sys.platform} {platform.machine()}",
        "numpy": np.__version__,
        "compiler": build["compiler"],
        "flags": build["flags"],
        "instruction sets": ", ".join(states),
        "in use": _core.default_isa() + (" (NNCORE_ISA)" if asked else ""),
        "OpenMP": openmp,
        "threads": _threads(),
        "caches": _caches() or "unknown",
    }
    for name, value in lines.items():
        print(f"  {name}: {value}")


def _threads() -> str:
    """The number of threads, and what makes it so small."""
    number, limits = get_num_threads(), _core.thread_limits()
    words = {
        "user": "nncore.set_num_threads or NNCORE_NUM_THREADS",
        "openmp": "OpenMP (OMP_NUM_THREADS, OMP_THREAD_LIMIT, threadpoolctl)",
        "cpus": "the CPUs that this process may use",
        "quota": "the cgroup's CPU quota",
    }
    parts = [f"{words[name]} {n}" for name, n in limits.items() if n]
    forced = os.environ.get("NNCORE_FORCE_THREADS")
    instead = f"; but NNCORE_FORCE_THREADS={forced} overrides it" if forced else ""
    return f"{number}, the smallest of: {', '.join(parts)}{instead}"


def _openmp_file() -> str | None:
    """The library that the core's calls of OpenMP go to."""
    import ctypes

    class Found(ctypes.Structure):
        _fields_ = (
            *(("file", ctypes.c_char_p), ("base", ctypes.c_void_p)),
            *(("name", ctypes.c_char_p), ("address", ctypes.c_void_p)),
        )

    try:
        function = ctypes.CDLL(_core.__file__).omp_get_max_threads
        found = Found()
        address = ctypes.cast(function, ctypes.c_void_p)
        if ctypes.CDLL(None).dladdr(address, ctypes.byref(found)) == 0:
            return None
    except (AttributeError, OSError):
        return None
    return os.fsdecode(found.file)


def _caches() -> str:
    """Level, kind and size of each cache of the first CPU, as Linux tells them."""
    sizes = []
    for index in range(8):
        words = []
        for name in ("level", "type", "size"):
            path = f"/sys/devices/system/cpu/cpu0/cache/index{index}/{name}"
            with contextlib.suppress(OSError), open(path) as file:
                words.append(file.read().strip())
        if len(words) == 3:
            level, kind, size = words
            letter = {"Data": "d", "Instruction": "i"}.get(kind, "")
            sizes.append(f"L{level}{letter} {size}")
    return ", ".join(sizes)
