"""Threads: their number, equal results for any, fork, one model in many threads.

Where a test is about teams of threads it asserts the team that ran, so that none passes
because everything ran on one thread.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from nncore import _core, optimizers
from nncore.callbacks import LambdaCallback
from nncore.layers import Dense
from nncore.models import Sequential

from .fresh import run_fresh
from .helpers import run_together, same_bits

needs_teams = pytest.mark.skipif(
    not _core.has_openmp(), reason="nncore was built without OpenMP"
)
needs_fork = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="this system has no fork"
)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def rows(rng):
    """X (4000, 64), y (4000, 10)."""
    x = rng.standard_normal((4000, 64)).astype("float32")
    return x, (x[:, :10] > 0).astype("float32")


def network(seed=1):
    model = Sequential(
        [Dense(128, activation="relu", input_shape=(64,)), Dense(10)], seed=seed
    )
    model.compile("adam", "mse")
    return model


def assert_same_weights(a, b):
    assert all(map(same_bits, a.get_weights(), b.get_weights()))


# ---- equal results -------------------------------------------------------------------


@needs_teams
@pytest.mark.parametrize("kind", ["plain", "clipped"])
def test_any_number_of_threads_gives_the_same_bits(kind):
    run_fresh(
        f"""
        from nncore.layers import Dense, Dropout
        from nncore.models import Sequential
        from nncore.optimizers import SGD

        def results(threads):
            os.environ["NNCORE_FORCE_THREADS"] = str(threads)
            model, x, y = model_and_rows(metrics=["accuracy"])
            if {kind!r} == "clipped":
                model = Sequential(
                    [
                        Dense(130, "relu", kernel_regularizer="l2", input_dim=64),
                        Dropout(0.3),
                        Dense(10, "softmax"),
                    ],
                    seed=3,
                )
                rule = SGD(0.1, momentum=0.9, global_clipnorm=0.1)
                model.compile(rule, "categorical_crossentropy", metrics=["accuracy"])
            history = model.fit(x, y, batch_size=50, epochs=2, verbose=0).history
            teams = [model._network.last_run["team"]]
            scores = model.evaluate(x, y, verbose=0)
            teams.append(model._network.last_run["team"])
            outputs = model.predict(x)
            teams.append(model._network.last_run["team"])
            assert teams == [threads] * 3, teams
            return digest([*model.get_weights(), outputs]), history, scores

        alone = results(1)
        for threads in (2, 3, 8):
            assert results(threads) == alone, threads
        """
    )


@needs_teams
def test_trainings_in_several_threads_at_once_equal_those_in_turn():
    run_fresh(
        """
        want = train()
        assert want[1] == 2, want
        seen = []
        threads = [
            threading.Thread(target=lambda: seen.append(train())) for _ in range(4)
        ]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert seen == [want] * 4, seen
        """,
        NNCORE_FORCE_THREADS="2",
    )


@needs_teams
@pytest.mark.skipif(
    platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc",
    reason="sets the modes through glibc's fenv_t of x86-64",
)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_callers_floating_point_modes_change_no_bit_and_are_put_back(threads):
    # 0x8040 is FTZ and DAZ, 0x4000 rounds up. The pool of threads is made within either
    # of the modes: threads keep those that they were born with.
    run_fresh(
        f"""
        import ctypes
        import numpy as np
        from nncore.layers import Dense
        from nncore.models import Sequential

        libm = ctypes.CDLL("libm.so.6")
        state = (ctypes.c_uint32 * 8)()

        def modes(change=0):
            "Set the modes of this thread; return what was found, without the flags."
            libm.fegetenv(state)
            found = state[7]
            state[7] = 0x1f80 | change
            libm.fesetenv(state)
            return found & ~0x3f & ~0x1f80

        tiny = np.full((600, 8), 1e-20, "float32")
        faint = np.full((600, 8), 1e-30, "float32")
        thirds = np.full((600, 8), 3.0, "float32")

        def made():
            model = Sequential([Dense(64, use_bias=False, input_dim=8)], seed=1)
            model.compile("sgd", "mse")
            return model

        models = [[made() for _ in range(3)] for _ in range(4)]
        for trio in models:
            trio[0].set_weights([np.full((8, 64), 1e-20, "float32")])
            trio[1].set_weights([np.zeros((8, 64), "float32")])
            trio[2].set_weights([np.full((8, 64), 1 / 3, "float32")])

        def results(trio):
            "Outputs and weights that are subnormal, and some that are rounded."
            y = np.full((600, 64), 1e-5, "float32")
            trio[1].fit(faint, y, batch_size=600, shuffle=False, verbose=0)
            teams = [trio[1]._network.last_run["team"]]
            arrays = [trio[0].predict(tiny), trio[2].predict(thirds)]
            teams.append(trio[2]._network.last_run["team"])
            assert teams == [{threads}] * 2, teams
            return arrays + trio[1].get_weights()

        one, small = np.float32(1), np.float32(1e-20)
        changed = []
        for change in (0x8040, 0x4000, 0x8040 | 0x4000):
            modes(change)
            acts = (small * small == 0, one / np.float32(3) > 0.33333334)
            changed.append((results(models.pop()), modes(), change, acts))
        plain = results(models.pop())
        least = np.finfo("float32").tiny
        assert 0 < plain[0].min() and plain[0].max() < least
        assert 0 < plain[2].min() and plain[2].max() < least
        for arrays, after, change, acts in changed:
            assert acts[0] == bool(change & 0x8040), (hex(change), acts)
            assert after == change, (hex(after), hex(change))
            assert digest(arrays) == digest(plain), hex(change)
        """,
        NNCORE_FORCE_THREADS=str(threads),
    )


# ---- how many ------------------------------------------------------------------------

# A training that is worth two threads; skipped where there is one CPU.
TWO_CPUS = """
import numpy as np
import nncore
from nncore.layers import Dense
from nncore.models import Sequential

