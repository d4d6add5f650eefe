"""The first link of the chain: differences confirm the reference's gradients."""

from __future__ import annotations

from functools import partial
from statistics import NormalDist

import numpy as np
import pytest

from nncore import _bounds, _core, reference

from .helpers import (
    ACTIVATIONS,
    LOSSES,
    away_from,
    core_network,
    layer,
    name_of,
    predictions_for,
    slope,
    slope_of,
    targets_for,
    train,
)


def assert_within(measured, error, exact):
    assert np.all(np.abs(measured - exact) <= error)


@pytest.mark.parametrize(("name", "args"), ACTIVATIONS, ids=map(name_of, ACTIVATIONS))
def test_activation_gradient_agrees_with_differences(name, args, rng):
    z = away_from(_bounds.kinks(name, args), rng.normal(size=(4, 6)) * 3)
    dy = rng.normal(size=z.shape)
    dz = reference.activation_backward(name, args, dy, z)
    for index in np.ndindex(z.shape):

        def total():
            return (dy * reference.activation_forward(name, args, z)).sum()

        assert_within(*slope_of(total, z, index), dz[index])
    assert np.any(dz != 0)


def test_activation_gradients_hold_far_out():
    z = np.array([[-800.0, -50.0, -20.0, -8.0, 8.0, 20.0, 50.0]])
    for name, args in ACTIVATIONS:
        if name not in ("softmax", "log_softmax"):
            exact = reference.activation_backward(name, args, np.ones_like(z), z)
            forward = partial(reference.activation_forward, name, args)
            assert_within(*slope(forward, z), exact)


@pytest.mark.parametrize(
    ("name", "args", "z", "expected"),
    [
        ("relu", (0.1, 1.0, 0.2), [0.2, 1.0], [0.1, 0.0]),
        ("relu", (0.0, np.inf, 0.0), [0.0, -0.0], [0.0, 0.0]),
        ("leaky_relu", (0.2, 0, 0), [0.0], [0.2]),
        ("relu6", (0, 0, 0), [0.0, 6.0], [0.0, 0.0]),
        ("elu", (0.5, 0, 0), [0.0], [1.0]),
        ("selu", (0, 0, 0), [0.0], [reference.SELU_SCALE]),
        ("celu", (0.5, 0, 0), [0.0], [1.0]),
        ("hard_sigmoid", (0, 0, 0), [-3.0, 3.0], [0.0, 0.0]),
    ],
)
def test_slopes_at_kinks_are_the_stated_ones(name, args, z, expected):
    slopes = reference.activation_backward(name, args, np.ones((1, len(z))), [z])
    assert slopes.tolist() == [expected]


@pytest.mark.parametrize("spec", LOSSES, ids=name_of)
@pytest.mark.parametrize("cols", [1, 2, 5])
def test_loss_gradient_agrees_with_differences(spec, cols, rng):
    t = targets_for(spec, 6, cols, rng)
    p = predictions_for(spec, 6, cols, rng)
    gradient = reference.loss_gradient(spec, t, p)
    for i, j in np.ndindex(p.shape):
        measured, error = slope_of(lambda: reference.loss_value(spec, t, p), p, (i, j))
        assert_within(measured[i], error[i], gradient[i, j])
    classes = ("categorical_crossentropy", "categorical_focal", "cosine")
    if cols > 1 or not any(word in spec["kind"] for word in classes):
        assert np.any(gradient != 0)


@pytest.mark.parametrize(
    "kind",
    ["binary_crossentropy", "categorical_crossentropy", "kl_divergence"],
)
def test_loss_gradient_is_cut_where_the_clip_cuts(kind):
    t, p = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert np.all(np.isfinite(reference.loss_value({"kind": kind}, t, p)))
    gradient = reference.loss_gradient({"kind": kind}, t, p)
    # kl_divergence clips at 1 only from above, so p = 1 still has a slope.
    assert gradient[0, 0] == 0


def normalization(kind, columns, activation="linear", **more):
    options = {"scale": True, "center": True, "epsilon": 1e-3, "momentum": 0.9}
    kind = f"{kind}_normalization"
    return layer(0, activation, kind=kind, columns=columns, **{**options, **more})


