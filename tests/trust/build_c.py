"""The core without Python, linked with a driver of tests/c, by any compiler's flags.

    .venv/bin/python tests/trust/build_c.py threads build/tsan -O1 -fsanitize=thread
    .venv/bin/python tests/trust/build_c.py threads build/here --isa generic -O1

Prints the program's path.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import setuptools

ROOT = Path(__file__).resolve().parents[2]


def build(driver: str, folder: Path, flags: list[str], only: str = "") -> Path:
    """The program of tests/c/<driver>.c with a core of all instruction sets, or one."""
    setuptools.setup = lambda **_: None
    tables = runpy.run_path(str(ROOT / "setup.py"))
    isas = tables["ISAS"][os.uname().machine]
    isas = {isa: own for isa, own in isas.items() if isa in (only or isa)}
    every = [*tables["FLAGS"], "-Icsrc", "-fopenmp", *flags]
    listed = "-DNN_ISA_LIST(X)=" + " ".join(f"X({isa})" for isa in isas)
    jobs = [("csrc/nncore.c", [listed]), (f"tests/c/{driver}.c", [])]
    jobs += [(f"csrc/base/{name}.c", [listed]) for name in ("arena", "cpu", "parallel")]
    for dtype in tables["DTYPES"]:
        macro = f"-DNN_DTYPE={dtype}"
        jobs.append(("csrc/engine/variant.c", [macro, listed]))
        for isa, own in isas.items():
            jobs.append(("csrc/kernels/variant.c", [macro, f"-DNN_ISA={isa}", *own]))
    folder.mkdir(parents=True, exist_ok=True)
    objects = [str(folder / f"{number}.o") for number in range(len(jobs))]
    cc = os.environ.get("CC", "gcc")

    def compile_one(number: int) -> None:
        source, own = jobs[number]
        command = [cc, *own, *every, "-c", source, "-o", objects[number]]
        subprocess.run(command, cwd=ROOT, check=True)

    folder = folder.resolve()
    objects = [str(folder / f"{number}.o") for number in range(len(jobs))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, range(len(jobs))))
    program = folder / driver
    command = [cc, "-fopenmp", *flags, *objects, "-lm", "-lpthread", "-o", program]
    subprocess.run(command, cwd=ROOT, check=True)
    return program


def main() -> int:
    driver, folder, *flags = sys.argv[1:]
    only = ""
    if "--isa" in flags:
        at = flags.index("--isa")
        only = flags[at + 1]
        del flags[at : at + 2]
    print(build(driver, Path(folder), flags, only))
    return 0


if __name__ == "__main__":
    sys.exit(main())
