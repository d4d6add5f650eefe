"""Layers as descriptions: arguments, shapes, configurations, built weights."""

from __future__ import annotations

import functools
import gc

import numpy as np
import pytest

from nncore import (
    Input,
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    regularizers,
)


def test_dense_has_keras_defaults():
    layer = layers.Dense(3)
    assert layer.activation.name == "linear"
    assert layer.use_bias
    assert isinstance(layer.kernel_initializer, initializers.GlorotUniform)
    assert isinstance(layer.bias_initializer, initializers.Zeros)
    assert layer.kernel_regularizer is layer.bias_regularizer is None
    assert layer.trainable
    assert layer.dtype is None


@pytest.mark.parametrize("units", [5, np.int64(5), np.uint8(5), np.array(5)])
def test_dense_takes_any_integer(units):
    layer = layers.Dense(units)
    assert layer.units == 5
    assert type(layer.units) is int


@pytest.mark.parametrize(
    "units", [0, -3, 5.0, 2.5, "5", None, True, False, np.True_, [5], np.float64(5)]
)
def test_dense_refuses_units_that_are_no_positive_integer(units):
    with pytest.raises(ValueError, match="`units` must be a positive integer"):
        layers.Dense(units)


@pytest.mark.parametrize(
    "words",
    [
        {"lora_rank": 4},
        {"quantization_config": {}},
    ],
)
def test_dense_says_what_is_not_available(words):
    with pytest.raises(ValueError, match="not available in this version"):
        layers.Dense(3, **words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"activation": "rleu"}, "nearest first: relu"),
        ({"activation": 3}, "`activation` must be"),
        ({"use_bias": 1}, "`use_bias` must be True or False"),
        ({"kernel_initializer": "he"}, "`kernel_initializer` must be a known name"),
        ({"bias_initializer": 0}, "`bias_initializer` must be"),
        ({"kernel_regularizer": 0.01}, "`kernel_regularizer` must be"),
        ({"bias_regularizer": "l3"}, "`bias_regularizer` must be a known name"),
        ({"activity_regularizer": "l3"}, "`activity_regularizer` must be a known name"),
        ({"kernel_constraint": "maxnrm"}, "nearest first: max_norm"),
        ({"bias_constraint": object()}, "`bias_constraint` must be"),
        ({"name": ""}, "`name` must be"),
        ({"name": 3}, "`name` must be"),
        ({"trainable": "no"}, "`trainable` must be"),
        ({"dtype": "float16"}, "`dtype` must be 'float32' or 'float64'"),
        ({"input_dim": 0}, "`input_dim` must be a positive integer"),
        ({"input_dim": 2.0}, "`input_dim` must be a positive integer"),
        ({"input_shape": (0,)}, "`input_shape` must be a tuple"),
        ({"input_shape": ("a",)}, "`input_shape` must be a tuple"),
        ({"input_shape": ()}, "`input_shape` must"),
        ({"batch_input_shape": (3,)}, "`batch_input_shape` must"),
        ({"input_dim": 3, "input_shape": (3,)}, "Only one of"),
    ],
)
def test_dense_checks_its_arguments_at_once(words, message):
    with pytest.raises(ValueError, match=message):
        layers.Dense(3, **words)


@pytest.mark.parametrize(
    "activation",
    [
        "relu",
        activations.relu,
        functools.partial(activations.relu),
        layers.ReLU(),
        {"class_name": "relu", "config": {}},
        activations.get("relu"),
    ],
)
def test_dense_takes_every_form_of_an_activation(activation):
    assert layers.Dense(3, activation).activation == activations.get("relu")


def test_dense_warns_of_a_softmax_that_is_always_one():
    with pytest.warns(UserWarning, match="always 1"):
        layers.Dense(1, activation="softmax")


def test_an_activation_of_a_dense_can_be_called():
    layer = layers.Dense(3, activation=functools.partial(activations.elu, alpha=2.0))
    np.testing.assert_allclose(layer.activation(np.array([-50.0, 1.0])), [-2, 1])