NETWORKS = {
    "plain": [layer(5, "tanh"), layer(3, "sigmoid")],
    "deep": [layer(4, "elu"), layer(3, "silu"), layer(3, "softplus"), layer(3)],
    "without bias": [layer(4, "gelu", use_bias=False), layer(3, "softmax")],
    "penalties": [
        layer(4, "mish", kernel_l1=0.1, kernel_l2=0.2, bias_l1=0.3, bias_l2=0.1),
        layer(3, "softsign", kernel_l2=0.5),
    ],
    "dropout": [
        layer(6, "tanh", dropout=0.4, dropout_seed=3),
        layer(3, "selu", dropout=0.2, dropout_seed=4),
    ],
    "activations alone": [layer(5), layer(0, "celu"), layer(3), layer(0, "softmax")],
    "batch normalization": [
        layer(6, use_bias=False),
        normalization("batch", 6, "tanh", kernel_l2=0.1, bias_l1=0.2),
        normalization("batch", 2, scale=False),
        layer(3, "sigmoid"),
    ],
    "frozen batch normalization": [
        layer(6),
        normalization("batch", 6, trainable=False),
        layer(3, "sigmoid"),
    ],
    "other normalizations": [
        normalization("layer", 2, center=False),
        layer(6, "tanh"),
        normalization("layer", 6),
        normalization("rms", 3, "tanh", center=False),
        normalization("unit", 3, scale=False, center=False),
        layer(3, "softmax"),
    ],
    "unit normalization of short rows": [
        normalization("unit", 2, scale=False, center=False, epsilon=5.0),
        layer(3, "sigmoid"),
    ],
    "prelu": [
        layer(6),
        layer(0, kind="prelu", columns=6, kernel_l2=0.1),
        layer(0, kind="prelu", columns=3),
        layer(3, "sigmoid"),
    ],
    "gather": [
        layer(6, "tanh"),
        layer(0, kind="gather", order=[5, 0, 0, 3, 1, 0, 2]),
        layer(3, "sigmoid"),
    ],
    "noise": [
        layer(6, "tanh", noise="gaussian_noise", dropout=0.4, dropout_seed=3),
        layer(5, "tanh", noise="gaussian_dropout", dropout=0.3, dropout_seed=4),
        layer(4, "selu", noise="alpha_dropout", dropout=0.3, dropout_seed=5),
        layer(3, "sigmoid"),
    ],
    "activity": [
        layer(5, "tanh", activity_l1=0.1, activity_l2=0.2, dropout=0.3, dropout_seed=1),
        layer(0, activity_l1=0.3),
        layer(3, "sigmoid", activity_l2=0.5),
    ],
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "loss",
    ["mean_squared_error", "binary_crossentropy", "categorical_crossentropy"],
)
def test_network_gradient_agrees_with_differences(network, loss, rng):
    net = random_network(4, NETWORKS[network], rng)
    spec = {"kind": loss, "from_logits": not bounded_by_1(net)}
    net.compile(spec, [], {"kind": "sgd"})
    x, weights = rng.normal(size=(5, 4)), rng.uniform(0.5, 2, 5)
    y = targets_for(spec, 5, 3, rng)
    _, gradients = net.gradient(x, y, weights, step=9)
    parts = zip(net.variables, net.trainable, gradients, strict=True)
    for variable, trainable, gradient in parts:
        if not trainable:
            assert not gradient.any()
            continue
        assert np.any(gradient != 0)
        for index in np.ndindex(variable.shape):
            measured = slope_of(
                lambda: net.gradient(x, y, weights, step=9)[0], variable, index
            )
            assert_within(*measured, gradient[index])


def random_network(n_in, layers, rng):
    net = reference.Network(n_in, layers)
    for variable in net.variables:
        variable[...] = rng.normal(size=variable.shape)
    for part in net.layers:
        if "moving_variance" in part["places"]:
            variance = net.variables_of(part)["moving_variance"]
            variance[...] = np.abs(variance)
    return net


def bounded_by_1(net):
    return net.layers[-1]["activation"] in ("sigmoid", "softmax")


def test_losses_of_logits_equal_those_of_probabilities(rng):
    z, cols = rng.normal(size=(4, 3)), 3
    for kind, name in [
        ("binary_crossentropy", "sigmoid"),
        ("categorical_crossentropy", "softmax"),
        ("sparse_categorical_crossentropy", "softmax"),
    ]:
        t = targets_for({"kind": kind}, 4, cols, rng)
        p = reference.activation_forward(name, (0, 0, 0), z)
        ours = reference.loss_value({"kind": kind, "from_logits": True}, t, z)
        np.testing.assert_allclose(ours, reference.loss_value({"kind": kind}, t, p))


