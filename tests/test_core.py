"""What `_core` refuses, and what it promises beyond the arithmetic."""

import ctypes
import ctypes.util

import numpy as np
import pytest

from nncore import _core

from .helpers import ISAS, core_network, layer, same_bits, train

SQUARES = {"kind": "mean_squared_error"}
ABSOLUTE = {"kind": "loss_value", "loss": {"kind": "mean_absolute_error"}}


def network(rng, metrics=(), **penalties):
    """5-7-3, compiled for float64."""
    layers = [layer(7, "tanh", **penalties), layer(3, "linear", **penalties)]
    net = _core.Network("float64", 5, layers, 1)
    for i in range(net.n_variables):
        net.set_variable(i, rng.normal(size=net.variable_shape(i)))
    net.compile(SQUARES, list(metrics), {"kind": "sgd"})
    return net


def rows(rng, n=10):
    return rng.normal(size=(n, 5)), rng.normal(size=(n, 3))


@pytest.mark.parametrize("part", [1, 3, 7, 10])
def test_evaluation_with_a_penalty_has_the_same_bits_in_any_parts(part, rng):
    net, (x, y) = network(rng, kernel_l2=0.1, bias_l1=0.2), rows(rng)
    whole = net.evaluate(x, y, None, 0, 10)
    for first in range(0, 10, part):
        row = net.evaluate(x, y, None, first, min(part, 10 - first))
    assert row == whole


def test_parts_of_an_evaluation_must_come_in_order(rng):
    net, (x, y) = network(rng), rows(rng)
    with pytest.raises(ValueError, match="size"):
        net.evaluate(x, y, None, 5, 5)
    net.evaluate(x, y, None, 0, 5)
    net.compile(SQUARES, [], {"kind": "sgd"})
    with pytest.raises(ValueError, match="size"):
        net.evaluate(x, y, None, 5, 5)


def test_a_weighted_metric_without_weights_runs_as_an_unweighted_one(rng):
    metrics = [{**ABSOLUTE, "weighted": True}, {**ABSOLUTE, "weighted": False}]
    net, (x, y) = network(rng, metrics), rows(rng)
    train(net, x, y, batches=1, batch_size=4)
    _, weighted, unweighted = net.running()
    assert weighted == unweighted > 0


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("seconds", [1e-9, 1e-3])
def test_a_call_ends_when_its_seconds_are_up(threads, seconds, monkeypatch, rng):
    monkeypatch.setenv("NNCORE_FORCE_THREADS", str(threads))
    x, y = rows(rng, 1000)
    cut, whole = network(rng), network(rng)
    for i in range(cut.n_variables):
        whole.set_variable(i, cut.get_variable(i))
    most = 10**7  # half a minute or more
    *_, batches, epochs, _ = train(
        cut, x, y, batches=most, batch_size=2, shuffle=True, seconds=seconds
    )
    assert cut.last_run["team"] == threads
    assert 0 < batches < most
    assert epochs == batches // 500
    train(cut, x, y, batches=777, batch_size=2, shuffle=True)
    train(whole, x, y, batches=batches + 777, batch_size=2, shuffle=True)
    for i in range(cut.n_variables):
        assert same_bits(cut.get_variable(i), whole.get_variable(i))


def test_what_needs_a_loss_asks_for_compile(rng):
    compiled, (x, y) = network(rng), rows(rng)
    epoch = compiled.get_epoch()
    net = core_network("float64", 5, [layer(7, "tanh"), layer(3)])
    for work in (
        lambda: train(net, x, y),
        lambda: net.evaluate(x, y, None, 0, 10),
        lambda: net.gradient(x, y, None),
        net.get_epoch,
        lambda: net.set_epoch(epoch),
    ):
        with pytest.raises(RuntimeError, match="compiled"):
            work()
    assert net.running() == [0.0]


def test_calls_of_an_impossible_size_are_refused(rng):
    net, (x, y) = network(rng), rows(rng)
    before = [net.get_variable(i) for i in range(4)]
    none = np.empty((0, 5)), np.empty((0, 3))
    room = {"outputs": np.empty((3, 3)), "numbers": np.empty(3, np.uint32)}
    stream = {"stream": True, "batch_size": 10}
    for work in (
        lambda: train(net, x, y, batch_size=0),
        lambda: train(net, *none, batch_size=1),
        lambda: train(net, x, y, batch_size=4, **room),
        lambda: train(net, x, y, shuffle=True, **stream),
        lambda: train(net, x, y, epochs=2, **stream),
        lambda: net.evaluate(*none, None, 0, 1),
        lambda: net.evaluate(x, y, None, 0, 0),
        lambda: net.evaluate(x, y, None, 0, 11),
        lambda: net.evaluate(x, y, None, 11, 1),
        lambda: net.evaluate(x, y, None, 0, 10, batch_size=0),
        lambda: net.gradient(*none, None),
        lambda: net.set_epoch(net.get_epoch()[:-1]),
    ):
        with pytest.raises(ValueError, match="size"):
            work()
    assert all(same_bits(net.get_variable(i), before[i]) for i in range(4))
    assert net.counters["steps_lived"] == 0


