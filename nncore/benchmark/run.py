"""The measurement: rounds in which every contestant has one turn, in rotating order."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import machine
from .cases import Case
from .peers import Contestant
from .process import ContestantError, Process

# Above this many operations a step, one thread is not tried: no peer gains by it.
WIDE_STEP = 2e8

Say = Callable[[str], None]


class Pool:
    """The contestants' processes, kept from case to case."""

    def __init__(self, timeout: float = 600.0) -> None:
        """Start none yet; `timeout` is how long an answer may take, in seconds."""
        self.timeout = timeout
        self.processes: dict[tuple[str, int], Process] = {}
        self.versions: dict[str, str] = {}

    def get(self, peer: Contestant, threads: int) -> Process:
        """The contestant's process for so many threads, started if need be.

        Raises:
            ContestantError: what it needs is missing, or its library does not load.
        """
        missing = peer.missing()
        if missing:
            raise ContestantError(missing)
        key = (peer.name, threads)
        if key not in self.processes:
            process = Process(peer.module, threads, peer.variant, self.timeout)
            self.processes[key] = process
            try:
                self.versions |= process.ask("versions")["versions"]
            except ContestantError:
                self.drop(process)
                raise
        return self.processes[key]

    def drop(self, process: Process) -> None:
        """End a process; the next `get` starts another."""
        process.close()
        self.processes = {k: p for k, p in self.processes.items() if p is not process}

    def close(self) -> None:
        """End them all."""
        for process in list(self.processes.values()):
            self.drop(process)

    def __enter__(self) -> Pool:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes."""
        self.close()


@dataclasses.dataclass
class Result:
    """What one contestant did in one case.

    Attributes:
        name: the contestant's.
        error: why there are no samples; empty if there are.
        statement: what was timed.
        note: where its work differs from nncore's.
        rows: rows of one run of the statement.
        times: runs of the statement in a turn.
        threads: threads that its library may use.
        team: threads used at the end of a turn, the most of all turns, as far as the
            library says.
        first: seconds of the first run, which compiles where the library does.
        checked: numbers to compare with nncore's.
        agrees: whether they are equal but for rounding or, where they cannot be, the
            loss falls; None: there is nothing to compare.
        samples: seconds of a turn's average run, one per round.
    """

    name: str
    error: str = ""
    statement: str = ""
    note: str = ""
    rows: int = 0
    times: int = 0
    threads: int = 0
    team: int = 0
    first: float = 0.0
    checked: list[float] = dataclasses.field(default_factory=list)
    agrees: bool | None = None
    samples: list[float] = dataclasses.field(default_factory=list)

    @property
    def per_row(self) -> list[float]:
        """Seconds for a row, one number per round."""
        return [sample / self.rows for sample in self.samples]


def thread_tries(case: Case, peer: Contestant, threads: int, quick: bool) -> list[int]:
    """The thread counts among which a contestant's best is sought."""
    if peer.threads:
        return [peer.threads]
    if not peer.tries or threads == 1:
        return [threads]
    work = case.flops * case.batch
    if quick:
        return [1 if work < 1e6 else threads]
    return [threads] if work > WIDE_STEP else [1, threads]


def agrees(ours: Sequence[float], theirs: Sequence[float], dtype: str) -> bool:
    """Whether two libraries computed the same but for rounding.

    A mean loss of an epoch moves by about the square root of the number of its steps
    times the type's epsilon; training multiplies differences further, so that a share
    of 0.2 % passes, far less than another loss, batch or optimizer would make.
    """
    relative = 2e-3 if dtype == "float32" else 1e-6
    return len(ours) == len(theirs) and all(
        math.isclose(a, b, rel_tol=relative, abs_tol=1e-4)
        for a, b in zip(ours, theirs, strict=True)
    )


class Entry:
    """A contestant that is ready for a case's rounds."""

    def __init__(self, peer: Contestant, process: Process, result: Result) -> None:
        """Hold what is needed for a turn."""
        self.peer = peer
        self.process = process
        self.result = result

    def turn(self, seconds: float) -> None:
        """One turn; the first finds the number of runs."""
        result = self.result
        answer = self.process.ask("turn", seconds=seconds, times=result.times)
        result.times, result.team = answer["times"], max(result.team, answer["team"])
        result.samples.append(answer["seconds"] / answer["times"])

    def tries(self, seconds: float) -> None:
        """Turns before the rounds: three, fewer where one takes long."""
        while True:
            self.turn(seconds)
            samples, times = self.result.samples, self.result.times
            if len(samples) == 3 or sum(samples) * times > 1:
                return