@pytest.mark.parametrize(
    "words",
    [
        {"input_dim": 4},
        {"input_shape": (4,)},
        {"input_shape": [4]},
        {"input_shape": 4},
        {"batch_input_shape": (None, 4)},
        {"batch_input_shape": (10, 4)},
    ],
)
def test_an_input_shape_builds_the_model(words):
    model = models.Sequential([layers.Dense(2, **words)])
    assert model.input_shape == (None, 4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Input((4,)),
        lambda: Input(shape=(4,)),
        lambda: Input(4),
        lambda: Input([4], batch_size=32, dtype="float32", name="in"),
        lambda: Input(batch_shape=(None, 4)),
        lambda: layers.InputLayer((4,)),
    ],
)
def test_an_input_builds_the_model(make):
    model = models.Sequential([make(), layers.Dense(2)])
    assert model.input_shape == (None, 4)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({}, "shape"),
        ({"shape": (4,), "batch_shape": (None, 4)}, "shape"),
        ({"shape": (4,), "sparse": True}, "sparse"),
        ({"shape": (4,), "dtype": "complex64"}, "dtype"),
        ({"shape": (4,), "batch_size": 0}, "batch_size"),
        ({"shape": (-1,)}, "shape"),
        ({"shape": "4"}, "shape"),
        ({"batch_shape": (None, 0)}, "batch_shape"),
    ],
)
def test_an_input_checks_its_arguments(words, named):
    with pytest.raises(ValueError, match=f"^`{named}` must .*Received"):
        Input(**words)


@pytest.mark.parametrize("rate", [0, 0.5, 1, np.float32(0.25)])
def test_dropout_takes_rates_from_0_to_1(rate):
    assert layers.Dropout(rate).rate == float(rate)


@pytest.mark.parametrize(
    "words",
    [
        {"rate": -0.1},
        {"rate": 1.1},
        {"rate": "a"},
        {"rate": True},
        {"rate": 0.5, "noise_shape": (1,)},
        {"rate": 0.5, "seed": -1},
        {"rate": 0.5, "seed": 1.5},
    ],
)
def test_dropout_checks_its_arguments(words):
    with pytest.raises(ValueError, match="must be"):
        layers.Dropout(**words)


