"""Which lines of Python and branches of C the suite reaches.

    .venv/bin/python tests/trust/coverage.py [--add] [arguments of pytest]

The C core is built with gcov's counters and without optimisation, for the instruction
sets of this CPU, in both dtypes. What is counted: each way out of each conditional jump
that gcc makes at -O0, that is, of each `if`, loop, `?:`, `case`, and each operand of
`&&` and `||`. The builds of a line count once, and a way is taken if it is taken in
any; functions that a macro makes on one line count one by one. In Python: statements,
processes that a test starts included. Needs coverage 7.10 (pip install coverage).
Prints a table per file, with what is not reached. All stays in build/coverage; with
--add the tests asked for run there, and join those before, of another Python with
other libraries perhaps.
"""

from __future__ import annotations

import collections
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from mutants import ROOT, Workshop

from nncore import _core

Branch = tuple[int, str, int]  # line, function, number among the line's


def counts(
    folder: Path,
) -> tuple[dict[str, dict[int, int]], dict[str, dict[Branch, int]]]:
    """How often each line, and each branch of a line, of each C file was taken."""
    lines: dict[str, dict[int, int]] = collections.defaultdict(dict)
    branches: dict[str, dict[Branch, int]] = collections.defaultdict(dict)
    for notes in folder.glob("*.gcno"):
        if notes.stem == "_core":
            continue
        command = ["gcov", "--json-format", "--branch-probabilities", notes.name]
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        for packed in folder.glob("*.gcov.json.gz"):
            with gzip.open(packed) as file:
                found = json.load(file)
            packed.unlink()
            for one in found["files"]:
                name = one["file"]
                if not name.startswith("csrc/"):
                    continue
                for line in one["lines"]:
                    number = line["line_number"]
                    old = lines[name].get(number, 0)
                    lines[name][number] = old + line["count"]
                    for place, branch in enumerate(line["branches"]):
                        key = (number, line.get("function_name", ""), place)
                        old = branches[name].get(key, 0)
                        branches[name][key] = old + branch["count"]
    return lines, branches


def run_driver(shop: Workshop) -> None:
    """What Python never asks of the core: tests/c/refusals.c on the same objects."""
    objects = [f"{name}.o" for name in shop.objects if name != "_core"]
    source = ["-Icsrc", "tests/c/refusals.c", *objects]
    command = ["gcc", "-fopenmp", "--coverage", *source, "-lm", "-o", "refusals"]
    subprocess.run(command, cwd=shop.folder, check=True)
    subprocess.run([shop.folder / "refusals"], cwd=shop.folder, check=True, timeout=300)


def report(
    lines: dict[str, dict[int, int]], branches: dict[str, dict[Branch, int]]
) -> None:
    total = collections.Counter[str]()
    for name in sorted(lines):
        reached = sum(count > 0 for count in lines[name].values())
        taken = sum(count > 0 for count in branches[name].values())
        total.update(lines=len(lines[name]), reached=reached)
        total.update(branches=len(branches[name]), taken=taken)
        missed = [key for key, count in sorted(branches[name].items()) if not count]
        print(
            f"{name:34} lines {reached:4}/{len(lines[name]):4}  branches "
            f"{taken:4}/{len(branches[name]):4}"
        )
        for number, function, _ in dict.fromkeys(missed):
            text = (ROOT / name).read_text().splitlines()[number - 1].strip()
            never = "" if lines[name][number] else "  (never run)"
            print(f"    {number:4} {function}: {text}{never}")
    print(
        f"C: {total['reached'] / total['lines']:.1%} of {total['lines']} lines, "
        f"{total['taken'] / total['branches']:.1%} of {total['branches']} branches"
    )


def main() -> int:
    arguments = sys.argv[1:]
    adds = "--add" in arguments
    # A job in the background ignores Ctrl-C, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = [a for a in arguments if a != "--add"] or [
        "-m",
        "not slow and not keras",
    ]
    shop = Workshop(ROOT / "build/coverage", empty=not adds)
    if not adds:
        here = [isa for isa, is_here in _core.isas().items() if all(is_here)]
        shop.build(here, ("-O0", "--coverage"))
    for name in ("tests", "examples", "docs", "benchmarks"):
        shutil.copytree(ROOT / name, shop.folder / name, dirs_exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(shop.folder)}
    coverage = [sys.executable, "-m", "coverage"]
    command = [*coverage, "run", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    subprocess.run([*command, *arguments], cwd=shop.folder, env=environment)
    if not adds:
        run_driver(shop)
    for what in (
        ("combine", "-q", "--append"),
        ("report", "--skip-covered", "--show-missing", "-i"),
    ):
        subprocess.run([*coverage, *what], cwd=shop.folder, env=environment)
    report(*counts(shop.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
