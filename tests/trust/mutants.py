"""Small faults put into the library one by one: does a test notice?

    .venv/bin/python tests/trust/mutants.py --count 300 --seed 1
    .venv/bin/python tests/trust/mutants.py --count 60 --only nncore/_training.py
    .venv/bin/python tests/trust/mutants.py --again survivors.txt

A fault changes one operator, one number or one call, or drops one statement, in
csrc/kernels, csrc/engine or nncore/_training.py. Faults that do not compile, or compile
to the same object, do not count. The core is hardly optimised, for the generic
instruction set and one whose vectors have several lanes; of the kernels, float32's
alone have the fault. The golden trainings come first, then whole test files. A crash
kills the fault; so does a test that fails with it, passes without it and fails with it
again; and tests that end early with it, or never, and as they should without it. Tests
that fail without a fault, or are slow, are left out. Prints the survivors and the share
that was killed; --again reads lines of such a list.

`LEFT_OUT` and `SPEED` name what decides who computes, in what portions and how long is
waited, never what comes out: faults there are equivalent by design. `EQUIVALENT` lists
those that were found to be so elsewhere, with the reason.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import functools
import hashlib
import importlib.util
import io
import json
import os
import random
import re
import runpy
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import tokenize
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("csrc/kernels/*.c", "csrc/engine/*.c", "nncore/_training.py")
# By file: functions or classes in it; (): all of it. What SPEED finds is a line.
LEFT_OUT: dict[str, tuple[str, ...]] = {
    # The cost model and its measurements.
    "csrc/engine/plan.c": (),
    "csrc/engine/measure.c": (),
    "csrc/kernels/measure.c": (),
    # The other files, included, and tables of their functions.
    "csrc/engine/variant.c": (),
    "csrc/kernels/variant.c": (),
    # Which engine, tile and form, how many rows at once, and when time is up.
    "csrc/engine/batch.c": ("rows_collide", "epochs_drawn"),
    "csrc/engine/predict.c": ("can_share_columns",),
    "csrc/engine/train.c": (
        "model_engine",
        "choose_engine",
        "evaluation_rows",
        "is_late",
    ),
    "csrc/kernels/product.c": ("tile_rows",),
    # Work between two looks at the clock, and when progress is shown.
    "nncore/_training.py": ("Pace", "_show", "_pour"),
}
SPEED = re.compile(
    r"\b(pace|microseconds|steps_per_look|ahead|team_for|is_tried|CHUNK_ROWS|by_rows|"
    r"by_columns|flops)\b"
)
# "file: line -> changed line": why nothing can notice.
EQUIVALENT: dict[str, str] = {
    "csrc/engine/compile.c: net->has_penalty = net->is_constrained = 0; -> ;": (
        "they were so before, or come out as they were"
    ),
    "csrc/kernels/narrow.c: for (; j + 4 <= cols || (j < cols && stride == "
    "(ptrdiff_t)cols && -> for (; j + 4 < cols || (j < cols && stride == "
    "(ptrdiff_t)cols &&": "the last four columns one by one",
    "csrc/kernels/activation.c: return cols <= SHORT_ROW && 4 * rows >= VEC_LANES; -> "
    "return cols <= SHORT_ROW && 4 * rows > VEC_LANES;": "either has the same bits",
    "csrc/engine/train.c: forward_layer(net, l, first, last, n, 1, work); -> "
    "forward_layer(net, l, first, last, n, 2, work);": "2 means yes, as 1 does",
    "csrc/engine/build.c: size_t size = 0, rows = 0, cols = norm->columns; -> "
    "size_t size = 0, rows = 1, cols = norm->columns;": "parameters nobody reads",
    "csrc/engine/build.c: __builtin_mul_overflow(net->scratch_rows, 2 * columns, &n) "
    "|| -> __builtin_mul_overflow(net->scratch_rows, 3 * columns, &n) ||": (
        "a larger buffer"
    ),
    "csrc/engine/variables.c: if (!layer->needs_dx || layer->wt == net->params + "
    "layer->offset[0]) return; -> if (!layer->needs_dx || layer->wt == net->params - "
    "layer->offset[0]) return;": "where W^T lies as W does, it is copied onto itself",
}
# By the folder of the fault, in the order in which they are asked.
SUITES = {
    "kernels": "kernels losses metrics optimizers kinds layers core bits training "
    "streams golden call",
    "engine": "core kinds training layers optimizers metrics bits streams sequential "
    "golden kernels losses call seconds resume faults",
    "_training.py": "training callbacks streams progress call sequential advice "
    "schedules own_python streaming_metrics wrappers seconds run resume tasks signals",
}
SLOW = 15  # seconds: such a test is left out
CRASHES = [-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGFPE]
GOLDEN = ("-W", "ignore", __file__, "--golden")
BOTH = (
    *((r" \+ ", " - "), (r" - ", " + "), (r" \* ", " + "), (r" / ", " * ")),
    *((r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > ")),
    *((r" == ", " != "), (r" != ", " == "), (r" \+= ", " -= "), (r" -= ", " += ")),
    *((r"\b0\b(?!\.|x)", "1"), (r"\b1\b(?!\.)", "2"), (r"\b2\b(?!\.)", "3")),
)
SWAPS = {
    ".c": (
        *BOTH,
        *((r" && ", " || "), (r" \|\| ", " && ")),
        *((r" \? ", " && 0 ? "), (r" \? ", " || 1 ? ")),
        *((r"\bvec_add\(", "vec_sub("), (r"\bvec_sub\(", "vec_add(")),
        *((r"\bvec_mul\(", "vec_add("), (r"\bvec_max\(", "vec_min(")),
        *((r"\bvec_min\(", "vec_max("), (r"\bvec_fma\(", "vec_fnma(")),
        *((r"\bvec_fnma\(", "vec_fma("), (r"\bvec_lt\(", "vec_le(")),
        *((r"\bvec_le\(", "vec_lt("), (r"REAL\(", "REAL(1.001 * ")),
        (r"^(\s+)([a-z][\w>.\[\]-]* [-+*]?= .*;)$", r"\1;"),
        *((r"^(\s+)([a-z][\w>.-]*\(.*\);)$", r"\1;"), (r"\breturn ", "return !")),
    ),
    ".py": (
        *BOTH,
        *((r" and ", " or "), (r" or ", " and "), (r"\bnot ", "")),
        *((r" is None\b", " is not None"), (r" is not None\b", " is None")),
        *((r"\bTrue\b", "False"), (r"\bFalse\b", "True"), (r"\bmin\(", "max(")),
        *((r"\bmax\(", "min("), (r"^(\s+)break$", r"\1pass")),
        (r"^(\s+)([a-z][\w.\[\], ]* [-+*]?= .*)$", r"\1pass"),
        (r"^(\s+)([a-z][\w.]*\(.*\))$", r"\1pass"),
    ),
}


class Fault:
    """One changed place in a file."""

    def __init__(self, file: Path, line: int, text: str, column: int) -> None:
        """`text` takes the place of that line, which is changed from `column` on."""
        self.file, self.line, self.text, self.column = file, line, text, column

    def __str__(self) -> str:
        before = (ROOT / self.file).read_text().splitlines()[self.line]
        return f"{self.file}: {before.strip()} -> {self.text.strip()}"


def code_of_c(text: str, left_out: Sequence[str]) -> list[str]:
    """Lines without comments, what the preprocessor reads, and some functions."""
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    lines, follows, function = [], False, ""
    for line in text.splitlines():
        if begins := re.match(r"\w.*?(\w+)\(", line):
            function = begins[1]
        is_directive = follows or line.lstrip().startswith("#")
        follows = is_directive and line.endswith("\\")
        code = "" if is_directive or function in left_out else line
        lines.append(re.sub(r"//.*|\"[^\"]*\"", "", code))
    return lines


def code_of_python(text: str, left_out: Sequence[str]) -> list[str]:
    """Lines of functions' bodies without strings and comments."""
    keep: set[int] = set()

    def look(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if getattr(child, "name", None) in left_out:
                continue
            if isinstance(child, ast.FunctionDef):
                keep.update(range(child.body[0].lineno, (child.end_lineno or 0) + 1))
            look(child)

    look(ast.parse(text))
    lines = [list(line) for line in text.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            for number in range(token.start[0], token.end[0] + 1):
                first = token.start[1] if number == token.start[0] else 0
                last = token.end[1] if number == token.end[0] else None
                line = lines[number - 1]
                line[first:last] = "\0" * len(line[first:last])
    return [
        "".join(line) if number in keep else "" for number, line in enumerate(lines, 1)
    ]


def all_faults(only: str = "") -> Iterator[Fault]:
    for path in sorted(path for place in PLACES for path in ROOT.glob(place)):
        file = path.relative_to(ROOT)
        left_out = LEFT_OUT.get(str(file))
        if left_out == () or only not in str(file):
            continue
        text = path.read_text()
        lines = text.splitlines()
        code_of = code_of_python if file.suffix == ".py" else code_of_c
        for number, code in enumerate(code_of(text, left_out or ())):
            if SPEED.search(code):
                continue
            for pattern, put in SWAPS[file.suffix]:
                for match in re.finditer(pattern, code):
                    start, end = match.span()
                    old = lines[number]
                    if old[start:end] != match[0]:
                        continue
                    new = old[:start] + match.expand(put) + old[end:]
                    yield Fault(file, number, new, start)


@functools.cache
def tables() -> dict[str, Any]:
    """What setup.py knows."""
    import setuptools

    setuptools.setup = lambda **_: None
    return runpy.run_path(str(ROOT / "setup.py"))


class Workshop:
    """A copy of the source, at first with the core that is installed."""

    def __init__(self, folder: Path, empty: bool = True) -> None:
        """Copy into a folder that is new, or emptied, or (`empty` False) as it was."""
        self.folder = folder
        self.objects: dict[str, list[str]] = {}
        if not empty:
            return
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("csrc", "nncore", "tests"):
            ignore = shutil.ignore_patterns("*.so", "__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in ("setup.py", "pyproject.toml", "CHANGELOG.md", "README.md"):
            shutil.copy(ROOT / name, folder)
        # Compiles in a seventh of the time where speed is not asked for.
        simd = folder / "csrc/kernels/simd/simd.h"
        simd.write_text(simd.read_text().replace("always_inline, unused", "unused"))
        core = importlib.util.find_spec("nncore._core")
        assert core is not None and core.origin is not None
        shutil.copy(core.origin, folder / "nncore/_core.abi3.so")

    def build(
        self, isas: Sequence[str] = ("generic",), flags: Sequence[str] = ("-O0",)
    ) -> None:
        """Build everything once, for some instruction sets."""
        folder = self.folder
        own = tables()["ISAS"][os.uname().machine]
        listed = " ".join(f"X({isa})" for isa in isas)
        self.own_flags = flags
        self.flags = [*(flag for flag in tables()["FLAGS"] if flag != "-O3"), *flags]
        self.flags += [f"-DNN_ISA_LIST(X)={listed}", "-DPy_LIMITED_API=0x030B0000"]
        # Vectors are passed by value where nothing is inlined.
        self.flags += ["-Icsrc", "-Wno-psabi"]
        cython = [sys.executable, "-m", "cython", "-3", "nncore/_core.pyx"]
        self._must([*cython, "-o", "_core.c"])
        self.objects = {
            **{
                f"kernels_{isa}_{dtype}": [
                    *(f"-DNN_ISA={isa}", f"-DNN_DTYPE={dtype}", *own[isa]),
                    "csrc/kernels/variant.c",
                ]
                for isa in isas
                for dtype in tables()["DTYPES"]
            },
            **{
                f"engine_{dtype}": [f"-DNN_DTYPE={dtype}", "csrc/engine/variant.c"]
                for dtype in tables()["DTYPES"]
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
        # Last, so that their -O wins.
        command = ["gcc", *self.objects[name], *self.flags, "-c", "-o", f"{name}.o"]
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
        """Put a fault in: "" if that makes another library, else why not."""
        text = (ROOT / fault.file).read_text()
        lines = text.splitlines()
        lines[fault.line] = fault.text
        changed = "\n".join(lines) + "\n"
        (self.folder / fault.file).write_text(changed)
        if fault.file.suffix == ".py":
            try:
                same = ast.dump(ast.parse(changed)) == ast.dump(ast.parse(text))
            except SyntaxError:
                return "does not compile"
            return "same object" if same else ""
        part = fault.file.parts[1]
        names = [name for name in self.objects if name.startswith(part)]
        if part == "kernels":  # they take long to compile
            names = [name for name in names if not name.endswith("f64")]
        if not all(map(self.compile, names)):
            return "does not compile"
        if all(self._digest(name) == self.digests[name] for name in names):
            return "same object"
        self.link()
        return ""

    def take_out(self, fault: Fault) -> None:
        """The file and the objects are as they were."""
        shutil.copy(ROOT / fault.file, self.folder / fault.file)
        if fault.file.suffix == ".c":
            self.restore()
            self.link()

    @contextlib.contextmanager
    def without(self, fault: Fault) -> Iterator[None]:
        """Take a fault out for a while."""
        paths = (self.folder / fault.file, self.folder / "nncore/_core.abi3.so")
        faulty = [path.read_bytes() for path in paths]
        self.take_out(fault)
        try:
            yield
        finally:
            for path, data in zip(paths, faulty, strict=True):
                path.unlink()  # a process that is about to end may have it mapped
                path.write_bytes(data)

    def runs(self, *command: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run Python on the copy, for so many seconds of CPU."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
        # The hard limit stays, for tests that set one of their own.
        limits = [f"--as={4 << 30}:", f"--cpu={round(seconds)}:"]
        whole = ["prlimit", *limits, sys.executable, *command]
        try:
            return subprocess.run(
                whole,
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=10 * seconds,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(whole, -signal.SIGXCPU, "", "")

    def golden(self) -> int:
        """Run the golden trainings: 0 if all are as they were."""
        return self.runs(*GOLDEN, seconds=60).returncode


class Jury:
    """The tests that judge faults in one of the places."""

    def __init__(self, shop: Workshop, place: str) -> None:
        """Run them once without a fault, to know how long they take, and which fail."""
        self.shop = shop
        self.files = [f"tests/test_{name}.py" for name in SUITES[place].split()]
        self.left_out: list[str] = []
        begun = time.monotonic()
        run = self._ask(*self.files, seconds=1200, stops=False)
        assert re.search(r"\d+ passed", run.stdout[-99:]), (
            run.stdout[-999:] + run.stderr
        )
        self.seconds = 60 + 2 * (time.monotonic() - begun)
        failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", run.stdout, re.M)
        slow = re.findall(r"^(\d+)\.\d+s \w+ +(.*)$", run.stdout, re.M)
        self.left_out += failed + [name for took, name in slow if int(took) >= SLOW]
        words = ", ".join(name.partition("::")[2] for name in self.left_out)
        print(f"{place}: {run.stdout.splitlines()[-1]}; left out: {words}", flush=True)

    def _ask(
        self, *tests: str, seconds: float, stops: bool = True
    ) -> subprocess.CompletedProcess[str]:
        options = ["-q", "-p", "no:cacheprovider", "--tb=no", f"--durations-min={SLOW}"]
        # Faults are in the other dtype's core.
        options += ["-m", "not slow and not keras", "-k", "not float64"]
        # A test that does not end ends all.
        options += ["-o", "faulthandler_timeout=40"]
        options += ["-o", "faulthandler_exit_on_timeout=true"]
        options += ["-x"] if stops else ["--durations=0"]
        options += [f"--deselect={name}" for name in self.left_out]
        return self.shop.runs("-m", "pytest", *options, *tests, seconds=seconds)

    def kills(self, fault: Fault) -> str:
        """Which test notices a fault that is put in; "" if none does."""
        if fault.file.suffix == ".c" and (code := self.shop.golden()):
            if code == 1 or code in CRASHES:
                return "golden" if code == 1 else f"golden ends with {code}"
            with self.shop.without(fault):
                if not self.shop.golden():
                    return "golden does not end"
        while True:
            run = self._ask(*self.files, seconds=self.seconds)
            if run.returncode == 0:
                return ""
            found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", run.stdout, re.M)
            if found is None:
                with self.shop.without(fault):
                    sure = (
                        run.returncode in CRASHES
                        or not self._ask(*self.files, seconds=self.seconds).returncode
                    )
                return f"ends with {run.returncode}" if sure else ""
            test = found[1]
            if self._is_sure(fault, test):
                return test
            print(f"    {test} fails without the fault too, or not again", flush=True)
            if test in self.left_out:
                return ""
            self.left_out.append(test)

    def _is_sure(self, fault: Fault, test: str) -> bool:
        """Whether it passes without the fault, and with it fails again."""
        with self.shop.without(fault):
            passes = self._ask(test, seconds=60).returncode == 0
        return passes and self._ask(test, seconds=60).returncode != 0


def golden() -> int:
    """Golden trainings in float32, small ones first, until one is not as it was."""
    from tests.trust import golden as cases  # the copy's, found by PYTHONPATH

    wanted = json.loads(cases.HASHES.read_text())
    n_shapes = len(cases.SHAPES)
    for number in sorted(range(cases.N_CASES), key=lambda number: number % n_shapes):
        if number % n_shapes > 2 and number > 20:
            continue  # hardly more than the large ones before
        model = cases.training(number, "float32")
        if cases.digest(model, number) != wanted[f"{number} float32"]:
            return 1
    return 0


class Trial:
    """Faults, one after the other, by some workshops at once."""

    def __init__(self, faults: Sequence[Fault], count: int) -> None:
        """Until `count` of them were killed or survived."""
        self.faults, self.count = iter(faults), count
        self.counts: collections.Counter[str] = collections.Counter()
        self.survivors: list[Fault] = []
        self.lock = threading.Lock()

    def work(self, folder: Path) -> None:
        """In workshops of its own: those in Python with the core that is installed."""
        shops: dict[str, Workshop] = {}
        juries: dict[str, Jury] = {}
        while fault := self._next():
            place, kind = fault.file.parts[1], fault.file.suffix
            if kind not in shops:
                shops[kind] = Workshop(folder / kind[1:])
                if kind == ".c":
                    wide = {"x86_64": "avx2", "aarch64": "neon"}.get(os.uname().machine)
                    isas = [isa for isa in ("generic", wide) if isa]
                    shops[kind].build(isas, ("-O1",))
                    assert not shops[kind].golden(), "it passes without a fault"
            if place not in juries:
                juries[place] = Jury(shops[kind], place)
            if why := shops[kind].put(fault):
                with self.lock:
                    self.counts[why] += 1
            else:
                self._note(fault, juries[place].kills(fault))
            shops[kind].take_out(fault)

    def _next(self) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if self.counts["killed"] + len(self.survivors) >= self.count:
                    return None
                if str(fault) not in EQUIVALENT:
                    return fault
                self.counts["equivalent"] += 1
            return None

    def _note(self, fault: Fault, by: str) -> None:
        with self.lock:
            self.counts["killed"] += bool(by)
            print(f"{by or 'SURVIVES':60.60} {fault.line + 1} {fault}", flush=True)
            if not by:
                self.survivors.append(fault)

    def report(self, possible: int, seed: int, seconds: float) -> None:
        """The survivors, and the share that was killed."""
        counts, survivors = self.counts, self.survivors
        total = counts["killed"] + len(survivors)
        print("\nSurvivors:", *(f"{f.line + 1} {f}" for f in survivors), sep="\n  ")
        print(
            f"{counts['killed']} of {total} faults killed, "
            f"{counts['killed'] / max(1, total):.1%}, of {possible:,} possible, seed "
            f"{seed}, in {seconds:.0f} s; {counts['does not compile']} did not "
            f"compile, {counts['same object']} changed nothing, "
            f"{counts['equivalent']} are known to be equivalent"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="at once")
    parser.add_argument("--only", default="", help="files whose path contains this")
    parser.add_argument("--again", type=Path, help="a file that lists faults")
    parser.add_argument("--golden", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.golden:
        return golden()
    faults = list(all_faults(options.only))
    random.Random(options.seed).shuffle(faults)
    if options.again:
        listed = options.again.read_text()
        faults = [f for f in faults if f"{f.line + 1} {f}\n" in listed]
    # A job in the background ignores Ctrl-C, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tables()
    trial = Trial(faults, options.count)
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            places = [Path(folder) / str(job) for job in range(options.jobs)]
            with ThreadPoolExecutor(options.jobs) as pool:
                list(pool.map(trial.work, places))
    finally:
        trial.report(len(faults), options.seed, time.monotonic() - begun)
    return 0


if __name__ == "__main__":
    sys.exit(main())