@pytest.mark.parametrize(
    ("make", "shape", "result"),
    [
        (lambda: layers.Dense(3), (None, 8), (None, 3)),
        (lambda: layers.Dense(3), (5, 8), (5, 3)),
        (lambda: layers.Dropout(0.5), (None, 8), (None, 8)),
        (lambda: layers.Activation("relu"), (None, 2, 8), (None, 2, 8)),
        (lambda: layers.Flatten(), (None, 28, 28), (None, 784)),
        (lambda: layers.Flatten(), (None, 8), (None, 8)),
        (lambda: layers.Flatten("channels_last"), (7,), (7, 1)),
        (lambda: layers.BatchNormalization(), (None, 8), (None, 8)),
        (lambda: layers.BatchNormalization(axis=1), (None, 8), (None, 8)),
        (lambda: layers.BatchNormalization(axis=[2]), (None, 4, 8), (None, 4, 8)),
        (lambda: layers.LayerNormalization(), (None, 4, 8), (None, 4, 8)),
        (lambda: layers.RMSNormalization(), (3, 8), (3, 8)),
        (lambda: layers.UnitNormalization(), (3, 8), (3, 8)),
        (lambda: layers.GaussianNoise(0.1), (None, 4, 8), (None, 4, 8)),
        (lambda: layers.PReLU(), (None, 8), (None, 8)),
        (lambda: layers.Identity(), (None, 8), (None, 8)),
        (lambda: layers.Reshape((2, 6)), (None, 3, 4), (None, 2, 6)),
        (lambda: layers.Reshape((-1,)), (5, 3, 4), (5, 12)),
        (lambda: layers.Reshape([2, -1, 3]), (None, 12), (None, 2, 2, 3)),
        (lambda: layers.Permute((3, 1, 2)), (None, 2, 3, 4), (None, 4, 2, 3)),
        (lambda: layers.RepeatVector(3), (None, 8), (None, 3, 8)),
        (lambda: layers.Embedding(10, 3), (None, 4), (None, 4, 3)),
        (lambda: layers.Embedding(10, 3), (None, 4, 5), (None, 4, 5, 3)),
        (lambda: layers.MixedEmbedding(10, 3, 1), (None, 4), (None, 10)),
    ],
)
def test_output_shapes_follow_from_input_shapes(make, shape, result):
    assert make().compute_output_shape(shape) == result


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: layers.Dense(3), (None,), "rank 2 or more"),
        (lambda: layers.Dense(3), (8,), "rank 2"),
        (lambda: layers.Dense(3), (None, None), "known number of columns"),
        (lambda: layers.Flatten(), (None, None, 3), "known sizes"),
        (lambda: layers.Dropout(0.5), (None, -1), "positive integers"),
        (lambda: layers.BatchNormalization(axis=3), (None, 4, 8), "axis of its input"),
        (lambda: layers.BatchNormalization(axis=1), (None, 4, None), "known number"),
        (lambda: layers.LayerNormalization(axis=0), (None, 8), "axis of its input"),
        (lambda: layers.RMSNormalization(axis=-2), (None, 8, 2), "last axis"),
        (lambda: layers.RMSNormalization(), (None, None), "known number of columns"),
        (lambda: layers.UnitNormalization(), (8,), "axis of its input"),
        (lambda: layers.Reshape((2, 5)), (None, 12), "12 numbers to a row"),
        (lambda: layers.Reshape((5, -1)), (None, 12), "12 numbers to a row"),
        (lambda: layers.Reshape((2, 6)), (None, None), "known sizes"),
        (lambda: layers.Permute((2, 1)), (None, 12), "rows of 2 axes"),
        (lambda: layers.RepeatVector(2), (None, 3, 4), "rank 2"),
    ],
)
def test_impossible_shapes_are_refused(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make().compute_output_shape(shape)


def test_flatten_refuses_to_reorder():
    with pytest.raises(ValueError, match="data_format"):
        layers.Flatten("channels_first")


@pytest.mark.parametrize(
    ("layer", "name", "args"),
    [
        (layers.ReLU(), "relu", (0.0, np.inf, 0.0)),
        (layers.ReLU(6, 0.1, 0.5), "relu", (0.1, 6.0, 0.5)),
        (layers.LeakyReLU(), "leaky_relu", (0.3, 0.0, 0.0)),
        (layers.ELU(2), "elu", (2.0, 0.0, 0.0)),
        (layers.Softmax(), "softmax", (0.0, 0.0, 0.0)),
        (layers.Activation("swish"), "silu", (0.0, 0.0, 0.0)),
    ],
)
def test_activation_layers_say_what_the_core_is_told(layer, name, args):
    assert (layer.activation.name, layer.activation.args) == (name, args)


@pytest.mark.parametrize(
    "call",
    [
        lambda: layers.ReLU(negative_slope=-1),
        lambda: layers.ReLU(max_value=-1),
        lambda: layers.LeakyReLU(None),
        lambda: layers.ELU("a"),
        lambda: layers.Softmax(axis=0),
    ],
)
def test_activation_layers_check_their_arguments(call):
    with pytest.raises(ValueError, match="must be"):
        call()


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(
            3,
            functools.partial(activations.relu, max_value=6),
            False,
            initializers.Constant(2),
            kernel_regularizer=regularizers.L1L2(0.1, 0.2),
            dtype="float64",
            trainable=False,
            input_shape=(4,),
        ),
        lambda: layers.Dense(3, kernel_initializer=np.ones((2, 3))),
        lambda: layers.Activation(activations.get("tanh")),
        lambda: layers.Dropout(0.25, seed=7),
        lambda: layers.Flatten(),
        lambda: layers.ReLU(6.0, 0.1, 0.5),
        lambda: layers.LeakyReLU(0.1),
        lambda: layers.ELU(2.0),
        lambda: layers.Softmax(),
        lambda: layers.InputLayer((4,), dtype="float64"),
        lambda: layers.Dense(
            3,
            activity_regularizer="l2",
            kernel_constraint=constraints.MinMaxNorm(0.5, 2, 0.1, axis=(0, 1)),
            bias_constraint="non_neg",
        ),
        lambda: layers.BatchNormalization(
            momentum=0.5, gamma_initializer="zeros", beta_constraint="unit_norm"
        ),
        lambda: layers.LayerNormalization(scale=False, gamma_regularizer="l1"),
        lambda: layers.RMSNormalization(epsilon=0.5),
        lambda: layers.UnitNormalization(),
        lambda: layers.GaussianNoise(0.5, seed=3),
        lambda: layers.GaussianDropout(0.5),
        lambda: layers.AlphaDropout(0.5, seed=2),
        lambda: layers.ActivityRegularization(0.1, 0.2),
        lambda: layers.PReLU("ones", "l2", "max_norm", shared_axes=1),
        lambda: layers.Reshape((2, -1)),
        lambda: layers.Permute([2, 1]),
        lambda: layers.RepeatVector(4),
        lambda: layers.Identity(trainable=False),
        lambda: layers.Embedding(3, 2, embeddings_constraint="max_norm"),
        lambda: layers.Embedding(3, 2, weights=[np.ones((3, 2))], input_shape=(4,)),
        lambda: layers.MixedEmbedding(3, 2, 0, "zeros", embeddings_regularizer="l2"),
    ],
)
def test_a_configuration_makes_the_same_layer(make):
    import json

    layer = make()
    written = json.loads(json.dumps(layers.serialize(layer)))
    again = layers.deserialize(written)
    assert type(again) is type(layer)
    assert layers.serialize(again) == layers.serialize(layer)


