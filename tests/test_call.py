"""A model called as a function, and `bind`: the shortest ways to a few outputs."""

from __future__ import annotations

import ctypes
import gc
import mmap
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from nncore.layers import Activation, Dense, Flatten, Input
from nncore.models import Sequential

from .fresh import run_fresh
from .helpers import core_network, layer, run_together, same_bits

RNG = np.random.default_rng(0)
X = RNG.integers(-8, 8, (6, 3)) / 4  # exact in every dtype used below


def small(**options):
    layers = [Dense(5, activation="tanh", input_dim=3), Dense(2, activation="softmax")]
    return Sequential(layers, seed=3, **options)


def flat():
    """A model whose rows have two axes."""
    return Sequential([Input((2, 2)), Activation("tanh"), Flatten(), Dense(3)], seed=1)


def apart(rows):
    """The same rows, further apart than they are long."""
    wide = np.full((len(rows), rows.shape[1] + 2), 99, rows.dtype)
    wide[:, : rows.shape[1]] = rows
    return wide[:, : rows.shape[1]]


def shifted(rows):
    """The same rows at an address that is no multiple of an element."""
    raw = np.zeros(rows.nbytes + 1, np.uint8)
    array = raw[1:].view(rows.dtype).reshape(rows.shape)
    array[:] = rows
    return array


def frozen(rows):
    rows = rows.copy()
    rows.flags.writeable = False
    return rows


# ---- a call --------------------------------------------------------------------------

