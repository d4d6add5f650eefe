"""Batches from generators, iterables and data sets train the same bits as arrays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nncore
from nncore.callbacks import Callback, LambdaCallback
from nncore.layers import Dense, Dropout
from nncore.models import Sequential
from nncore.utils import PyDataset

N, SIZE = 150, 16
STEPS = 10  # the last batch has 6 rows

rng = np.random.default_rng(0)
X = rng.standard_normal((N, 5)).astype(np.float32)
Y = (X[:, :3] > 0).astype(np.float32)
W = rng.random(N).astype(np.float32)


def made(n_in=5, **options):
    layers = [
        Dense(9, activation="relu", kernel_regularizer="l2"),
        Dropout(0.3),
        Dense(3, activation="sigmoid"),
    ]
    model = Sequential([nncore.Input((n_in,)), *layers] if n_in else layers, seed=3)
    model.compile(
        "adam",
        "binary_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["mse"],
        **options,
    )
    return model


def batches(weighted=True, passes=1):
    for _ in range(passes):
        for first in range(0, N, SIZE):
            rows = slice(first, first + SIZE)
            yield (X[rows], Y[rows], W[rows]) if weighted else (X[rows], Y[rows])


class Again:
    """What can be iterated again and again, as a loader of PyTorch."""

    def __iter__(self):
        return batches()

    def __len__(self):
        return STEPS


class Numbered(PyDataset):
    def __init__(self):
        super().__init__(workers=2, use_multiprocessing=True)
        self.order = []
        self.ends = 0

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        self.order.append(index)
        return next(itertools.islice(batches(), index, None))

    def on_epoch_end(self):
        self.ends += 1


class Foreign:
    """A data set of another library, which need not be derived from ours."""

    num_batches = STEPS

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return next(itertools.islice(batches(), index, None))

    def on_epoch_end(self):
        pass


class Tensor:
    """An array of another library."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def tensors():
    return ([Tensor(part) for part in batch] for batch in batches())


