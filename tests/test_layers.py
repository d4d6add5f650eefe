"""Layers as descriptions: arguments, shapes, configurations, built weights."""

from __future__ import annotations

import functools
import gc

import numpy as np
import pytest

from nncore import Input, activations, initializers, layers, models, regularizers


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
        ({"activation": lambda x: x}, "arithmetic runs in C"),
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
        ({"shape": (4,), "dtype": "int32"}, "dtype"),
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
    ],
)
def test_output_shapes_follow_from_input_shapes(make, shape, result):
    assert make().compute_output_shape(shape) == result


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: layers.Dense(3), (None, 28, 28), r"Put Flatten\(\) in front"),
        (lambda: layers.Dense(3), (8,), "rank 2"),
        (lambda: layers.Dense(3), (None, None), "known number of columns"),
        (lambda: layers.Flatten(), (None, None, 3), "known sizes"),
        (lambda: layers.Dropout(0.5), (None, -1), "positive integers"),
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
