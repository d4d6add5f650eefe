"""Every call that may fail does: memory, threads, writing and reading files.

The library of tests/c/faults.c is preloaded into processes that use nncore as it is
built, and lets the n-th call fail, for every n, once and for ever. What must hold each
time: an error of the right kind or the right result, nothing leaked, and a model that
goes on as if the call had never been made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nncore import _core

from .fresh import TIMEOUT, run_fresh

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="preloads a library of glibc's"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="compiles C with gcc"),
    pytest.mark.skipif(
        "LD_PRELOAD" in os.environ, reason="another library is preloaded"
    ),
]


@pytest.fixture(scope="module")
def preload(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the library stands before the C library."""
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).with_name("c") / "faults.c"
    command = ["gcc", "-O1", "-fPIC", "-shared", "-fno-builtin", "-o", str(library)]
    subprocess.run([*command, str(source), "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "FAULTS": str(library)}


ARM = """
import ctypes, errno, gc
import numpy as np
import nncore
from nncore import _core
from nncore.layers import BatchNormalization, Dense, Dropout

faults = ctypes.CDLL(os.environ["FAULTS"])
faults.faults_alive.restype = faults.faults_disarm.restype = ctypes.c_long
assert faults.faults_watch(b"_core.") == 1, "the core is one object"

def counted(what, nth, lasts, act, error=0):
    "(result or error, calls) of act() while the n-th call fails."
    faults.faults_arm(what.encode(), ctypes.c_long(nth), int(lasts), error)
    try:
        result = act()
    except (MemoryError, OSError) as failure:
        result = failure
    return result, faults.faults_disarm()
"""

# A model, and each of its verbs as a function that returns what can be compared. The
# rows are so many that two threads share them, the batch no multiple of a lane.
VERBS = """
rng = np.random.default_rng(3)
n_in, hidden, batch = SIZES
x = rng.standard_normal((ROWS, n_in)).astype(DTYPE)
y = (x[:, :3] > 0).astype(DTYPE)
path = os.path.join(FOLDER, "m.nnc")

def fresh():
    "A model that is not built yet."
    layers = [
        Dense(hidden, "tanh", name="a"),
        Dense(hidden, "relu", name="c"), Dense(3, "sigmoid", name="d"),
    ]
    # The narrow engine has neither.
    if os.environ.get("NNCORE_ENGINE") != "tiny":
        layers[1:1] = [BatchNormalization(name="n"), Dropout(0.25, name="b")]
    return nncore.Sequential(layers, seed=1, dtype=DTYPE, name="m")

def settle(model):
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", "mse"])

def build(model):
    model.build((None, n_in))
    return digest(model.get_weights())

def compile(model):
    settle(model)
    return model.metrics_names

def fit(model):
    history = model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
    return digest(model.get_weights()), history.history, model._network.last_run

def predict(model):
    return digest([model.predict(x), model.predict(x[:2]), model(x[0])])

def evaluate(model):
    return model.evaluate(x, y, verbose=0)

def save(model):
    model.save(path)
    return hashlib.sha256(open(path, "rb").read()).hexdigest()

def load(model):
    return digest(nncore.load_model(path).get_weights())

VERBS = [build, compile, fit, predict, evaluate, save, load]
"""


def indented(text: str) -> str:
    """Text that fits into the body of a fresh process."""
    return text.replace("\n", "\n        ").strip()


@pytest.mark.parametrize("engine", ["tiny", "panel"])
@pytest.mark.parametrize("team", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_allocation_of_the_core_may_fail(engine, team, dtype, preload, tmp_path):
    sizes = (7, 9, 30) if engine == "tiny" else (70, 130, 64)
    out = run_fresh(
        f"""
        ROWS, SIZES, FOLDER, DTYPE = 203, {sizes}, {str(tmp_path)!r}, {dtype!r}
        {{}}
        """.format(indented(ARM + VERBS))
        + """
        def before(verb):
            "A model as it is when it comes to this verb."
            model = fresh()
            for earlier in VERBS[:VERBS.index(verb)]: earlier(model)
            return model

        total = 0
        for verb in VERBS:
            want = verb(before(verb))
            gc.collect()
            held = faults.faults_alive()
            n = errors = 0
            made = 0
            while made >= n:
                n += 1
                for lasts in (False, True):
                    model = before(verb)
                    got, made = counted("memory", n, lasts, lambda: verb(model))
                    if isinstance(got, Exception):
                        assert type(got) is MemoryError, got
                        errors += 1
                        got = verb(model)
                    assert got == want, (verb, n, lasts, got, want)
                    del model, got
                    gc.collect()
                    assert faults.faults_alive() == held, (verb, n, lasts)
            total += errors
        run = before(predict)._network.last_run
        print(total, run["team"], run["engine"])
        """,
        NNCORE_FORCE_THREADS=str(team),
        NNCORE_ENGINE=engine,
        **preload,
    )
    total, *seen = out.split()
    assert seen == [str(team), engine]
    assert int(total) > 60


def test_a_batch_too_large_for_memory_leaves_the_room_of_smaller_ones(preload):
    # Layers of 64 inputs and 128 units or more keep X^T, whose stride is the batch's.
    run_fresh(
        f"""
        {indented(ARM)}
        def trained(fails):
            model, x, y = model_and_rows()
            model.fit(x, y, batch_size=32, epochs=1, verbose=0)
            if fails:
                grows = lambda: model.fit(x, y, batch_size=512, epochs=1, verbose=0)
                got, calls = counted("memory", 1, True, grows)
                assert type(got) is MemoryError and calls, got
            model.fit(x, y, batch_size=32, epochs=1, shuffle=False, verbose=0)
            return digest(model.get_weights())

        assert trained(True) == trained(False)
        """,
        NNCORE_ENGINE="panel",
        **preload,
    )


def test_any_array_may_be_refused(preload, tmp_path):
    # What NumPy allocates, between the chunks of a training too: the model may have
    # learnt something by then. Of more rows `fit` would look at a sample, and some of
    # NumPy's reductions crash where there is no memory.
    out = run_fresh(
        f"""
        ROWS, SIZES = 60, (70, 130, 64)
        FOLDER, DTYPE = {str(tmp_path)!r}, "float32"
        {{}}
        """.format(indented(ARM + VERBS))
        + """
        assert faults.faults_watch(b"_multiarray_umath") == 1
        done, errors = fresh(), 0
        for verb in VERBS: verb(done)
        for verb in VERBS:
            n = made = 0
            while made >= n:
                n += 1
                model = fresh()
                for earlier in VERBS[:VERBS.index(verb)]: earlier(model)
                got, made = counted("memory", n, False, lambda: verb(model))
                if isinstance(got, Exception):
                    assert isinstance(got, MemoryError), (verb, n, got)
                    errors += 1
                    for later in VERBS[VERBS.index(verb):]: later(model)
                    assert np.isfinite(model.predict(x)).all(), (verb, n)
        print(errors)
        """,
        **preload,
    )
    assert int(out) > 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_without_a_further_thread_trains_alone(preload):
    run_fresh(
        ARM
        + """
want = train()

def refused():
    "The bits of a training in a process that gets no thread, and the team."
    got, calls = counted("thread", 1, True, train, errno.EAGAIN)
    return calls and got == (want[0], 1)

assert want[1] == 2 or not _core.has_openmp()
assert not _core.has_openmp() or in_child(refused)
""",
        NNCORE_FORCE_THREADS="2",
        **preload,
    )


# ---- Quotas --------------------------------------------------------------------------

# What a container, or a system with its kind of cgroups, looks like from within.
CGROUPS = {
    "version 2": ({"cgroup": "0::/a/b\n", "a/b/cpu.max": "100000 100000\n"}, 1),
    "version 2, further up": (
        {
            "cgroup": "0::/a/b\n",
            "a/cpu.max": "50000 100000\n",
            "a/b/cpu.max": "max 1\n",
        },
        1,
    ),
    "version 2, in a container": (
        {"cgroup": "0::/not/here\n", "cpu.max": "100000 100000\n"},
        1,
    ),
    "version 2, a part more": ({"cgroup": "0::/\n", "cpu.max": "100001 100000\n"}, 2),
    "version 2, none": ({"cgroup": "0::/\n", "cpu.max": "max 100000\n"}, 2),
    "version 2, not a number": ({"cgroup": "0::/\n", "cpu.max": "much\n"}, 2),
    "version 1": (
        {
            "cgroup": "4:memory:/x\n3:cpu,cpuacct:/a\n",
            "cpu,cpuacct/a/cpu.cfs_quota_us": "10000\n",
            "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
        },
        1,
    ),
    "version 1, without a quota": (
        {
            "cgroup": "3:cpu:/\n",
            "cpu/cpu.cfs_quota_us": "-1\n",
            "cpu/cpu.cfs_period_us": "100000\n",
        },
        2,
    ),
    "both versions": (
        {
            "cgroup": "3:cpu:/a\n0::/a\n",
            "unified/a/cpu.max": "max 100000\n",
            "cpu/a/cpu.cfs_quota_us": "100000\n",
            "cpu/a/cpu.cfs_period_us": "100000\n",
        },
        1,
    ),
    "version 2, a quota larger than any machine": (
        {"cgroup": "0::/\n", "cpu.max": "9000000000000000 1\n"},
        2,
    ),
    "version 2, nothing in it": ({"cgroup": "0::/\n", "cpu.max": "\n"}, 2),
    "version 2, no period": ({"cgroup": "0::/\n", "cpu.max": "100000 0"}, 2),
    "version 2, no quota": ({"cgroup": "0::/\n", "cpu.max": "0 100000"}, 2),
    "version 2, a name longer than a path may be": (
        {"cgroup": "0::/" + "a" * 1200 + "\n", "cpu.max": "100000 100000"},
        1,
    ),
    "version 1, other controllers and no period": (
        {
            "cgroup": "4:cpuset,cpuacct:/\n3:cpu:/\n2:cpu\n",
            "cpu/cpu.cfs_quota_us": "100000",
        },
        2,
    ),
    "no cgroups": ({}, 2),
    "words without meaning": ({"cgroup": "::::\n\n:x\n" + "9" * 5000}, 2),
}


@pytest.mark.skipif(not _core.has_openmp(), reason="nncore was built without OpenMP")
@pytest.mark.parametrize("case", CGROUPS)
def test_a_quota_of_the_cgroup_limits_the_threads(case, preload, tmp_path):
    files, threads = CGROUPS[case]
    for name, text in files.items():
        folder = "proc/self" if name == "cgroup" else "sys/fs/cgroup"
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run_fresh(
        ARM
        + f"""
if len(os.sched_getaffinity(0)) < 2: skip("this process has one CPU")
assert nncore.get_num_threads() == {threads}, nncore.get_num_threads()
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as shown: nncore.show_config()
said = "the cgroup's CPU quota 1" in shown.getvalue()
assert said == ({threads} == 1), shown.getvalue()
""",
        FAULTS_ROOT=str(tmp_path),
        **preload,
    )


def test_what_the_core_refuses_changes_nothing(tmp_path):
    # tests/c/refusals.c: what Python never passes on, and a fork during a training.
    pytest.importorskip("setuptools", reason="builds the core by setup.py's tables")
    root = Path(__file__).parents[1]
    build = [sys.executable, "tests/trust/build_c.py", "refusals", str(tmp_path)]
    flags = ["--isa", "generic", "-O0"]
    subprocess.run([*build, *flags], cwd=root, check=True, capture_output=True)
    run = subprocess.run([tmp_path / "refusals"], capture_output=True, timeout=TIMEOUT)
    assert (run.returncode, run.stderr.decode()) == (0, "")


# ---- Files ---------------------------------------------------------------------------

SAVES = """
def network(seed):
    model = nncore.Sequential([Dense(90, input_dim=80, name="a")], seed=seed, name="m")
    model.compile("adam", "mse")
    model.fit(np.ones((4, 80)), np.ones((4, 90)), verbose=0)
    return model

path = os.path.join(FOLDER, "m" + ENDING)
old, new = network(1), network(2)
write = type(old).save_weights if ENDING == ".weights.h5" else type(old).save
write(new, path)
wanted = open(path, "rb").read()
write(old, path)
before = open(path, "rb").read()
handles = len(os.listdir("/proc/self/fd"))
assert before != wanted

def is_whole(error):
    "The folder has one file: the new one, or after an error the old one."
    assert len(os.listdir("/proc/self/fd")) == handles
    assert os.listdir(FOLDER) == [os.path.basename(path)], os.listdir(FOLDER)
    if error:
        assert open(path, "rb").read() == before, error
    else:
        read = network(3)
        read.load_weights(path)
        assert digest(read.get_weights()) == digest(new.get_weights())
"""


@pytest.mark.parametrize("ending", [".nnc", ".keras", ".h5", ".weights.h5"])
def test_any_write_may_fail(ending, preload, tmp_path):
    out = run_fresh(
        f"FOLDER, ENDING = {str(tmp_path)!r}, {ending!r}"
        + ARM
        + SAVES
        + """
errors = 0
for what in ("write", "fsync", "rename", "fchmod", "lseek"):
    n = made = 0
    while made >= n:
        n += 1
        for number in (errno.ENOSPC, errno.EIO):
            for lasts in (False, True):
                write(old, path)
                act = lambda: write(new, path)
                got, made = counted(what, n, lasts, act, number)
                is_whole(got)
                if got:
                    # Python's io says "not seekable" by itself.
                    assert got.errno == number or what == "lseek", got
                    errors += 1
print(errors)
""",
        **preload,
    )
    assert int(out) >= 16


@pytest.mark.parametrize("ending", [".nnc", ".keras", ".h5", ".weights.h5"])
def test_a_full_disk_leaves_the_old_file(ending, preload, tmp_path):
    # The limit on a file's size cuts a write short, as a full disk does.
    run_fresh(
        f"FOLDER, ENDING = {str(tmp_path)!r}, {ending!r}"
        + ARM
        + SAVES
        + """
import resource
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for size in np.linspace(0, len(wanted) - 1, 20).astype(int).tolist():
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        write(new, path)
        raise AssertionError(size)
    except OSError as error:
        assert error.errno == errno.EFBIG, error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    is_whole(True)
write(new, path)
is_whole(False)
""",
        **preload,
    )


@pytest.mark.parametrize("ending", [".nnc", ".keras", ".h5"])
def test_a_file_that_cannot_be_mapped_is_an_error(ending, preload, tmp_path):
    run_fresh(
        f"FOLDER, ENDING = {str(tmp_path)!r}, {ending!r}"
        + ARM
        + SAVES
        + """
load = lambda: nncore.load_model(path)
got, made = counted("mmap", 1, True, load, errno.ENOMEM)
assert made and isinstance(got, (OSError, MemoryError)), got
assert digest(load().get_weights()) == digest(old.get_weights())
""",
        **preload,
    )


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("ending", [".nnc", ".keras", ".h5", ".weights.h5"])
def test_loading_opens_the_file_and_nothing_else(ending, tmp_path):
    body = f"""
import os, sys
import numpy as np, nncore
from nncore.layers import Dense
FOLDER, ENDING = {str(tmp_path)!r}, {ending!r}
{SAVES}
def load():
    if ENDING == ".weights.h5": old.load_weights(path)
    else: nncore.load_model(path).predict(np.ones((2, 80)))

def mark(name):
    try: os.open("/mark-" + name, os.O_RDONLY)
    except FileNotFoundError: pass

load()  # what is imported when it is first needed
mark("begin")
load()
mark("end")
"""
    calls = "trace=%file,%network,%process"
    command = ["strace", "-f", "-qq", "-s", "300", "-o", str(tmp_path / "trace")]
    command += ["-e", calls, sys.executable, "-c", body]
    run = subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        cwd=tmp_path.parent,
    )
    if "ptrace" in run.stderr:
        pytest.skip("strace may not trace here")
    assert run.returncode == 0, run.stderr
    text = (tmp_path / "trace").read_text()
    during = text.partition("/mark-begin")[2].partition("/mark-end")[0]
    (tmp_path / "trace").unlink()
    seen = [line.split(maxsplit=1)[1] for line in during.splitlines()[1:-1]]
    path = str(tmp_path / ("m" + ending))
    harmless = ("newfstatat(", "readlink", "lstat(", "stat(", "clone3(", "exit")
    opened = [call for call in seen if not call.startswith(harmless)]
    assert opened, during
    assert all(f'"{path}"' in call and "O_RDONLY" in call for call in opened), opened
