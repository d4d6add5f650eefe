"""The layers stay apart, as csrc/README.md draws them.

Includes and imports point downwards; OpenMP, intrinsics and allocation stand only where
they belong.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "nncore"
C_FILES = sorted(path.relative_to(CSRC).as_posix() for path in CSRC.rglob("*.[ch]"))
PY_FILES = sorted(
    path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")
)

# Folder of a C file -> what its includes may start with. Longest folder wins.
MAY_INCLUDE = {
    "": ("nncore.h", "base/", "engine/engine.h"),
    "base": ("nncore.h", "base/"),
    "kernels": ("nncore.h", "base/", "kernels/"),
    "kernels/simd": ("base/real.h", "kernels/simd/"),
    "engine": ("nncore.h", "base/", "kernels/table.h", "engine/"),
}

# What may stand only in these files or folders.
CONFINED = {
    "OpenMP": (r"#\s*pragma\s+omp|\bomp_\w+\s*\(|<omp\.h>", ("base/parallel.c",)),
    "intrinsics": (
        r"\b_mm\d*_\w+|__builtin_ia32|immintrin\.h|arm_neon\.h|\bv(ld|st)1q_",
        ("kernels/simd/", "base/cpu.c", "base/parallel.c"),
    ),
    "allocation": (
        r"\b(malloc|calloc|realloc|aligned_alloc|posix_memalign|free)\s*\(",
        ("base/arena.c", "engine/build.c"),
    ),
    "Python": (r"Python\.h|\bPy[A-Z]\w+\s*\(", ()),
    "printing and leaving": (r"\b(v?f?printf|puts|perror|exit|abort)\s*\(", ()),
}

# Descriptions hold no arrays and know nothing of what runs them.
DESCRIPTIONS = (
    *("activations.py", "losses.py", "optimizers/", "metrics/", "regularizers.py"),
    *("initializers.py", "constraints.py", "layers/", "_lookup.py", "_legacy.py"),
)
RUNNERS = {"_core", "_plan", "_training", "_arrays", "models"}
# The only modules that talk to C.
MAY_IMPORT_CORE = (
    *("__init__.py", "_config.py", "_plan.py", "_selftest.py", "_numpy_engine.py"),
    *("benchmark/machine.py", "benchmark/peers/ours.py"),
)


def code_of(path: Path) -> str:
    """C text of a file with its comments and string contents blanked."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(), flags=re.S)
    return re.sub(r'(?<!include )"(\\.|[^"\\\n])*"', '""', text)


def imports_of(path: Path) -> set[str]:
    """Dotted names that a module imports when run; its own package's without `nncore.`.

    What stands under `if TYPE_CHECKING` is not run.
    """
    package = ["nncore", *path.relative_to(PACKAGE).parts[:-1]]
    names = set()
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes += node.orelse
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return {name.removeprefix("nncore.") for name in names}


def in_one_of(file: str, places: tuple[str, ...]) -> bool:
    return any(file == p or (p.endswith("/") and file.startswith(p)) for p in places)


@pytest.mark.parametrize("file", C_FILES)
def test_includes_point_downwards(file):
    folder = str(Path(file).parent.as_posix()).strip(".")
    allowed = MAY_INCLUDE[folder]
    for name in re.findall(r'#\s*include\s+"([^"]+)"', (CSRC / file).read_text()):
        assert name.startswith(allowed), f"{folder or 'csrc'} may not include {name}"
        assert (CSRC / name).exists(), f"{name} is not given from csrc/ on"


@pytest.mark.parametrize("file", C_FILES)
def test_the_map_shows_every_file(file):
    path = Path(file)
    text = (CSRC / "README.md").read_text()
    pair = rf"\b{path.stem}\.\[ch\]"
    assert re.search(rf"\b{re.escape(path.name)}\b|{pair}", text), path.name


@pytest.mark.parametrize("what", CONFINED)
def test_c_keeps_it_in_its_place(what):
    pattern, places = CONFINED[what]
    found = {
        file: match.group()
        for file in C_FILES
        if (match := re.search(pattern, code_of(CSRC / file)))
    }
    outside = {
        file: text for file, text in found.items() if not in_one_of(file, places)
    }
    assert not outside, f"{what} belongs in {places or 'no C file'}: {outside}"
    assert not places or found, f"{what} is found nowhere: is the pattern right?"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="asks gcc")
@pytest.mark.parametrize("name", [path.name for path in (ROOT / "tests/c").glob("*.c")])
def test_the_drivers_know_the_interface(name):
    strict = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Icsrc"]
    subprocess.run(["gcc", *strict, f"tests/c/{name}"], cwd=ROOT, check=True)


@pytest.mark.parametrize("flag", ["-ffast-math", "-Ofast", "-march=native"])
def test_no_flag_changes_the_arithmetic(flag):
    assert flag not in (ROOT / "setup.py").read_text()


@pytest.mark.parametrize("file", [f for f in PY_FILES if in_one_of(f, DESCRIPTIONS)])
def test_descriptions_know_nothing_of_what_runs_them(file):
    assert not imports_of(PACKAGE / file) & RUNNERS


@pytest.mark.parametrize("file", PY_FILES)
def test_only_few_modules_know_the_core(file):
    if "_core" in imports_of(PACKAGE / file):
        assert in_one_of(file, MAY_IMPORT_CORE)


def test_the_reference_needs_numpy_alone():
    known = {"numpy", "numpy.typing", "__future__", "__future__.annotations", "math"}
    outside = {
        name
        for name in imports_of(PACKAGE / "reference.py")
        if name not in known
        and not name.startswith(("numpy.", "typing", "dataclasses", "collections"))
    }
    assert not outside


def test_cython_reaches_c_only_through_its_mirror_of_the_header():
    pyx = (PACKAGE / "_core.pyx").read_text()
    for name in re.findall(r'extern from "([^"]+)"', pyx):
        assert name in ("nncore.h", "Python.h")
