"""What this process runs on: threads, instruction sets, the build of the core."""

from __future__ import annotations

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
    openmp = "yes" if build["openmp"] else "no: the compiler had none, so one thread"
    print(f"nncore {__version__}")
    lines = {
        "python": f"{platform.python_version()} on {sys.platform} {platform.machine()}",
        "numpy": np.__version__,
        "compiler": build["compiler"],
        "flags": build["flags"],
        "instruction sets": ", ".join(states),
        "in use": _core.default_isa(),
        "OpenMP": openmp,
        "threads": str(get_num_threads()),
    }
    for name, value in lines.items():
        print(f"  {name}: {value}")