def prepare(
    case: Case, peer: Contestant, pool: Pool, threads: int, seconds: float, quick: bool
) -> Entry:
    """Make a contestant ready, with the thread count that is better for it.

    Raises:
        ContestantError: it cannot do this case.
    """
    best: Entry | None = None
    described = dataclasses.asdict(case)
    for count in thread_tries(case, peer, threads, quick):
        process = pool.get(peer, count)
        try:
            ready = process.ask("prepare", case=described)
            comparable = ready.pop("comparable")
            result = Result(peer.name, threads=count, **ready)
            result.agrees = None if not comparable else True
            entry = Entry(peer, process, result)
            entry.tries(seconds)
        except ContestantError:
            pool.drop(process)
            raise
        if best is None:
            best = entry
            continue
        worse = max(best, entry, key=lambda e: min(e.result.per_row))
        best = entry if worse is best else best
        worse.process.ask("forget")
    assert best is not None
    best.result.samples.clear()
    best.result.team = 0
    return best


def measure_case(
    case: Case,
    peers: Sequence[Contestant],
    pool: Pool,
    *,
    threads: int,
    rounds: int,
    seconds: float,
    quick: bool = False,
    until: float = math.inf,
    say: Say = lambda words: None,
) -> dict[str, Any]:
    """All contestants through one case.

    Args:
        case: the case.
        peers: who takes part, nncore first; who cannot is reported with the reason.
        pool: their processes.
        threads: the most threads that anybody may use.
        rounds: turns of each.
        seconds: about how long a turn takes; never less than one run.
        quick: try fewer thread counts.
        until: on `time.monotonic`: from then on no peer is begun, and no round but
            the first.
        say: is told what is going on.

    Returns:
        The case's fields and `results`, a list of `Result` as dictionaries, and
        `peak`, this machine's multiply-add peak before each round, all threads.
    """
    entries: list[Entry] = []
    results: list[Result] = []
    for peer in peers:
        if not peer.fits(case, threads):
            continue
        say(f"{case.name}: {peer.name}")
        try:
            if time.monotonic() > until and not peer.is_nncore:
                raise ContestantError("not measured: short of time")
            entry = prepare(case, peer, pool, threads, seconds, quick)
        except ContestantError as error:
            results.append(Result(peer.name, error=str(error)))
            continue
        entries.append(entry)
        results.append(entry.result)
        ours = entries[0].result
        if entry.result.agrees is not None:
            entry.result.agrees = agrees(ours.checked, entry.result.checked, case.dtype)
        elif case.does == "train":
            first, *_, last = entry.result.checked
            entry.result.agrees = last < first
    peak = []
    for number in range(rounds):
        if number and time.monotonic() > until:
            break
        say(f"{case.name}: round {number + 1} of {rounds}")
        peak.append(machine.fma_peak(case.dtype, threads, 1))
        shift = number % max(1, len(entries))
        for entry in [*entries[shift:], *entries[:shift]]:
            try:
                entry.turn(seconds)
            except ContestantError as error:
                entry.result.error = str(error)
                entry.result.samples.clear()
                pool.drop(entry.process)
                entries.remove(entry)
    for entry in entries:
        entry.process.ask("forget")
    return {
        **dataclasses.asdict(case),
        "title": case.title,
        "flops_per_row": case.flops,
        "parameters": case.parameters,
        "results": [dataclasses.asdict(result) for result in results],
        "peak": peak,
    }


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, tenth and ninetieth percentile.

    Example:
        >>> spread([3.0, 1.0, 2.0])
        (2.0, 1.2, 2.8)
    """
    middle, low, high = np.percentile(values, [50, 10, 90]).round(12).tolist()
    return middle, low, high


def beside_busy_thread(
    case: Case, peers: Sequence[Contestant], pool: Pool, *, threads: int, seconds: float
) -> list[dict[str, Any]]:
    """Single calls alone and beside a thread that runs Python, per contestant.

    Returns:
        Dictionaries with `name` and either `error` or `alone` and `beside`, each with
        `runs`, and `mean`, `median` and `p99` in seconds.
    """
    found = []
    for peer in peers:
        if not peer.fits(case, threads):
            continue
        try:
            process = pool.get(peer, peer.threads or threads)
            process.ask("prepare", case=dataclasses.asdict(case))
            found.append({"name": peer.name, **process.ask("beside", seconds=seconds)})
            process.ask("forget")
        except ContestantError as error:
            found.append({"name": peer.name, "error": str(error)})
    return found


def result_of(case: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A contestant's result in a measured case, if it has samples."""
    for result in case["results"]:
        if result["name"] == name and result["samples"]:
            return dict(result)
    return None


def ratios(case: dict[str, Any], name: str, who: str = "nncore") -> list[float]:
    """How many times as fast `who` is as the contestant `name`, round by round."""
    ours, theirs = result_of(case, who), result_of(case, name)
    if not ours or not theirs:
        return []
    scale = ours["rows"] / theirs["rows"]
    pairs = zip(ours["samples"], theirs["samples"], strict=True)
    return [scale * b / a for a, b in pairs]
