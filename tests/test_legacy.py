"""Spellings of Keras 1 and 2: accepted, with one warning that says the modern word."""

from __future__ import annotations

import importlib
import inspect
import warnings

import numpy as np
import pytest

from nncore import (
    _legacy,
    activations,
    callbacks,
    layers,
    losses,
    models,
    optimizers,
    regularizers,
    utils,
)

OWNERS = {
    **{name: getattr(layers, name) for name in layers.__all__},
    **{name: getattr(optimizers, name) for name in _legacy.KEPT},
    **{name: getattr(regularizers, name) for name in ("L1", "L2")},
    **{name: getattr(activations, name) for name in ("relu", "leaky_relu")},
    "to_categorical": utils.to_categorical,
    "ReduceLROnPlateau": callbacks.ReduceLROnPlateau,
}


def owner(name):
    if "." in name:
        return getattr(models.Sequential, name.partition(".")[2])
    return OWNERS[name]


@pytest.mark.parametrize(
    ("name", "modern"),
    [(name, new) for name, words in _legacy.RENAMED.items() for new in words.values()],
)
def test_every_modern_word_of_the_table_is_a_parameter(name, modern):
    assert modern in inspect.signature(owner(name)).parameters


@pytest.mark.parametrize("name", _legacy.OLD_DEFAULTS)
def test_the_table_of_old_defaults_names_only_those_that_changed(name):
    parameters = inspect.signature(owner(name)).parameters
    for word, old in _legacy.OLD_DEFAULTS[name].items():
        assert parameters[word].default != old


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (lambda: layers.Dropout(p=0.5), lambda: layers.Dropout(rate=0.5)),
        (lambda: layers.LeakyReLU(alpha=0.1), lambda: layers.LeakyReLU(0.1)),
        (lambda: optimizers.SGD(lr=1.0), lambda: optimizers.SGD(1.0)),
        (lambda: regularizers.l2(l=0.1), lambda: regularizers.l2(0.1)),
        (
            lambda: layers.Dense(
                output_dim=5,
                init="uniform",
                W_regularizer="l2",
                b_regularizer="l1",
                bias=True,
                input_dim=3,
                input_dtype="float64",
            ),
            lambda: layers.Dense(
                units=5,
                kernel_initializer="uniform",
                kernel_regularizer="l2",
                bias_regularizer="l1",
                use_bias=True,
                input_dim=3,
                dtype="float64",
            ),
        ),
        (
            lambda: layers.Dense(12, "uniform", "relu"),
            lambda: layers.Dense(12, "relu", kernel_initializer="uniform"),
        ),
        (
            lambda: layers.Dense(12, "glorot_normal", activation="relu"),
            lambda: layers.Dense(12, "relu", kernel_initializer="glorot_normal"),
        ),
    ],
)
def test_an_old_call_is_the_modern_one_and_says_so_once(old, new):
    with pytest.warns(DeprecationWarning, match="Update your") as caught:
        made = old()
    assert len(caught) == 1
    assert caught[0].filename == __file__

    def config(described):
        return {k: v for k, v in described.get_config().items() if k != "name"}

    assert config(made) == config(new())


def test_weights_are_starting_values():
    kernel, bias = np.ones((2, 3)), np.zeros(3)
    with pytest.warns(DeprecationWarning, match="kernel_initializer"):
        layer = layers.Dense(3, input_dim=2, weights=[kernel, bias])
    model = models.Sequential([layer])
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    np.testing.assert_array_equal(model.get_weights()[1], bias)


@pytest.mark.parametrize("weights", [3, [], [1, 2, 3]])
def test_weights_must_be_a_list_of_kernel_and_bias(weights):
    with pytest.raises(ValueError, match="kernel"):
        layers.Dense(3, weights=weights)


def test_no_weights_are_no_weights():
    assert layers.Dense(3, weights=None).units == 3


def test_old_and_new_word_together_are_an_error():
    with pytest.raises(TypeError, match="either `units` or its old name"):
        layers.Dense(units=3, output_dim=3)
    with pytest.raises(TypeError, match="either `weights`"):
        layers.Dense(3, weights=[np.ones(1)], kernel_initializer="ones")
    with pytest.raises(TypeError, match="Keras 1"):
        layers.Dense(3, "uniform", kernel_initializer="ones")


def test_words_of_no_time_are_an_error():
    with pytest.raises(TypeError, match="colour"):
        layers.Dense(3, colour="red")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Adagrad", {"lr": 0.1}),
        ("Adadelta", {"decay": 0.1}),
        ("Adamax", {"decay": 0.1}),
        ("Nadam", {"schedule_decay": 0.004}),
    ],
)
def test_an_old_call_that_leans_on_an_old_default_is_told(name, words):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(optimizers, name)(**words)
    assert [w.category for w in caught].count(UserWarning) == 1


@pytest.mark.parametrize("name", _legacy.KEPT)
def test_decay_is_no_old_word_where_defaults_are_the_same(name):
    defaults = _legacy.OLD_DEFAULTS.get(name, {})
    optimizer = getattr(optimizers, name)(decay=0.001, **defaults)
    assert optimizer._spec()["decay"] == 0.001


def test_lr_is_the_learning_rate():
    optimizer = optimizers.Adam()
    optimizer.lr = 0.5
    assert optimizer.learning_rate == optimizer.lr == 0.5


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("layers.core", ["Dense", "Dropout", "Activation", "Flatten"]),
        ("layers.advanced_activations", ["LeakyReLU", "ELU", "ReLU", "Softmax"]),
        ("utils.np_utils", ["to_categorical", "normalize"]),
    ],
)
def test_old_module_paths_are_there(path, names):
    module = importlib.import_module(f"nncore.{path}")
    assert all(hasattr(module, name) for name in names)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kullback_leibler_divergence", "kl_divergence"),
        ("logcosh", "log_cosh"),
        ("huber_loss", "huber"),
        ("MSE", "mean_squared_error"),
    ],
)
def test_old_loss_names_are_known(old, new):
    assert losses.get(old)._spec() == losses.get(new)._spec()
    assert getattr(losses, old) is getattr(losses, new)
