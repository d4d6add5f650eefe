"""Figures that are no rounds of a case: import time and memory.

`python -m nncore.benchmark.extras NAME` measures one of them in its own process and
prints one JSON line, so that what the process did before does not count.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from .process import environment

IMPORT = """
import time, numpy
start = time.perf_counter()
import nncore
print(time.perf_counter() - start)
"""


def import_seconds(rounds: int) -> list[float]:
    """What `import nncore` takes after `import numpy`, in new processes."""
    # With byte code at hand, as an installed package has it.
    env = environment()
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-P", "-c", IMPORT]
    taken = []
    for _ in range(rounds + 1):
        done = subprocess.run(command, capture_output=True, check=True, env=env)
        taken.append(float(done.stdout))
    return taken[1:]


def resident(peak: bool) -> int:
    """Bytes of memory that this process has now, or had at most."""
    try:
        with open("/proc/self/status") as lines:
            for line in lines:
                if line.startswith("VmHWM:" if peak else "VmRSS:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def fit_memory(rows: int = 250_000, columns: int = 1000) -> dict[str, Any]:
    """How much a process grows at most while it trains on an array that it has."""
    import numpy as np

    from nncore.layers import Dense, Input
    from nncore.models import Sequential

    rng = np.random.default_rng(0)
    x = np.empty((rows, columns), np.float32)
    for start in range(0, rows, 1000):
        rng.random(out=x[start : start + 1000], dtype=np.float32)
    y = x[:, :1] > 0.5
    y = y.astype(np.float32)
    model = Sequential(
        [
            Input((columns,)),
            Dense(64, activation="relu"),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    before = resident(peak=True)
    model.fit(x, y, batch_size=128, epochs=1, verbose=0)
    grown = resident(peak=True) - before
    allowed = 60e6 + 6 * 4 * model.count_params() + 4 * rows
    return {
        "rows": rows,
        "columns": columns,
        "parameters": model.count_params(),
        "grown_bytes": grown,
        "goal_bytes": allowed,
    }


def predict_memory(calls: int = 10_000) -> dict[str, Any]:
    """How much a process grows over many predictions, after a few hundred."""
    import numpy as np

    from nncore.layers import Dense, Input
    from nncore.models import Sequential

    model = Sequential([Input((64,)), Dense(64, activation="relu"), Dense(4)])
    x = np.ones((8, 64), np.float32)
    for _ in range(500):
        model.predict(x, verbose=0)
    before = resident(peak=False)
    for _ in range(calls):
        model.predict(x, verbose=0)
    return {"calls": calls, "grown_bytes": resident(peak=False) - before}


def crowding(rounds: int = 9) -> dict[str, Any]:
    """A step of 784-512-512-10 with too many threads, alone and on a busy machine.

    Returns:
        Lists of microseconds per step, one number per round, by the number of threads
        (1, as many as allowed, twice as many): `alone`, and `busy` beside as many
        other processes as there are CPUs to use.
    """
    import nncore

    from .cases import CASES, data
    from .peers import ours

    case = next(case for case in CASES if case.name == "512")
    limit = nncore.get_num_threads()
    x, y = data(dataclasses.replace(case, rows=10 * case.batch))
    models = {}
    for threads in (1, limit, 2 * limit):
        # Read when a network is made.
        os.environ["NNCORE_FORCE_THREADS"] = str(threads)
        models[threads] = ours.make(case)
    del os.environ["NNCORE_FORCE_THREADS"]

    def all_rounds() -> dict[int, list[float]]:
        taken: dict[int, list[float]] = {threads: [] for threads in models}
        for _ in range(rounds):
            for threads, model in models.items():
                start = time.perf_counter()
                model.fit(x, y, batch_size=case.batch, verbose=0)
                taken[threads].append(1e5 * (time.perf_counter() - start))
        return taken

    alone = all_rounds()
    others = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(limit)
    ]
    try:
        busy = all_rounds()
    finally:
        for other in others:
            other.kill()
            other.wait()
    return {"alone": alone, "busy": busy}


def in_new_process(name: str) -> dict[str, Any]:
    """One of the measurements below, in a process of its own.

    Returns:
        What it found, or {"error": why not}.
    """
    command = [sys.executable, "-P", "-m", "nncore.benchmark.extras", name]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no words"]
        return {"error": f"status {done.returncode}: {lines[-1]}"}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """All of them."""
    say("import time")
    found: dict[str, Any] = {"import_seconds": import_seconds(5 if quick else 15)}
    if not quick:
        say("memory")
        found["fit_memory"] = in_new_process("fit_memory")
        found["predict_memory"] = in_new_process("predict_memory")
        say("more threads than CPUs")
        found["crowding"] = in_new_process("crowding")
    return found


MEASUREMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "crowding": crowding,
    "fit_memory": fit_memory,
    "predict_memory": predict_memory,
}

if __name__ == "__main__":
    print(json.dumps(MEASUREMENTS[sys.argv[1]]()))