def test_a_frozen_layer_stays_and_counts_in_no_norm(rng):
    layers = [layer(4, "tanh", trainable=False, kernel_l2=1.0), layer(2)]
    net, free = (random_network(3, layers, np.random.default_rng(1)) for _ in range(2))
    spec = {"kind": "sgd", "global_clipnorm": 0.01}
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    net.compile({"kind": "mean_squared_error"}, [], spec)
    net.train_on_batch(x, y, learning_rate=1.0)
    moved = [a - b for a, b in zip(net.variables, free.variables, strict=True)]
    assert not moved[0].any() and not moved[1].any()
    assert np.sqrt(sum((m**2).sum() for m in moved)) == pytest.approx(0.01)
    assert net.penalty() == 0


def test_embedding_gradient_agrees_with_differences(rng):
    table = {"kind": "embedding", "vocabulary": 7, "use_bias": False}
    net = random_network(3, [layer(2, **table, kernel_l2=0.1), layer(4)], rng)
    net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    x, y = np.array([[0.0, 6, 3], [3, 3, 1]]), rng.normal(size=(2, 4))
    table = net.variables[0]
    assert np.array_equal(
        net.forward(x)[1][0].z,
        [[*table[0], *table[6], *table[3]], [*table[3]] * 2 + [*table[1]]],
    )
    _, gradients = net.gradient(x, y)
    for index in np.ndindex(table.shape):
        measured = slope_of(lambda: net.gradient(x, y)[0], table, index)
        assert_within(*measured, gradients[0][index])


def test_an_index_outside_the_table_gives_nan():
    table = {"kind": "embedding", "vocabulary": 2, "use_bias": False}
    out = reference.Network(3, [layer(1, **table)]).predict([[0, 2, -1]])
    assert np.isnan(out).tolist() == [[False, True, True]]


def test_normalization_gives_mean_0_and_variance_1(rng):
    x = rng.normal(size=(50, 6)) * 4 + 3
    for kind, axis, groups in [("batch", 0, 6), ("batch", 0, 3), ("layer", 1, 3)]:
        net = reference.Network(6, [normalization(kind, groups, epsilon=0.0)])
        net.variables[0][...] = 1
        h = net.forward(x, step=0)[0].reshape(-1, groups)
        np.testing.assert_allclose(h.mean(axis=axis), 0, atol=1e-12)
        np.testing.assert_allclose(h.var(axis=axis), 1)
    rms = reference.Network(6, [normalization("rms", 6, center=False, epsilon=0.0)])
    rms.variables[0][...] = 1
    np.testing.assert_allclose((rms.predict(x) ** 2).mean(axis=1), 1)
    bare = {"scale": False, "center": False}
    unit = reference.Network(6, [normalization("unit", 2, epsilon=1e-24, **bare)])
    np.testing.assert_allclose((unit.predict(x).reshape(-1, 2) ** 2).sum(axis=1), 1)


@pytest.mark.parametrize("trainable", [True, False])
def test_moving_statistics_follow_those_of_the_batch(trainable, rng):
    parts = [normalization("batch", 2, momentum=0.75, trainable=trainable), layer(1)]
    net = reference.Network(2, parts)
    net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    mean, variance = (net.variables_of(net.layers[0])[n] for n in reference.MOVING)
    variance[...] = 1
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    net.train_on_batch(x, y, learning_rate=0.1)
    share = 0.25 if trainable else 0.0
    np.testing.assert_allclose(mean, share * x.mean(axis=0))
    np.testing.assert_allclose(variance, 1 - share + share * x.var(axis=0))
    before = net.predict(x[:1])
    net.evaluate(x, y)
    assert np.array_equal(net.predict(x[:1]), before)


def test_prelu_is_flat_at_0_as_in_keras():
    net = reference.Network(1, [layer(0, kind="prelu", columns=1), layer(1)])
    net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    for v in net.variables:
        v[...] = 1
    kind = reference._KINDS["prelu"]
    dx, _ = kind.backward(
        net.layers[0], np.ones((1, 1)), np.zeros((1, 1)), {"alpha": np.ones(1)}, {}
    )
    assert dx == 0


CONSTRAINTS = [
    ({"kind": "max_norm", "max_value": 2.0}, [[2, 0.5]]),
    ({"kind": "unit_norm"}, [[1, 1]]),
    (
        {"kind": "min_max_norm", "min_value": 1.0, "max_value": 3.0, "rate": 1.0},
        [[3, 1]],
    ),
    (
        {"kind": "min_max_norm", "min_value": 1.0, "max_value": 3.0, "rate": 0.5},
        [[4, 0.75]],
    ),
]