allowed = os.sched_getaffinity(0)
if len(allowed) < 2:
    skip("this process has one CPU")
x = np.zeros((256, 512), "float32")
model = Sequential([Dense(512, input_dim=512), Dense(10)], seed=1)
model.compile("sgd", "mse")

def teams(**options):
    "The threads that train and that predict."
    model.fit(x, x[:, :10], batch_size=256, verbose=0, **options)
    found = [model._network.last_run["team"]]
    model.predict(np.zeros((4096, 512), "float32"), **options)
    return [*found, model._network.last_run["team"]]

def check(n, **options):
    if not options:
        assert nncore.get_num_threads() == n, nncore.get_num_threads()
    assert teams(**options) == [n, n], (n, teams(**options))
"""

TWO_THREADS = TWO_CPUS + (
    """
if nncore.get_num_threads() < 2:
    skip("this process may use one thread")
"""
)


@needs_teams
@needs_linux
def test_the_number_of_threads_is_the_users_choice():
    run_fresh(
        TWO_THREADS
        + """
nncore.set_num_threads(2)
check(2)
check(1, threads=1)
nncore.set_num_threads(1)
check(1)
check(2, threads=2)
nncore.set_num_threads(1000)
assert nncore.get_num_threads() <= len(allowed)
"""
    )


@needs_teams
@needs_linux
def test_an_environment_variable_sets_the_number_of_threads():
    body = "check(1); nncore.set_num_threads(2); check(2)"
    run_fresh(TWO_CPUS + body, NNCORE_NUM_THREADS="1")


@needs_teams
@needs_linux
@pytest.mark.parametrize("value", ["two", "", "0", "-1", "99999999999999999999"])
def test_an_impossible_number_in_the_environment_counts_for_nothing(value):
    body = "assert nncore.get_num_threads() > 1"
    run_fresh(TWO_THREADS.replace("skip", "print") + body, NNCORE_NUM_THREADS=value)


@needs_teams
@needs_linux
def test_on_a_busy_machine_training_in_short_steps_goes_on_alone():
    run_fresh(
        TWO_CPUS
        + """
