"""How the C core is compiled; everything else about the package is in pyproject.toml.

One extension, nncore._core, is linked from objects that are compiled here: the kernels
once per instruction set and dtype, the engine once per dtype, the rest once, each into
a directory of its own under build_temp. An object is compiled again when a file that it
includes is newer, or when its command has changed. Nothing is probed on import.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

APT = "sudo apt install git gcc libc6-dev python3-dev python3-venv"
X86 = {
    "generic": ["-Os"],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": [*(f"-mavx512{part}" for part in ("f", "bw", "cd", "dq", "vl")), "-mfma"],
}
ARM = {"generic": ["-Os"], "neon": []}
ISAS = {"x86_64": X86, "aarch64": ARM, "arm64": ARM}
DTYPES = ("f32", "f64")
FLAGS = [
    *("-std=gnu11", "-O3", "-g0", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"),
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
]
# Cython's C is not ours to warn about, and holds no loop over data.
CYTHON_FLAGS = [
    *("-O2", "-Wno-unused-parameter", "-Wno-sign-compare"),
    "-Wno-cast-function-type",
]
OPENMP = ["-fopenmp"]
ABI3 = sys.implementation.name == "cpython" and not sysconfig.get_config_var(
    "Py_GIL_DISABLED"
)


class Build(build):
    """Start from an empty build/lib*, so that no deleted module is ever shipped."""

    def run(self):
        """Empty the directory, then build."""
        if Path(self.build_base) in Path(self.build_lib).parents:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class BuildCore(build_ext):
    """Probe the compiler, compile every object that is out of date, link."""

    def run(self):
        """Build for this machine alone, also where Python is a universal binary."""
        if sys.platform == "darwin":
            os.environ.setdefault("ARCHFLAGS", f"-arch {platform.machine()}")
        super().run()

    def build_extension(self, ext):
        """Compile the objects of `ext` in parallel, then let setuptools link them."""
        self._probe_compiler()
        openmp = OPENMP if self._probe_openmp() else []
        isas = {
            isa: flags
            for isa, flags in ISAS.get(platform.machine(), {"generic": []}).items()
            if self._compiles("int nothing;", flags)
        }
        jobs = [self._job(*what) for what in self._objects(isas, openmp)]
        stale = [job for job in jobs if self.force or is_stale(*job)]
        with ThreadPool(os.cpu_count()) as pool:
            pool.starmap(self._compile, stale, chunksize=1)
        ext.sources = []
        ext.depends = ext.extra_objects = [obj for obj, _ in jobs]
        ext.extra_link_args = openmp
        super().build_extension(ext)

    def _objects(self, isas, openmp):
        """Yield (source, directory, macros, flags) for every object."""
        isa_list = {"NN_ISA_LIST(X)": " ".join(f"X({isa})" for isa in isas)}
        for isa, flags in reversed(isas.items()):
            for dtype in DTYPES:
                macros = {"NN_ISA": isa, "NN_DTYPE": dtype}
                yield "csrc/kernels/variant.c", f"{isa}_{dtype}", macros, flags
        for dtype in DTYPES:
            yield "csrc/engine/variant.c", dtype, {"NN_DTYPE": dtype, **isa_list}, []
        for source in ("csrc/nncore.c", "csrc/base/arena.c", "csrc/base/cpu.c"):
            yield source, "once", isa_list, []
        yield "csrc/base/parallel.c", "once", {}, openmp
        macros = {
            "NN_BUILD_COMPILER": f'"{self._compiler_version()}"',
            "NN_BUILD_FLAGS": f'"{" ".join([*FLAGS, *user_flags()])}"',
            "NN_BUILD_ISAS": f'"{" ".join(isas)}"',
            "NN_BUILD_OPENMP": str(len(openmp)),
            **({"Py_LIMITED_API": "0x030B0000"} if ABI3 else {}),
        }
        includes = [f"-I{path}" for path in self.compiler.include_dirs]
        source = self._cythonize("nncore/_core.pyx")
        yield source, "once", macros, [*includes, *CYTHON_FLAGS]

    def _cythonize(self, source):
        """Path of the C file that Cython makes of `source`, remade when needed."""
        from Cython.Build import cythonize

        module = Extension("nncore._core", [source])
        (module,) = cythonize([module], build_dir=self.build_temp, force=self.force)
        return module.sources[0]

    def _job(self, source, directory, macros, flags):
        """Return (object, command); paths end in the object's own directory."""
        obj = str(Path(self.build_temp, directory, Path(source).stem + ".o"))
        command = [
            *self.compiler.compiler_so,
            *(f"-D{name}={value}" for name, value in macros.items()),
            *("-Icsrc", "-c", source, "-o", obj, "-MD", "-MF", obj + ".d"),
            *FLAGS,
            *flags,
            *user_flags(),
        ]
        return obj, command

    def _compile(self, obj, command):
        """Run `command` and note it beside `obj`."""
        print(shlex.join(command), flush=True)
        Path(obj).parent.mkdir(parents=True, exist_ok=True)
        Path(obj + ".command").unlink(missing_ok=True)
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        sys.stderr.write(done.stderr)
        if done.returncode:
            source = command[command.index("-c") + 1]
            # Not sys.exit: it would end a worker, and the pool would wait for it.
            raise CompileError(f"{source} does not compile; see the words above")
        Path(obj + ".command").write_text(shlex.join(command))

    def _probe_compiler(self):
        """End with what to install unless C that includes Python.h compiles."""
        kind = self.compiler.compiler_type
        if kind != "unix":
            sys.exit(
                "error: nncore is built by gcc or clang, on Linux or macOS. Received: "
                f"the compiler {kind!r}. On Windows use WSL, and there: {APT}"
            )
        cc = self.compiler.compiler_so[0]
        if shutil.which(cc) is None:
            sys.exit(
                f"error: there is no C compiler {cc!r} here. Install gcc, or name "
                f"another with CC=...: {APT}"
            )
        probes = {
            "#include <math.h>": f"{cc!r} finds no C library: <math.h> is missing",
            "#ifndef __GNUC__\n#error\n#endif": f"{cc!r} is neither gcc nor clang",
            "#include <Python.h>": f"Python.h for {sys.executable} is missing",
        }
        for text, reason in probes.items():
            if not self._compiles(text):
                sys.exit(f"error: {reason}. Install what is needed: {APT}")

    def _probe_openmp(self):
        """Whether OpenMP compiles and links; say so when it does not."""
        text = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }"
        if self._compiles(text, OPENMP, link=True):
            return True
        self.warn(
            "this compiler has no OpenMP: nncore will run on one thread. gcc brings "
            "OpenMP; clang needs its runtime (sudo apt install libomp-dev)"
        )
        return False

    def _compiles(self, text, flags=(), link=False):
        """Whether C `text` compiles (and links) with `flags`."""
        with tempfile.TemporaryDirectory() as where:
            source = Path(where, "probe.c")
            source.write_text(text + "\nextern int nothing;\n")
            command = [
                *self.compiler.compiler_so,
                *(f"-I{path}" for path in self.compiler.include_dirs),
                *(["-c"] if not link else []),
                *(str(source), "-o", str(Path(where, "probe"))),
                *flags,
                *user_flags(),
            ]
            return subprocess.run(command, capture_output=True).returncode == 0

    def _compiler_version(self):
        """First line of the compiler's --version."""
        command = [*self.compiler.compiler_so, "--version"]
        said = subprocess.run(command, capture_output=True, text=True).stdout
        return (said.splitlines() or ["unknown"])[0].replace('"', "'")


def user_flags():
    """CFLAGS of the environment: they come last, so that they win."""
    return shlex.split(os.environ.get("CFLAGS", ""))


def is_stale(obj, command):
    """Whether `obj` is missing, made by another command, or older than an input."""
    try:
        if Path(obj + ".command").read_text() != shlex.join(command):
            return True
        made = os.stat(obj).st_mtime
        rule = Path(obj + ".d").read_text().replace("\\\n", " ").partition(": ")[2]
        inputs = rule.replace("\\ ", "\0").split()
        return any(os.stat(path.replace("\0", " ")).st_mtime > made for path in inputs)
    except OSError:
        return True


setup(
    ext_modules=[Extension("nncore._core", ["nncore/_core.pyx"], py_limited_api=ABI3)],
    cmdclass={"build": Build, "build_ext": BuildCore},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