@pytest.mark.parametrize(("spec", "norms"), CONSTRAINTS)
@pytest.mark.parametrize("axis", [0, 1, None])
def test_a_constraint_sets_the_norms_along_its_axis(spec, norms, axis):
    w = np.array([[3.0, 0.3], [4.0, 0.4]])
    w = w.T if axis == 1 else w[:, :1] if axis is None else w
    held = reference.constrained(w, {**spec, "axis": axis})
    expected = np.ravel(norms)[: 1 if axis is None else 2]
    found = np.sqrt((held**2).sum(axis=axis)).ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(held / np.sign(held).clip(1), np.abs(held))
    assert np.array_equal(
        reference.constrained(np.array([-1.0, 2.0]), {"kind": "non_neg"}), [0, 2]
    )


def test_constraints_hold_trained_variables_after_each_update(rng):
    unit = {"kind": "unit_norm", "axis": 0}
    parts = [
        layer(3, kernel_constraint=unit, bias_constraint={"kind": "non_neg"}),
        layer(2, kernel_constraint=unit, trainable=False),
    ]
    net = random_network(4, parts, rng)
    net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    frozen = net.variables[2].copy()
    x, y = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    net.train_on_batch(x, y, learning_rate=1.0)
    np.testing.assert_allclose(np.linalg.norm(net.variables[0], axis=0), 1, rtol=1e-6)
    assert np.all(net.variables[1] >= 0) and np.any(net.variables[1] == 0)
    assert np.array_equal(net.variables[2], frozen)


def test_normals_are_those_of_the_inverse_distribution():
    near = np.array([2**7, 2**20, 2**28, 2**31 - 1, 2**31, 3 * 2**30, 2**32 - 2**7])
    # Giles gives the polynomial's relative error as 3.5e-7, for 1 - |2 p - 1| of at
    # least 2^-24; it grows in the tails beyond, which one number in 2^24 meets.
    for words, error in [(near, 4e-7), (np.array([0, 1, 2**32 - 1]), 4e-4)]:
        exact = [NormalDist().inv_cdf((word + 0.5) / 2.0**32) for word in words]
        ours = reference.normals(words.astype(np.uint32))
        np.testing.assert_allclose(ours, exact, rtol=error)


@pytest.mark.parametrize(
    ("kind", "rate", "mean", "variance"),
    [
        ("gaussian_noise", 0.3, 0.5, 0.3**2),
        ("gaussian_dropout", 0.2, 0.5, 0.5**2 * 0.2 / 0.8),
        ("dropout", 0.2, 0.5, 0.5**2 * 0.2 / 0.8),
    ],
)
def test_noise_has_its_mean_and_variance(kind, rate, mean, variance):
    parts = [layer(0, noise=kind, dropout=rate, dropout_seed=2)]
    u = reference.Network(40, parts).forward(np.full((500, 40), 0.5), step=1)[0]
    n = u.size
    assert abs(u.mean() - mean) < 6 * np.sqrt(variance / n)
    # The fourth moments of all three are below twenty times the variance squared.
    assert abs(u.var() - variance) < 6 * variance * np.sqrt(20 / n)


def test_alpha_dropout_keeps_mean_0_and_variance_1(rng):
    parts = [layer(0, noise="alpha_dropout", dropout=0.3, dropout_seed=2)]
    u = reference.Network(40, parts).forward(rng.normal(size=(500, 40)), step=1)[0]
    assert abs(u.mean()) < 6 / np.sqrt(u.size)
    assert abs(u.var() - 1) < 6 * np.sqrt(20 / u.size)


def test_activity_penalties_are_means_over_rows_and_not_weighted(rng):
    parts = [layer(3, activity_l1=0.5, activity_l2=0.25)]
    net = random_network(2, parts, rng)
    net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    x, y = rng.normal(size=(4, 2)), np.zeros((4, 3))
    p = net.predict(x)
    penalty = (0.5 * np.abs(p).sum() + 0.25 * (p * p).sum()) / 4
    assert net.evaluate(x, y, np.zeros(4)) == [pytest.approx(penalty)]
    assert net.gradient(x, y, np.zeros(4))[0] == pytest.approx(penalty)


def test_the_logits_are_used_only_behind_the_matching_activation():
    takes = reference.loss_takes_logits
    binary = {"kind": "binary_crossentropy"}
    assert takes(binary, layer(1, "sigmoid"))
    assert not takes(binary, layer(1, "softmax"))
    assert not takes(binary, layer(1, "sigmoid", dropout=0.5))
    assert takes({"kind": "sparse_categorical_crossentropy"}, layer(2, "softmax"))
    assert not takes({"kind": "mean_squared_error"}, layer(1, "sigmoid"))


