"""One contestant's process: it prepares cases and times its turns, when told to.

`python -m nncore.benchmark.worker MODULE THREADS VARIANT` reads one JSON request per
line from its input and writes one JSON answer per line to its output, and nothing else:
what a library prints goes to the error stream. Between requests it waits for input.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import threading
import time
import timeit
from typing import Any

from .cases import Case
from .peers import Prepared


class Worker:
    """A contestant's state: at most one prepared case."""

    def __init__(self, module: str, threads: int, variant: str) -> None:
        """Import the contestant's module, and with it its library."""
        self.peer = importlib.import_module(f"nncore.benchmark.peers.{module}")
        self.threads = threads
        self.variant = variant
        self.prepared: Prepared | None = None
        self.timer = timeit.Timer()

    def versions(self) -> dict[str, Any]:
        """What is measured."""
        return {"versions": self.peer.versions()}

    def prepare(self, case: dict[str, Any]) -> dict[str, Any]:
        """Make a case ready; `first` is what its first run took, in seconds."""
        self.forget()
        described = Case(**{**case, "widths": tuple(case["widths"]), "goals": ()})
        prepared: Prepared = self.peer.prepare(described, self.threads, self.variant)
        self.prepared = prepared
        self.timer = timeit.Timer(
            prepared.statement, timer=time.perf_counter, globals=dict(prepared.names)
        )
        first = self.timer.timeit(1)
        return {
            "statement": prepared.statement,
            "rows": prepared.rows,
            "checked": prepared.checked,
            "comparable": prepared.comparable,
            "note": prepared.note,
            "first": first,
        }

    def turn(self, seconds: float, times: int = 0) -> dict[str, Any]:
        """Run the statement `times` times, or for about `seconds`: total seconds.

        Numbers that are not given are found by doubling, so that a turn of short
        statements is timed as one piece.
        """
        assert self.prepared is not None
        if times:
            took = self.timer.timeit(times)
        else:
            times, took = 1, self.timer.timeit(1)
            while took < seconds and times < 1 << 30:
                times = max(times + 1, int(min(10.0, 1.2 * seconds / took) * times))
                took = self.timer.timeit(times)
        team = self.prepared.team
        return {
            "times": times,
            "seconds": took,
            "team": team() if team else self.threads,
        }

    def beside(self, seconds: float) -> dict[str, Any]:
        """Seconds of every single run, alone and beside a thread that runs Python.

        Such a thread wants the interpreter's lock all the time: who gives the lock up
        for a moment, as around C code, may wait for it for milliseconds.
        """
        assert self.prepared is not None
        run = compile(self.prepared.statement, "<statement>", "eval")
        names = dict(self.prepared.names)
        stop = threading.Event()

        def busy() -> None:
            while not stop.is_set():
                sum(range(100))

        def single_runs() -> list[float]:
            taken, clock = [], time.perf_counter
            end = clock() + seconds
            while (start := clock()) < end:
                eval(run, names)
                taken.append(clock() - start)
            return taken

        alone = single_runs()
        thread = threading.Thread(target=busy)
        thread.start()
        try:
            crowded = single_runs()
        finally:
            stop.set()
            thread.join()
        return {"alone": summary(alone), "beside": summary(crowded)}

    def forget(self) -> dict[str, Any]:
        """Free the case's memory."""
        self.prepared = None
        self.timer = timeit.Timer()
        gc.collect()
        return {}


def summary(taken: list[float]) -> dict[str, float]:
    """Number, mean, median and 99th percentile."""
    ordered = sorted(taken)
    return {
        "runs": len(ordered),
        "mean": sum(ordered) / len(ordered),
        "median": ordered[len(ordered) // 2],
        "p99": ordered[int(0.99 * (len(ordered) - 1))],
    }


def main() -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, threads, variant = sys.argv[1:4]
    worker: Worker | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if worker is None:
                worker = Worker(module, int(threads), variant)
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
