"""Spellings of Keras 1 and 2: accepted, with one warning that says the modern word."""

from __future__ import annotations

import copy
import importlib
import inspect
import sys
import warnings

import numpy as np
import pytest

from nncore import (
    _legacy,
    activations,
    backend,
    callbacks,
    constraints,
    layers,
    losses,
    models,
    optimizers,
    regularizers,
    utils,
)

OWNERS = {
    **{name: getattr(layers, name) for name in layers.__all__},
    **{
        name: getattr(optimizers, name, None) or getattr(callbacks, name)
        for name in _legacy.KEPT
    },
    "ProgbarLogger": callbacks.ProgbarLogger,
    **{name: getattr(regularizers, name) for name in ("L1", "L2")},
    **{name: getattr(constraints, name) for name in ("MaxNorm", "MinMaxNorm")},
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
        (lambda: layers.ThresholdedReLU(1.5), lambda: layers.ReLU(threshold=1.5)),
        (
            lambda: layers.BatchNormalization(gamma_init="zeros"),
            lambda: layers.BatchNormalization(gamma_initializer="zeros"),
        ),
        (lambda: layers.GaussianNoise(sigma=0.5), lambda: layers.GaussianNoise(0.5)),
        (
            lambda: layers.Embedding(5, 2, init="normal", input_length=3),
            lambda: layers.Embedding(5, 2, "normal", input_shape=(3,)),
        ),
        (lambda: constraints.maxnorm(m=3), lambda: constraints.MaxNorm(3)),
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
    with pytest.warns(DeprecationWarning, match="Update your|is now") as caught:
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


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [(n, w, v) for n, words in _legacy.ONLY.items() for w, v in words.items()],
)
def test_of_some_old_words_one_value_is_left(name, word, value):
    needed = {"Embedding": {"input_dim": 3, "output_dim": 2}}.get(name, {})
    with pytest.warns(DeprecationWarning, match=word):
        owner(name)(**needed, **{word: value})
    with pytest.raises(ValueError, match=f"{word}=1"):
        owner(name)(**needed, **{word: 1})


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


@pytest.mark.parametrize("name", [n for n, w in _legacy.KEPT.items() if "decay" in w])
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
        ("layers.core", ["Dense", "Dropout", "Activation", "Flatten", "Permute"]),
        ("layers.core", ["Reshape", "RepeatVector", "ActivityRegularization"]),
        ("layers.advanced_activations", ["LeakyReLU", "ELU", "PReLU", "Softmax"]),
        ("layers.normalization", ["BatchNormalization"]),
        ("layers.noise", ["GaussianNoise", "GaussianDropout", "AlphaDropout"]),
        ("layers.embeddings", ["Embedding"]),
        ("constraints", ["maxnorm", "nonneg", "unitnorm", "max_norm", "min_max_norm"]),
        ("utils.np_utils", ["to_categorical", "normalize"]),
    ],
)
def test_old_module_paths_are_there(path, names):
    module = importlib.import_module(f"nncore.{path}")
    assert all(hasattr(module, name) for name in names)


def _public(module):
    names = (name for name in dir(module) if not name.startswith("_"))
    return [name for name in names if isinstance(getattr(module, name), type)]


@pytest.mark.parametrize(("old", "new"), _legacy.MODULES.items())
def test_an_old_path_shows_what_the_modern_module_has(old, new):
    sys.modules.pop(f"nncore.{old}", None)
    with pytest.warns(DeprecationWarning) as caught:
        module = importlib.import_module(f"nncore.{old}")
    last = caught[-1]
    assert str(last.message) == f"`nncore.{old}` is now `nncore.{new}`."
    modern = importlib.import_module(f"nncore.{new}")
    for name in getattr(modern, "__all__", _public(modern)):
        assert getattr(module, name) is getattr(modern, name)
    with pytest.raises(AttributeError, match="nothing_such"):
        module.nothing_such  # noqa: B018


def test_who_imports_an_old_path_is_told():
    sys.modules.pop("nncore.objectives", None)
    with pytest.warns(DeprecationWarning, match=r"nncore\.losses") as caught:
        from nncore.objectives import mean_squared_error
    assert mean_squared_error is losses.mean_squared_error
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [(m, o, n) for m, names in _legacy.NAMES.items() for o, n in names.items()],
)
def test_an_old_name_is_the_modern_thing(module, old, new):
    space = importlib.import_module(f"nncore.{module}")
    with pytest.warns(DeprecationWarning, match=f"is now `{new}`") as caught:
        found = getattr(space, old)
    assert found is getattr(space, new)
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.parametrize("path", _legacy.WIDER)
def test_a_part_that_held_more_still_has_it(path):
    module = importlib.import_module(f"nncore.{path}")
    for name in layers.__all__:
        assert getattr(module, name) is getattr(layers, name)
    assert not hasattr(module, "nothing_such") and not hasattr(module, "_nothing")


def test_a_name_that_never_was_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"nncore\.regularizers.*l3"):
        regularizers.l3  # noqa: B018


@pytest.mark.parametrize(
    "owner_of_words", [*_legacy.DROPPED, *_legacy.KEPT, *_legacy.ONLY]
)
def test_every_owner_in_the_table_is_there(owner_of_words):
    assert callable(owner(owner_of_words))


@pytest.mark.parametrize(("old", "new"), _legacy.LOG_KEYS.items())
def test_both_spellings_of_a_log_key_are_one_entry(old, new):
    logs = callbacks.Logs({old: 1.0, f"val_{old}": 2.0})
    assert logs[new] == logs.get(new) == 1.0
    assert logs[f"val_{new}"] == 2.0
    assert list(logs) == [old, f"val_{old}"]
    assert logs.get("loss", 3.0) == 3.0


