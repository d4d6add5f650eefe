"""Whole trainings end with the same bits however they are run.

Networks and settings are drawn by a seeded generator. Each is trained by the generic
kernels on one thread in one call; then every instruction set, number of threads, engine
and way of cutting the work into calls must give the same weights, optimizer slots,
reports and predictions. What ran is asked from the network, so no comparison is empty.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from nncore import _core, reference

from .helpers import (
    ACTIVATIONS,
    CROSSENTROPIES,
    ISAS,
    LABELLED,
    LOSSES,
    OPTIMIZERS,
    core_network,
    layer,
    name_of,
    same_bits,
    slots_of,
    targets_for,
    train,
    variables_of,
    width_of,
)

THREADS = (1, 2, 3, 8)
FORCING = ("NNCORE_FORCE_THREADS", "NNCORE_ENGINE", "NNCORE_ISA")


class Case(NamedTuple):
    """A network, what it is trained for, and its data."""

    dtype: str
    n_in: int
    layers: list[dict[str, Any]]
    seed: int
    loss: dict[str, Any]
    metrics: list[dict[str, Any]]
    optimizer: dict[str, Any]
    variables: list[np.ndarray]
    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    batch_size: int
    epochs: int
    shuffle: bool


def chance(rng, share):
    return bool(rng.random() < share)


def pick(rng, values):
    return values[int(rng.integers(len(values)))]


def draw_layer(rng, units):
    name, args = pick(rng, [a for a in ACTIVATIONS if a[0] != "exponential"])
    penalties = {
        key: float(rng.uniform(0, 0.05))
        for key in ("kernel_l1", "kernel_l2", "bias_l1", "bias_l2")
        if chance(rng, 0.15)
    }
    return layer(
        units,
        name,
        activation_args=args,
        use_bias=bool(units) and chance(rng, 0.8),
        trainable=chance(rng, 0.85),
        dropout=pick(rng, [0.0, 0.0, 0.0, 0.3]),
        dropout_seed=int(rng.integers(2**63)),
        **penalties,
    )


def draw_end(rng):
    """The last layer's activation and a loss whose domain it serves."""
    loss = pick(rng, LOSSES)
    if loss["kind"] in CROSSENTROPIES and not loss.get("from_logits"):
        binary = loss["kind"].startswith("binary")
        return ("sigmoid" if binary else "softmax"), loss
    if loss["kind"] in ("kl_divergence", "poisson", "tweedie", "dice", "tversky"):
        return pick(rng, ["sigmoid", "softmax"]), loss
    if loss["kind"] in LABELLED and not loss.get("from_logits"):
        return "softmax", loss
    if loss.get("log_variance") is False:
        return "softplus", loss
    return pick(rng, ["linear", "tanh", "relu"]), loss