def same(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def forever():
    while True:
        yield from batches()


SOURCES = {
    "generator": lambda: batches(passes=3),
    "endless": forever,
    "iterable": Again,
    "dataset": Numbered,
    "foreign": Foreign,
    "map": lambda: map(tuple, batches(passes=3)),
}


@pytest.fixture(scope="module")
def trained():
    model = made()
    history = model.fit(
        *(X, Y),
        sample_weight=W,
        batch_size=SIZE,
        epochs=3,
        shuffle=False,
        verbose=0,
        validation_data=(X, Y, W),
    )
    return model, history.history


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("validation", ["generator", "iterable", "dataset", "endless"])
def test_batches_train_and_validate_the_bits_of_arrays(trained, kind, validation):
    model = made()
    limits = {}
    if kind not in ("iterable", "dataset", "foreign"):
        limits["steps_per_epoch"] = STEPS
    if validation == "endless":
        limits["validation_steps"] = STEPS
    history = model.fit(
        SOURCES[kind](),
        epochs=3,
        shuffle=False,
        verbose=0,
        validation_data=batches()
        if validation == "generator"
        else SOURCES[validation](),
        **limits,
    )
    assert same(model, trained[0])
    assert history.history == trained[1]
    assert list(history.history) == list(trained[1])


def test_metrics_that_need_all_outputs_see_those_of_all_batches():
    metrics = nncore.metrics
    histories, scores = [], []
    for stream in (True, False):
        model = made()
        model.compile(
            "adam",
            "binary_crossentropy",
            metrics=[
                metrics.AUC(name="auc"),
                metrics.F1Score("macro", name="f1"),
                "mse",
            ],
            weighted_metrics=[metrics.Precision(name="precision")],
        )
        options = {"epochs": 2, "shuffle": False, "verbose": 0}
        if stream:
            history = model.fit(Again(), validation_data=Again(), **options)
            scores.append(model.evaluate(batches(), verbose=0, return_dict=True))
        else:
            history = model.fit(
                *(X, Y, SIZE), sample_weight=W, validation_data=(X, Y, W), **options
            )
            scores.append(
                model.evaluate(X, Y, sample_weight=W, verbose=0, return_dict=True)
            )
        histories.append(history.history)
    for streamed, whole in zip(*[[*h.items()] for h in histories], strict=True):
        assert streamed[0] == whole[0]
        np.testing.assert_array_equal(streamed[1], whole[1], err_msg=whole[0])
    for key, value in scores[0].items():
        np.testing.assert_array_equal(value, scores[1][key], err_msg=key)


def test_tensors_of_other_libraries_are_rows(trained):
    model = made()
    for _ in range(3):
        model.fit(tensors(), verbose=0)
    assert same(model, trained[0])


def test_an_empty_batch_gives_no_outputs():
    x = np.ones((4, 2), "float32")
    seen = []
    watch = LambdaCallback(
        on_predict_batch_end=lambda batch, logs: seen.append(
            (batch, len(logs["outputs"]))
        )
    )
    model = Sequential([Dense(3, input_shape=(2,))], seed=1)
    expected = model.predict(x)
    for used in (None, watch):
        outputs = model.predict(iter([x[:1], x[:0], x[1:]]), callbacks=used)
        np.testing.assert_array_equal(outputs, expected)
        assert model.predict(iter([x[:0], x[:0]])).shape == (0, 3)
    assert seen == [(0, 1), (1, 0), (2, 3)]


def test_evaluate_and_predict_take_batches(trained):
    model, _ = trained
    expected = model.evaluate(X, Y, sample_weight=W, verbose=0)
    assert model.evaluate(batches(), verbose=0) == expected
    assert model.evaluate(Numbered(), verbose=0, batch_size=3) == expected
    part = model.evaluate(X[: 2 * SIZE], Y[: 2 * SIZE], verbose=0)
    assert model.evaluate(batches(weighted=False), steps=2, verbose=0) == part
    np.testing.assert_array_equal(model.predict(batches()), model.predict(X))
    alone = (x for x, *_ in batches())
    np.testing.assert_array_equal(
        model.predict(alone, steps=2), model.predict(X[: 2 * SIZE])
    )


@pytest.mark.parametrize(
    "act",
    [
        lambda model: model.evaluate(X[:3], Y[:3], verbose=0),
        lambda model: model.test_on_batch(X[:3], Y[:3]),
        lambda model: model.compile("sgd", "mse"),
        lambda model: model.pop(),
    ],
    ids=["evaluate", "test_on_batch", "compile", "pop"],
)
@pytest.mark.parametrize("where", ["evaluate", "a stream", "validation"])
def test_within_an_evaluation_nothing_mixes_into_it(where, act):
    model = made()
    before, refused = model.evaluate(X, Y, verbose=0), []

    def try_it(batch, logs):
        with pytest.raises(RuntimeError, match="must not be called by a callback"):
            act(model)
        refused.append(batch)
        model.predict(X[:2], verbose=0)

    options = {"verbose": 0, "callbacks": LambdaCallback(on_test_batch_end=try_it)}
    if where == "evaluate":
        assert model.evaluate(X, Y, batch_size=SIZE, **options) == before
    elif where == "a stream":
        assert model.evaluate(batches(weighted=False), **options) == before
    else:
        model.optimizer.learning_rate = 0.0
        history = model.fit(X, Y, validation_data=(X, Y), **options).history
        assert [history[f"val_{name}"][0] for name in model.metrics_names] == before
    assert refused
    assert model.evaluate(X, Y, verbose=0) == before


def test_evaluate_calls_the_hooks_of_its_batches_as_on_arrays(trained):
    model, _ = trained

    def calls(*data, **options):
        seen = []
        hooks = {
            f"on_test_batch_{end}": lambda batch, logs, end=end: seen.append(
                (end, batch)
            )
            for end in ("begin", "end")
        }
        model.evaluate(*data, verbose=0, callbacks=LambdaCallback(**hooks), **options)
        return seen

    expected = [(end, batch) for batch in range(STEPS) for end in ("begin", "end")]
    assert calls(X, Y, batch_size=SIZE) == expected
    assert calls(batches()) == expected


def test_one_batch_by_hand_is_a_step_of_a_stream(trained):
    by_hand, by_fit = made(), made()
    for x, y, w in batches():
        report = by_hand.train_on_batch(x, y, w, return_dict=True)
    by_fit.fit(batches(), verbose=0)
    assert same(by_hand, by_fit)
    assert list(report) == ["loss", "accuracy", "mse"]
    assert by_hand.test_on_batch(X, Y, W) == by_fit.evaluate(X, Y, sample_weight=W)
    np.testing.assert_array_equal(by_hand.predict_on_batch(X), by_fit.predict(X))


def test_class_weights_weigh_the_rows_of_batches():
    labels = np.arange(N) % 3
    weight = {0: 0.5, 2: 3.0}
    models = [made() for _ in range(2)]
    for model in models:
        model.compile("sgd", "sparse_categorical_crossentropy")
    arrays, stream = models
    arrays.fit(
        *(X, labels), batch_size=SIZE, shuffle=False, class_weight=weight, verbose=0
    )
    cut = range(0, N, SIZE)
    stream.fit(
        ((X[i : i + SIZE], labels[i : i + SIZE]) for i in cut),
        class_weight=weight,
        verbose=0,
    )
    assert same(arrays, stream)


@pytest.mark.parametrize("without", [0, 1, 2])
def test_a_batch_without_weights_among_others_has_weights_of_one(without, rng):
    x, y = rng.normal(size=(3, 20, 5)), rng.normal(size=(3, 20, 1))
    w = rng.uniform(0.5, 3, size=(3, 20))
    w[without] = 1
    model = Sequential([Dense(1, input_dim=5)], seed=1)
    metrics = ["mae", nncore.metrics.R2Score()]
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=metrics)
    model.optimizer.learning_rate = 0.0
    whole = list(zip(x, y, w, strict=True))
    mixed = [batch[: 2 + (k != without)] for k, batch in enumerate(whole)]
    np.testing.assert_allclose(
        model.evaluate(iter(mixed), verbose=0), model.evaluate(iter(whole), verbose=0)
    )
    seen = [model.fit(iter(rows), verbose=0).history for rows in (mixed, whole)]
    for name, values in seen[1].items():
        np.testing.assert_allclose(seen[0][name], values)