def test_an_unknown_layer_is_refused():
    with pytest.raises(ValueError, match="nearest first: Dense"):
        layers.deserialize({"class_name": "Dens", "config": {}})


def test_a_layer_is_not_called():
    with pytest.raises(TypeError, match="Sequential"):
        layers.Dense(3)(np.ones((2, 2)))


def test_a_layer_without_a_model_has_no_weights():
    layer = layers.Dense(3)
    assert not layer.built
    assert layer.get_weights() == layer.weights == []
    for name in ("kernel", "bias", "input_shape", "output_shape"):
        with pytest.raises(AttributeError, match="model"):
            getattr(layer, name)
    with pytest.raises(ValueError, match="built first"):
        layer.count_params()
    with pytest.raises(ValueError, match="built first"):
        layer.set_weights([np.ones((2, 3)), np.ones(3)])


def test_a_layer_reads_and_sets_its_weights_in_the_model():
    hidden, drop, head = (
        layers.Dense(3),
        layers.Dropout(0.5),
        layers.Dense(1, use_bias=False),
    )
    model = models.Sequential([Input((2,)), hidden, drop, head])
    assert [w.shape for w in hidden.get_weights()] == [(2, 3), (3,)]
    assert [w.shape for w in head.weights] == [(3, 1)]
    assert head.bias is None
    assert drop.get_weights() == []
    assert (hidden.count_params(), drop.count_params(), head.count_params()) == (
        9,
        0,
        3,
    )
    assert (hidden.input_shape, hidden.output_shape) == ((None, 2), (None, 3))
    hidden.set_weights([np.full((2, 3), 2), [1, 2, 3]])
    np.testing.assert_array_equal(hidden.kernel, np.full((2, 3), 2))
    np.testing.assert_array_equal(model.get_weights()[1], [1, 2, 3])


def test_a_copy_of_weights_changes_nothing():
    layer = layers.Dense(3, input_dim=2)
    model = models.Sequential([layer])
    before = model.get_weights()
    layer.get_weights()[0][:] = 7
    with pytest.raises(ValueError, match="read-only"):
        layer.kernel[:] = 7
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize(
    "weights",
    [
        [],
        [np.ones((2, 3))],
        [np.ones((3, 2)), np.ones(3)],
        [np.ones((2, 3)), np.ones((1, 3))],
        [np.full((2, 3), "a"), np.ones(3)],
    ],
)
def test_weights_that_do_not_fit_change_nothing(weights):
    layer = layers.Dense(3, input_dim=2)
    model = models.Sequential([layer])
    before = model.get_weights()
    with pytest.raises(ValueError, match="`weights` must"):
        layer.set_weights(weights)
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_a_frozen_layer_says_so():
    layer = layers.Dense(3, input_dim=2, trainable=False)
    model = models.Sequential([layer])
    assert len(layer.non_trainable_weights) == 2
    assert layer.trainable_weights == []
    layer.trainable = True
    assert len(layer.trainable_weights) == 2
    assert model.built