import subprocess
from nncore.callbacks import LambdaCallback
os.sched_setaffinity(0, sorted(allowed)[:2])
model = Sequential([Dense(256, "relu", input_dim=256), Dense(256)], seed=1)
model.compile("adam", "mse")
# Shorter steps are tried alone on any machine, for longer ones a team may wait.
sizes = range(8, 2048, 8)
size = next(n for n in sizes if model._network.microseconds(n, True) > 1200)
assert model._network.microseconds(size, True) < 1800
x = np.zeros((25 * size, 256), "float32")
model.train_on_batch(x[:size], x[:size])
assert model._network.last_run["team"] == 2
teams = set()
note = LambdaCallback(
    on_epoch_end=lambda *_: teams.add(model._network.last_run["team"])
)
busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(6)]
try:
    end = time.monotonic() + 20
    while 1 not in teams and time.monotonic() < end:
        model.fit(x, x, batch_size=size, epochs=4, verbose=0, callbacks=[note])
    assert 1 in teams
finally:
    for process in busy: process.kill()
"""
    )


@needs_teams
@needs_linux
def test_short_steps_are_tried_by_a_team_and_by_one_thread_with_the_same_bits():
    run_fresh(
        TWO_CPUS
        + """
from nncore.callbacks import LambdaCallback
x = np.random.default_rng(1).normal(size=(1600, 128)).astype("float32")
used, weights = {1: [], 2: []}, []
for threads in used:
    model = Sequential([Dense(128, "relu", input_dim=128), Dense(128)], seed=1)
    model.compile("adam", "mse")
    note = LambdaCallback(
        on_epoch_end=lambda *_: used[threads].append(model._network.last_run["team"])
    )
    options = dict(batch_size=64, epochs=30, verbose=0, callbacks=[note])
    model.fit(x, x, threads=threads, **options)
    weights.append(model.get_weights())
end = time.monotonic() + 20  # a busy machine may have no second CPU for a while
while set(used[2]) != {1, 2} and time.monotonic() < end:
    model.fit(x, x, threads=2, **options)
assert set(used[1]) == {1} and set(used[2]) == {1, 2}, used
assert all((a == b).all() for a, b in zip(*weights))
"""
    )


@needs_teams
@needs_linux
def test_affinity_limits_the_number_of_threads_from_that_moment_on():
    run_fresh(
        TWO_THREADS
        + """
nncore.set_num_threads(2)
check(2)
os.sched_setaffinity(0, {min(allowed)})
check(1)
check(1, threads=2)
os.sched_setaffinity(0, allowed)
check(2)
"""
    )


@needs_teams
@needs_linux
@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OMP_THREAD_LIMIT"])
def test_openmps_own_limits_are_kept(name):
    run_fresh(TWO_CPUS + "nncore.set_num_threads(8); check(1)", **{name: "1"})


@needs_teams
@needs_linux
def test_small_work_stays_on_one_thread():
    run_fresh(
        TWO_THREADS
        + """