def test_philox_gives_the_published_words():
    # Known answers of the Random123 distribution, philox4x32 with 10 rounds.
    ones = 0xFFFFFFFF
    cases = [
        ((0, 0, 0, 0), 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((ones,) * 4, ones << 32 | ones, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0 << 32 | 0xA4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ]
    for counter, key, words in cases:
        assert [f"{w:08x}" for w in reference.philox(counter, key)] == words.split()


def test_shuffling_visits_every_row_and_depends_on_seed_and_epoch():
    for n in (1, 2, 3, 10, 101):
        assert sorted(reference.shuffled(n, 5, 2).tolist()) == list(range(n))
    orders = {
        tuple(reference.shuffled(9, seed, epoch).tolist())
        for seed in (1, 2)
        for epoch in (0, 1, 2**40)
    }
    assert len(orders) == 6


def test_shuffling_is_even():
    counts = np.zeros((4, 4))
    for epoch in range(2000):
        counts[np.arange(4), reference.shuffled(4, 1, epoch)] += 1
    # Six standard deviations of a binomial count.
    assert np.all(np.abs(counts - 500) < 6 * np.sqrt(2000 * 0.25 * 0.75))


def test_dropout_keeps_its_share_and_changes_with_the_step():
    keeps = [reference.dropout_keeps(200, 50, 0.3, 1, step) for step in (0, 1)]
    for keep in keeps:
        assert abs(keep.mean() - 0.7) < 6 * np.sqrt(0.21 / 10000)
    assert np.any(keeps[0] != keeps[1])
    assert reference.dropout_keeps(3, 3, 0.0, 1, 0).all()
    assert not reference.dropout_keeps(3, 3, 1.0, 1, 0).any()


def test_names_are_those_of_the_core():
    assert list(reference.ACTIVATIONS) == _core.activation_names()
    assert [*reference.LOSSES] == [
        name for name in _core.loss_names() if not name.endswith("_logits")
    ]
    assert list(reference.OPTIMIZERS) == _core.optimizer_names()


@pytest.mark.parametrize(
    "call",
    [
        lambda: reference.activation_forward("rellu", (0, 0, 0), [[1.0]]),
        lambda: reference.loss_value({"kind": "msq"}, [[1.0]], [[1.0]]),
        lambda: reference.metric_value({"kind": "acc"}, [[1.0]], [[1.0]]),
        lambda: reference.Optimizer({"kind": "adamm"}, []),
        lambda: reference.Network(1, [layer(0, kind="densse")]),
        lambda: reference.constrained(np.ones(1), {"kind": "maxnorm", "axis": 0}),
        lambda: reference.noise({"noise": "gauss", "dropout": 0.5}, (1, 1), 0),
    ],
)
def test_unknown_names_are_refused(call):
    with pytest.raises(ValueError, match="Expected"):
        call()


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", None])
@pytest.mark.parametrize("ignored", [None, 1])
@pytest.mark.parametrize("weighs", [False, True])
def test_the_core_reduces_a_loss_as_the_reference_does(reduction, ignored, weighs, rng):
    kind = "sparse_categorical_crossentropy"
    loss = {"kind": kind, "reduction": reduction, "weight": 0.7}
    loss["ignore_class"] = ignored
    metric = {"kind": "loss_value", "loss": {"kind": kind, "weight": -2.0}}
    layers = [layer(5, "tanh"), layer(3, "softmax")]
    ours = random_network(4, layers, rng)
    core = core_network("float64", 4, layers, variables=ours.variables)
    x, y = rng.normal(size=(50, 4)), rng.integers(0, 3, (50, 1)).astype(float)
    weights = rng.uniform(0.2, 2, 50) if weighs else None
    for net in (ours, core):
        net.compile(loss, [{**metric, "weighted": True}], {"kind": "sgd"})
    value, gradients = ours.gradient(x, y, weights)
    core_value, core_gradients = core.gradient(x, y, weights)
    assert core_value == pytest.approx(value)
    for a, b in zip(core_gradients, gradients, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    assert core.evaluate(x, y, weights, 0, 50, batch_size=16) == pytest.approx(
        ours.evaluate(x, y, weights, batch_size=16)
    )
    settings = {"batch_size": 16, "epochs": 2, "shuffle": True, "learning_rate": 0.05}
    rows = train(core, x, y, weights, **settings)[0]
    np.testing.assert_allclose(rows, ours.train(x, y, weights, **settings))