KINDS = {
    "float32": lambda rows: rows.astype("float32"),
    "float64": lambda rows: rows.astype("float64"),
    "float16": lambda rows: rows.astype("float16"),
    "other byte order": lambda rows: rows.astype(">f4"),
    "other byte order, float64": lambda rows: rows.astype(">f8"),
    "nested lists": lambda rows: rows.tolist(),
    "tuples": lambda rows: tuple(map(tuple, rows.tolist())),
    "a list of arrays": lambda rows: list(rows),
    "Fortran order": lambda rows: np.asfortranarray(rows.astype("float32")),
    "rows apart": lambda rows: apart(rows.astype("float32")),
    "rows apart, float64": lambda rows: apart(rows),
    "columns apart": lambda rows: rows.astype("float32").repeat(2, axis=1)[:, ::2],
    "rows backwards": lambda rows: rows[::-1].astype("float32")[::-1],
    "one row, broadcast": lambda rows: np.broadcast_to(rows[:1], rows.shape),
    "not aligned": lambda rows: shifted(rows.astype("float32")),
    "read-only": lambda rows: frozen(rows.astype("float32")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_takes_what_predict_takes(kind, dtype):
    model = small(dtype=dtype)
    x = KINDS[kind](X)
    want = model.predict(np.array(x, dtype))
    for _ in range(2):  # the first call makes the network
        got = model(x)
        assert type(got) is np.ndarray
        assert got.flags.writeable
        assert same_bits(got, want)
    for i in range(len(X)):
        row = model(x[i])
        assert row.shape == (2,)
        assert same_bits(row, want[i])


def test_a_call_takes_any_number_of_rows(dtype):
    model = small(dtype=dtype)
    x = RNG.standard_normal((700, 3)).astype(dtype)
    want = model.predict(x)
    for n in (0, 1, 2, 17, 513, 700):
        assert same_bits(model(x[:n]), want[:n])
    assert same_bits(model(x[::7]), want[::7])


def test_each_call_gives_a_new_array():
    model = small()
    x = X.astype("float32")
    first, second = model(x), model(x)
    assert not np.shares_memory(first, second)
    first[:] = 7
    assert same_bits(model(x), second)


def test_a_call_takes_whole_numbers():
    model = small()
    want = model([[1.0, 0.0, 1.0]])
    row = np.array([1, 0, 1])
    for x in ([1, 0, 1], row, row == 1, row.astype("uint8"), (1, False, np.float32(1))):
        assert same_bits(model(x), want[0])
        assert same_bits(model([x]), want)


def test_a_vector_is_rows_where_a_row_is_one_number():
    model = Sequential([Dense(2, kernel_initializer="ones", input_dim=1)])
    for x in ([3.0], [1.0, 2.0], np.float32([5]), np.float32([1, 2, 3])):
        assert same_bits(model(x), np.float32(np.transpose([x, x])))


@pytest.mark.parametrize("shape", [(2, 2), (1, 2, 2), (5, 2, 2)])
def test_rows_of_two_axes_are_called_as_they_are(shape):
    model = flat()
    x = RNG.standard_normal(shape).astype("float32")
    want = model.predict(x.reshape(-1, 2, 2))
    got = model(x)
    assert got.ndim == x.ndim - 1
    assert same_bits(got.reshape(want.shape), want)


@pytest.mark.parametrize("shape", [(4,), (1, 4), (2, 4), (3, 2)])
def test_rows_of_two_axes_are_not_taken_as_one(shape):
    model = flat()
    model.build()
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2, 2\)"):
        model(np.zeros(shape, "float32"))


@pytest.mark.parametrize(
    "x", [np.zeros(4), np.zeros((2, 4)), np.zeros((1, 2, 3)), 1.0, [], [[1.0], [2.0]]]
)
def test_a_call_refuses_another_shape(x, dtype):
    model = small(dtype=dtype)
    model.build()
    for value in (x, np.asarray(x, dtype)):
        with pytest.raises(ValueError, match=r"`x` must have shape \(n, 3\)"):
            model(value)


@pytest.mark.parametrize(
    "x", ["abc", None, {"a": 1}, [["a", "b", "c"]], np.zeros((1, 3), "datetime64[s]")]
)
def test_a_call_refuses_what_is_no_number(x):
    model = small()
    model.build()
    with pytest.raises((TypeError, ValueError), match="`x` must"):
        model(x)


def test_a_call_follows_a_model_that_changes():
    model = small()
    x = X.astype("float32")
    assert model(x).shape == (6, 2)
    model.add(Dense(4, kernel_initializer="zeros"))
    assert same_bits(model(x), np.zeros((6, 4), "float32"))
    model.pop()
    model.pop()
    assert model(x[0]).shape == (5,)
    model.set_weights([np.zeros((3, 5)), np.full(5, 20)])
    assert same_bits(model(x[0]), np.ones(5, "float32"))


def test_an_unbuilt_model_learns_its_columns_from_a_call():
    model = Sequential([Dense(2)])
    assert model(np.zeros((4, 3), "float32")).shape == (4, 2)
    assert model.input_shape == (None, 3)


# ---- bind ----------------------------------------------------------------------------


def test_a_bound_call_reads_what_x_holds_then(dtype):
    model = small(dtype=dtype)
    x = X.astype(dtype)
    run = model.bind(x)
    assert run.x is x
    for _ in range(3):
        got = run()
        assert got is run.out
        assert same_bits(got, model.predict(x))
        x += 0.25


@pytest.mark.parametrize("n", [None, 0, 1, 5, 600])
def test_a_bound_call_fills_out(n, dtype):
    model = small(dtype=dtype)
    front = () if n is None else (n,)
    x = RNG.standard_normal((*front, 3)).astype(dtype)
    out = np.full((*front, 2), 9, dtype)
    for run in (model.bind(x, out), model.bind(x, out=out), model.bind(x)):
        got = run()
        assert got.shape == out.shape
        assert same_bits(got, model(x))
    assert same_bits(out, model(x))


def test_rows_apart_are_bound_where_they_lie():
    model = small()
    x = apart(X.astype("float32"))
    run = model.bind(x[::2], np.zeros((9, 2), "float32")[3:6])
    want = model.predict(x[::2])
    assert same_bits(run(), want)
    x[0] += 1
    assert not same_bits(run()[0], want[0])
    assert same_bits(run.out.base[:3], np.zeros((3, 2), "float32"))


def test_a_read_only_x_may_be_bound():
    x = frozen(X.astype("float32"))
    model = small()
    assert same_bits(model.bind(x)(), model.predict(x))


@pytest.mark.parametrize("shape", [(2, 2), (4, 2, 2)])
def test_rows_of_two_axes_are_bound_as_they_are(shape):
    model = flat()
    x = RNG.standard_normal(shape).astype("float32")
    run = model.bind(x)
    assert same_bits(run(), model(x))
    x[:] = 0
    assert same_bits(run(), model(x))


def test_a_vector_bound_is_rows_where_a_row_is_one_number():
    model = Sequential([Dense(2, kernel_initializer="ones", input_dim=1)])
    x = np.arange(6, dtype="float32")
    run = model.bind(x[::2])
    assert same_bits(run(), np.float32([[0, 0], [2, 2], [4, 4]]))
    x[2] = 7
    assert run()[1].tolist() == [7, 7]


def zeros(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("x", "out", "error", "words"),
    [
        ([[1.0, 2.0, 3.0]], None, TypeError, "`x` must be a plain array"),
        (None, None, TypeError, "`x` must be a plain array"),
        (np.ma.zeros(3, "float32"), None, TypeError, "`x` must be a plain array"),
        (zeros(3, dtype="float64"), None, ValueError, "`x` must have dtype float32"),
        (zeros(3, dtype=">f4"), None, ValueError, "`x` must have dtype float32"),
        (zeros(4), None, ValueError, r"`x` must have shape \(n, 3\) or \(3,\)"),
        (zeros(2, 4), None, ValueError, r"Received: shape \(2, 4\)"),
        (zeros(1, 2, 3), None, ValueError, r"`x` must have shape"),
        (zeros(3, 6).T[::2].T[:, :3], None, ValueError, "`x` must .* side by side"),
        (zeros(3, 3).T, None, ValueError, "`x` must .* side by side"),
        (zeros(6)[::2], None, ValueError, "`x` must .* side by side"),
        (zeros(5, 3)[::-1], None, ValueError, "`x` must .* side by side"),
        (shifted(zeros(3)), None, ValueError, "`x` must be aligned"),
        (zeros(3), zeros(1, 2), ValueError, r"`out` must have shape \(2,\)"),
        (zeros(1, 3), zeros(2), ValueError, r"`out` must have shape \(1, 2\)"),
        (zeros(4, 3), zeros(3, 2), ValueError, r"`out` must have shape \(4, 2\)"),
        (zeros(4, 3), zeros(4, 3), ValueError, r"`out` must have shape \(4, 2\)"),
        (zeros(3), zeros(2, dtype="float64"), ValueError, "`out` must have dtype"),
        (zeros(3), [0.0, 0.0], TypeError, "`out` must be a plain array"),
        (zeros(4, 3), zeros(4, 4)[:, :2], ValueError, "out must be C-contiguous"),
        (zeros(4, 3), zeros(2, 4).T, ValueError, "`out` must .* side by side"),
        (zeros(4, 3), frozen(zeros(4, 2)), ValueError, "read-only"),
    ],
)
def test_bind_refuses_what_it_cannot_use_in_place(x, out, error, words):
    with pytest.raises(error, match=words):
        small().bind(x, out)


def test_bind_refuses_outputs_that_lie_over_the_inputs():
    model = Sequential([Dense(3, input_dim=3)])
    x = np.zeros((6, 3), "float32")
    for source, out in ((x, x), (x[:4], x[2:]), (x[0], x[0])):
        with pytest.raises(ValueError, match="share memory"):
            model.bind(source, source if out is source else out[: len(source)])
    assert not model.bind(x[:3], x[3:])().any()


def test_bind_needs_a_model_with_layers():
    with pytest.raises(ValueError, match="must have layers"):
        Sequential().bind(zeros(3))


def test_bind_builds_a_model_from_rows():
    model = Sequential([Dense(2)])
    assert model.bind(zeros(4, 3))().shape == (4, 2)


def test_a_bound_call_takes_no_arguments():
    run = small().bind(zeros(3))
    with pytest.raises(TypeError):
        run(zeros(3))
    with pytest.raises(TypeError):
        run(x=zeros(3))


def test_a_bound_call_sees_new_weights():
    model = small()
    model.compile("sgd", "mse")
    x = X.astype("float32")
    run = model.bind(x)
    before = run().copy()
    model.fit(x, zeros(6, 2), epochs=3, verbose=0)
    assert not same_bits(run(), before)
    assert same_bits(run(), model.predict(x))
    model.set_weights([w * 2 for w in model.get_weights()])
    assert same_bits(run(), model.predict(x))
    model.layers[0].set_weights([zeros(3, 5), zeros(5)])
    assert same_bits(run(), model.predict(x))
    model.compile("adam", "mae")
    model.build((None, 3))
    model.optimizer = "sgd"
    assert same_bits(run(), model.predict(x))


def freeze(model):
    model.layers[0].trainable = False
    model.compile("sgd", "mse")


@pytest.mark.parametrize(
    "change",
    [lambda model: model.add(Dense(2)), lambda model: model.pop(), freeze],
    ids=["add", "pop", "compile after freezing"],
)
def test_a_bound_call_ends_with_its_network(change):
    model = small(name="judge")
    model.compile("sgd", "mse")
    x = X.astype("float32")
    run = model.bind(x)
    before = run().copy()
    change(model)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"`bind` must .* model 'judge'"):
            run()
    assert same_bits(run.out, before)
    assert same_bits(model.bind(x)(), model.predict(x))


