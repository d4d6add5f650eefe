"""Small faults put into the C core one by one: does a test notice?

    .venv/bin/python tests/trust/mutants.py --count 300 --seed 1

A fault changes one operator, one number or one call, or drops one statement, in
kernels/ or engine/. Faults that do not compile, or compile to the same object, do not
count. They go into the float32 core of the generic instruction set: that the others
have its bits is another test. The golden trainings come first, then whole test files; a
test that fails, crashes or does not end kills the fault. Prints the survivors and the
share that was killed. csrc/engine/plan.c is left out: it decides who computes, never
what.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import importlib.util
import json
import os
import random
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("kernels", "engine")
# Speed alone: what is computed does not depend on them.
LEFT_OUT = ("plan.c", "measure.c", "variant.c")
# In the order in which they are asked; the golden trainings come before them.
SUITES = (
    "test_core.py test_golden.py test_call.py test_layers.py test_metrics.py",
    "test_kernels.py test_reference.py test_losses.py test_optimizers.py",
)
SWAPS = (
    *((r" \+ ", " - "), (r" - ", " + "), (r" \* ", " + "), (r" / ", " * ")),
    *((r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > ")),
    *((r" == ", " != "), (r" != ", " == "), (r" && ", " || "), (r" \|\| ", " && ")),
    *((r" \+= ", " -= "), (r" -= ", " += "), (r" \? ", " ? 0 ? 0 : ")),
    *((r"\bvec_add\(", "vec_sub("), (r"\bvec_sub\(", "vec_add(")),
    *((r"\bvec_mul\(", "vec_add("), (r"\bvec_max\(", "vec_min(")),
    *((r"\bvec_min\(", "vec_max("), (r"\bvec_fma\(", "vec_fnma(")),
    *((r"\bvec_fnma\(", "vec_fma("), (r"\bvec_lt\(", "vec_le(")),
    *((r"\bvec_le\(", "vec_lt("), (r"\b0\b(?!\.|x)", "1"), (r"\b1\b(?!\.)", "2")),
    *((r"\b2\b(?!\.)", "3"), (r"REAL\(", "REAL(1.001 * ")),
    *((r"^(\s+)([a-z][\w>.\[\]-]* [-+*]?= .*;)$", r"\1;"),),
    *((r"^(\s+)([a-z][\w>.-]*\(.*\);)$", r"\1;"), (r"\breturn ", "return !")),
)


class Fault:
    """One changed place in a file."""

    def __init__(self, file: Path, line: int, text: str, column: int) -> None:
        """`text` takes the place of that line, which is changed from `column` on."""
        self.file, self.line, self.text, self.column = file, line, text, column

    def __str__(self) -> str:
        before = (ROOT / self.file).read_text().splitlines()[self.line]
        name = self.file.relative_to("csrc")
        return f"{name}:{self.line + 1}: {before.strip()}  ->  {self.text.strip()}"


def code_lines(text: str) -> list[str]:
    """Lines without comments and without what the preprocessor reads."""
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    lines, follows = [], False
    for line in text.splitlines():
        is_directive = follows or line.lstrip().startswith("#")
        follows = is_directive and line.endswith("\\")
        lines.append("" if is_directive else re.sub(r"//.*|\"[^\"]*\"", "", line))
    return lines


def all_faults() -> Iterator[Fault]:
    for folder in FOLDERS:
        for path in sorted((ROOT / "csrc" / folder).glob("*.c")):
            if path.name in LEFT_OUT:
                continue
            text = path.read_text()
            lines = text.splitlines()
            for number, code in enumerate(code_lines(text)):
                for pattern, put in SWAPS:
                    for match in re.finditer(pattern, code):
                        start, end = match.span()
                        if lines[number][start:end] != match[0]:
                            continue
                        new = lines[number][:start] + match.expand(put)
                        new += lines[number][end:]
                        yield Fault(path.relative_to(ROOT), number, new, start)


class Workshop:
    """A copy of the source, at first with the core that is installed."""

    def __init__(self, folder: Path) -> None:
        """Copy."""
        self.folder = folder
        self.objects: dict[str, list[str]] = {}
        for name in ("csrc", "nncore", "tests"):
            ignore = shutil.ignore_patterns("*.so", "__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in ("setup.py", "pyproject.toml", "CHANGELOG.md", "README.md"):
            shutil.copy(ROOT / name, folder)
        core = importlib.util.find_spec("nncore._core")
        assert core is not None and core.origin is not None
        shutil.copy(core.origin, folder / "nncore/_core.abi3.so")

    def build(
        self, isas: Sequence[str] = ("generic",), flags: Sequence[str] = ("-O1",)
    ) -> None:
        """Build everything once, for some instruction sets."""
        folder = self.folder
        import setuptools

        setuptools.setup = lambda **_: None
        tables = runpy.run_path(str(ROOT / "setup.py"))
        own = tables["ISAS"][os.uname().machine]
        listed = " ".join(f"X({isa})" for isa in isas)
        self.own_flags = flags
        self.flags = [*(flag for flag in tables["FLAGS"] if flag != "-O3"), *flags]
        self.flags += [f"-DNN_ISA_LIST(X)={listed}", "-DPy_LIMITED_API=0x030B0000"]
        self.flags += ["-Icsrc"]
        cython = [sys.executable, "-m", "cython", "-3", "nncore/_core.pyx"]
        self._must([*cython, "-o", "_core.c"])
        self.objects = {
            **{
                f"kernels_{isa}_{dtype}": [
                    *(f"-DNN_ISA={isa}", f"-DNN_DTYPE={dtype}", *own[isa]),
                    "csrc/kernels/variant.c",
                ]
                for isa in isas
                for dtype in tables["DTYPES"]
            },
            **{
                f"engine_{dtype}": [f"-DNN_DTYPE={dtype}", "csrc/engine/variant.c"]
                for dtype in tables["DTYPES"]
            },
            **{
                name: ["-fopenmp", f"csrc/{path}.c"]
                for name, path in (
                    *(("nncore", "nncore"), ("arena", "base/arena")),
                    *(("cpu", "base/cpu"), ("parallel", "base/parallel")),
                )
            },
            "_core": [f"-I{sysconfig.get_path('include')}", "-w", "_core.c"],
        }
        self.compile_all()
        self.digests = {name: self._digest(name) for name in self.objects}
        for name in self.objects:
            shutil.copy(folder / f"{name}.o", folder / f"{name}.good")
        self.link()

    def _must(self, command: list[str]) -> None:
        subprocess.run(command, cwd=self.folder, check=True)

    def _digest(self, name: str) -> str:
        return hashlib.sha256((self.folder / f"{name}.o").read_bytes()).hexdigest()

    def compile(self, name: str) -> bool:
        command = ["gcc", *self.flags, *self.objects[name], "-c", "-o", f"{name}.o"]
        run = subprocess.run(command, cwd=self.folder, capture_output=True)
        return run.returncode == 0

    def compile_all(self, part: str = "base") -> None:
        """Compile what files of a folder of csrc/ are compiled into: base/ into all."""
        names = [n for n in self.objects if part == "base" or n.startswith(part)]
        with ThreadPoolExecutor(2) as pool:
            assert all(pool.map(self.compile, names)), "it must compile"

    def restore(self) -> None:
        """Take the objects without a fault again."""
        for name in self.objects:
            shutil.copy(self.folder / f"{name}.good", self.folder / f"{name}.o")

    def link(self) -> None:
        objects = [f"{name}.o" for name in self.objects]
        out = ["-o", "nncore/_core.abi3.so"]
        self._must(["gcc", "-shared", "-fopenmp", *self.own_flags, *objects, *out])

    def put(self, fault: Fault) -> str:
        """Build with a fault: "" if that makes another core, else why not."""
        part = fault.file.parts[1]
        self.restore()
        names = [
            name
            for name in self.objects
            if name.startswith(part) and not name.endswith("f64")
        ]
        lines = (ROOT / fault.file).read_text().splitlines()
        lines[fault.line] = fault.text
        (self.folder / fault.file).write_text("\n".join(lines) + "\n")
        try:
            if not all(map(self.compile, names)):
                return "does not compile"
            if all(self._digest(name) == self.digests[name] for name in names):
                return "same object"
            self.link()
            return ""
        finally:
            shutil.copy(ROOT / fault.file, self.folder / fault.file)

    def kills(self, timeout: float) -> str:
        """Which test notices; "" if none does."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
        for suite in ("golden", *SUITES):
            files = [f"tests/{name}" for name in suite.split()]
            command = [sys.executable, "-m", "pytest", "-x", "-q", *files]
            command += ["-p", "no:cacheprovider", "-m", "not slow and not keras"]
            if suite == "golden":
                command = [sys.executable, "-W", "ignore", __file__, "--golden"]
            try:
                run = subprocess.run(
                    ["prlimit", f"--as={8 << 30}", *command],
                    cwd=self.folder,
                    env=environment,
                    capture_output=True,
                    timeout=timeout,
                )
            except subprocess.TimeoutExpired:
                return f"{suite} does not end"
            if run.returncode:
                return suite
        return ""


