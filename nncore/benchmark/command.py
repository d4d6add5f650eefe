"""`nncore bench`: its options, and the order of what it does."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

SCHEMA = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of `nncore bench`."""
    parser.add_argument(
        "--quick", action="store_true", help="fewer cases and rounds: under a minute"
    )
    parser.add_argument("--json", metavar="FILE", help="write everything measured")
    parser.add_argument("--plot", metavar="FILE.png", help="draw it (needs matplotlib)")
    parser.add_argument(
        "--cases", nargs="+", default=[], metavar="NAME", help="names, * and ? allowed"
    )
    parser.add_argument(
        "--peers", nargs="+", default=[], metavar="NAME", help="only these peers"
    )
    parser.add_argument("--threads", type=int, default=0, help="at most so many")
    parser.add_argument("--rounds", type=int, default=0, help="turns of each")
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), help="of every case; else its own"
    )


def main(options: argparse.Namespace) -> int:
    """Measure, print, write. Returns the exit status."""
    import dataclasses

    import nncore

    from . import machine, report
    from .cases import chosen
    from .peers import named
    from .run import Pool, measure_case

    try:
        cases = chosen(options.cases, options.quick)
        peers = named(options.peers)
    except ValueError as error:
        print(f"nncore bench: {error}", file=sys.stderr)
        return 2
    if options.dtype:
        cases = [dataclasses.replace(case, dtype=options.dtype) for case in cases]
    threads = options.threads or nncore.get_num_threads()
    rounds = options.rounds or (3 if options.quick else 11)
    seconds = 0.05 if options.quick else 0.2
    started = time.time()
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "options": {"quick": options.quick, "threads": threads, "rounds": rounds},
        "machine": machine.describe(),
        "versions": {},
        "peaks": machine.measure(threads, options.quick),
        "cases": [],
    }
    with Pool() as pool:
        for case in cases:
            measured = measure_case(
                case,
                peers,
                pool,
                threads=threads,
                rounds=rounds,
                seconds=seconds,
                quick=options.quick,
                say=say,
            )
            say("")
            found["cases"].append(measured)
            found["versions"] = dict(pool.versions)
            print("\n".join(report.case_lines(found, measured)), end="\n\n", flush=True)
    found["seconds"] = time.time() - started
    print("\n".join(report.machine_lines(found)))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=1)
            file.write("\n")
    return 0


def say(words: str) -> None:
    """Show what is going on, in place, to a person who is waiting."""
    if sys.stderr.isatty():
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
        print(f"\r{words[: columns - 1]:{columns - 1}}\r", end="", file=sys.stderr)
