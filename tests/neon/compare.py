"""Train the networks of tests/c/hash_driver.c everywhere and compare their hashes.

Builds the core without Python: with gcc for this machine, with clang if it is here, and
with a cross compiler for 64-bit ARM, run under qemu. Every instruction set that can run
and teams of 1, 2 and 3 threads must print the same lines. Also counts the fused
multiply-adds in the kernels' objects, and looks for calls to libm there.

    sudo apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user clang
    .venv/bin/python tests/neon/compare.py
"""

from __future__ import annotations

import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import setuptools

ROOT = Path(__file__).resolve().parents[2]
ARM_CC = "aarch64-linux-gnu-gcc"
QEMU = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]
# Fused multiply-adds by instruction set, and how few would be suspicious.
FMA = {
    "avx2": r"\bvfn?m(add|sub)",
    "avx512": r"\bvfn?m(add|sub)",
    "neon": r"\bfml[as]\b",
}
FEWEST_FMA = 100
# All that a kernel's object may leave to others.
MAY_CALL = {"memcpy", "memset", "memmove", "fma", "_GLOBAL_OFFSET_TABLE_"}


def build_tables() -> dict[str, Any]:
    """The names of setup.py, which is not run as a build."""
    setuptools.setup = lambda **_: None
    return runpy.run_path(str(ROOT / "setup.py"))


def objects(table: dict[str, Any], isas: dict[str, list[str]]) -> Iterator[tuple]:
    """Yield (source, object's name, flags), as setup.py compiles them."""
    isa_list = "-DNN_ISA_LIST(X)=" + " ".join(f"X({isa})" for isa in isas)
    for isa, flags in isas.items():
        for dtype in table["DTYPES"]:
            macros = [f"-DNN_ISA={isa}", f"-DNN_DTYPE={dtype}"]
            yield "csrc/kernels/variant.c", f"{isa}_{dtype}", [*macros, *flags]
    for dtype in table["DTYPES"]:
        yield "csrc/engine/variant.c", dtype, [f"-DNN_DTYPE={dtype}", isa_list]
    for name in ("nncore", "base/arena", "base/cpu"):
        yield f"csrc/{name}.c", Path(name).name, [isa_list]
    yield "csrc/base/parallel.c", "parallel", table["OPENMP"]
    yield "tests/c/hash_driver.c", "driver", []


def build(cc: str, table: dict[str, Any], isas: dict[str, list[str]]) -> Path:
    """Compile and link the driver; return its path."""
    where = ROOT / "build" / "hashes" / cc
    where.mkdir(parents=True, exist_ok=True)
    has_openmp = "clang" not in cc

    def compile_one(source: str, name: str, flags: list[str]) -> str:
        flags = [flag for flag in flags if has_openmp or flag not in table["OPENMP"]]
        obj = str(where / f"{name}.o")
        command = [cc, *table["FLAGS"], "-Icsrc", *flags, "-c", source, "-o", obj]
        subprocess.run(command, check=True, cwd=ROOT)
        return obj

    with ThreadPool(os.cpu_count()) as pool:
        found = pool.starmap(compile_one, objects(table, isas), chunksize=1)
    link = [cc, *found, "-o", str(where / "driver"), "-lm", "-pthread"]
    subprocess.run([*link, *(table["OPENMP"] if has_openmp else [])], check=True)
    return where / "driver"


def check_objects(driver: Path, objdump: str, isas: dict[str, list[str]]) -> None:
    """Count multiply-adds and outside calls in each kernel object."""
    for isa in isas:
        for dtype in ("f32", "f64"):
            path = driver.parent / f"{isa}_{dtype}.o"
            said = subprocess.run(
                [objdump, "-t", "-d", "--no-show-raw-insn", str(path)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            calls = set(re.findall(r"\*UND\*\s+\S+\s+(\S+)$", said, re.M)) - MAY_CALL
            if calls:
                sys.exit(f"{path.name} calls {sorted(calls)}: kernels call no library")
            if isa in FMA:
                count = len(re.findall(FMA[isa], said))
                print(f"{path.parent.name}/{path.name}: {count} fused multiply-adds")
                if count < FEWEST_FMA:
                    sys.exit(f"at least {FEWEST_FMA} were expected")


def run(command: list[str], isa: str, threads: int) -> str:
    """The driver's lines with one instruction set and a forced team."""
    forced = {"NNCORE_ISA": isa, "NNCORE_FORCE_THREADS": str(threads)}
    done = subprocess.run(
        [*command, "--show"],
        env={**os.environ, **forced},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{command[-1]} under {forced} failed:\n{done.stdout}{done.stderr}")
    teams = set(re.findall(r"^(\w+), team of (\d+)", done.stderr, re.M))
    if teams - {(isa, str(threads)), (isa, "1")} or (isa, str(threads)) not in teams:
        sys.exit(f"forced {isa} on {threads} threads, but it ran on {teams}")
    return done.stdout


def can_run(isa: str) -> bool:
    """Whether this machine's CPU has an x86 instruction set."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    needs = {"avx2": ["avx2", "fma"], "avx512": ["avx512vl", "avx512dq", "avx512bw"]}
    return all(f" {flag} " in flags for flag in needs.get(isa, []))


def main() -> None:
    """Build, run and compare."""
    table = build_tables()
    native = table["ISAS"][platform.machine()]
    runs: list[tuple[list[str], str, int]] = []
    gcc = build(os.environ.get("CC", "gcc"), table, native)
    check_objects(gcc, "objdump", native)
    runs += [([str(gcc)], isa, n) for isa in native if can_run(isa) for n in (1, 2, 3)]
    if shutil.which("clang"):
        clang = build("clang", table, native)
        check_objects(clang, "objdump", native)
        runs += [([str(clang)], isa, 1) for isa in native if can_run(isa)]
    else:
        print("clang is not here: its build is not compared")
    if shutil.which(ARM_CC) and shutil.which(QEMU[0]):
        arm = build(ARM_CC, table, table["ARM"])
        check_objects(arm, "aarch64-linux-gnu-objdump", table["ARM"])
        runs += [([*QEMU, str(arm)], "neon", n) for n in (1, 3)]
        runs += [([*QEMU, str(arm)], "generic", 1)]
    else:
        sys.exit("install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user first")

    expected: list[str] = []
    for command, isa, threads in runs:
        name = Path(command[-1]).parent.name
        lines = run(command, isa, threads).splitlines()
        expected = expected or lines
        wrong = [
            line for line, first in zip(lines, expected, strict=True) if line != first
        ]
        if wrong:
            sys.exit("\n".join([f"{name} {isa} on {threads} threads differs:", *wrong]))
        print(f"{name}, {isa}, {threads} threads: {len(lines)} hashes agree")


if __name__ == "__main__":
    main()