def golden() -> int:
    """The golden trainings, in both dtypes, until one is not as it was."""
    from tests.trust import golden as cases  # the copy's, found by PYTHONPATH

    wanted = json.loads(cases.HASHES.read_text())
    for number in range(cases.N_CASES):
        for dtype in ("float32", "float64"):
            model = cases.training(number, dtype)
            if cases.digest(model, number) != wanted[f"{number} {dtype}"]:
                return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--golden", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.golden:
        return golden()
    faults = list(all_faults())
    random.Random(options.seed).shuffle(faults)
    counts: collections.Counter[str] = collections.Counter()
    survivors: list[Fault] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        shop.build()
        assert not (by := shop.kills(900)), f"without a fault, {by} fails"
        for fault in faults:
            if counts["killed"] + len(survivors) == options.count:
                break
            if why := shop.put(fault):
                counts[why] += 1
                continue
            by = shop.kills(300)
            counts["killed"] += bool(by)
            print(f"{by or 'SURVIVES':40.40} {fault}", flush=True)
            if not by:
                survivors.append(fault)
    total: Any = counts["killed"] + len(survivors)
    print("\nSurvivors:", *survivors, sep="\n  ")
    print(
        f"{counts['killed']} of {total} faults killed, {counts['killed'] / total:.1%}, "
        f"of {len(faults):,} possible, seed {options.seed}, in "
        f"{time.monotonic() - begun:.0f} s; {counts['does not compile']} did not "
        f"compile, {counts['same object']} changed nothing"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