def test_a_layer_keeps_no_model_alive():
    layer = layers.Dense(3, input_dim=2)
    model = models.Sequential([layer])
    assert layer.built
    del model
    gc.collect()
    assert not layer.built


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.BatchNormalization(axis="last"), "`axis` must be an integer"),
        (lambda: layers.BatchNormalization(axis=[0, 1]), "`axis` must be an integer"),
        (lambda: layers.BatchNormalization(momentum=1.5), "`momentum` must be"),
        (lambda: layers.BatchNormalization(epsilon=-1), "`epsilon` must be"),
        (lambda: layers.BatchNormalization(center=1), "`center` must be True or False"),
        (lambda: layers.BatchNormalization(renorm=True), "not available"),
        (lambda: layers.BatchNormalization(synchronized=True), "not available"),
        (lambda: layers.BatchNormalization(gamma_initializer="one1"), "nearest first"),
        (lambda: layers.LayerNormalization(rms_scaling=True), "not available"),
        (lambda: layers.LayerNormalization(beta_constraint=3), "`beta_constraint`"),
        (lambda: layers.GaussianNoise(1.5), "`stddev` must be .* from 0 to 1"),
        (lambda: layers.GaussianDropout(1.0), "`rate` must be"),
        (lambda: layers.AlphaDropout(1), "`rate` must be"),
        (lambda: layers.AlphaDropout(0.5, noise_shape=(1,)), "not available"),
        (lambda: layers.GaussianNoise(0.5, seed=-1), "`seed` must be"),
        (lambda: layers.ActivityRegularization(l1=-1), "`l1` must be"),
        (lambda: layers.PReLU(shared_axes=[2]), "`shared_axes` must be the first"),
        (lambda: layers.PReLU(shared_axes=0), "`shared_axes` must be"),
        (lambda: layers.Reshape(()), "`target_shape` must be"),
        (lambda: layers.Reshape((-1, -1)), "`target_shape` must be"),
        (lambda: layers.Reshape((0, 3)), "`target_shape` must be"),
        (lambda: layers.Reshape(3), "`target_shape` must be"),
        (lambda: layers.Permute((0, 1)), "`dims` must be"),
        (lambda: layers.Permute((1, 1)), "`dims` must be"),
        (lambda: layers.RepeatVector(0), "`n` must be a positive integer"),
        (lambda: layers.Embedding(0, 3), "`input_dim` must be a positive integer"),
        (lambda: layers.Embedding(3, 2.0), "`output_dim` must be a positive integer"),
        (lambda: layers.MixedEmbedding(3, 2, -1), "`numbers` must be"),
        (lambda: layers.Embedding(3, 2, mask_zero=True), "not available"),
        (lambda: layers.Embedding(3, 2, weights=np.ones((2, 3))), "`weights` must"),
        (lambda: constraints.MaxNorm(-1), "`max_value` must be"),
        (lambda: constraints.MaxNorm(axis=None), "`axis` must be an integer"),
        (lambda: constraints.MinMaxNorm(rate=2), "`rate` must be"),
        (lambda: constraints.get(constraints.Constraint()), "must define `__call__"),
    ],
)
def test_layers_and_constraints_check_their_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (layers.PReLU(shared_axes=[1, 2]), (8,), "`shared_axes` among the 1"),
        (layers.PReLU(alpha_constraint="max_norm"), (2, 4), "all axes of an alpha"),
        (
            layers.Dense(3, kernel_constraint=constraints.MaxNorm(axis=2)),
            (8,),
            "one axis",
        ),
        (
            layers.Dense(3, bias_constraint=constraints.MaxNorm(axis=1)),
            (8,),
            "`bias_constraint`",
        ),
    ],
)
def test_constraints_and_axes_must_fit_the_weights(layer, shape, message):
    model = models.Sequential([Input(shape), layer])
    with pytest.raises(ValueError, match=message):
        model.build()


def test_an_embedding_takes_the_input_itself():
    model = models.Sequential(
        [Input((4,)), layers.Dense(3), layers.Embedding(5, 2, name="table")]
    )
    with pytest.raises(ValueError, match=r"'table'.*the input's own numbers"):
        model.build()
    large = models.Sequential([Input((4,)), layers.Embedding(2**24 + 1, 1)])
    with pytest.raises(ValueError, match="float64"):
        large.build()


@pytest.mark.parametrize("value", [5, -1, 1.5, np.nan])
@pytest.mark.parametrize("verb", ["predict", "__call__", "fit", "evaluate"])
def test_an_index_that_is_none_is_named(value, verb):
    model = models.Sequential(
        [Input((4,)), layers.Embedding(5, 1), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x = np.zeros((6, 4))
    x[3, 2] = value
    targets = [np.zeros(6)] if verb in ("fit", "evaluate") else []
    with pytest.raises(ValueError, match=r"integers from 0 to 4.*row 3, column 2"):
        getattr(model, verb)(x, *targets)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ([Input((2, 2)), layers.MixedEmbedding(5, 2, 1)], r"Received.*\(2, 2\)"),
        ([Input((2,)), layers.MixedEmbedding(5, 2, 2)], "one index or more"),
        (
            [Input((2,)), layers.Dense(2), layers.MixedEmbedding(5, 2, 1, name="m")],
            "'m'.*the input as it is",
        ),
        (
            [Input((2,)), layers.MixedEmbedding(2**24 + 1, 1, 1)],
            "float64",
        ),
    ],
)
def test_a_mixed_embedding_takes_the_input_as_it_is(stack, message):
    with pytest.raises(ValueError, match=message):
        models.Sequential(stack).build()