def test_a_bound_call_outlives_the_names_of_what_it_needs():
    x = X.astype("float32")
    want = small().predict(x)
    run = small().bind(x.copy())
    gc.collect()
    assert same_bits(run(), want)
    out = weakref.ref(run.out)
    del run
    assert out() is None


def test_what_is_bound_cannot_be_resized():
    x, out = X.astype("float32"), zeros(6, 2)
    run = small().bind(x, out)
    for array in (x, out):
        with pytest.raises(ValueError, match="resize"):
            array.resize((100, 3))
    run()


def test_the_core_cannot_be_bound_by_halves():
    model = small()
    kind = type(model.bind(zeros(3)))
    core = model._network
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(TypeError):
        kind(None, zeros(1, 3), zeros(1, 2), None, None, "")
    for x, out in ((zeros(1, 4), zeros(1, 2)), (zeros(2, 3), zeros(1, 2))):
        with pytest.raises(ValueError, match="must have shape"):
            kind(core, x, out, x, out, "")


# ---- few rows, a team ----------------------------------------------------------------

SHAPES = {
    "wide": (150, [layer(130, "relu"), layer(200, "tanh"), layer(10, "softmax")]),
    "rows in between": (70, [layer(129, "softmax"), layer(65, "log_softmax")]),
    "no bias": (33, [layer(257, "gelu", use_bias=False), layer(64)]),
    "long chains": (1100, [layer(96, "sigmoid"), layer(1)]),
    "without products": (
        90,
        [layer(0, "tanh"), layer(192, "elu", dropout=0.5), layer(0, "softmax")],
    ),
    "narrow": (3, [layer(5, "relu"), layer(2, "softmax")]),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_rows_shared_by_columns_are_the_same_bits(
    shape, threads, dtype, isa, monkeypatch
):
    n_in, layers = SHAPES[shape]
    rng = np.random.default_rng(4)
    monkeypatch.setenv("NNCORE_FORCE_THREADS", "1")
    alone = core_network(dtype, n_in, layers, isa=isa)
    variables = [
        rng.normal(0, 0.2, alone.variable_shape(i)) for i in range(alone.n_variables)
    ]
    alone = core_network(dtype, n_in, layers, isa=isa, variables=variables)
    monkeypatch.setenv("NNCORE_FORCE_THREADS", str(threads))
    team = core_network(dtype, n_in, layers, isa=isa, variables=variables)
    x = rng.standard_normal((60, n_in)).astype(dtype)
    want = alone.predict(x, threads=1)
    assert alone.last_run["team"] == 1
    for n in (0, 1, 2, 3, 7, 24, 25, 60):
        for part in (np.s_[:n], np.s_[n:0:-1], np.s_[: 2 * n : 2]):
            assert same_bits(team.predict(x[part]), want[part])
            assert team.last_run["team"] == threads
    assert same_bits(team.outputs(x[5]), want[5])


# ---- many rows, narrow layers --------------------------------------------------------

NARROW = {
    "xor": (2, [(16, "relu"), (1, "sigmoid")]),
    "pima": (8, [(10, "relu"), (8, "gelu"), (8, "elu"), (1, "sigmoid")]),
    "odd": (5, [(3, "softmax"), (7, "log_softmax"), (2, "linear")]),
    "one": (1, [(1, "tanh")]),
    "wider": (32, [(32, "relu"), (20, "tanh"), (17, "softmax")]),
}


def narrow_network(name, engine, dtype, isa, monkeypatch):
    n_in, columns = NARROW[name]
    layers = [layer(n, act, use_bias=i != 1) for i, (n, act) in enumerate(columns)]
    rng = np.random.default_rng(3)
    with monkeypatch.context() as patch:
        patch.setenv("NNCORE_ENGINE", engine)
        core = core_network(dtype, n_in, layers, isa=isa)
    for i in range(core.n_variables):
        core.set_variable(i, rng.normal(0, 0.7, core.variable_shape(i)))
    return core


@pytest.mark.parametrize("name", NARROW)
def test_lanes_along_rows_are_the_same_bits(name, dtype, isa, monkeypatch):
    ours, plain = (
        narrow_network(name, engine, dtype, isa, monkeypatch)
        for engine in ("tiny", "panel")
    )
    n_in = NARROW[name][0]
    x = RNG.standard_normal((2300, n_in)).astype(dtype)
    x[[5, 40], 0] = np.nan, np.inf
    x[41] = -0.0
    want = plain.predict(x)
    for n in (32, 33, 47, 48, 63, 64, 65, 511, 512, 513, 1300, 2300):
        assert same_bits(ours.predict(x[:n]), want[:n])
        assert same_bits(ours.predict(x[2300 - n :]), want[2300 - n :])
    assert same_bits(ours.predict(x[::-1]), want[::-1])
    assert same_bits(ours.predict(x[::3]), want[::3])
    assert same_bits(ours.predict(apart(x)), want)
    assert same_bits(ours.predict(np.broadcast_to(x[7], (100, n_in))), want[[7] * 100])
    for i in (0, 5, 41):
        assert same_bits(ours.predict(x[i : i + 1]), want[i : i + 1])


@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
@pytest.mark.parametrize("name", NARROW)
def test_no_byte_is_read_behind_the_rows_or_in_front(name, dtype, isa, monkeypatch):
    core = narrow_network(name, "tiny", dtype, isa, monkeypatch)
    n_in = NARROW[name][0]
    size = np.dtype(dtype).itemsize
    page = mmap.PAGESIZE
    middle = -(-100 * n_in * size // page) * page
    raw = np.frombuffer(mmap.mmap(-1, middle + 2 * page), np.uint8)
    protect = ctypes.CDLL(None).mprotect
    guards = raw.ctypes.data, raw.ctypes.data + page + middle
    for guard in guards:
        assert protect(ctypes.c_void_p(guard), page, 0) == 0
    inside = raw[page : page + middle].view(dtype)
    for n in (32, 33, 64, 79, 100):
        for x in (inside[: n * n_in], inside[len(inside) - n * n_in :]):
            rows = x.reshape(n, n_in)
            rows[:] = 0.5
            assert same_bits(core.predict(rows), core.predict(rows.copy()))
    for guard in guards:
        protect(ctypes.c_void_p(guard), page, mmap.PROT_READ | mmap.PROT_WRITE)


# ---- beside other threads ------------------------------------------------------------


def test_calls_during_a_fit_see_whole_updates_only():
    # Both outputs start alike and have the same targets, so that they stay alike, bit
    # by bit, over every whole update.
    model = Sequential([Dense(64, activation="tanh", input_dim=16), Dense(2)], seed=2)
    _, second = model.layers
    kernel = np.repeat(second.get_weights()[0][:, :1], 2, axis=1)
    second.set_weights([kernel, np.zeros(2)])
    model.compile("adam", "mse")
    x = RNG.standard_normal((256, 16)).astype("float32")
    y = np.repeat(x[:, :1] * x[:, 1:2], 2, axis=1)
    done = threading.Event()
    seen = [set() for _ in range(3)]

    def train():
        end = time.monotonic() + 30
        try:
            while time.monotonic() < end and any(len(values) < 3 for values in seen):
                model.fit(x, y, batch_size=32, epochs=100, verbose=0)
        finally:
            done.set()

    def look(call, values):
        while not done.is_set():
            out = call()
            assert np.array_equal(out[:, 0], out[:, 1])
            values.add(float(out[0, 0]))

    few = x[:4].copy()
    run_together(
        train,
        lambda: look(model.bind(few), seen[0]),
        lambda: look(model.bind(x), seen[1]),
        lambda: look(lambda: model(few), seen[2]),
    )
    assert all(len(values) > 2 for values in seen)


def test_one_bound_call_may_run_in_many_threads():
    model = Sequential([Dense(256, activation="relu", input_dim=64), Dense(8)], seed=1)
    x = RNG.standard_normal((400, 64)).astype("float32")
    run = model.bind(x)
    want = model.predict(x)

    def work():
        for _ in range(100):
            assert same_bits(run(), want)

    run_together(*[work] * 4)


@pytest.mark.parametrize("verb", ["call", "bound", "predict", "train", "evaluate"])
def test_who_waits_for_another_thread_lets_the_others_run(verb):
    # A short call keeps the GIL, unless it meets a long one that excludes it.
    model = Sequential([Dense(8, input_dim=4), Dense(1)], seed=1)
    model.compile("sgd", "mse")
    core = model._network
    n = 1000
    x, y = zeros(n, 4), zeros(n, 1)
    few = {"batch_size": 8, "max_batches": 1, "max_epochs": 1, "shuffle": False}
    n_batches = int(5e5 / core.microseconds(n, True))
    long = {**few, "batch_size": n, "max_batches": n_batches, "max_epochs": n_batches}
    bound = model.bind(x[0])
    work = {
        "call": lambda: model(x[0]),
        "bound": bound,
        "predict": lambda: core.predict(x[:2]),
        "train": lambda: core.train(x[:8], y[:8], None, **few, learning_rate=0.1),
        "evaluate": lambda: core.evaluate(x[:8], y[:8], None, 0, 8),
    }[verb]
    assert (
        core.microseconds(8, True) < 20 < core.microseconds(n, True) * n_batches / 1e3
    )
    times = []
    trainer = threading.Thread(
        target=lambda: core.train(x, y, None, **long, learning_rate=0.0)
    )
    waiter = threading.Thread(target=work)
    trainer.start()
    time.sleep(0.02)
    waiter.start()
    while trainer.is_alive():
        times.append(time.perf_counter())
        time.sleep(0.001)
    waiter.join()
    assert times[-1] - times[0] > 0.05
    assert np.diff(times).max() < (times[-1] - times[0]) / 2


# ---- memory --------------------------------------------------------------------------


def test_calls_leave_nothing_behind():
    run_fresh(
        """
        import gc
        import numpy as np
        from nncore.layers import Dense
        from nncore.models import Sequential

        def resident():
            gc.collect()
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        model = Sequential([Dense(16, activation="relu", input_dim=8), Dense(1)])
        x = np.ones((4, 8), "float32")
        doubles, row = x.astype(float), x[0].tolist()
        calls = {
            "call": lambda: (model(x), model(x[0])),
            "converted": lambda: (model(doubles), model(row)),
            "predict": lambda: model.predict(x),
            "bound": model.bind(x),
            "bind": lambda: model.bind(x)(),
        }
        for name, call in calls.items():
            for _ in range(2000): call()
            before = resident()
            for _ in range(10_000): call()
            grown = resident() - before
            assert grown <= 64 << 10, f"{name}: {grown} bytes more"
        """
    )


@pytest.mark.skipif(sys.platform != "linux", reason="counts in KiB")
def test_a_training_and_a_prediction_copy_no_rows():
    run_fresh(
        """
        import resource
        import numpy as np
        from nncore.layers import Dense
        from nncore.models import Sequential

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

        x = np.ones((25_000, 1000), "float32")
        y = np.zeros(len(x), "float32")
        model = Sequential([Dense(64, activation="relu", input_dim=1000), Dense(1)])
        model.compile("adam", "mse", metrics=["mae"])
        before = peak()
        model.fit(x, y, batch_size=256, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
        model(x)
        run = model.bind(x)
        run()
        grown = peak() - before
        assert grown < x.nbytes / 2**20 / 4, f"{grown:.1f} MiB more at the most"
        """
    )
