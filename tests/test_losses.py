"""Losses called by hand: Keras's numbers, shapes, and what is refused."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from nncore import losses

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
    spec = cls()._spec()
    assert spec["kind"] == function.__name__
    for identifier in (cls, function, function.__name__, cls.__name__):
        assert losses.get(identifier)._spec() == spec


@CLASSES
def test_a_configuration_makes_the_same_loss(cls):
    loss = cls(name="mine")
    assert cls.from_config(loss.get_config()).get_config() == loss.get_config()
    assert losses.deserialize(losses.serialize(loss)).name == "mine"


@CLASSES
@pytest.mark.parametrize("reduction", ["sum", None, "none", "mean_with_sample_weight"])
def test_other_reductions_are_refused(cls, reduction):
    with pytest.raises(ValueError, match="not available in this version"):
        cls(reduction=reduction)


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
        lambda: losses.SparseCategoricalCrossentropy(ignore_class=0),
        lambda: losses.MeanSquaredError(dtype="int32"),
        lambda: losses.get(lambda t, p: 0.0),
        lambda: losses.Loss(),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match="must"):
        call()


def test_a_partial_binds_arguments():
    loss = losses.get(functools.partial(losses.huber, delta=2.0))
    assert loss._spec()["delta"] == 2.0
    with pytest.raises(ValueError, match="not available"):
        losses.get(functools.partial(losses.huber, T))


def test_no_loss_is_no_loss():
    assert losses.get(None) is None


@pytest.mark.parametrize("given", ["float16", "float32", "float64"])
def test_functions_keep_the_dtype_of_the_predictions(given):
    assert losses.mse(T, np.array(P, given)).dtype == given
    assert losses.mse(T, P).dtype == np.float32
