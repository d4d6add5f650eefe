"""Losses called by hand: Keras's numbers, shapes, and what is refused."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from nncore import Sequential, layers, load_model, losses

T, P = [[0, 1], [1, 0]], [[0.3, 0.7], [0.6, 0.4]]

# Printed by Keras 3 to seven digits.
GOLDEN = {
    "mean_squared_error": 0.125,
    "mean_absolute_error": 0.35,
    "huber": 0.0625,
    "log_cosh": 0.06114711,
    "poisson": 0.716875,
    "kl_divergence": 0.4337488,
    "binary_crossentropy": 0.4337503,
    "categorical_crossentropy": 0.4337503,
    "hinge": 0.85,
    "squared_hinge": 0.975,
    "categorical_hinge": 0.7,
    "mean_squared_logarithmic_error": 0.06456345,
    "cosine_similarity": -0.8755976,
    "binary_focal_crossentropy": 0.05691641,
    "categorical_focal_crossentropy": 0.0142291,
}
CLASSES = pytest.mark.parametrize("cls", losses._FUNCTIONS.values())


@pytest.mark.parametrize("name", GOLDEN)
def test_a_loss_has_keras_value(name):
    assert losses.get(name)(T, P) == pytest.approx(GOLDEN[name], rel=1e-6)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_function_gives_one_number_per_row(name):
    rows = getattr(losses, name)(T, P)
    assert rows.shape == (2,)
    assert rows.mean() == pytest.approx(GOLDEN[name], rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        (losses.BinaryCrossentropy(from_logits=True), 0.6520111),
        (losses.CategoricalCrossentropy(from_logits=True), 0.555577),
        (losses.BinaryCrossentropy(label_smoothing=0.1), 0.4650694),
        (losses.BinaryFocalCrossentropy(True), 0.02845821),
        (losses.CategoricalCrossentropy(label_smoothing=0.1), 0.4650694),
    ],
)
def test_crossentropies_take_logits_and_smoothing_as_keras_does(loss, value):
    assert loss(T, P) == pytest.approx(value, rel=1e-6)


def test_the_clip_of_binary_crossentropy_is_keras_own():
    assert losses.BinaryCrossentropy()([[1]], [[0]]) == pytest.approx(16.118, abs=1e-3)


@pytest.mark.parametrize("labels", [[1, 0], [[1], [0]], np.array([1.0, 0.0])])
@pytest.mark.parametrize("from_logits", [False, True])
def test_sparse_crossentropy_is_that_of_one_hot_targets(labels, from_logits):
    sparse = losses.SparseCategoricalCrossentropy(from_logits)(labels, P)
    assert sparse == pytest.approx(losses.CategoricalCrossentropy(from_logits)(T, P))


def test_weights_scale_rows_and_the_divisor_is_the_number_of_rows():
    loss = losses.MeanSquaredError()
    assert loss(T, P, [1, 3]) == pytest.approx(0.285)
    assert loss(T, P, [[1], [3]]) == pytest.approx(0.285)
    assert loss(T, P, 2) == pytest.approx(0.25)


def test_targets_of_rank_one_serve_one_column():
    assert losses.MeanSquaredError()([0, 1], [[0.0], [0.0]]) == 0.5
    assert losses.MeanSquaredError()([[0], [1]], [0.0, 0.0]) == 0.5


@pytest.mark.parametrize(
    ("loss", "t", "p"),
    [
        (losses.MeanSquaredError(), [[0, 1, 2]], [[0.5]]),
        (losses.MeanSquaredError(), [0, 1, 2], [[0.5, 0.5, 0.5]] * 3),
        (losses.MeanSquaredError(), [[0, 1]], [[0.5, 0.5]] * 2),
        (losses.MeanSquaredError(), 0.0, 1.0),
        (losses.SparseCategoricalCrossentropy(), T, P),
        (losses.SparseCategoricalCrossentropy(), [0, 2], P),
        (losses.SparseCategoricalCrossentropy(), [0, -1], P),
        (losses.SparseCategoricalCrossentropy(), [0, 0.5], P),
        (losses.SparseCategoricalCrossentropy(), [0, np.nan], P),
    ],
)
def test_shapes_are_never_broadcast_and_labels_never_out_of_range(loss, t, p):
    with pytest.raises(ValueError, match="must"):
        loss(t, p)


def test_weights_must_be_one_per_row():
    with pytest.raises(ValueError, match="one number per row"):
        losses.MeanSquaredError()(T, P, [1, 2, 3])


@CLASSES
def test_a_loss_is_named_by_its_class_function_and_word(cls):
    function = next(f for f, c in losses._FUNCTIONS.items() if c is cls)
    assert cls._kind == function.__name__
    config = cls().get_config()
    for identifier in (cls, function, function.__name__, cls.__name__):
        assert type(losses.get(identifier)) is cls
        assert losses.get(identifier).get_config() == config


@CLASSES
def test_a_configuration_makes_the_same_loss(cls):
    loss = cls(name="mine")
    assert cls.from_config(loss.get_config()).get_config() == loss.get_config()
    assert losses.deserialize(losses.serialize(loss)).name == "mine"
    for name in (["mine"], {"$tensor": []}, ""):
        with pytest.raises(ValueError, match="`name` must be a string"):
            cls(name=name)


def test_reductions_are_keras_own():
    rows, weights = np.array([0.09, 0.16]), np.array([1.0, 3.0])
    for reduction, value in {
        "sum": (rows * weights).sum(),
        "mean_with_sample_weight": (rows * weights).sum() / 4,
        "sum_over_batch_size": (rows * weights).mean(),
        "none": rows * weights,
        None: rows * weights,
    }.items():
        loss = losses.MeanSquaredError(reduction=reduction)
        np.testing.assert_allclose(loss(T, P, weights), value)
    assert losses.MeanSquaredError("mean_with_sample_weight")(T, P, [0, 0]) == 0
    with pytest.raises(ValueError, match="'mean_with_sample_weight'"):
        losses.MeanSquaredError(reduction="median")


def test_rows_of_the_ignored_class_do_not_count():
    for label in (-1, 0, 255):
        loss = losses.SparseCategoricalCrossentropy(ignore_class=label)
        kept = losses.SparseCategoricalCrossentropy()([1], [P[0]])
        assert loss([1, label], P) == pytest.approx(kept)
        np.testing.assert_allclose(loss.call([1, label], P), [kept, 0])
        assert loss([label, label], P) == 0
    with pytest.raises(ValueError, match="integers from 0 to 1"):
        losses.SparseCategoricalCrossentropy(ignore_class=-1)([1, -2], P)


def test_quantiles_stand_side_by_side():
    t, p = np.array([[1.0, -2.0]]), np.array([[0.0, 1.5, -3.0, 0.5]])
    loss = losses.Quantile([0.1, 0.8])
    expected = (0.1 * 1 + 0.2 * 0.5 + 0.1 * 1 + 0.2 * 2.5) / 4
    assert loss(t, p) == pytest.approx(expected)
    with pytest.raises(ValueError, match="2 columns for each"):
        loss(t, p[:, :3])
    with pytest.raises(ValueError, match="must have shape"):
        loss(p, p)


def test_tweedie_is_a_deviance():
    rng = np.random.default_rng(3)
    t, p = rng.uniform(0.1, 3, (5, 1)), rng.uniform(0.1, 3, (5, 1))
    for power in (1, 1.3, 1.9, 2, 2.1, 3):
        loss = losses.Tweedie(power)
        assert loss(t, t) == pytest.approx(0, abs=1e-9)
        assert loss(t, p) > 0
    for near, exact in ((1.000001, 1), (2.000001, 2)):
        assert losses.Tweedie(near)(t, p) == pytest.approx(
            losses.Tweedie(exact)(t, p), rel=1e-5
        )
    # The inverse Gaussian's.
    expected = np.mean((t - p) ** 2 / (t * p**2))
    assert losses.Tweedie(3)(t, p) == pytest.approx(expected)


def test_gaussian_nll_is_the_logarithm_of_the_density():
    m, v, t = 0.3, 1.7, 1.1
    density = np.exp(-((t - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
    full = losses.GaussianNLL(log_variance=False, full=True)
    assert full([[t]], [[m, v]]) == pytest.approx(-np.log(density))
    full = losses.GaussianNLL(full=True)
    assert full([[t]], [[m, np.log(v)]]) == pytest.approx(-np.log(density))


def test_overlaps_are_of_everything_or_along_an_axis():
    for loss in (losses.dice, losses.tversky):
        assert loss(T, P).shape == ()
        assert loss(T, P, axis=-1).shape == (2,)
    assert losses.Dice()(T, P) == pytest.approx(0.35)
    assert losses.Dice(axis=-1)(T, P) == pytest.approx(0.35)
    assert losses.Tversky(alpha=0.2, beta=0.7)(T, P) != pytest.approx(0.35)


WHOLE = [
    losses.Dice(),
    losses.Tversky(alpha=0.3, beta=0.6),
    losses.Dice("sum"),
    losses.Tversky(0.7, 0.1, reduction="mean_with_sample_weight"),
]


def whole_model(loss):
    model = Sequential(
        [layers.Dense(3, "tanh"), layers.Dense(2, "sigmoid")], dtype="float64", seed=3
    )
    model.build((None, 4))
    model.compile("adam", loss)
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(10, 4)), rng.integers(0, 2, (10, 2)).astype(float)
    return model, x, y, rng.uniform(0.5, 2, 10)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", WHOLE, ids=str)
def test_a_batch_has_one_loss_where_the_sums_go_over_it(loss, weighted):
    model, x, y, w = whole_model(loss)
    factor = 1.0
    if weighted:
        by_reduction = {"sum": w.sum(), "mean_with_sample_weight": 1.0}
        factor = by_reduction.get(loss.reduction, w.mean())
    network = model._ready_network()
    value, gradients = network.gradient(x, y, w if weighted else None)
    assert value == pytest.approx(factor * loss(y, model.predict(x)), rel=1e-12)
    h = 1e-6
    for i, gradient in enumerate(gradients):
        start = network.get_variable(i)
        for place in np.ndindex(start.shape):
            found = []
            for sign in (1, -1):
                moved = start.copy()
                moved[place] += sign * h
                network.set_variable(i, moved)
                found.append(factor * loss(y, model.predict(x)))
            # Truncation h^2, rounding eps / h.
            slope = (found[0] - found[1]) / (2 * h)
            assert abs(slope - gradient[place]) < 1e-8 * max(1.0, factor)
        network.set_variable(i, start)


@pytest.mark.parametrize("loss", WHOLE, ids=str)
def test_the_loss_of_an_epoch_is_the_mean_of_its_batches(loss, tmp_path):
    model, x, y, _ = whole_model(loss)
    p = model.predict(x)
    parts = [slice(0, 4), slice(4, 8), slice(8, 10)]
    expected = sum(loss(y[part], p[part]) * len(p[part]) for part in parts) / len(p)
    assert model.evaluate(x, y, batch_size=4, verbose=0) == pytest.approx(expected)
    history = model.fit(x, y, batch_size=4, epochs=40, shuffle=False, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    for ending in (".nnc", ".keras"):
        model.save(tmp_path / f"m{ending}")
        again = load_model(tmp_path / f"m{ending}")
        assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_overlaps_along_other_axes_are_refused():
    model = Sequential([layers.Dense(2, "sigmoid", input_dim=4)])
    with pytest.raises(ValueError, match=r"must be None in `compile`.*axis=0"):
        model.compile("adam", losses.Dice(axis=0))


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "auto"])
def test_words_for_the_mean_are_the_mean(reduction):
    loss = losses.MeanSquaredError(reduction=reduction)
    assert loss.reduction == "sum_over_batch_size"


@pytest.mark.parametrize(
    "call",
    [
        lambda: losses.Huber(0),
        lambda: losses.Huber("1"),
        lambda: losses.BinaryCrossentropy(from_logits=1),
        lambda: losses.BinaryCrossentropy(label_smoothing=1.5),
        lambda: losses.CategoricalCrossentropy(axis=0),
        lambda: losses.SparseCategoricalCrossentropy(ignore_class=0.5),
        lambda: losses.BinaryFocalCrossentropy(alpha=2),
        lambda: losses.BinaryFocalCrossentropy(gamma=-1),
        lambda: losses.CategoricalFocalCrossentropy([0.1, -0.1]),
        lambda: losses.CategoricalFocalCrossentropy([0.1, 0.1, 0.1])(T, P),
        lambda: losses.CategoricalGeneralizedCrossEntropy(0),
        lambda: losses.Quantile(1),
        lambda: losses.Quantile([]),
        lambda: losses.Quantile([0.5, 0]),
        lambda: losses.Tweedie(0.5),
        lambda: losses.GaussianNLL()([[1.0]], [[1.0]]),
        lambda: losses.Tversky(axis="all"),
        lambda: losses.MeanSquaredError(dtype="int32"),
        lambda: losses.get(lambda t, p: 0.0)([[0.0]], [[0.0]]),
        lambda: losses.Loss()([[0.0]], [[0.0]]),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match="must"):
        call()


def test_a_partial_binds_arguments():
    loss = losses.get(functools.partial(losses.huber, delta=2.0))
    assert loss._spec()["delta"] == 2.0
    with pytest.raises(ValueError, match="must bind keywords only"):
        losses.get(functools.partial(losses.huber, T))


def test_no_loss_is_no_loss():
    assert losses.get(None) is None


@pytest.mark.parametrize("given", ["float16", "float32", "float64"])
def test_functions_keep_the_dtype_of_the_predictions(given):
    assert losses.mse(T, np.array(P, given)).dtype == given
    assert losses.mse(T, P).dtype == np.float32


def test_an_infinite_output_has_an_infinite_logarithm(dtype):
    model = Sequential([layers.Dense(1, input_dim=1, use_bias=False)], dtype=dtype)
    model.compile("sgd", "mean_squared_logarithmic_error")
    model.set_weights([[[np.inf]]])
    assert model.evaluate([[1.0]], [[1.0]], verbose=0) == np.inf


def test_rows_of_a_class_to_ignore_count_nothing_amid_many_classes(dtype, rng):
    model = Sequential([layers.Dense(150, "softmax", input_dim=4)], seed=1, dtype=dtype)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=3)
    model.compile("sgd", loss)
    x, y = rng.normal(size=(60, 4)), rng.integers(0, 6, 60)
    expected = loss(y, model.predict(x, verbose=0))
    assert (y == 3).any()
    found = model.evaluate(x, y, batch_size=60, verbose=0)
    assert found == pytest.approx(float(expected), rel=1e-6)