def by_both_engines(work, monkeypatch):
    """What `work` of the same network and generator gives by the two engines."""
    found = []
    for engine in ("tiny", "panel"):
        monkeypatch.setenv("NNCORE_ENGINE", engine)
        rng = np.random.default_rng(3)
        net = network(rng)
        found.append(work(net, rng, engine))
    return found


def test_panels_go_on_with_the_weights_of_the_tiny_engine(monkeypatch):
    def work(net, rng, engine):
        x, y = rows(rng)
        train(net, x, y, batches=3, batch_size=4)
        assert net.last_run["engine"] == engine
        loss, gradient = net.gradient(x, y, None)
        assert net.last_run["engine"] == "panel"
        return [loss, *gradient]

    for tiny, panel in zip(*by_both_engines(work, monkeypatch), strict=True):
        assert same_bits(tiny, panel)


@pytest.mark.parametrize(("n", "size"), [(10, 4), (1300, 700)])
def test_outputs_of_a_training_are_those_of_its_rows(n, size, monkeypatch):
    """With a rate of 0 they are what the network predicts."""

    def work(net, rng, engine):
        x, y = rows(rng, n)
        outputs, numbers = np.empty((n, 3)), np.empty(n, np.uint32)
        more = {"outputs": outputs, "numbers": numbers, "learning_rate": 0.0}
        train(net, x, y, batch_size=size, shuffle=True, **more)
        assert net.last_run["engine"] == engine
        assert sorted(numbers) == list(range(n))
        assert same_bits(outputs, net.predict(x)[numbers])
        return outputs, numbers

    for tiny, panel in zip(*by_both_engines(work, monkeypatch), strict=True):
        assert same_bits(tiny, panel)


def test_an_order_must_be_contiguous_and_in_range(rng):
    net, (x, y) = network(rng), rows(rng)
    for order in (np.arange(20)[::2], np.full(10, 10), np.arange(9)):
        with pytest.raises(ValueError, match="order"):
            train(net, x, y, order=_strided(order))
    train(net, x, y, order=np.arange(10, dtype=np.uint32))


def _strided(order):
    """As uint32 with the strides kept."""
    step = 2 if order.strides[0] == 16 else 1
    base = np.zeros(step * len(order), np.uint32)
    base[::step] = order
    return base[::step]


def test_prediction_refuses_to_write_over_its_input():
    net = core_network("float64", 5, [layer(5, "tanh")])
    x = np.ones((10, 5))
    for out in (x, x[:], x[::-1][::-1]):
        with pytest.raises(ValueError, match="share memory"):
            net.predict(x, out=out)
    both = np.ones((20, 5))
    with pytest.raises(ValueError, match="share memory"):
        net.predict(both[14:4:-1], out=both[10:])
    net.predict(both[9::-1], out=both[10:])
    assert same_bits(both[10:], net.predict(x))


@pytest.mark.parametrize("kind", ["categorical_accuracy", "loss_value"])
def test_a_metric_must_take_the_targets_of_the_loss(kind):
    net = core_network("float32", 4, [layer(3, "softmax")])
    metric = {"kind": kind, "loss": SQUARES}
    with pytest.raises(ValueError, match="specification"):
        net.compile(
            {"kind": "sparse_categorical_crossentropy"}, [metric], {"kind": "sgd"}
        )


@pytest.mark.parametrize("columns", [2**63, 2**62, 2**58, 2**40])
def test_absurd_sizes_are_refused(columns):
    for n_in, units in ((columns, 1), (2**20, columns)):
        with pytest.raises((ValueError, MemoryError)):
            _core.Network("float32", n_in, [layer(units, "relu")], 1)


@pytest.mark.parametrize(
    "wrong",
    [
        layer(3, dropout=1.1),
        layer(3, dropout=-0.1),
        layer(3, dropout=1.0, noise="alpha_dropout"),
        layer(3, dropout=1.0, noise="gaussian_dropout"),
        layer(0, kind="dense"),
        layer(0, kind="embedding", vocabulary=5),
        layer(2, kind="embedding", vocabulary=0),
    ],
)
def test_a_layer_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="specification"):
        _core.Network("float32", 4, [layer(2), wrong], 1)


