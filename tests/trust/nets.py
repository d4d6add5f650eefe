"""Known faults put in on purpose: the test that is there for each must fail.

    .venv/bin/python tests/trust/nets.py             # all, about half an hour
    .venv/bin/python tests/trust/nets.py --today     # one, another each day
    .venv/bin/python tests/trust/nets.py fork leak   # some

Each is put into a copy of the source, alone; the copy without a fault must pass the
same test. Drivers in C are built with the sanitizer that they are for.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from mutants import ROOT, Workshop

SAN = ("--isa", "generic", "-O1", "-g", "-fno-sanitize-recover=all")


class Net(NamedTuple):
    """A fault, and what must notice it.

    `asks` is what follows `pytest`; or "driver", its name and flags for the compiler;
    or "script", its name and arguments.
    """

    file: str
    old: str
    new: str
    asks: tuple[str, ...]


def suite(file: str, chosen: str = "") -> tuple[str, ...]:
    return ("pytest", f"tests/test_{file}.py", *(("-k", chosen) if chosen else ()))


NETS = {
    "order of sums": Net(
        "csrc/base/real.h",
        "#define NN_CHAIN 512",
        "#define NN_CHAIN 256",
        suite("golden_bits", "[float32-3] or [float32-4]"),
    ),
    "one instruction set": Net(
        "csrc/kernels/simd/avx2.h",
        "{ return VEC_OP(max)(a, b); }",
        "{ return VEC_OP(max)(b, a); }",
        suite("kernels", "isa or nan"),
    ),
    "NaN hidden by a ReLU": Net(
        "csrc/kernels/activation.c",
        "    return vec_select(vec_gt(z, threshold), vec_min(z, top), below);",
        "    return vec_select(vec_gt(z, threshold), vec_min(z, top), vec_zero());",
        suite("kernels", "nan"),
    ),
    "a row that no thread takes": Net(
        "csrc/engine/net.h",
        "+ least + (rank < longer);",
        "+ least + (rank < longer && rank != 1);",
        suite("threads", "any_number"),
    ),
    "floating-point modes": Net(
        "csrc/base/parallel.c",
        "    if ((found & ~flags) != plain) _mm_setcsr(plain | (found & flags));\n",
        "    (void)flags, (void)plain;\n",
        suite("threads", "floating"),
    ),
    "fork": Net(
        "csrc/base/parallel.c",
        "    atomic_store(&forked, 1);\n",
        "    atomic_store(&forked, 0);\n",
        suite("threads", "full_teams and after"),
    ),
    "quota": Net(
        "csrc/base/parallel.c",
        "    if (quota <= 0 || period <= 0) return UINT_MAX;",
        "    if (quota <= period || period <= 0) return UINT_MAX;",
        suite("faults", "quota"),
    ),
    "freed before it is replaced": Net(
        "csrc/engine/batch.c",
        "    if (!layout.base) return NN_ERR_MEMORY;\n    nn_free(net->batch);\n",
        "    nn_free(net->batch);\n    if (!layout.base) return NN_ERR_MEMORY;\n",
        suite("faults", "allocation"),
    ),
    "leak": Net(
        "csrc/engine/build.c",
        "net->tiny.block,",
        "NULL,",
        suite("faults", "allocation"),
    ),
    "temporary file": Net(
        "nncore/saving/_files.py",
        "            os.unlink(temporary)",
        "            pass",
        suite("faults", "write"),
    ),
    "file not on the disk": Net(
        "nncore/saving/_files.py",
        "            os.fsync(file.fileno())",
        "            pass",
        suite("saving", "on_the_disk"),
    ),
    "hash of a file": Net(
        "nncore/saving/_tensors.py",
        "    if found != given:",
        "    if False:",
        suite("malicious_files", "changed_byte"),
    ),
    "fuzz": Net(
        "nncore/saving/_nnc.py",
        "    _check_tensors(model, variables, tensors, n_slots)\n",
        "",
        ("script", "fuzz.py", "--seconds", "30", "--only", ".nnc"),
    ),
    "soak": Net(
        "csrc/engine/build.c",
        "net->params,",
        "NULL,",
        ("script", "soak.py", "--seconds", "30"),
    ),
    "Ctrl-C": Net(
        "nncore/_training.py",
        "_CHUNK = 0.03",
        "_CHUNK = 3.0",
        suite("signals", "ends_a_training_soon"),
    ),
    "address sanitizer": Net(
        "csrc/engine/train.c",
        "for (size_t j = 1; j < columns; j++)\n            *targets++ = t[j];",
        "for (size_t j = 1; j <= columns; j++)\n            *targets++ = t[j];",
        ("driver", "hash_driver", *SAN, "-fsanitize=address"),
    ),
    "undefined behaviour sanitizer": Net(
        "csrc/engine/train.c",
        "const real *t = batch->y + row * batch->y_stride;",
        "const real *t = batch->y + row * batch->y_stride + (row << 62 == 1);",
        ("driver", "hash_driver", *SAN, "-fsanitize=undefined", "-fno-wrapv"),
    ),
    "thread sanitizer": Net(
        "csrc/engine/engine.h",
        "    atomic_int is_tiny;",
        "    int is_tiny;",
        ("driver", "threads", *SAN, "-fsanitize=thread"),
    ),
    "layers": Net(
        "csrc/kernels/rows.c",
        "*/\n",
        '*/\n#include "engine/engine.h"\n',
        suite("layering", "includes"),
    ),
    "imports": Net(
        "nncore/__init__.py",
        "import typing as _typing\n",
        "import typing as _typing\nimport h5py as _h5py\n",
        suite("packaging", "imports_no_extra"),
    ),
}


def ask(folder: Path, asks: tuple[str, ...]) -> bool:
    """Whether what is asked for passes in the copy."""
    kind, *rest = asks
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "TSAN_OPTIONS": "exitcode=66"}
    scripts = folder / "tests" / "trust"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    command += ["-m", "not keras", *rest]
    if kind == "script":
        command = [sys.executable, str(scripts / rest[0]), *rest[1:]]
    elif kind == "driver":
        name, *flags = rest
        place = str(folder / "build_c")
        build = [sys.executable, str(scripts / "build_c.py"), name, place, *flags]
        subprocess.run(build, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        environment["NNCORE_FORCE_THREADS"] = "2"
        # ThreadSanitizer wants addresses that are not drawn at random.
        command = ["setarch", os.uname().machine, "-R", f"{place}/{name}"]
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    if kind == "pytest":
        # Not by a wrong path or an import that fails.
        assert run.returncode in (0, 1), run.stdout[-2000:]
    return run.returncode == 0


def needs_core(name: str) -> bool:
    """Whether the fault is in what the core of the copy is built from."""
    net = NETS[name]
    reads_only = net.asks[0] == "driver" or net.asks[1] == "tests/test_layering.py"
    return net.file.startswith("csrc") and not reads_only


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NETS, []])
    parser.add_argument("--today", action="store_true")
    options = parser.parse_args()
    names = options.names or list(NETS)
    if options.today:
        names = [names[datetime.date.today().toordinal() % len(names)]]
    failed = []
    # A job in the background ignores Ctrl-C, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        if any(map(needs_core, names)):
            x86 = os.uname().machine == "x86_64"
            shop.build(("generic", "avx2") if x86 else ("generic",))
        for name in names:
            net = NETS[name]
            path = shop.folder / net.file
            text = (ROOT / net.file).read_text()
            assert text.count(net.old), f"{net.file} has no {net.old!r}"
            passes = ask(shop.folder, net.asks)
            path.write_text(text.replace(net.old, net.new, 1))
            if needs_core(name):
                shop.compile_all(net.file.split("/")[1])
                shop.link()
            notices = not ask(shop.folder, net.asks)
            shutil.copy(ROOT / net.file, path)
            if needs_core(name):
                shop.restore()
                shop.link()
            verdict = "caught" if notices else "MISSED"
            if not passes:
                verdict = "fails without the fault too"
            print(f"{name:32} {verdict:8} {' '.join(net.asks[:3])}", flush=True)
            if verdict != "caught":
                failed.append(name)
    print(f"{len(names) - len(failed)} of {len(names)} faults caught")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