nncore.set_num_threads(2)
check(2)
model = Sequential([Dense(16, input_dim=2), Dense(1)], seed=1)
model.compile("sgd", "mse")
model.fit(x[:4, :2], x[:4, :1], verbose=0)
assert model._network.last_run["team"] == 1
model.predict(x[:4, :2])
assert model._network.last_run["team"] == 1
"""
    )


# ---- fork ----------------------------------------------------------------------------

FORKS = {
    "after training": """
        want = train()
        for _ in range(3): assert in_child(lambda: train() == want)
        assert train() == want
    """,
    "before training": """
        import nncore
        pipe = os.pipe()
        def work():
            os.write(pipe[1], repr(train()).encode())
            return True
        assert in_child(work)
        want = train()
        assert os.read(pipe[0], 200).decode() == repr(want)
    """,
    "in a child's child": """
        want = train()
        def work():
            before = train() == want
            return before and in_child(lambda: train() == want) and train() == want
        assert in_child(work)
        assert in_child(lambda: in_child(lambda: train() == want))
    """,
    "in another thread": """
        want = train()
        seen = []
        def work():
            before = train() == want
            seen.append(before and in_child(lambda: train() == want))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert seen == [True]
    """,
    "while another thread trains": """
        want = train()
        stop, seen = threading.Event(), []
        def churn():
            while not stop.is_set(): seen.append(train())
        thread = threading.Thread(target=churn)
        thread.start()
        for _ in range(8):
            assert in_child(lambda: train() == want)
        stop.set()
        thread.join()
        assert set(seen) == {want}
    """,
    "of a pool": """
        import multiprocessing
        want = train()
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(train, [2] * 4) == [want] * 4
        assert train() == want
    """,
    "then threads in the child": """
        want = train()
        def work():
            seen = []
            def add(): seen.append(train())
            threads = [threading.Thread(target=add) for _ in range(3)]
            for thread in threads: thread.start()
            add()
            for thread in threads: thread.join()
            return seen == [want] * 4
        assert in_child(work)
    """,
    "then the child ends as programs do": """
        want = train()
        pid = os.fork()
        if pid == 0:
            sys.exit(0 if train() == want else 1)
        assert os.waitpid(pid, 0)[1] == 0
    """,
    "then the parent's model goes on in the child": """
        model, x, y = model_and_rows()
        model.fit(x, y, verbose=0)
        def rest():
            model.fit(x, y, verbose=0)
            assert model._network.last_run["team"] == 2
            return digest([*model.get_weights(), model.predict(x)])
        pipe = os.pipe()
        assert in_child(lambda: os.write(pipe[1], rest().encode()))
        assert os.read(pipe[0], 200).decode() == rest()
    """,
}


@needs_teams
@needs_fork
@pytest.mark.parametrize("case", FORKS)
def test_a_forks_child_trains_with_full_teams(case):
    # With OpenMP alone the child would wait for ever for threads that it does not have.
    body = FORKS[case] + "\n        assert train()[1] == 2"
    run_fresh(body, NNCORE_FORCE_THREADS="2")


@needs_teams
@needs_fork
def test_a_forks_child_trains_after_another_librarys_threads():
    # Also when that library's threads ran before nncore was imported.
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    out = run_fresh(
        """
        import numpy as np
        from sklearn.ensemble import HistGradientBoostingClassifier
        rows = np.random.default_rng(0).random((200, 4))

        def boost():
            HistGradientBoostingClassifier(max_iter=2).fit(rows, rows[:, 0] > 0.5)

        def show():
            print(train(), flush=True)
            return True

        boost()
        assert "nncore" not in sys.modules
        assert in_child(show)
        import nncore.models
        boost()
        assert in_child(show)
        show()
        boost()
        assert in_child(show)
        """,
        NNCORE_FORCE_THREADS="2",
    )
    lines = out.splitlines()
    assert lines == [lines[0]] * 4
    assert lines[0].endswith(", 2)")


HELD_AT_THE_FORK = """
model, x, y = model_and_rows()
model.fit(x, y, verbose=0)
begun = threading.Event()

def hold():
    begun.set()
    while not stop: act()

