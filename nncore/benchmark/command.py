"""`nncore bench`: its options, and the order of what it does."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import sys
import time
from typing import Any

SCHEMA = 1

# Seconds after which --quick begins nothing more.
QUICK_SECONDS = 35.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of `nncore bench`."""
    parser.add_argument(
        "--quick", action="store_true", help="fewer cases and rounds: under a minute"
    )
    parser.add_argument("--json", metavar="FILE", help="write everything measured")
    parser.add_argument("--plot", metavar="FILE.png", help="draw it (needs matplotlib)")
    parser.add_argument(
        "--cases",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only these; * and ? stand for any letters",
    )
    parser.add_argument(
        "--peers", nargs="+", default=[], metavar="NAME", help="only these libraries"
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="most threads of anybody"
    )
    parser.add_argument(
        "--rounds", type=positive, metavar="N", help="turns of each (9; quick: 3)"
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), help="of every case")


def positive(word: str) -> int:
    """A number of at least 1."""
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1. Received: {number}")
    return number


def main(options: argparse.Namespace) -> int:
    """Measure, print, write.

    Args:
        options: of the command line.

    Returns:
        The exit status: 0, 2 for a name that is unknown, 130 after Ctrl-C.
    """
    from . import report
    from .cases import chosen
    from .peers import named

    try:
        cases = chosen(options.cases, options.quick)
        peers = named(options.peers, options.quick)
    except ValueError as error:
        print(f"nncore bench: {error}", file=sys.stderr)
        return 2
    if options.dtype:
        cases = [dataclasses.replace(case, dtype=options.dtype) for case in cases]
    try:
        found = measure(cases, peers, options)
    except KeyboardInterrupt:
        print("\nnncore bench: interrupted", file=sys.stderr)
        return 130
    print("\n".join(report.goal_lines(found)))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=1)
            file.write("\n")
    if options.plot:
        from .plot import draw

        draw(found, options.plot)
    return 0


def measure(cases: Any, peers: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Measure the machine, then every case, and print each as it is done.

    Returns:
        Everything: what `--json` writes.
    """
    import nncore

    from . import extras, machine, report, run

    started = time.monotonic()
    until = started + QUICK_SECONDS if options.quick else math.inf
    threads = options.threads or nncore.get_num_threads()
    quick = options.quick
    rounds = options.rounds or (3 if quick else 9)
    seconds = 0.04 if quick else 0.2
    say("peak of this CPU")
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "options": {
            "quick": quick,
            "threads": threads,
            "rounds": rounds,
            "turn_seconds": seconds,
        },
        "machine": machine.describe(),
        "versions": {},
        "peaks": machine.measure(threads, quick),
        "cases": [],
    }
    show(report.machine_lines(found))
    with run.Pool() as pool:
        for case in cases:
            if time.monotonic() > until:
                show([f"{case.name}: not measured, --quick is short of time"])
                continue
            measured = run.measure_case(
                case,
                peers,
                pool,
                threads=threads,
                rounds=rounds,
                seconds=seconds,
                quick=quick,
                until=until,
                say=say,
            )
            found["cases"].append(measured)
            machine.keep_best(found["peaks"], case.dtype, threads, measured["peak"])
            show(report.case_lines(found, measured))
        found["versions"] = pool.versions
        small = [case for case in cases if case.name == "xor-row"]
        if small:
            say("calls beside a busy thread")
            some = [p for p in peers if p.name in BUSY]
            found["busy"] = run.beside_busy_thread(
                small[0], some, pool, threads=threads, seconds=0.3 if quick else 2.0
            )
            show(report.busy_lines(found["busy"]))
    if not options.cases:
        found["extras"] = extras.measure(quick, say)
        show(report.extra_lines(found["extras"]))
    found["goals"] = report.goals(found)
    found["seconds"] = time.monotonic() - started
    versions = (f"{name} {version}" for name, version in found["versions"].items())
    show(report.wrapped(", ".join(versions), ""))
    return found


# Whose single calls are timed beside a busy thread.
BUSY = ("nncore", "bound", "numpy", "onnxruntime", "ort bound")


def show(lines: Any) -> None:
    """Print lines and an empty one, over what `say` left."""
    say("")
    print("\n".join(lines), end="\n\n", flush=True)


def say(words: str) -> None:
    """Show what is going on, in place, to a person who is waiting."""
    if sys.stderr.isatty():
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
        print(f"\r{words[: columns - 1]:{columns - 1}}\r", end="", file=sys.stderr)