def test_a_network_has_inputs_and_layers():
    for n_in, layers in ((0, [layer(2)]), (4, [])):
        with pytest.raises(ValueError, match=r"specification|size"):
            _core.Network("float32", n_in, layers, 1)


@pytest.mark.parametrize(
    "loss",
    [
        {"kind": "quantile"},
        {"kind": "quantile", "list": [0.1, 0.9]},
        {"kind": "gaussian_nll", "log_variance": True},
        {"kind": "categorical_focal_crossentropy", "list": [0.5, 0.5]},
    ],
)
def test_a_loss_must_fit_the_outputs(loss, rng):
    net, (x, y) = network(rng), rows(rng)
    before = net.evaluate(x, y, None, 0, 10)
    with pytest.raises(ValueError, match="specification"):
        net.compile(loss, [], {"kind": "sgd"})
    assert net.evaluate(x, y, None, 0, 10) == before


def test_counts_near_the_largest_integer_are_no_smaller_ones(rng):
    net, (x, y) = network(rng), rows(rng)
    _, batches, epochs, _ = net.train(
        *(x, y, None),
        batch_size=2**64 - 1,
        max_batches=2**64 - 1,
        max_epochs=5,
        shuffle=False,
        learning_rate=0.1,
    )
    assert (batches, epochs) == (5, 5)


def test_a_weighted_loss_beyond_float32_is_finite():
    net = _core.Network("float32", 1, [layer(1, "linear")], 1)
    net.compile(SQUARES, [], {"kind": "sgd"})
    x, y = np.zeros((1, 1), np.float32), np.full((1, 1), 1e15, np.float32)
    *_, nan_batch = train(net, x, y, np.full(1, 1e12, np.float32), batches=1)
    assert nan_batch == -1


def test_slots_and_variables_that_do_not_exist_are_named(rng):
    net = network(rng)
    with pytest.raises(IndexError, match="0 slots"):
        net.get_slot(0, 0)
    with pytest.raises(IndexError, match="4 variables"):
        net.get_variable(4)


def test_the_callers_rounding_mode_changes_nothing(rng):
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    fenv = (ctypes.c_uint32 * 16)()
    libm.fegetenv(fenv)
    (x, y), upward = rows(rng), 0x800
    z = np.linspace(-3, 3, 40).reshape(4, 10)
    weights = [rng.normal(size=size) for size in ((5, 7), (7,), (7, 3), (3,))]

    def results():
        net = network(rng, [ABSOLUTE], kernel_l2=0.1)
        for i, value in enumerate(weights):
            net.set_variable(i, value)
        loss, gradient = net.gradient(x, y, None)
        train(net, x, y, batches=3, batch_size=4)
        values = _core.activation_forward("tanh", (0, 0, 0), z, "float64")
        return [loss, net.running(), net.evaluate(x, y, None, 0, 10), values, *gradient]

    expected = results()
    if libm.fesetround(upward):
        pytest.skip("this C library sets another rounding mode by another number")
    try:
        assert 1.0 + 1e-30 > 1.0, "rounding is upward now"
        got = results()
    finally:
        libm.fesetenv(fenv)
    for a, b in zip(got, expected, strict=True):
        assert same_bits(a, b)


def test_another_seed_of_shuffling_draws_another_order(rng):
    # Of few rows the orders of many epochs are drawn at once.
    x, y = rows(rng)
    net, twin = network(rng), network(rng)
    train(net, x, y, batch_size=2, shuffle=True)
    net.set_counters({**net.counters, "seed": 99})
    twin.set_counters(net.counters)
    for i in range(net.n_variables):
        twin.set_variable(i, net.get_variable(i))
    for each in (net, twin):
        train(each, x, y, batch_size=2, shuffle=True)
    for i in range(net.n_variables):
        assert same_bits(net.get_variable(i), twin.get_variable(i))


@pytest.mark.parametrize("isa", ISAS)
def test_the_environment_chooses_the_instruction_set(isa, monkeypatch):
    monkeypatch.delenv("NNCORE_ISA", raising=False)
    best = _core.default_isa()
    monkeypatch.setenv("NNCORE_ISA", isa)
    assert _core.default_isa() == isa
    net = _core.Network("float32", 2, [layer(3, "tanh")], 1)
    net.predict(np.ones((4, 2), "float32"))
    assert net.last_run["isa"] == isa
    monkeypatch.setenv("NNCORE_ISA", "")
    assert _core.default_isa() == best


def test_an_unknown_instruction_set_in_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("NNCORE_ISA", "sse9")
    with pytest.raises(ValueError, match=r"NNCORE_ISA must be one of .*'sse9'"):
        _core.Network("float32", 2, [layer(3, "tanh")], 1)
