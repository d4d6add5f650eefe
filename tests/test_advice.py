"""Warnings of what people get wrong, and `fit(..., diagnose=True)`."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nncore
from nncore.layers import Activation, Dense, Dropout, Flatten
from nncore.losses import BinaryCrossentropy
from nncore.optimizers import SGD

from .helpers import same_bits


@pytest.fixture
def rows(rng):
    """X (500, 8) and a label that follows from it."""
    x = rng.normal(size=(500, 8))
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(float)


def trained(layers, loss, x, y, optimizer="adam", **options):
    """A model, and what `fit` warned of."""
    model = nncore.Sequential(layers, seed=1)
    model.compile(optimizer, loss)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(x, y, verbose=0, **options)
    return model, found


def assert_told(found, match, category=nncore.TrainingWarning):
    assert [w.category for w in found] == [category], [str(w.message) for w in found]
    text = str(found[0].message)
    assert match in text
    assert "Received: " in text
    assert found[0].filename == __file__


# ---- Before --------------------------------------------------------------------------

HEAD = [Dense(4, "relu", input_dim=8)]


@pytest.mark.parametrize(
    ("last", "loss", "target", "match"),
    [
        ("sigmoid", "binary_crossentropy", lambda y: 2 * y - 1, "lie in [0, 1]"),
        ("sigmoid", "binary_crossentropy", lambda y: y + 1, "lie in [0, 1]"),
        ("linear", "binary_crossentropy", lambda y: y, "given probabilities"),
        ("tanh", "binary_crossentropy", lambda y: y, "given probabilities"),
        ("softplus", "poisson", lambda y: y - 0.5, "counts, at least 0"),
        ("sigmoid", "mse", lambda y: 30 * y, "the last layer can give"),
        ("tanh", "mae", lambda y: 3 * y - 1.5, "the last layer can give"),
        ("relu", "huber", lambda y: y - 0.5, "the last layer can give"),
    ],
)
def test_targets_that_do_not_fit_are_pointed_out(last, loss, target, match, rows):
    x, y = rows
    layers = [Dense(4, "relu", input_dim=8), Dense(1, last)]
    model, found = trained(layers, loss, x, target(y))
    assert_told(found, match)
    # Once per model.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, target(y), verbose=0)


def test_rows_with_several_classes_are_no_rows_of_one(rows):
    x, y = rows
    several = np.stack([y, y, 1 - y], axis=1)
    layers = [Dense(4, "relu", input_dim=8), Dense(3, "softmax")]
    assert_told(trained(layers, "categorical_crossentropy", x, several)[1], "sum to 1")


@pytest.mark.parametrize("first", ["sigmoid", "tanh", "hard_sigmoid"])
def test_inputs_that_saturate_are_pointed_out(first, rows):
    x, y = rows
    x[:, 5] = 1e4 * np.abs(x[:, 5])
    layers = [Dense(6, first, input_dim=8), Dense(1, "sigmoid")]
    _, found = trained(layers, "binary_crossentropy", x, y)
    assert_told(found, "scale each column")
    assert "column 5 reaches" in str(found[0].message)


def test_indices_saturate_nothing(rows):
    x, y = np.random.default_rng(2).integers(0, 5, (200, 3)), np.ones(200)
    layers = [nncore.layers.Embedding(5, 4), Activation("tanh"), Flatten(), Dense(1)]
    model = nncore.Sequential(layers)
    model.compile("adam", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, y, verbose=0)


def test_training_warnings_are_silenced_by_their_category(rows):
    x, y = rows
    layers = [Dense(4, "relu", input_dim=8), Dense(1, "sigmoid")]
    model = nncore.Sequential(layers)
    model.compile("adam", "binary_crossentropy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", nncore.TrainingWarning)
        model.fit(x, 2 * y - 1, verbose=0)
    assert issubclass(nncore.TrainingWarning, UserWarning)


# ---- After ---------------------------------------------------------------------------


def dead_model(share):
    """A model of which so large a share of the hidden units can never answer."""
    hidden = Dense(20, "relu", input_dim=8, name="hidden")
    model = nncore.Sequential([hidden, Dense(1)], seed=1)
    model.compile(SGD(1e-6), "mse")
    kernel, bias = hidden.get_weights()
    bias[: int(20 * share)] = -100
    hidden.set_weights([kernel, bias])
    return model


def test_dead_relus_are_counted(rows):
    model = dead_model(0.8)
    with pytest.warns(nncore.TrainingWarning, match="16 of the 20 units of .*'hidden'"):
        model.fit(*rows, epochs=20, verbose=0)
    dead_model(0.6).fit(*rows, epochs=20, verbose=0)


def test_short_trainings_are_not_looked_at_each_time(rows, monkeypatch):
    model = dead_model(0)
    looks = []
    monkeypatch.setattr(nncore._advice, "after", lambda *_: looks.append(1) or [])
    monkeypatch.setattr(nncore._advice, "PAUSE", 1e9)
    model.fit(*rows, epochs=1, verbose=0)  # too few to tell anything
    assert not looks
    for _ in range(3):
        model.fit(*rows, epochs=20, verbose=0)
    assert len(looks) == 1
    monkeypatch.setattr(nncore._advice, "PAUSE", 0)
    model.fit(*rows, epochs=20, verbose=0)
    assert len(looks) == 2


def test_a_classifier_that_knows_one_class_is_told(rows):
    x, y = rows
    layers = [Dense(4, "relu", input_dim=8), Dense(1, "sigmoid")]
    for labels, loss in ((y, "binary_crossentropy"), (y, BinaryCrossentropy())):
        model = nncore.Sequential(layers, seed=1)
        layers = [Dense(4, "relu", input_dim=8), Dense(1, "sigmoid")]
        model.compile(SGD(1e-9), loss)
        model.layers[-1].set_weights([np.zeros((4, 1)), np.full(1, 3.0)])
        with pytest.warns(nncore.TrainingWarning, match="class 1 for all of 500 rows"):
            model.fit(x, labels, epochs=20, verbose=0)


def test_several_classes_too(rows):
    x, _ = rows
    labels = np.arange(500) % 3
    model = nncore.Sequential([Dense(3, "softmax", input_dim=8)], seed=1)
    model.compile(SGD(1e-9), "sparse_categorical_crossentropy")
    model.layers[-1].set_weights([np.zeros((8, 3)), np.array([0, 0, 1.0])])
    with pytest.warns(nncore.TrainingWarning, match="class 2 for all"):
        model.fit(x, labels, epochs=20, verbose=0)


# ---- Nothing to say ------------------------------------------------------------------

GOOD = {
    "a logit": ([Dense(1)], BinaryCrossentropy(from_logits=True), lambda y: y),
    "labels": ([Dense(1, "sigmoid")], "binary_crossentropy", lambda y: y),
    "soft labels": ([Dense(1, "sigmoid")], "binary_crossentropy", lambda y: y / 2),
    "an activation of its own": (
        [Dense(1), Activation("sigmoid")],
        "binary_crossentropy",
        lambda y: y,
    ),
    "hinge": ([Dense(1, "tanh")], "hinge", lambda y: 2 * y - 1),
    "a regression": ([Dense(1)], "mse", lambda y: 1000 * y - 300),
    "targets in reach": ([Dense(1, "tanh")], "mse", lambda y: 2 * y - 1),
    "a rare class": (
        [Dense(1, "sigmoid")],
        "binary_crossentropy",
        lambda y: (np.arange(len(y)) % 20 == 0).astype(float),
    ),
    "classes": (
        [Dense(2, "softmax")],
        "categorical_crossentropy",
        lambda y: np.stack([y, 1 - y], axis=1),
    ),
    "label numbers": (
        [Dense(2, "softmax")],
        "sparse_categorical_crossentropy",
        lambda y: y,
    ),
}


@pytest.mark.parametrize("case", GOOD)
@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_nothing_is_said_of_good_data(case, hidden, scale, rows):
    layers, loss, target = GOOD[case]
    x, y = rows
    clone = [type(layer).from_config(layer.get_config()) for layer in layers]
    head = [Dense(16, hidden, input_dim=8), Dropout(0.2)]
    _, found = trained([*head, *clone], loss, scale * x, target(y), epochs=25)
    assert [str(w.message) for w in found] == []


# ---- Diagnosis -----------------------------------------------------------------------


def diagnosed(layers, x, y, **options):
    _, found = trained(layers, "mse", x, y, diagnose=True, **options)
    assert len(found) == 1
    return str(found[0].message).partition("Diagnosis: ")[2]


def test_the_first_layer_that_overflows_is_named_with_its_row_and_column(rows):
    x, y = rows
    x[123] *= 1000
    layers = [
        *(Dense(5, input_dim=8, name="first"), Dense(4, "exponential", name="second")),
        Dense(1, name="third"),
    ]
    text = diagnosed(layers, x, y, shuffle=False, optimizer=SGD(1e-12))
    assert text.startswith(
        "in epoch 1, batch 4 (step 4), layer 'second' is the first to give, after "
        "'exponential', inf in column "
    )
    assert "for row 123 of the data; its inputs reach" in text


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_the_row_is_named_by_its_number_in_the_data(shuffle, rows):
    x, y = rows
    x[77, 3] = np.nan
    model = nncore.Sequential([Dense(4, input_dim=8), Dense(1)], seed=1)
    model.compile("adam", "mse", check_finite=False)
    with pytest.warns(RuntimeWarning, match="inputs hold nan in column 3 for row 77 "):
        model.fit(x, y, epochs=3, shuffle=shuffle, verbose=0, diagnose=True)


def test_a_target_that_breaks_the_loss_is_named(rows):
    x, y = rows
    y[401] = 3e38
    layers = [Dense(4, input_dim=8), Dense(1)]
    text = diagnosed(layers, x, y, shuffle=False)
    assert "the loss gives inf for row 401 of the data" in text


def test_the_update_that_makes_weights_explode_is_named(rows):
    x, y = rows
    layers = [Dense(6, "relu", input_dim=8, name="h"), Dense(1, name="o")]
    text = diagnosed(layers, 1000 * x, y, optimizer=SGD(1.0), epochs=3)
    assert text.startswith("the weights explode in epoch 1, batch 1 (step 1): ")
    assert "layer 'o'" in text
    assert "; the gradient was " in text
    # Where training ends before the loss is infinite, it is said too.
    layers = [Dense(6, "relu", input_dim=8, name="h"), Dense(1, name="o")]
    _, found = trained(
        *(layers, "mse", 1000 * x[:32], y[:32]), optimizer=SGD(1.0), diagnose=True
    )
    assert found[0].category is nncore.TrainingWarning
    assert "the weights explode in epoch 1" in str(found[0].message)


def test_weights_that_were_infinite_already_are_named(rows):
    x, y = rows
    model = nncore.Sequential([Dense(4, input_dim=8, name="h"), Dense(1)], seed=1)
    model.compile("adam", "mse")
    kernel, bias = model.layers[0].get_weights()
    kernel[2, 3] = np.inf
    model.layers[0].set_weights([kernel, bias])
    match = r"the kernel of layer 'h' already held inf at \[2, 3\]"
    with pytest.warns(RuntimeWarning, match=match):
        model.fit(x, y, verbose=0, diagnose=True)


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_a_diagnosed_training_has_the_same_bits(shuffle, rows):
    x, y = rows
    results = []
    for diagnose in (False, True):
        layers = [Dense(7, "tanh", input_dim=8), Dropout(0.3), Dense(1, "sigmoid")]
        model, found = trained(
            *(layers, "binary_crossentropy", x, y),
            diagnose=diagnose,
            epochs=3,
            shuffle=shuffle,
        )
        assert not found
        results.append((model.get_weights(), model.history.history))
    assert all(map(same_bits, results[0][0], results[1][0]))
    assert results[0][1] == results[1][1]


def test_raising_tells_the_diagnosis_too(rows):
    x, y = rows
    model = nncore.Sequential([Dense(4, input_dim=8), Dense(1)], seed=1)
    model.compile(SGD(10.0), "mse", on_nan="raise")
    with pytest.raises(FloatingPointError, match="Diagnosis: the weights explode"):
        model.fit(1e4 * x, y, epochs=9, verbose=0, diagnose=True)
    with pytest.raises(ValueError, match="`diagnose` must be"):
        model.fit(x, y, diagnose="yes")