thread = threading.Thread(target=hold)
stop = False
"""


@needs_fork
@needs_linux
@needs_teams
def test_a_child_that_imports_nncore_in_a_thread_trains_with_a_team(tmp_path):
    # Another library has used OpenMP in the parent.
    source = tmp_path / "other.c"
    source.write_text(
        "int sum(void) { int n = 0;\n#pragma omp parallel num_threads(2) reduction(+:n)"
        "\nn++;\nreturn n; }"
    )
    command = ["gcc", "-shared", "-fPIC", "-fopenmp", source, "-o", tmp_path / "o.so"]
    if shutil.which("gcc") is None or subprocess.run(command).returncode:
        pytest.skip("there is no compiler with OpenMP")
    run_fresh(
        f"""
        import ctypes, importlib
        assert ctypes.CDLL({str(tmp_path / "o.so")!r}).sum() == 2

        def trained():
            load = lambda: importlib.import_module("nncore.models")
            thread = threading.Thread(target=load)
            thread.start()
            thread.join()
            return train()[1] == 2

        assert in_child(trained)
        """,
        NNCORE_FORCE_THREADS="2",
    )


@needs_fork
def test_a_child_builds_models_although_another_thread_was_naming_layers_at_the_fork():
    run_fresh(
        """
        from nncore import _counting
        assert in_child(lambda: True)
        with _counting._lock:
            assert in_child(train)
        assert train()
        """
    )


@needs_fork
def test_a_model_that_another_thread_was_training_at_the_fork_does_not_hang_the_child():
    # Its weights may be half written: an error is what the child should get.
    run_fresh(
        HELD_AT_THE_FORK
        + """
def act(): model.fit(x, y, epochs=10**9, verbose=0)

def check():
    try:
        model.predict(x)
    except RuntimeError as error:
        assert "busy" in str(error)
    try:
        model.fit(x, y, verbose=0)
    except RuntimeError as error:
        return "busy" in str(error)

thread.start()
begun.wait()
time.sleep(0.05)
seen = [in_child(check) for _ in range(10)]
stop = model.stop_training = True
thread.join()
assert all(seen), seen
"""
    )


@needs_fork
def test_a_model_that_another_thread_was_asking_at_the_fork_trains_in_the_child():
    # The prediction ended with its thread and left nothing half done.
    run_fresh(
        HELD_AT_THE_FORK
        + """
import numpy as np
many = np.repeat(x, 20, axis=0)

def act(): model.predict(many)

def check():
    model.fit(x, y, verbose=0)
    return model.predict(x).shape == (512, 10)

thread.start()
begun.wait()
time.sleep(0.05)
seen = [in_child(check) for _ in range(10)]
stop = True
thread.join()
assert all(seen), seen
"""
    )


# ---- randomness ----------------------------------------------------------------------


@needs_fork
def test_unseeded_models_start_from_different_weights_in_forked_workers():
    run_fresh(
        """
        import multiprocessing
        from nncore.layers import Dense
        from nncore.models import Sequential

        def start(_=None):
            model = Sequential([Dense(5, input_dim=4)])
            return digest(model.get_weights())

        found = [start()]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found += pool.map(start, range(6), chunksize=1)
        assert in_child(lambda: start() not in found)
        found.append(start())
        assert len(set(found)) == 8, found
        """
    )


UNSEEDED = """
import numpy as np
from nncore.layers import Dense, Dropout
from nncore.models import Sequential

x = np.arange(40.0).reshape(10, 4) / 40

