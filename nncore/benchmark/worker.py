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

    def forget(self) -> dict[str, Any]:
        """Free the case's memory."""
        self.prepared = None
        self.timer = timeit.Timer()
        gc.collect()
        return {}


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
