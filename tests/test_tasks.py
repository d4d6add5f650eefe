"""The tutorials' tasks end where correct implementations end, from many seeds.

Seeds are fixed and results do not depend on the machine, so bounds are those of the
distributions that Keras shows, not of chance.
"""

from __future__ import annotations

import numpy as np
import pytest

import nncore
from nncore import reference
from nncore.datasets import gaussian_xor, xor
from nncore.layers.core import Dense
from nncore.models import Sequential
from nncore.optimizers import SGD


def network(n_in, *units, last="sigmoid", **options):
    """Relu layers and one more, compiled."""
    model = Sequential()
    for number, width in enumerate(units):
        activation = last if number == len(units) - 1 else "relu"
        first = {} if number else {"input_shape": (n_in,)}
        model.add(Dense(width, activation=activation, **first))
    model.compile(**options)
    return model


def trained_on_xor(hidden, seed):
    nncore.utils.set_random_seed(seed)
    model = network(
        *(2, *hidden, 1),
        loss="mean_squared_error",
        optimizer="adam",
        metrics=["binary_accuracy"],
    )
    return model, model.fit(*xor(), epochs=1000, verbose=0)


@pytest.mark.parametrize("hidden", [(16,), (16, 16), (32,)], ids=str)
def test_xor_is_solved_from_forty_of_forty_seeds(hidden):
    x, y = xor()
    for seed in range(100, 140):
        model, history = trained_on_xor(hidden, seed)
        scores = model.evaluate(x, y, verbose=0)
        assert len(scores) == 2 and model.metrics_names[1] == "binary_accuracy"
        assert scores[1] == 1.0, f"seed {seed}"
        assert 1.0 in history.history["binary_accuracy"]
        np.testing.assert_array_equal(model.predict(x, verbose=0).round(), y)


@pytest.mark.parametrize(
    ("hidden", "allowed"), [((16,), 6), ((16, 16), 2), ((32,), 2)], ids=str
)
def test_xor_is_hardly_ever_left_unsolved(hidden, allowed):
    """Of 4000 starts in plain NumPy float64, 29, 0 and 0 do not get there."""
    histories = [trained_on_xor(hidden, seed)[1].history for seed in range(400)]
    unsolved = [h["binary_accuracy"][-1] < 1 for h in histories]
    assert sum(unsolved) <= allowed


BY_HAND_X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], "float64")
BY_HAND_Y = np.array([[0], [1], [1], [0]], "float64")


def test_xor_by_library_equals_xor_by_hand():
    rng = np.random.default_rng(1)
    start = [rng.uniform(0, 1, (3, 5)), rng.uniform(0, 1, (5, 1))]
    layer = {"activation": "sigmoid", "use_bias": False}
    net = reference.Network(3, [{"units": 5, **layer}, {"units": 1, **layer}])
    net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    net.variables[:] = [w.copy() for w in start]
    model = Sequential(
        [Dense(5, input_dim=3, dtype="float64", **layer), Dense(1, **layer)]
    )
    model.set_weights(start)
    model.compile(loss="mean_squared_error", optimizer=SGD(2.0))
    for _ in range(5000):
        net.train_on_batch(BY_HAND_X, BY_HAND_Y, learning_rate=2.0)
    model.fit(BY_HAND_X, BY_HAND_Y, epochs=5000, batch_size=4, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), net.variables, strict=True):
        assert ours.dtype == np.float64
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
    answers = model.predict(BY_HAND_X, verbose=0)
    assert np.abs(answers - BY_HAND_Y).max() < 0.04


def test_xor_as_it_was_written_for_keras_1():
    nncore.utils.set_random_seed(1)
    with pytest.warns(DeprecationWarning):
        model = Sequential()
        model.add(Dense(output_dim=5, input_dim=3, activation="sigmoid"))
        model.add(Dense(output_dim=1, activation="sigmoid"))
        model.compile(loss="mean_squared_error", optimizer=SGD(lr=1.0))
        model.fit(BY_HAND_X, BY_HAND_Y, nb_epoch=5000, verbose=0)
        classes = model.predict_classes(BY_HAND_X)
    np.testing.assert_array_equal(classes, BY_HAND_Y)


def pima_accuracies(x, y, x_test, y_test, epochs):
    results = []
    for seed in range(40):
        nncore.utils.set_random_seed(seed)
        model = network(
            *(8, 10, 8, 8, 1),
            loss="binary_crossentropy",
            optimizer="adam",
            metrics=["accuracy"],
        )
        model.fit(x, y, epochs=epochs, batch_size=10, verbose=0)
        _, acc = model.evaluate(x_test, y_test, verbose=0)
        results.append(acc)
    return np.percentile(results, [10, 50, 90])


# Raw rows leave most ReLUs of a layer dead from some of the seeds.
@pytest.mark.filterwarnings("ignore::nncore.TrainingWarning")
@pytest.mark.parametrize(("epochs", "expected"), [(20, 0.69), (50, 0.73)])
def test_pima_on_raw_rows(pima, epochs, expected):
    x, y = pima
    low, median, high = pima_accuracies(x, y, x, y, epochs)
    assert abs(median - expected) <= 0.02
    assert low >= 0.62 and high <= 0.78


def test_pima_on_standardised_rows(pima):
    x, y = pima
    x = (x - x[:568].mean(axis=0)) / x[:568].std(axis=0)
    low, median, high = pima_accuracies(x[:568], y[:568], x[568:], y[568:], 20)
    assert abs(median - 0.78) <= 0.015
    assert low >= 0.75 and high <= 0.82


def test_gaussian_xor_is_learned_from_most_seeds():
    accuracies = []
    for seed in range(20):
        nncore.utils.set_random_seed(seed)
        model = network(
            *(2, 4, 4, 2),
            last="softmax",
            loss="binary_crossentropy",
            optimizer=SGD(decay=0.001, momentum=0.99),
            metrics=["accuracy"],
        )
        x, y = gaussian_xor(10_000, seed=seed)
        history = model.fit(x, y, epochs=200, batch_size=100, verbose=0)
        assert history.history["loss"][-1] < history.history["loss"][0]
        x_test, y_test = gaussian_xor(5000, seed=1000 + seed)
        answers = model.predict(x_test, verbose=0).argmax(axis=1)
        accuracies.append((answers == y_test.argmax(axis=1)).mean())
    accuracies = np.array(accuracies)
    # 17 of 20 in Keras: 14 or more are expected 98 times in 100.
    assert (accuracies > 0.99).sum() >= 14
    assert accuracies.min() > 0.45


def test_digits_are_read():
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    x = x / 16
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[360:], order[:360]
    nncore.utils.set_random_seed(0)
    model = network(
        *(64, 64, 10),
        last="softmax",
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        metrics=["accuracy"],
    )
    model.fit(x[train], y[train], epochs=50, batch_size=32, verbose=0)
    _, accuracy = model.evaluate(x[test], y[test], verbose=0)
    assert accuracy >= 0.97