def test_the_first_batch_tells_the_shape():
    model = made(n_in=None)
    model.fit(batches(passes=2), steps_per_epoch=STEPS, epochs=2, verbose=0)
    assert model.input_shape == (None, 5)
    assert model.optimizer.iterations == 2 * STEPS
    other = made(n_in=None)
    other.evaluate(Again(), verbose=0)
    assert other.input_shape == (None, 5)


def test_a_dataset_is_shuffled_by_batches():
    data, again = Numbered(), Numbered()
    made().fit(data, epochs=3, verbose=0)
    made().fit(again, epochs=3, verbose=0)
    passes = [data.order[i : i + STEPS] for i in range(0, 3 * STEPS, STEPS)]
    assert all(sorted(order) == list(range(STEPS)) for order in passes)
    assert len({tuple(order) for order in passes}) == 3
    assert again.order == data.order
    assert data.ends == 3


def test_a_limit_goes_on_where_the_epoch_before_ended():
    data = Numbered()
    history = made().fit(data, epochs=3, steps_per_epoch=4, shuffle=False, verbose=0)
    assert data.order == [*range(STEPS), 0, 1]
    assert history.params["steps"] == 4
    assert data.ends == 1


@pytest.mark.parametrize("weights", [None, W])
def test_rows_in_epochs_of_another_length_are_gone_through_in_turn(weights):
    cut, whole = made(), made()
    options = {"batch_size": SIZE, "shuffle": False, "sample_weight": weights}
    history = cut.fit(X, Y, epochs=5, steps_per_epoch=4, verbose=0, **options)
    whole.fit(X, Y, epochs=2, verbose=0, **options)
    assert same(cut, whole)
    assert history.params["steps"] == 4 and len(history.epoch) == 5


def test_rows_in_epochs_of_another_length_are_shuffled_by_the_pass():
    seen = []

    class Seen(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["loss"])

    models = [made(), made()]
    for model in models:
        model.compile("sgd", "mse")
        model.optimizer.learning_rate = 0.0
        for _ in range(2):
            model.fit(
                *(X, Y),
                batch_size=SIZE,
                steps_per_epoch=5,
                epochs=2,
                verbose=0,
                callbacks=Seen(),
            )
    half = len(seen) // 2
    assert seen[:half] == seen[half:]
    assert len(set(seen[:half])) == half