def run():
    model = Sequential([Dense(5, input_dim=4), Dropout(0.5), Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, x[:, 0], batch_size=3, epochs=3, verbose=0)
    model.evaluate(x, x[:, 0], verbose=0)
    model.predict(x)
    return digest(model.get_weights())

def state():
    kind, keys, *rest = np.random.get_state()
    return kind, keys.tobytes(), *rest
"""


def test_numpys_seed_makes_unseeded_models_repeat():
    run_fresh(
        UNSEEDED
        + """
np.random.seed(3)
first = [run(), run()]
np.random.seed(3)
assert [run(), run()] == first
assert first[0] != first[1]
np.random.seed(4)
assert run() not in first
"""
    )


def test_a_model_takes_one_draw_of_a_seeded_numpy():
    run_fresh(
        UNSEEDED
        + """
np.random.seed(3)
run()
after = state()
np.random.seed(3)
np.random.randint(0, 2**32, dtype=np.uint32)
assert state() == after
"""
    )


def test_numpys_and_pythons_global_generators_are_not_touched():
    run_fresh(
        UNSEEDED
        + """
import random
np.random.random(5)
before = state(), random.getstate()
assert run() != run()
model, x, y = model_and_rows()
model.fit(x, y, verbose=0)
assert (state(), random.getstate()) == before
"""
    )


# ---- one model, many threads ---------------------------------------------------------


@pytest.mark.parametrize("n_threads", [8, 20])
def test_one_model_predicts_in_many_threads_at_once(rows, n_threads):
    model, (x, _) = network(), rows
    parts = [x[i * 100 : i * 100 + 1500] for i in range(n_threads)]
    want = [model.predict(part) for part in parts]
    assert not same_bits(want[0], want[1])

    def work(part, right):
        for _ in range(20):
            assert same_bits(model.predict(part), right)
            assert same_bits(model.predict(part[:2]), right[:2])
            assert same_bits(model(part[:200]), right[:200])

    run_together(
        *(
            lambda part=part, right=right: work(part, right)
            for part, right in zip(parts, want, strict=True)
        )
    )


def test_the_first_predictions_of_a_model_may_come_at_once(rows):
    want = network().predict(rows[0])
    for _ in range(20):
        model, found = network(), []
        run_together(*[lambda: found.append(model.predict(rows[0]))] * 4)  # noqa: B023
        assert all(same_bits(one, want) for one in found)


def test_a_second_training_at_once_is_refused_and_harms_nothing(rows):
    model, undisturbed = network(), network()
    history = undisturbed.fit(*rows, epochs=15, verbose=0).history
    other = [w + 1 for w in model.get_weights()]
    acts = (
        lambda: model.fit(*rows, verbose=0),
        lambda: model.set_weights(other),
        lambda: model.layers[0].set_weights(other[:2]),
        lambda: model.compile("sgd", "mse"),
        lambda: model.train_on_batch(*rows),
        lambda: model.evaluate(*rows, verbose=0),
        lambda: model.add(Dense(1)),
        lambda: model.pop(),
    )
    inside, refused = threading.Event(), threading.Event()

    def hold(epoch, logs):
        inside.set()
        if epoch == 14:
            refused.wait(10)

    def first():
        callback = LambdaCallback(on_epoch_begin=hold)
        fit = model.fit(*rows, epochs=15, verbose=0, callbacks=callback)
        assert fit.history == history

    def second():
        assert inside.wait(10)
        try:
            for _ in range(20):
                for act in acts:
                    with pytest.raises(RuntimeError, match="busy"):
                        act()
        finally:
            refused.set()

    run_together(first, second)
    assert_same_weights(model, undisturbed)


def test_predictions_and_looks_in_other_threads_do_not_disturb_a_training(rows):
    # While it lasts they may be refused: the weights are under way.
    model, undisturbed = network(), network()
    history = undisturbed.fit(*rows, epochs=30, verbose=0).history
    score = undisturbed.evaluate(*rows, verbose=0)
    done = threading.Event()

    def train():
        try:
            fit = model.fit(*rows, epochs=30, verbose=0)
            assert fit.history == history
            assert model.evaluate(*rows, verbose=0) == score
        finally:
            done.set()

    def look(act):
        while not done.is_set():
            try:
                act()
            except RuntimeError as error:
                assert "busy" in str(error)

    run_together(
        train,
        lambda: look(lambda: model.predict(rows[0])),
        lambda: look(lambda: model.predict(rows[0][:10])),
        lambda: look(model.get_weights),
    )
    assert_same_weights(model, undisturbed)


def test_weights_are_set_whole_while_other_threads_predict(rows):
    model, done = network(), threading.Event()
    ours = model.get_weights()
    theirs = network(seed=2).get_weights()

    def change():
        try:
            for _ in range(50):
                for weights in (theirs, ours):
                    model.set_weights(weights)
                    assert all(map(same_bits, model.get_weights(), weights))
        finally:
            done.set()

    def look():
        while not done.is_set():
            try:
                model.predict(rows[0])
            except RuntimeError as error:
                assert "busy" in str(error)

    run_together(change, look, look, look)


def test_a_prediction_sees_all_weights_before_or_all_after():
    model, done = Sequential([Dense(512, input_dim=256), Dense(1)]), threading.Event()
    x, found = np.ones((300, 256), "float32"), set()

    def change():
        try:
            for number in 400 * (1, 2):
                # Exact in float32: 256 x 512 times the product of both kernels.
                model.set_weights(
                    [np.full(w.shape, number * (w.ndim - 1.0)) for w in start]
                )
        finally:
            done.set()

    def look():
        while not done.is_set():
            found.update(np.unique(model.predict(x)).tolist())

    start = model.build() or model.get_weights()
    model.set_weights([np.full(w.shape, w.ndim - 1.0) for w in start])
    run_together(change, look, look, look)
    assert found <= {256 * 512, 4 * 256 * 512}


def test_weights_that_are_read_during_a_training_are_of_one_moment():
    # Inputs of 1: rows of the kernel and the bias get the same gradient.
    model, looks = Sequential([Dense(64, "linear", input_dim=64)]), []
    model.build()
    model.set_weights([np.zeros((64, 64)), np.zeros(64)])
    model.compile(optimizers.SGD(1e-6), "mse")
    x, y = np.ones((4096, 64), "float32"), np.full((4096, 64), 1e6, "float32")
    done = threading.Event()

    def train():
        try:
            model.fit(x, y, epochs=1500, verbose=0)
        finally:
            done.set()

    def look():
        while not done.is_set():
            kernel, bias = model.get_weights()
            looks.append(np.array_equal(kernel[0], bias))

    run_together(train, look)
    assert looks and all(looks), f"{looks.count(False)} of {len(looks)}"


# ---- the GIL, memory, the end --------------------------------------------------------


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
def test_other_threads_go_on_during_one_long_call_of_the_core(verb):
    layers = [Dense(1024, input_shape=(64,)), Dense(1024), Dense(10)]
    model = Sequential(layers, seed=1)
    model.compile("adam", "mse")
    core = model._network
    # About a second of one thread, by the network's own estimate.
    n = int(1e6 / core.microseconds(1000, verb == "fit") * 1000)
    x, y = np.zeros((n, 64), "float32"), np.zeros((n, 10), "float32")
    step = {"batch_size": n, "max_batches": 1, "max_epochs": 1, "shuffle": False}
    run = {
        "fit": lambda: core.train(x, y, None, **step, learning_rate=0.01),
        "evaluate": lambda: core.evaluate(x, y, None, 0, n),
        "predict": lambda: core.predict(x),
    }[verb]
    done, ticks = threading.Event(), []

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        share, tries = 1.0, 0
        while share > 0.5 and tries < 3:  # a busy machine may stop any thread a while
            tries += 1
            ticks.clear()
            begun = time.perf_counter()
            run()
            ended = time.perf_counter()
            times = [begun, *[t for t in ticks if begun < t < ended], ended]
            share = np.diff(times).max() / (ended - begun)
    finally:
        done.set()
        thread.join()
    assert ended - begun > 0.05
    assert share < 0.5


@pytest.mark.parametrize(
    "look", [lambda core: core.get_variables(), lambda core: core.get_slot(0, 0)]
)
def test_other_threads_go_on_while_one_waits_for_the_weights_of_a_training(look):
    model = Sequential([Dense(1024, input_shape=(64,)), Dense(1024), Dense(10)], seed=1)
    model.compile("adam", "mse")
    core = model._network
    n = int(5e5 / core.microseconds(1000, True) * 1000)
    x, y = np.zeros((n, 64), "float32"), np.zeros((n, 10), "float32")
    step = {"batch_size": n, "max_batches": 1, "max_epochs": 1, "shuffle": False}
    share, tries = 1.0, 0
    while share > 0.5 and tries < 3:  # a busy machine may stop any thread a while
        tries += 1
        trainer = threading.Thread(
            target=lambda: core.train(x, y, None, **step, learning_rate=0.01)
        )
        waiter, ticks = threading.Thread(target=look, args=(core,)), []
        trainer.start()
        time.sleep(0.02)
        waiter.start()
        while trainer.is_alive():
            ticks.append(time.perf_counter())
            time.sleep(0.001)
        waiter.join()
        share = np.diff(ticks).max() / (ticks[-1] - ticks[0])
    assert share < 0.5


MEMORY = """
import gc
import numpy as np
from nncore.layers import Dense
from nncore.models import Sequential

def resident():
    "Megabytes of this process."
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def growth(work, times):
    for _ in range(max(times // 10, 20)): work()
    before = resident()
    for _ in range(times): work()
    return resident() - before

def check(work, times, limit):
    grown = growth(work, times)
    assert grown < limit, f"{grown:.2f} MB more after {times} times"
"""


@needs_linux
def test_ten_thousand_predictions_leave_the_memory_as_it_was():
    # 100 bytes lost by each would be a megabyte.
    run_fresh(
        MEMORY
        + """
model, x, y = model_and_rows()
small = Sequential([Dense(16, input_dim=8), Dense(1)])
x8 = x[:, :8].copy()
check(lambda: small.predict(x8[:1]), 10_000, 1)
check(lambda: (small(x8[0]), small.predict([[0.5] * 8])), 2000, 1)
check(lambda: model.predict(x), 300, 1)
def refused():
    try: small.predict(x)
    except ValueError: return
    assert False
check(refused, 2000, 1)
"""
    )


@needs_linux
def test_three_hundred_models_leave_the_memory_as_it_was():
    run_fresh(
        MEMORY
        + """
x = np.zeros((64, 64), "float32")
def work():
    model = Sequential([Dense(64, input_dim=64), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, x[:, 0], verbose=0, validation_split=0.5)
    model.evaluate(x, x[:, 0], verbose=0)
    model.set_weights(model.get_weights())
    model.compile("sgd", "mse")
    model.add(Dense(1))
    model.predict(x)
check(work, 300, 2)
"""
    )


@needs_teams
@needs_linux
def test_threads_that_end_leave_neither_memory_nor_workers():
    run_fresh(
        MEMORY
        + """
def alive(): return len(os.listdir("/proc/self/task"))
def work():
    thread = threading.Thread(target=train, args=(1,))
    thread.start()
    thread.join()
before = alive()
assert train()[1] == 2
assert alive() == before + 1
check(work, 60, 3)
deadline = time.monotonic() + 10
while alive() > before + 1 and time.monotonic() < deadline: time.sleep(0.01)
assert alive() == before + 1, (alive(), before)
""",
        NNCORE_FORCE_THREADS="2",
        MALLOC_ARENA_MAX="2",
    )


@pytest.mark.parametrize("verb", ["fit", "predict"])
def test_a_program_may_end_while_a_thread_of_it_still_works(verb):
    out = run_fresh(
        f"""
        import numpy as np
        model, x, y = model_and_rows()
        model.fit(x, y, verbose=0)
        def work():
            while True:
                if {verb!r} == "fit": model.fit(x, y, epochs=10**9, verbose=0)
                else: model.predict(np.repeat(x, 20, axis=0))
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
        print("end")
        """,
        NNCORE_FORCE_THREADS="2",
    )
    assert out == "end\n"
