"""Which lines of Python and branches of C the suite reaches.

    .venv/bin/python tests/trust/coverage.py [arguments of pytest]

The C core is built with gcov's counters and without optimisation, for the generic
instruction set and the best of this CPU. Lines of C count once, however often they are
compiled: a line or a branch is reached if it is in any build. Needs coverage
(pip install coverage). Prints a table per file, and what is not reached.
"""

from __future__ import annotations

import collections
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mutants import ROOT, Workshop


def counts(
    folder: Path,
) -> tuple[dict[str, dict[int, int]], dict[str, dict[tuple[int, int], int]]]:
    """How often each line, and each branch of a line, of each C file was taken."""
    lines: dict[str, dict[int, int]] = collections.defaultdict(dict)
    branches: dict[str, dict[tuple[int, int], int]] = collections.defaultdict(dict)
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
                        key = (number, place)
                        old = branches[name].get(key, 0)
                        branches[name][key] = old + branch["count"]
    return lines, branches


def main() -> int:
    arguments = sys.argv[1:] or ["-m", "not slow and not keras"]
    with tempfile.TemporaryDirectory() as place:
        isas = ("generic", "avx2") if os.uname().machine == "x86_64" else ("generic",)
        shop = Workshop(Path(place))
        shop.build(isas, ("-O0", "--coverage"))
        for name in ("examples", "docs", "benchmarks"):
            shutil.copytree(ROOT / name, shop.folder / name)
        environment = {**os.environ, "PYTHONPATH": str(shop.folder)}
        command = [
            sys.executable,
            "-m",
            "coverage",
            "run",
            "--source=nncore",
            "--branch",
        ]
        command += ["-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        subprocess.run(command, cwd=shop.folder, env=environment)
        report = [sys.executable, "-m", "coverage", "report", "--skip-covered"]
        subprocess.run(report, cwd=shop.folder, env=environment)
        lines, branches = counts(shop.folder)
    total = collections.Counter[str]()
    for name in sorted(lines):
        reached = sum(count > 0 for count in lines[name].values())
        taken = sum(count > 0 for count in branches[name].values())
        total.update(lines=len(lines[name]), reached=reached)
        total.update(branches=len(branches[name]), taken=taken)
        missed = [str(n) for n, count in sorted(lines[name].items()) if not count]
        print(
            f"{name:34} lines {reached:4}/{len(lines[name]):4}  branches "
            f"{taken:4}/{len(branches[name]):4}  missed: {' '.join(missed)[:60]}"
        )
    print(
        f"C: {total['reached'] / total['lines']:.1%} of {total['lines']} lines, "
        f"{total['taken'] / total['branches']:.1%} of {total['branches']} branches"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