def test_a_mixed_embedding_is_an_embedding_beside_numbers(rng):
    numbers, indices = rng.normal(size=(40, 2)), rng.integers(0, 6, (40, 3))
    y = rng.normal(size=(40, 1))
    mixed = models.Sequential(
        [Input((5,)), layers.MixedEmbedding(6, 2, 2), layers.Dense(1)],
        dtype="float64",
    )
    mixed.compile("sgd", "mse")
    # The same with a one-hot row for each index.
    hot = np.eye(6)[indices]
    table, kernel, bias = (w.copy() for w in mixed.get_weights())
    x = np.hstack([numbers, indices])
    for _ in range(5):
        mixed.train_on_batch(x, y)
        inner = np.hstack([numbers, (hot @ table).reshape(40, -1)])
        d = 2 * (inner @ kernel + bias - y) / 40
        d_table = np.einsum("ijk,ijl->kl", hot, (d @ kernel.T)[:, 2:].reshape(40, 3, 2))
        kernel, bias = kernel - 0.01 * inner.T @ d, bias - 0.01 * d.sum(axis=0)
        table = table - 0.01 * d_table
    for ours, theirs in zip(mixed.get_weights(), (table, kernel, bias), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    x[7, 3] = 6
    with pytest.raises(ValueError, match=r"from 0 to 5.*row 7, column 3"):
        mixed.predict(x, verbose=0)
    x[7, 3], x[7, 1] = 5, 1e6
    assert np.isfinite(mixed.predict(x, verbose=0)).all()


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "float64", "bool"])
def test_indices_come_in_any_dtype(dtype):
    table = np.arange(6.0).reshape(3, 2)
    model = models.Sequential([layers.Embedding(3, 2, weights=table)])
    x = np.array([[0, 1], [1, 0]], dtype=dtype)
    np.testing.assert_array_equal(model(x), table[x.astype(int)])


def test_the_layers_that_reorder_do_as_numpy(rng):
    x = rng.normal(size=(5, 2, 3, 4)).astype("float32")
    model = models.Sequential([Input((2, 3, 4)), layers.Permute((3, 1, 2))])
    np.testing.assert_array_equal(model.predict(x), x.transpose(0, 3, 1, 2))
    model = models.Sequential([Input((2, 3, 4)), layers.Reshape((4, -1))])
    np.testing.assert_array_equal(model.predict(x), x.reshape(5, 4, 6))
    model = models.Sequential([Input((4,)), layers.RepeatVector(3)])
    rows = x[:, 0, 0]
    np.testing.assert_array_equal(model.predict(rows), np.stack([rows] * 3, axis=1))
    model = models.Sequential([Input((4,)), layers.Identity()])
    np.testing.assert_array_equal(model.predict(rows), rows)


def test_moving_statistics_are_weights_that_are_not_trained():
    layer = layers.BatchNormalization(gamma_initializer="zeros")
    bare = layers.BatchNormalization(scale=False, center=False)
    model = models.Sequential([Input((3,)), layer, bare, layers.Dense(2)])
    assert [w.shape for w in model.get_weights()] == [*[(3,)] * 6, (3, 2), (2,)]
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (2, 2)
    assert (len(bare.trainable_weights), len(bare.non_trainable_weights)) == (0, 2)
    assert bare.gamma is bare.beta is None
    assert not layer.gamma.any() and (layer.moving_variance == 1).all()
    assert (layer.count_params(), bare.count_params(), model.count_params()) == (
        12,
        6,
        26,
    )
    printed = []
    model.summary(print_fn=printed.append)
    assert "Trainable params: 14 " in printed[0]
    assert "Non-trainable params: 12 " in printed[0]
    layer.trainable = False
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (0, 4)


def test_weights_have_the_names_of_keras():
    model = models.Sequential(
        [
            Input((4,)),
            scale := layers.RMSNormalization(),
            alpha := layers.PReLU("ones"),
            norm := layers.LayerNormalization(beta_initializer="ones"),
        ]
    )
    assert [w.tolist() for w in model.get_weights()] == [
        scale.scale.tolist(),
        alpha.alpha.tolist(),
        norm.gamma.tolist(),
        norm.beta.tolist(),
    ]
    with pytest.raises(AttributeError, match="no `moving_mean` yet"):
        layers.BatchNormalization().moving_mean  # noqa: B018


