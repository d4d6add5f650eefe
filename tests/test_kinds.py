"""Layers that are no product, noise, constraints, penalties of outputs: all at once.

Networks are drawn by a seeded generator. In float64 the generic kernels must agree with
the reference; every instruction set, number of threads and way of cutting the work into
calls must then give the same bits, in both dtypes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from nncore import _core, reference

from .helpers import (
    ISAS,
    bounded_network,
    core_network,
    largest_fraction,
    layer,
    same_bits,
    train,
    variables_of,
)
from .test_reference import NETWORKS, normalization, random_network

WIDTHS = (1, 2, 3, 8, 16, 17, 33, 64, 65, 130)
NORMALIZATIONS = (
    "batch_normalization",
    "layer_normalization",
    "rms_normalization",
    "unit_normalization",
    "prelu",
)


class Case(NamedTuple):
    """A network, what it is trained for, and its data."""

    dtype: str
    n_in: int
    layers: list[dict[str, Any]]
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    variables: list[np.ndarray]
    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    batch_size: int


class Draws:
    """Choices from one seed."""

    def __init__(self, number):
        self.rng = np.random.default_rng([23, number])

    def chance(self, share):
        return bool(self.rng.random() < share)

    def pick(self, values):
        return values[int(self.rng.integers(len(values)))]

    def constraint(self, rank):
        if self.chance(0.6):
            return None
        return {
            "kind": self.pick(_core.constraint_names()[1:]),
            "min_value": 0.2,
            "max_value": 0.7,
            "rate": self.pick([1.0, 0.5]),
            "axis": self.pick([0, 1, None] if rank == 2 else [0, None]),
        }

    def layer(self, units=0, rank=1, **more):
        spec = layer(
            units,
            self.pick(["linear", "relu", "tanh", "softmax"]),
            activation_args=(0.0, np.inf, 0.0),
            trainable=self.chance(0.85),
            kernel_constraint=self.constraint(rank),
            bias_constraint=self.constraint(1),
        )
        if self.chance(0.3):
            spec |= {"noise": self.pick(_core.noise_names()), "dropout": 0.3}
            spec["dropout_seed"] = 5
        if self.chance(0.2):
            spec |= {"activity_l1": 1e-2, "activity_l2": 2e-2}
        if self.chance(0.2):
            spec |= {"kernel_l1": 1e-3, "kernel_l2": 2e-3, "bias_l2": 1e-3}
        return spec | more

    def embedding(self, n_in):
        return self.layer(
            self.pick([1, 2, 3, 8, 70]),
            2,
            kind="embedding",
            vocabulary=self.pick([2, 11, 300]),
            columns=self.pick([0, int(self.rng.integers(n_in))]),
        )

    def normalization(self, kind, n_in):
        groups = [c for c in range(1, n_in + 1) if n_in % c == 0]
        both = kind in ("batch_normalization", "layer_normalization")
        return self.layer(
            kind=kind,
            columns=n_in if self.chance(0.7) else self.pick(groups),
            scale=kind == "rms_normalization" or (both and self.chance(0.6)),
            center=both and self.chance(0.6),
            momentum=0.9,
            epsilon=1e-12 if kind == "unit_normalization" else 1e-3,
        )

    def any_layer(self, n_in):
        kind = self.pick(["dense", "dense", "gather", "none", *NORMALIZATIONS])
        if kind == "dense":
            units, bias = self.pick(WIDTHS), self.chance(0.7)
            return units, self.layer(units, 2, kind=kind, use_bias=bias)
        if kind == "gather":
            order = self.rng.integers(0, n_in, self.pick(WIDTHS))
            return len(order), self.layer(kind=kind, order=order)
        if kind == "none":
            return n_in, self.layer(kind=kind)
        return n_in, self.normalization(kind, n_in)


def draw(number):
    """Case `number`: the same on every machine."""
    draws = Draws(number)
    rng, pick, chance = draws.rng, draws.pick, draws.chance
    embeds = chance(0.25)
    n_in = columns = pick((1, 2, 3, 5) if embeds else WIDTHS)
    layers = []
    if embeds:
        layers.append(draws.embedding(n_in))
        passed = layers[0]["columns"]
        columns = passed + (n_in - passed) * layers[0]["units"]
    for _ in range(int(rng.integers(1, 6))):
        columns, spec = draws.any_layer(columns)
        layers.append(spec)
    n_out, end = int(rng.integers(1, 12)), pick(["linear", "softmax"])
    layers.append(layer(n_out, end, activity_l2=pick([0.0, 0.0, 1e-2])))
    kinds = ["mean_squared_error", "huber", "log_cosh"]
    kinds += ["categorical_crossentropy"] * 2 if end == "softmax" else []
    loss = {"kind": pick(kinds), "delta": 1.0}
    dtype = ("float32", "float64")[number % 2]
    clip = pick([{}, {}, {"clipnorm": 0.5}, {"global_clipnorm": 0.5}])
    rule = {"beta_1": 0.9, "beta_2": 0.999, "rho": 0.9, "epsilon": 1e-7}
    rule |= {"kind": pick(["sgd", "adam", "rmsprop"]), "momentum": 0.9}
    rule |= {"weight_decay": pick([0.0, 0.01]), **clip}
    batch_size = pick((2, 5, 10, 40, 600))
    rows = int(batch_size * rng.integers(1, 4) + rng.integers(0, batch_size + 1))
    if embeds:
        x = rng.integers(0, layers[0]["vocabulary"], (rows, n_in)).astype(float)
        x[:, :passed] = rng.normal(size=(rows, passed))
    else:
        x = rng.normal(size=(rows, n_in))
    if loss["kind"] == "categorical_crossentropy":
        y = np.eye(n_out)[rng.integers(0, n_out, rows)]
    else:
        y = rng.random((rows, n_out))
    return Case(
        dtype=dtype,
        n_in=n_in,
        layers=layers,
        loss=loss,
        optimizer=rule,
        variables=starting_values(n_in, layers, rng, dtype),
        x=x.astype(dtype),
        y=y.astype(dtype),
        weights=rng.random(rows).astype(dtype) if chance(0.5) else None,
        batch_size=batch_size,
    )


def starting_values(n_in, layers, rng, dtype):
    """Vectors around 1; no variance is negative."""
    net = reference.Network(n_in, layers)
    values = []
    for spec in net.layers:
        for name, variable in net.variables_of(spec).items():
            value = rng.normal(size=variable.shape) * 0.3 + (variable.ndim == 1)
            value = np.abs(value) + 0.1 if name == "moving_variance" else value
            values.append(value.astype(dtype))
    return values


CASES = [draw(i) for i in range(80)]
SETTINGS: dict[str, Any] = {"epochs": 2, "shuffle": True, "learning_rate": 0.01}


def run(case, isa, cut=None):
    """Weights, predictions, reports and an evaluation after two epochs."""
    net = core_network(case.dtype, case.n_in, case.layers, 7, isa, case.variables)
    metric = {"kind": "loss_value", "loss": case.loss, "weighted": True}
    net.compile(case.loss, [metric], case.optimizer)
    data, reports = (case.x, case.y, case.weights), []
    options = {**SETTINGS, "batch_size": case.batch_size}
    left = 2 * -(-len(case.x) // case.batch_size)
    while left:
        rows, done, _, nan = train(net, *data, batches=cut or left, **options)
        assert nan == -1
        reports.extend(rows)
        left -= done
    team, predictions = net.last_run["team"], net.predict(case.x)
    middle = len(case.x) // 2
    assert same_bits(net.predict(case.x[middle : middle + 1])[0], predictions[middle])
    evaluation = net.evaluate(*data, 0, len(case.x))
    arrays = [*variables_of(net), predictions, np.array(reports), np.array(evaluation)]
    return team, arrays


@pytest.mark.parametrize("number", range(len(CASES)))
def test_bits(number, monkeypatch):
    case, first = CASES[number], None
    for isa in ISAS:
        for threads in (1, 2, 3):
            monkeypatch.setenv("NNCORE_FORCE_THREADS", str(threads))
            team, arrays = run(case, isa, cut=(None, 1)[threads % 2])
            assert team == threads
            first = first or arrays
            for ours, theirs in zip(arrays, first, strict=True):
                assert np.isfinite(ours).all()
                assert same_bits(ours, theirs)


@pytest.mark.parametrize("number", range(1, len(CASES), 2))
def test_the_reference_agrees(number):
    case = CASES[number]
    assert case.dtype == "float64"
    net = reference.Network(case.n_in, case.layers, 7)
    for variable, value in zip(net.variables, case.variables, strict=True):
        variable[...] = value
    metric = {"kind": "loss_value", "loss": case.loss, "weighted": True}
    net.compile(case.loss, [metric], case.optimizer)
    data = (case.x, case.y, case.weights)
    reports = net.train(*data, batch_size=case.batch_size, **SETTINGS)
    _, (*arrays, core_reports, _) = run(case, "generic")
    expected = [*net.variables, net.predict(case.x), np.array(reports)]
    for ours, theirs in zip([*arrays, core_reports], expected, strict=True):
        # Some hundred steps of a contraction: 1e-9 is thousands of roundings.
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


HELD = {
    "constraints": [
        layer(
            *(6, "tanh"),
            kernel_constraint={"kind": "max_norm", "max_value": 0.8, "axis": 1},
            bias_constraint={"kind": "non_neg", "axis": 0},
        ),
        normalization(
            *("layer", 6),
            kernel_constraint={"kind": "unit_norm", "axis": 0},
            bias_constraint={
                "kind": "min_max_norm",
                "min_value": 0.5,
                "max_value": 0.6,
                "rate": 0.7,
                "axis": 0,
            },
        ),
        layer(3, kernel_constraint={"kind": "unit_norm", "axis": None}),
    ],
}


@pytest.mark.parametrize("network", [*NETWORKS, *HELD])
def test_a_step_is_within_the_bounds_of_the_reference(network, dtype, rng):
    layers = (NETWORKS | HELD)[network]
    start = random_network(4, layers, rng).variables
    core = core_network(dtype, 4, layers, isa="generic", variables=start)
    ours = bounded_network(dtype, 4, layers)
    for net in (core, ours):
        net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    ours.start_from(variables_of(core), [])
    x, y = (rng.normal(size=(9, n)).astype(dtype) for n in (4, 3))
    weights = rng.uniform(0.5, 2, 9).astype(dtype)
    loss, gradients = ours.gradient(x, y, weights)
    core_loss, core_gradients = core.gradient(x, y, weights)
    assert largest_fraction(core_loss, loss) < 1
    for theirs, gradient in zip(core_gradients, gradients, strict=True):
        assert largest_fraction(theirs, ours.rounding.exact(0) + gradient) < 1
    loss, gradients, records = ours._derive(x, y, weights, 0)
    ours.update(gradients, records, 0.1)
    rows, *_ = train(core, x, y, weights, learning_rate=0.1)
    assert largest_fraction(rows[0][0], loss) < 1
    for theirs, variable in zip(variables_of(core), ours.variables, strict=True):
        assert np.isfinite(variable.error).all()
        assert largest_fraction(theirs, variable) < 1


def test_every_kind_is_drawn():
    drawn = [spec for case in CASES for spec in case.layers]
    kinds = {spec.get("kind", "dense") for spec in drawn}
    assert kinds == set(_core.kind_names())
    assert any(s["columns"] for s in drawn if s.get("kind") == "embedding")
    assert {s["noise"] for s in drawn if "noise" in s} == set(_core.noise_names())
    bounds = [s.get("kernel_constraint") or {"kind": "unconstrained"} for s in drawn]
    assert {bound["kind"] for bound in bounds} == set(_core.constraint_names())


def test_numbers_outside_a_table_give_nan():
    table = {"kind": "embedding", "vocabulary": 3, "use_bias": False}
    net = core_network("float32", 2, [layer(2, **table)], variables=[np.ones((3, 2))])
    x = np.array([[0, 2], [3, 1], [-1, np.nan]], "float32")
    expected = [[1, 1, 1, 1], [np.nan, np.nan, 1, 1], [np.nan] * 4]
    assert same_bits(net.predict(x), np.array(expected, "float32"))


def test_numbers_beside_indices_pass():
    table = {"kind": "embedding", "vocabulary": 3, "columns": 1, "use_bias": False}
    weights = [np.array([[1, 2], [3, 4], [5, 6]])]
    net = core_network("float32", 2, [layer(2, **table)], variables=weights)
    x = np.array([[0.5, 2], [-7, 1], [np.nan, 0]], "float32")
    expected = [[0.5, 5, 6], [-7, 3, 4], [np.nan, 1, 2]]
    assert same_bits(net.predict(x), np.array(expected, "float32"))


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "batch_normalization", "columns": 3},
        {"kind": "layer_normalization", "columns": 0},
        {"kind": "gather", "order": [0, 2]},
        {"kind": "gather", "order": []},
        {"kind": "embedding", "units": 2, "vocabulary": 0},
        {"kind": "embedding", "units": 2, "vocabulary": 3, "columns": 2},
        {"kind": "none", "noise": "alpha_dropout", "dropout": 1.0},
    ],
)
def test_impossible_layers_are_refused(spec):
    with pytest.raises(ValueError, match="impossible value"):
        core_network("float32", 2, [{**layer(0), **spec}])


def test_an_embedding_above_something_trained_is_refused():
    with pytest.raises(ValueError, match="impossible value"):
        core_network("float32", 2, [layer(2), layer(2, kind="embedding", vocabulary=3)])