def compiled_model():
    model = models.Sequential(
        [layers.Dense(3, input_dim=2), layers.Dense(1, activation="sigmoid")], seed=1
    )
    model.compile("adam", "binary_crossentropy", metrics=["mse"])
    return model


def rows():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 2))
    return x, (x[:, 0] > 0).astype(float)


def generator(size=10):
    x, y = rows()
    while True:
        for first in range(0, len(x), size):
            yield x[first : first + size], y[first : first + size]


def test_show_accuracy_measures_accuracy_and_training_goes_on():
    plain, shown = compiled_model(), compiled_model()
    for model in (plain, shown):
        model.fit(*rows(), epochs=2, verbose=0)
    plain.fit(*rows(), verbose=0)
    with pytest.warns(DeprecationWarning, match="metrics"):
        history = shown.fit(*rows(), show_accuracy=True, verbose=0)
    assert list(history.history) == ["loss", "mse", "acc"]
    assert shown.optimizer.iterations == plain.optimizer.iterations
    for one, other in zip(plain.get_weights(), shown.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.warns(DeprecationWarning, match="metrics"):
        scores = shown.evaluate(*rows(), show_accuracy=True, verbose=0)
    assert len(scores) == 3
    with pytest.warns(DeprecationWarning, match="metrics"):
        assert len(plain.evaluate(*rows(), show_accuracy=False, verbose=0)) == 2


def test_generators_of_keras_2():
    old, new = compiled_model(), compiled_model()
    with pytest.warns(DeprecationWarning, match="is now `fit`.*`workers`") as caught:
        history = old.fit_generator(
            generator(),
            steps_per_epoch=5,
            epochs=2,
            verbose=0,
            validation_data=generator(),
            validation_steps=5,
            workers=4,
        )
    assert [w.filename for w in caught] == [__file__]
    modern = new.fit(
        *rows(),
        batch_size=10,
        epochs=2,
        shuffle=False,
        verbose=0,
        validation_data=rows(),
    )
    assert history.history == modern.history
    with pytest.warns(DeprecationWarning, match="is now `evaluate`"):
        scores = old.evaluate_generator(generator(), steps=5)
    assert scores == new.evaluate(*rows(), verbose=0)
    with pytest.warns(DeprecationWarning, match="is now `predict`"):
        outputs = old.predict_generator(generator(), 5)
    np.testing.assert_array_equal(outputs, new.predict(rows()[0]))


def test_generators_of_keras_1_count_rows():
    old, new = compiled_model(), compiled_model()
    with pytest.warns(DeprecationWarning):
        history = old.fit_generator(
            generator(),
            45,
            nb_epoch=2,
            verbose=0,
            validation_data=generator(),
            nb_val_samples=41,
            max_q_size=3,
        )
    assert old.optimizer.iterations == 10
    modern = new.fit(
        *rows(),
        batch_size=10,
        epochs=2,
        shuffle=False,
        verbose=0,
        validation_data=rows(),
    )
    assert history.history["val_loss"] == modern.history["val_loss"]
    with pytest.warns(DeprecationWarning):
        assert len(old.predict_generator(generator(), val_samples=11)) == 20
        old.evaluate_generator(generator(), val_samples=11)


def test_what_gives_no_batches_is_no_generator():
    with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match="gives"):
        compiled_model().fit_generator(rows())


def test_callbacks_of_keras_1_and_2_find_their_params():
    seen = []

    class Old(callbacks.Callback):
        def on_train_begin(self, logs=None):
            words = ("nb_epoch", "nb_sample", "samples", "batch_size", "metrics")
            seen.extend(self.params[word] for word in words)
            seen.append(self.params.get("do_validation"))

    model = compiled_model()
    history = model.fit(
        *(*rows(), 10, 3), validation_split=0.2, callbacks=Old(), verbose=0
    )
    names = ["loss", "mse", "val_loss", "val_mse"]
    assert seen == [3, 40, 40, 10, names, True]
    assert history.params == {"verbose": 0, "epochs": 3, "steps": 4}
    assert history.params.get("colour", "none") == "none"
    with pytest.raises(KeyError, match="colour"):
        history.params["colour"]


def test_a_learning_rate_is_set_through_the_backend():
    optimizer = optimizers.SGD(0.5)
    rate = float(backend.get_value(optimizer.lr))
    backend.set_value(optimizer.lr, rate / 2)
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate.assign(0.125)
    assert optimizer.learning_rate.numpy() == optimizer.lr.value == 0.125
    assert type(copy.deepcopy(optimizer).learning_rate.numpy()) is float
    assert type(optimizer.get_config()["learning_rate"]) is float
    with pytest.raises(TypeError, match="set_weights"):
        backend.set_value(np.ones(2), 1.0)


def test_running_metrics_of_single_batches():
    model, whole = compiled_model(), compiled_model()
    x, y = rows()
    for first in range(0, 50, 10):
        part = slice(first, first + 10)
        report = model.train_on_batch(x[part], y[part], reset_metrics=first == 0)
    history = whole.fit(x, y, batch_size=10, shuffle=False, verbose=0).history
    assert report == [values[0] for values in history.values()]
    for first in range(0, 50, 10):
        part = slice(first, first + 10)
        report = model.test_on_batch(x[part], y[part], reset_metrics=first == 0)
    assert report == model.evaluate(x, y, verbose=0)
    model.test_on_batch(x[:9], y[:9], reset_metrics=False)
    model.reset_metrics()
    assert model.test_on_batch(x, y, reset_metrics=False) == report


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
