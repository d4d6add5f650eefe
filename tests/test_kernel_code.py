"""What the compiler made of the product kernels.

Their speed rests on two things that no result shows: every multiply-add is one fused
instruction, and a tile's accumulators stay in registers while it walks the contracted
index. Both are read from the assembly of each vector instruction set.
"""

from __future__ import annotations

import ast
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRODUCTS = re.compile(r"^(product|gradient)_\w+(\.\w+)*$")
LABEL = re.compile(r"^(\.L\w+):")
JUMP = re.compile(r"^\s+j\w+\s+(\.L\w+)")
FUSED = re.compile(r"^\s+vfn?madd\d+p[sd]\b.*%[yz]mm")
APART = re.compile(r"^\s+v(mul|add)p[sd]\b.*%[yz]mm")
FRAME = re.compile(r"^\s+movq\s+%rsp, %rbp")
SPILL = re.compile(
    r"^\s+v\w+\b.*%[yz]mm.*\(%(rsp|rbp)\)|^\s+v\w+.*\(%(rsp|rbp)\).*%[yz]mm"
)

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86-64 assembly"),
    pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc"),
]


def constants_of_setup():
    """The upper-case names of setup.py that are literals, by name."""
    values = {}
    for node in ast.parse((ROOT / "setup.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            code = compile(ast.Expression(node.value), "setup.py", "eval")
            try:
                values[node.targets[0].id] = eval(code, dict(values))
            except NameError:
                continue
    return values


@pytest.fixture(scope="module", params=["avx2", "avx512"])
def isa(request):
    return request.param


@pytest.fixture(scope="module")
def functions(isa, request):
    """Assembly lines of every function of one table, f32 then f64, by name."""
    setup = constants_of_setup()
    found = {}
    for dtype in setup["DTYPES"]:
        text = subprocess.run(
            [
                *("gcc", "-S", "-o", "-", "csrc/kernels/variant.c", "-Icsrc"),
                *(f"-DNN_ISA={isa}", f"-DNN_DTYPE={dtype}"),
                *setup["FLAGS"],
                *setup["X86"][isa],
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name, body in re.findall(
            r"^([a-z]\w*(?:\.\w+)*):\n(.*?)^\s+\.size\s+\1,", text, re.S | re.M
        ):
            found[f"{name} {dtype}"] = body.splitlines()
    return found


def innermost_loops(lines):
    """Runs of lines from a label to the jump back to it, no other loop within."""
    labels, loops = {}, []
    for i, line in enumerate(lines):
        if label := LABEL.match(line):
            labels[label[1]] = i
        elif (jump := JUMP.match(line)) and jump[1] in labels:
            loops.append((labels[jump[1]], i))
    return [
        lines[a : b + 1]
        for a, b in loops
        if not any((a, b) != (c, d) and a <= c and d <= b for c, d in loops)
    ]


def tiles(functions):
    """(function, loop, whether %rbp is its frame) of every loop of multiply-adds."""
    found = []
    for name, lines in functions.items():
        if not PRODUCTS.match(name.split()[0]):
            continue
        framed = any(FRAME.match(line) for line in lines)
        loops = [
            loop
            for loop in innermost_loops(lines)
            if sum(bool(FUSED.match(line)) for line in loop) >= 4
        ]
        found += [(name, loop, framed) for loop in loops]
    return found


def spills(loop, framed):
    return [
        line
        for line in loop
        if (hit := SPILL.match(line)) and ("rsp" in hit[0] or framed)
    ]


def test_the_loops_are_found(functions, isa):
    """The widest tile of each product is there: the other tests read something."""
    widest = {"avx2": 12, "avx512": 24}[isa]
    counts = {}
    for name, loop, _ in tiles(functions):
        fused = sum(bool(FUSED.match(line)) for line in loop)
        counts.setdefault(name, []).append(fused)
    vectors = {"avx2": 2, "avx512": 4}[isa]
    for dtype in ("f32", "f64"):
        for product in ("product", "gradient"):
            assert max(counts[f"{product}_{vectors} {dtype}"]) % widest == 0


def test_multiply_adds_are_fused(functions):
    for name, loop, _ in tiles(functions):
        assert not [line for line in loop if APART.match(line)], name


def test_accumulators_stay_in_registers(functions):
    for name, loop, framed in tiles(functions):
        assert not spills(loop, framed), name


def test_a_spill_would_be_seen():
    loop = [".L1:", "\tvmovups\t%zmm3, 64(%rsp)", "\tjne\t.L1"]
    assert spills(innermost_loops(loop)[0], framed=False)
    framed = ["\tvfmadd231ps\t-128(%rbp), %ymm1, %ymm2"]
    assert spills(framed, framed=True)
    assert not spills(framed, framed=False)