def draw(number, widths, most_rows, steps):
    """Case `number`: the same on every machine."""
    rng = np.random.default_rng([19, number])
    dtype = ("float32", "float64")[number % 2]
    units = [int(pick(rng, widths)) for _ in range(rng.integers(0, 4))]
    layers = [draw_layer(rng, n) for n in units]
    if chance(rng, 0.3):
        layers.insert(int(rng.integers(len(layers) + 1)), draw_layer(rng, 0))
    name, loss = draw_end(rng)
    n_in, n_targets = int(pick(rng, widths)), int(rng.integers(1, 12))
    n_out = width_of(loss, n_targets)
    # A softmax that is dropped whole has no sum to divide by.
    rates = [0.0] if name == "softmax" else [0.0, 0.0, 0.2]
    layers.append(layer(n_out, name, dropout=pick(rng, rates)))
    shapes = [v.shape for v in reference.Network(n_in, layers).variables]
    rows = int(rng.integers(1, most_rows))
    batch_size = int(rng.integers(1, rows + 3))
    clip = pick(
        rng,
        [{}, {}, {"clipnorm": 0.1}, {"clipvalue": 0.05}, {"global_clipnorm": 0.2}],
    )
    extra = pick(rng, [{}, {"decay": 0.01}, {"weight_decay": 0.01}])
    binary = {"kind": "binary_accuracy", "threshold": 0.5, "weighted": chance(rng, 0.5)}
    metric = {"kind": "loss_value", "loss": loss, "weighted": True}
    if chance(rng, 0.3):
        reduction = pick(rng, ["sum", "mean_with_sample_weight"])
        weight = 1 / batch_size if reduction == "sum" else 0.7
        loss = {**loss, "reduction": reduction, "weight": weight}
    return Case(
        dtype=dtype,
        n_in=n_in,
        layers=layers,
        seed=int(rng.integers(2**63)),
        loss=loss,
        metrics=[metric]
        if loss["kind"] in LABELLED or n_out != n_targets
        else [binary, metric],
        optimizer={**pick(rng, OPTIMIZERS), **clip, **extra},
        variables=[
            (rng.normal(size=shape) / np.sqrt(shape[0])).astype(dtype)
            for shape in shapes
        ],
        x=rng.normal(size=(rows, n_in)).astype(dtype),
        y=targets_for(loss, rows, n_targets, rng).astype(dtype),
        weights=rng.uniform(0.1, 2, rows).astype(dtype) if chance(rng, 0.4) else None,
        batch_size=batch_size,
        epochs=max(1, steps // -(-rows // batch_size)),
        shuffle=chance(rng, 0.6),
    )


SMALL = [draw(i, (1, 2, 3, 5, 8, 10, 16, 17), 40, 16) for i in range(60)]
LARGE = [draw(100 + i, (31, 33, 64, 65, 97, 129), 150, 6) for i in range(16)]


def sized(case, n_in, units, rows, batch_size):
    """The case's settings for a network and a batch of given sizes."""
    rng = np.random.default_rng(rows)
    layers = [layer(n, "tanh") for n in units]
    loss, n_out = {"kind": "huber", "delta": 1.0}, units[-1]
    shapes = [v.shape for v in reference.Network(n_in, layers).variables]
    return case._replace(
        n_in=n_in,
        layers=layers,
        loss=loss,
        metrics=[{"kind": "loss_value", "loss": loss}],
        variables=[
            (rng.normal(size=shape) / np.sqrt(shape[0])).astype(case.dtype)
            for shape in shapes
        ],
        x=rng.normal(size=(rows, n_in)).astype(case.dtype),
        y=rng.normal(size=(rows, n_out)).astype(case.dtype),
        weights=None,
        batch_size=batch_size,
        epochs=2,
    )


# Beyond a chain of multiply-adds, a panel, a block of parameters and a block of rows.
HUGE = [
    sized(SMALL[0], 4099, (3, 2), 20, 10),
    sized(SMALL[1], 3, (4099, 2), 20, 10),
    sized(LARGE[0], 521, (131, 521), 17, 9),
    sized(LARGE[0], 70, (131, 140), 1100, 1040),
    sized(LARGE[1], 3, (5, 2), 6000, 5000),
    sized(SMALL[2], 2, (3, 1), 1400, 1031),
]


class Result(NamedTuple):
    """All that a training leaves."""

    arrays: list[np.ndarray]
    reports: list[list[float]]
    evaluation: list[float]
    run: dict[str, Any]


def network(case, isa):
    net = core_network(
        case.dtype, case.n_in, case.layers, case.seed, isa, case.variables
    )
    net.compile(case.loss, case.metrics, case.optimizer)
    return net


def run(case, isa, cut=None):
    """Train; `cut` is the number of batches of each call, or None for one call."""
    net = network(case, isa)
    options = {"batch_size": case.batch_size, "shuffle": case.shuffle}
    data = (case.x, case.y, case.weights)
    left = case.epochs * -(-len(case.x) // case.batch_size)
    reports = []
    while left > 0:
        batches = left if cut is None else min(cut, left)
        rows, done, _, nan = train(net, *data, batches=batches, **options)
        assert nan == -1
        assert done == batches
        reports.extend(rows)
        left -= batches
    ran = net.last_run
    evaluation = net.evaluate(*data, 0, len(case.x))
    arrays = [*variables_of(net), *(a for slot in slots_of(net) for a in slot)]
    return Result([*arrays, net.predict(case.x)], reports, evaluation, ran)


def assert_same(a, b):
    assert len(a.reports) == len(b.reports) > 0
    assert same_bits(a.reports, b.reports)
    assert same_bits(a.evaluation, b.evaluation)
    for ours, theirs in zip(a.arrays, b.arrays, strict=True):
        assert np.isfinite(ours).all()
        assert same_bits(ours, theirs)


@pytest.fixture(autouse=True)
def not_forced(monkeypatch):
    for name in FORCING:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def force(monkeypatch):
    """Set what networks that are created from now on must run on."""

    def setter(threads=None, engine=None):
        if threads:
            monkeypatch.setenv("NNCORE_FORCE_THREADS", str(threads))
        if engine:
            monkeypatch.setenv("NNCORE_ENGINE", engine)

    return setter


PENALTIES = dict.fromkeys(("kernel_l1", "kernel_l2", "bias_l1", "bias_l2"), 0.0)


def for_tiny(case):
    """The case without what the tiny engine leaves to the panel engine."""
    plain = {**PENALTIES, "dropout": 0.0, "trainable": True}
    layers = [{**spec, **plain} for spec in case.layers if spec["units"]]
    stores = (
        *("clipnorm", "global_clipnorm"),
        *("gradient_accumulation_steps", "loss_scale_factor"),
    )
    optimizer = {k: v for k, v in case.optimizer.items() if k not in stores}
    return case._replace(layers=layers, optimizer=optimizer)


@pytest.mark.parametrize("number", range(len(SMALL)))
def test_small_networks(number, force):
    case = SMALL[number]
    force(threads=1, engine="panel")
    first = run(case, "generic")
    assert first.run == {"team": 1, "isa": "generic", "engine": "panel"}
    for isa in ISAS:
        for threads in (THREADS[number % len(THREADS)], 2):
            force(threads=threads, engine="panel")
            other = run(
                case, isa, cut=pick(np.random.default_rng(number), [None, 1, 3])
            )
            assert other.run == {"team": threads, "isa": isa, "engine": "panel"}
            assert_same(other, first)


@pytest.mark.parametrize("number", range(len(SMALL)))
def test_the_tiny_engine(number, force):
    case = for_tiny(SMALL[number])
    force(threads=1, engine="panel")
    first = run(case, "generic")
    force(threads=1, engine="tiny")
    for isa in ISAS:
        for cut in (None, 1):
            other = run(case, isa, cut)
            assert other.run == {"team": 1, "isa": isa, "engine": "tiny"}
            assert_same(other, first)


def test_small_training_takes_the_tiny_engine_by_itself(monkeypatch):
    for name in FORCING:
        monkeypatch.delenv(name, raising=False)
    for case in map(for_tiny, SMALL[:2]):
        assert run(case, _core.default_isa()).run["engine"] == "tiny"
    assert run(LARGE[0], _core.default_isa()).run["engine"] == "panel"


# One of several blocks of parameters, and one that kernels/tiny.c trains.
NETS = {
    "panel": sized(LARGE[0], 70, (131, 5), 24, 5),
    "tiny": sized(SMALL[1], 3, (5, 2), 24, 5),
}


@pytest.mark.parametrize("engine", NETS)
@pytest.mark.parametrize("spec", OPTIMIZERS, ids=name_of)
def test_every_optimizer(spec, engine, force):
    exempt = [i % 2 for i in range(4)]
    decay = {"weight_decay": 0.01, "undecayed": exempt if engine == "panel" else None}
    clip = {"clipnorm": 0.1} if engine == "panel" else {}
    for extra in ({}, {**decay, **clip}):
        case = NETS[engine]._replace(optimizer={**spec, **extra})
        force(threads=1, engine="panel")
        first = run(case, "generic")
        for isa in ISAS[1:]:
            for threads, cut in ((1, None), (3, 1)):
                force(threads=threads, engine=engine)
                other = run(case, isa, cut)
                assert other.run["team"] == threads
                assert_same(other, first)


@pytest.mark.parametrize("number", range(len(LARGE)))
def test_large_networks(number, force):
    case = LARGE[number]
    force(threads=1, engine="panel")
    first = run(case, "generic")
    for isa in ISAS:
        for threads in THREADS:
            force(threads=threads, engine="panel")
            other = run(case, isa, cut=None if threads % 2 else 1)
            assert other.run == {"team": threads, "isa": isa, "engine": "panel"}
            assert_same(other, first)


@pytest.mark.parametrize("number", range(len(HUGE)))
def test_huge_networks_and_batches(number, force):
    case = HUGE[number]
    force(threads=1)
    first = run(case, "generic")
    for isa in ISAS[1:]:
        for threads in (1, 3):
            force(threads=threads)
            other = run(case, isa)
            assert other.run["team"] == threads
            assert other.run["isa"] == isa
            assert_same(other, first)


@pytest.mark.parametrize("number", range(0, len(SMALL), 3))
def test_any_cut_into_calls(number):
    case = SMALL[number]
    first = run(case, _core.default_isa())
    for cut in (1, 2, 5, 7, 10**6):
        assert_same(run(case, _core.default_isa(), cut), first)


@pytest.mark.parametrize("number", range(len(SMALL)))
def test_a_row_is_predicted_alone_as_in_a_batch(number, isa, force):
    for case in (SMALL[number], LARGE[number % len(LARGE)]):
        net = network(case, isa)
        together = net.predict(case.x)
        for i in range(min(len(case.x), 7)):
            alone = net.predict(case.x[i : i + 1])
            assert same_bits(alone[0], together[i])
        force(threads=3)
        threaded = network(case, isa)
        assert same_bits(threaded.predict(case.x), together)
        assert threaded.last_run["team"] == 3
        wide = np.zeros((len(case.x), case.n_in + 3), case.dtype)
        wide[:, : case.n_in] = case.x
        assert same_bits(net.predict(wide[:, : case.n_in]), together)


@pytest.mark.parametrize("number", range(0, len(SMALL), 4))
def test_evaluation_in_parts(number, isa, force):
    case = SMALL[number]
    data, n = (case.x, case.y, case.weights), len(case.x)
    part = 7
    whole = network(case, isa).evaluate(*data, 0, n, batch_size=part)
    force(threads=2)
    net = network(case, isa)
    for first in range(0, n, part):
        row = net.evaluate(*data, first, min(part, n - first), batch_size=part)
        assert (row is None) == (first + part < n)
    assert same_bits(row, whole)


@pytest.mark.parametrize("number", range(0, len(SMALL), 5))
def test_training_goes_on_from_saved_state(number):
    case, isa = SMALL[number], _core.default_isa()
    options = {"batch_size": case.batch_size, "shuffle": case.shuffle}
    data = (case.x, case.y, case.weights)
    whole, first = network(case, isa), network(case, isa)
    train(whole, *data, epochs=4, **options)
    train(first, *data, epochs=2, **options)
    second = network(case, isa)
    for i, value in enumerate(variables_of(first)):
        second.set_variable(i, value)
    for s, slot in enumerate(slots_of(first)):
        for i, value in enumerate(slot):
            second.set_slot(s, i, value)
    second.set_counters(first.counters)
    train(second, *data, epochs=2, **options)
    for a, b in zip(variables_of(second), variables_of(whole), strict=True):
        assert same_bits(a, b)
    assert second.counters == whole.counters


@pytest.mark.parametrize("number", range(0, len(SMALL), 5))
def test_training_goes_on_within_an_epoch(number):
    case, isa = SMALL[number]._replace(batch_size=3, epochs=2), _core.default_isa()
    options = {"batch_size": case.batch_size, "shuffle": case.shuffle}
    data = (case.x, case.y, case.weights)
    batches = case.epochs * -(-len(case.x) // case.batch_size)
    whole, first = network(case, isa), network(case, isa)
    expected = train(whole, *data, batches=batches, **options)[0]
    for done in range(1, batches):
        train(first, *data, batches=1, **options)
        second = network(case, isa)
        for i, value in enumerate(variables_of(first)):
            second.set_variable(i, value)
        for s, slot in enumerate(slots_of(first)):
            for i, value in enumerate(slot):
                second.set_slot(s, i, value)
        second.set_counters(first.counters)
        second.set_epoch(first.get_epoch())
        assert second.counters == first.counters
        assert same_bits(second.get_epoch(), first.get_epoch())
        rows = train(second, *data, batches=batches - done, **options)[0]
        assert same_bits(rows[-1], expected[-1])
        for a, b in zip(variables_of(second), variables_of(whole), strict=True):
            assert same_bits(a, b)


@pytest.mark.parametrize("number", range(0, len(SMALL), 5))
def test_a_stream_has_the_bits_of_its_rows_at_hand(number):
    case, isa = SMALL[number]._replace(batch_size=3), _core.default_isa()
    rng = np.random.default_rng(number)
    n = len(case.x)
    rows = rng.permutation(n).astype(np.uint32)
    data = (case.x, case.y, case.weights)
    whole, net = network(case, isa), network(case, isa)
    expected = train(whole, *data, order=rows, batch_size=3, shuffle=False)[0][-1]
    border = n // 6 * 3
    for part in filter(len, (rows[:border], rows[border:])):
        # In memory they lie in another order, behind two rows that were used before.
        lies = np.concatenate([[0, 0], np.sort(part)])
        order = np.concatenate([[0, 0], 2 + np.argsort(np.argsort(part))])
        held = [None if array is None else array[lies] for array in data]
        used = 2
        while used < len(order):
            _, done, _, _ = net.train(
                *held,
                batch_size=3,
                max_batches=int(rng.integers(1, 4)),
                max_epochs=1,
                shuffle=False,
                learning_rate=0.01,
                order=order.astype(np.uint32),
                stream=True,
                start=used,
            )
            used += done * 3
    assert same_bits(np.array(net.running()), expected)
    for a, b in zip(variables_of(net), variables_of(whole), strict=True):
        assert same_bits(a, b)


@pytest.mark.parametrize("number", range(0, len(SMALL), 5))
def test_a_stream_goes_on_between_what_it_gives(number):
    case, isa = SMALL[number], _core.default_isa()
    data = (case.x, case.y, case.weights)
    options = {"shuffle": False, "learning_rate": 0.01, "stream": True}
    options |= {"batch_size": 3, "max_batches": 99, "max_epochs": 1}
    first, second = network(case, isa), network(case, isa)
    first.train(*data, **options)
    for i, value in enumerate(variables_of(first)):
        second.set_variable(i, value)
    for s, slot in enumerate(slots_of(first)):
        for i, value in enumerate(slot):
            second.set_slot(s, i, value)
    second.set_counters(first.counters)
    second.set_epoch(first.get_epoch())
    rows = [net.train(*data, **options)[0] for net in (first, second)]
    assert same_bits(*rows)
    for a, b in zip(variables_of(second), variables_of(first), strict=True):
        assert same_bits(a, b)


@pytest.mark.parametrize("words", [{"start": 5, "stream": True}, {"start": 1}])
def test_the_start_of_a_stream_is_checked(words):
    net = network(SMALL[0], _core.default_isa())
    data = (array[:5] for array in SMALL[0][8:10])
    with pytest.raises(ValueError):
        train(net, *data, batch_size=1, **words)


def test_an_epoch_that_cannot_be_is_refused():
    net = network(SMALL[0], _core.default_isa())
    train(net, *SMALL[0][8:11], batches=1, batch_size=1)
    good = net.get_epoch()
    for place, value in ((2, 2.0**40), (3, -1), (3, good[2]), (3, np.nan), (4, 1e9)):
        bad = good.copy()
        bad[place] = value
        with pytest.raises(ValueError):
            net.set_epoch(bad)
    with pytest.raises(ValueError):
        net.set_epoch(good[:-1])
    net.set_epoch(good)