def test_alphas_of_rows_of_more_axes_keep_their_shape():
    own, shared = layers.PReLU(), layers.PReLU(shared_axes=1)
    model = models.Sequential([Input((2, 3)), own, shared])
    assert [w.shape for w in model.get_weights()] == [(2, 3), (1, 3)]
    own.set_weights([np.arange(6).reshape(2, 3)])
    shared.set_weights([np.full((1, 3), 2.0)])
    np.testing.assert_array_equal(own.alpha, np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(
        model.predict(-np.ones((1, 2, 3))), -2 * np.arange(6).reshape(1, 2, 3)
    )


def test_what_is_kept_of_moving_statistics_when_a_model_grows(rng):
    model = models.Sequential([Input((3,)), layers.BatchNormalization()])
    weights = [rng.uniform(0.5, 1, 3).astype("float32") for _ in range(4)]
    model.set_weights(weights)
    model.add(layers.Dense(1))
    for before, after in zip(weights, model.get_weights(), strict=False):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("identifier", "cls"),
    [
        ("max_norm", constraints.MaxNorm),
        ("maxnorm", constraints.MaxNorm),
        ("MaxNorm", constraints.MaxNorm),
        (constraints.NonNeg, constraints.NonNeg),
        ("nonneg", constraints.NonNeg),
        ({"class_name": "UnitNorm", "config": {"axis": 1}}, constraints.UnitNorm),
        ("min_max_norm", constraints.MinMaxNorm),
    ],
)
def test_a_constraint_has_many_names(identifier, cls):
    found = constraints.get(identifier)
    assert type(found) is cls
    assert constraints.deserialize(constraints.serialize(found)).get_config() == (
        found.get_config()
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constraint_works_on_arrays(dtype, rng):
    w = rng.normal(size=(3, 4, 2)).astype(dtype)
    held = constraints.UnitNorm(axis=(0, 1))(w)
    assert held.dtype == dtype
    np.testing.assert_allclose((held**2).sum(axis=(0, 1)), 1, rtol=1e-6)
    assert constraints.NonNeg()([[1, -1]]).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    "make",
    [
        functools.partial(layers.BatchNormalization, momentum=0.5),
        layers.LayerNormalization,
        layers.UnitNormalization,
    ],
    ids=["batch", "layer", "unit"],
)
@pytest.mark.parametrize(
    ("axis", "move", "back"),
    [(2, (1, 3, 2), (1, 3, 2)), (-2, (1, 3, 2), (1, 3, 2)), (1, (2, 3, 1), (3, 1, 2))],
)
def test_a_normalization_along_any_axis_is_one_of_moved_axes(
    make, axis, move, back, tmp_path
):
    def trained(*middle):
        model = models.Sequential(
            [Input((2, 3, 4)), *middle, layers.Flatten(), layers.Dense(1, "tanh")]
        )
        model.compile("adam", "mse")
        ones = [np.ones_like(w) for w in model.get_weights()]
        model.set_weights(ones)
        model.fit(x, y, epochs=3, shuffle=False, verbose=0)
        return model

    rng = np.random.default_rng(3)
    x, y = rng.normal(2, 3, size=(40, 2, 3, 4)), rng.normal(size=40)
    one = trained(make(axis=axis))
    other = trained(layers.Permute(move), make(), layers.Permute(back))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.predict(x), other.predict(x))
    assert {w.shape for w in one.layers[0].get_weights()} <= {((2, 3, 4)[move[2] - 1],)}
    assert one.layers[0].output_shape == (None, 2, 3, 4)
    for ending in (".nnc", ".keras"):
        one.save(tmp_path / f"m{ending}")
        again = models.load_model(tmp_path / f"m{ending}")
        np.testing.assert_array_equal(again.predict(x), one.predict(x))


# ---- Dense on rows of several axes ---------------------------------------------------


def on_several_axes():
    model = models.Sequential(
        [
            layers.Dense(5, "tanh", input_shape=(3, 4)),
            layers.Reshape((1, 3, 5)),
            layers.Dense(2, "softplus", use_bias=False),
            layers.Flatten(),
            layers.Dense(1),
        ],
        dtype="float64",
        seed=3,
    )
    model.compile("sgd", "mse")
    x = np.random.default_rng(2).normal(size=(6, 3, 4))
    return model, x, x.sum(axis=(1, 2)).reshape(-1, 1)


def test_dense_has_one_kernel_for_all_positions():
    model, x, _ = on_several_axes()
    first, bias, second, *_ = model.get_weights()
    assert (first.shape, second.shape) == ((4, 5), (5, 2))
    assert model.layers[0].output_shape == (None, 3, 5)
    expected = np.log1p(np.exp(np.tanh(x @ first + bias) @ second)).reshape(6, 6)
    head, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(model.predict(x), expected @ head + bias, rtol=1e-12)


def test_gradients_of_all_positions_are_added_up():
    model, x, y = on_several_axes()
    network = model._ready_network()
    rows = x.reshape(6, 12)
    _, gradients = network.gradient(rows, y, None)
    h = 1e-6
    for i, gradient in enumerate(gradients):
        start = network.get_variable(i)
        for place in np.ndindex(start.shape):
            found = []
            for sign in (1, -1):
                moved = start.copy()
                moved[place] += sign * h
                network.set_variable(i, moved)
                found.append(network.gradient(rows, y, None)[0])
            # Truncation h^2, rounding eps / h.
            assert abs((found[0] - found[1]) / (2 * h) - gradient[place]) < 1e-7
        network.set_variable(i, start)