def test_an_iterator_that_ends_early_ends_the_training_and_says_so():
    with pytest.warns(UserWarning, match="ended after 10 batches") as caught:
        history = made().fit(batches(), epochs=5, verbose=0)
    assert history.epoch == [0]
    assert len(caught) == 1 and caught[0].filename == __file__
    with pytest.warns(UserWarning, match="ended after 10 batches") as caught:
        history = made().fit(batches(), epochs=5, steps_per_epoch=4, verbose=0)
    assert history.epoch == [0, 1, 2]
    assert len(caught) == 1 and caught[0].filename == __file__


def test_hooks_are_called_around_every_batch():
    seen = []
    callback = LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append((batch, logs["loss"])),
        on_test_batch_end=lambda batch, logs: seen.append(("test", batch)),
    )
    history = made().fit(
        Again(), callbacks=callback, verbose=0, validation_data=batches()
    )
    assert [batch for batch, _ in seen[:STEPS]] == list(range(STEPS))
    assert seen[STEPS - 1][1] == history.history["loss"][0]
    assert seen[STEPS:] == [("test", batch) for batch in range(STEPS)]


def test_training_stops_within_an_epoch():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 3

    model = made()
    history = model.fit(forever(), epochs=9, callbacks=Stop(), verbose=0)
    assert model.optimizer.iterations == 4
    assert history.epoch == [0]


def test_a_batch_that_is_not_finite_is_named():
    rows = X.copy()
    rows[2 * SIZE + 1, 3] = np.nan
    stream = ((rows[i : i + SIZE], Y[i : i + SIZE]) for i in range(0, N, SIZE))
    model = made()
    with pytest.raises(ValueError, match=r"batch 2 x.*row 1, column 3"):
        model.fit(stream, verbose=0)
    model.compile("sgd", "mse", check_finite=False)
    stream = ((rows[i : i + SIZE], Y[i : i + SIZE]) for i in range(0, N, SIZE))
    with pytest.warns(RuntimeWarning, match="epoch 1 of 1, batch 3"):
        model.fit(stream, verbose=0)


def test_an_error_of_the_generator_is_the_users_and_leaves_the_model_usable():
    def broken():
        yield X, Y
        raise OSError("no more disc")

    model = made()
    with pytest.raises(OSError, match="no more disc"):
        model.fit(broken(), verbose=0)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (lambda: iter([]), {}, "at least one batch"),
        (Again, {"y": Y}, "`y` must be None"),
        (Again, {"sample_weight": W}, "`sample_weight` must be None"),
        (Again, {"validation_split": 0.2}, "`validation_split` must be None"),
        (Again, {"steps_per_epoch": 0}, "`steps_per_epoch` must be"),
        (lambda: iter([(X, Y, W, W)]), {}, "a tuple of 4"),
        (lambda: iter([(X,)]), {}, "batch 0 y"),
        (lambda: iter([X]), {}, "batch 0 y"),
        (lambda: iter([(X[:, :4], Y)]), {}, "batch 0 x"),
        (Again, {"validation_data": iter([])}, "validation_data"),
    ],
)
def test_wrong_batches_are_errors_with_their_place(source, options, message):
    with pytest.raises(ValueError, match=message):
        made().fit(source(), verbose=0, **options)


def test_a_dataset_must_say_its_length_and_its_batches():
    class Nothing(PyDataset):
        pass

    class Half(PyDataset):
        def __len__(self):
            return 2

    with pytest.raises(NotImplementedError, match="__len__"):
        made().fit(Nothing(), verbose=0)
    with pytest.raises(NotImplementedError, match="__getitem__"):
        made().fit(Half(), verbose=0)


def test_the_progress_of_an_unknown_number_of_batches(capsys):
    made().fit(batches(), verbose=2)
    assert " 10/10 - " in capsys.readouterr().out


def test_parts_of_ones_own_train_on_batches_as_on_arrays():
    def sine(x):
        return np.sin(x)

    sine.gradient = np.cos
    models = []
    for _ in range(2):
        layers = [Dense(6, activation=sine, input_dim=5), Dropout(0.2), Dense(3)]
        model = Sequential(layers, seed=2)
        model.compile("adam", "mse", metrics=["mae"])
        models.append(model)
    arrays, stream = models
    whole = arrays.fit(X, Y, SIZE, 2, 0, sample_weight=W, shuffle=False).history
    streamed = stream.fit(Again(), epochs=2, verbose=0).history
    assert same(arrays, stream)
    assert streamed == whole
    np.testing.assert_array_equal(stream.predict(Again()), arrays.predict(X))