def test_dense_on_several_axes_trains_and_is_saved(tmp_path):
    model, x, y = on_several_axes()
    history = model.fit(50 * x, y, epochs=5, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    for ending in (".nnc", ".keras", ".h5"):
        model.save(tmp_path / f"m{ending}")
        again = models.load_model(tmp_path / f"m{ending}")
        np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_softmax_on_several_axes_is_refused():
    with pytest.raises(ValueError, match=r"rows of numbers.*put Flatten\(\) in front"):
        models.Sequential([layers.Dense(2, "softmax", input_shape=(3, 4))]).build()


def test_a_mixed_embedding_of_a_derived_class_stands_first_too():
    class Table(layers.MixedEmbedding):
        pass

    model = models.Sequential([Input((2, 2)), layers.Permute((2, 1)), layers.Flatten()])
    model.add(Table(5, 2, 1))
    with pytest.raises(ValueError, match="must be given the input as it is"):
        model.build()


def _own_loss(y_true, y_pred):
    return ((y_true - y_pred) ** 2).sum(axis=-1)


_own_loss.gradient = lambda y_true, y_pred: 2 * (y_pred - y_true)


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        ("categorical_crossentropy", None),
        ("sparse_categorical_crossentropy", None),
        ("categorical_hinge", None),
        ("kl_divergence", None),
        ("cosine_similarity", None),
        (losses.CategoricalFocalCrossentropy(), None),
        (losses.CategoricalGeneralizedCrossEntropy(), None),
        (losses.GaussianNLL(), None),
        (losses.Dice(axis=-1), None),
        (losses.MeanSquaredError(reduction="sum"), None),
        (_own_loss, "accuracy"),
        ("mse", "accuracy"),
        ("mse", "categorical_accuracy"),
        ("mse", "cosine_similarity"),
        ("mse", metrics.MeanMetricWrapper(losses.kl_divergence)),
        ("mse", metrics.TopKCategoricalAccuracy(2)),
        ("mse", metrics.PearsonCorrelation()),
        ("mse", metrics.Recall(class_id=1)),
        ("mse", metrics.Precision(top_k=1)),
        ("mse", metrics.F1Score("macro")),
        ("mse", metrics.OneHotIoU(3, [0])),
    ],
)
def test_what_looks_at_columns_together_needs_an_output_of_one_axis(loss, metric):
    model = models.Sequential([layers.Dense(4, input_shape=(2, 4))])
    message = r"rows of numbers: put Flatten\(\) last.*Received: .* \(None, 2, 4\)"
    with pytest.raises(ValueError, match=message):
        model.compile("sgd", loss, metrics=[metric] if metric else [])
        model.evaluate(np.ones((5, 2, 4)), np.ones((5, 8)), verbose=0)


def test_means_over_elements_take_an_output_of_several_axes():
    rng = np.random.default_rng(4)
    x, y = rng.random((5, 2, 4)), rng.integers(0, 2, (5, 6)).astype("float64")
    model = models.Sequential([layers.Dense(3, "sigmoid", input_shape=(2, 4))])
    known = ["mse", "mae", "binary_accuracy", metrics.Recall(), metrics.BinaryIoU()]
    model.compile("sgd", "binary_crossentropy", metrics=known)
    loss, mse, _, accuracy, *_ = model.evaluate(x, y, verbose=0)
    p, t = model.predict(x).reshape(10, 3).astype("float64"), y.reshape(10, 3)
    assert loss == pytest.approx(losses.BinaryCrossentropy()(t, p), rel=1e-5)
    assert mse == pytest.approx(((p - t) ** 2).mean(), rel=1e-5)
    assert accuracy == pytest.approx(((p > 0.5) == t).mean())


def test_accuracy_of_outputs_of_one_column_is_binary_on_several_axes_too():
    model = models.Sequential([layers.Dense(1, input_shape=(3, 2))])
    model.compile("sgd", "mse", metrics=["accuracy"])
    model.set_weights([np.ones((2, 1)), np.zeros(1)])
    y = np.array([[1, 1, 0], [1, 0, 0]])
    assert model.evaluate(np.ones((2, 3, 2)), y, verbose=0)[1] == 0.5


def test_one_position_is_a_row():
    model = models.Sequential([layers.Dense(3, input_shape=(1, 4))])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.ones((2, 1, 4)), np.eye(3)[:2], verbose=0)
