"""What `fit` does with rows, epochs, weights, validation and a loss that explodes."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from nncore import _training
from nncore.callbacks import Callback, LambdaCallback
from nncore.layers import Dense, Dropout
from nncore.models import Sequential


@pytest.fixture
def data(rng):
    """Rows (60, 3), and targets (60, 2) that a network can learn."""
    x = rng.standard_normal((60, 3)).astype("float32")
    y = np.tanh(x @ rng.standard_normal((3, 2))).astype("float32")
    return x, y


def network(dtype="float32", loss="mse", n_out=2, dropout=0.0, **options):
    model = Sequential(
        [
            Dense(8, activation="tanh", input_shape=(3,)),
            Dropout(dropout),
            Dense(n_out),
        ],
        seed=5,
        dtype=dtype,
    )
    model.compile(options.pop("optimizer", "adam"), loss, **options)
    return model


def assert_same_weights(a, b):
    for left, right in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


# ---- what History says ---------------------------------------------------------------


def test_history_has_one_float_per_epoch_in_a_stated_order(data):
    model = network(metrics=["mae", "mse"])
    history = model.fit(*data, epochs=4, verbose=0, validation_split=0.25)
    assert list(history.history) == [
        *("loss", "mae", "mse", "val_loss", "val_mae", "val_mse")
    ]
    for values in history.history.values():
        assert len(values) == 4
        assert all(type(value) is float for value in values)
    assert history.epoch == [0, 1, 2, 3]
    assert history.params == {"verbose": 0, "epochs": 4, "steps": 2}
    assert model.history is history


def test_the_loss_of_an_epoch_is_measured_before_its_updates(data):
    model = network(metrics=["mae"])
    before = model.evaluate(*data, verbose=0)
    history = model.fit(*data, batch_size=60, shuffle=False, verbose=0).history
    assert [values[0] for values in history.values()] == before


def test_the_loss_of_an_epoch_weighs_batches_by_their_rows(data):
    """With a rate of 0 nothing moves, so each way of cutting gives one mean."""
    model = network(optimizer="sgd")
    model.optimizer.learning_rate = 0
    whole = model.evaluate(*data, verbose=0)
    history = model.fit(*data, batch_size=13, verbose=0)
    assert history.history["loss"][0] == pytest.approx(whole, rel=1e-5)


def test_epochs_count_from_initial_epoch(data):
    history = network().fit(*data, initial_epoch=3, epochs=5, verbose=0)
    assert history.epoch == [3, 4]
    assert network().fit(*data, initial_epoch=5, epochs=5, verbose=0).history == {}


def test_fit_goes_on_where_it_stopped(data):
    once, twice = network(dropout=0.2), network(dropout=0.2)
    once.fit(*data, epochs=4, verbose=0)
    twice.fit(*data, epochs=2, verbose=0)
    twice.fit(*data, epochs=2, verbose=0)
    assert_same_weights(once, twice)


# ---- chunks --------------------------------------------------------------------------


def cut_every(units, monkeypatch):
    """Make each chunk so many units long."""

    class Fixed(_training.Pace):
        def __init__(self, microseconds):
            self.units = units

        def measured(self, units, seconds):
            pass

    monkeypatch.setattr(_training, "Pace", Fixed)


@pytest.mark.parametrize("units", [1, 2, 3, 7, 1000])
def test_chunk_borders_do_not_change_a_bit(data, units, monkeypatch):
    plain = network(dropout=0.3, metrics=["mae"])
    expected = plain.fit(*data, batch_size=7, epochs=5, verbose=0).history
    cut_every(units, monkeypatch)
    cut = network(dropout=0.3, metrics=["mae"])
    assert cut.fit(*data, batch_size=7, epochs=5, verbose=0).history == expected
    assert_same_weights(plain, cut)
    np.testing.assert_array_equal(
        plain.evaluate(*data, verbose=0), cut.evaluate(*data, verbose=0)
    )
    # Spoken predictions go through chunks, silent short ones do not.
    np.testing.assert_array_equal(
        cut.predict(data[0], verbose=2), plain.predict(data[0], verbose=0)
    )


@pytest.mark.parametrize("units", [1, 3, 4, 6, 1000])
@pytest.mark.parametrize("hook", [None, "on_epoch_end", "on_train_batch_end"])
def test_an_epoch_takes_the_time_of_its_batches(data, units, hook, monkeypatch):
    """By a clock that each of the 4 batches of an epoch moves by half a second."""
    model, shown = network(), []

    class Shown(_training.Progress):
        def finish(self, logs, seconds=None, steps=None):
            shown.append(seconds)

        def finish_many(self, keys, rows, first, each):
            shown.extend([first, *[each] * (len(rows) - 1)])

    def clock():
        return model._ready_network().counters["steps_lived"] / 2

    monkeypatch.setattr("nncore._progress.Progress", Shown)
    monkeypatch.setattr(time, "perf_counter", clock)
    cut_every(units, monkeypatch)
    callback = LambdaCallback(**{hook: lambda *_: None} if hook else {})
    model.fit(*data, batch_size=15, epochs=5, verbose=0, callbacks=callback)
    assert shown == [2.0] * 5


@pytest.mark.parametrize(
    "options",
    [
        {"callbacks": LambdaCallback(on_epoch_end=lambda epoch, logs: None)},
        {"callbacks": LambdaCallback(on_train_batch_end=lambda batch, logs: None)},
        {"validation_split": 0.2},
    ],
    ids=["epochs", "batches", "validation"],
)
def test_stopping_by_for_python_does_not_change_a_bit(data, options):
    x, y = data
    n = 48 if "validation_split" in options else 60
    plain = network(dropout=0.3)
    plain.fit(x[:n], y[:n], batch_size=7, epochs=3, verbose=0)
    watched = network(dropout=0.3)
    watched.fit(x, y, batch_size=7, epochs=3, verbose=0, **options)
    assert_same_weights(plain, watched)


def test_pace_aims_at_the_length_of_a_chunk():
    pace = _training.Pace(microseconds=100.0)
    for _ in range(20):
        pace.measured(pace.units, 2e-6 * pace.units)
    assert pace.units * 2e-6 == pytest.approx(_training._CHUNK, rel=1e-3)
    pace.measured(pace.units, 1.0)
    assert 1 <= pace.units < 1000
    pace.measured(1, 0.0)
    assert pace.units >= 1


# ---- order ---------------------------------------------------------------------------


def test_rows_are_shuffled_unless_told_otherwise(data):
    x, y = data
    reverse = (x[::-1].copy(), y[::-1].copy())
    ordered, shuffled = network(), network()
    ordered.fit(x, y, batch_size=7, shuffle=False, verbose=0)
    shuffled.fit(x, y, batch_size=7, verbose=0)
    assert not np.array_equal(ordered.get_weights()[0], shuffled.get_weights()[0])
    by_hand = network()
    for first in range(0, 60, 7):
        by_hand.train_on_batch(x[first : first + 7], y[first : first + 7])
    assert_same_weights(ordered, by_hand)
    backwards = network()
    backwards.fit(*reverse, batch_size=7, shuffle=False, verbose=0)
    assert not np.array_equal(ordered.get_weights()[0], backwards.get_weights()[0])


def test_shuffle_batch_keeps_rows_of_a_batch_together(data):
    """Batches of equal rows: whole ones in any order give one of few losses."""
    x = np.repeat(np.eye(3, dtype="float32"), 4, axis=0)
    y = np.repeat(np.arange(3, dtype="float32"), 4)
    seen = []
    model = Sequential([Dense(1, kernel_initializer="zeros", input_shape=(3,))], seed=1)
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0
    losses = []

    def note(batch, logs):
        losses.append(logs["loss"] * (batch + 1) - sum(losses))
        if batch == 2:
            seen.append(tuple(round(loss, 5) for loss in losses))
            losses.clear()

    model.fit(
        *(x, y, 4, 12, 0),
        shuffle="batch",
        callbacks=LambdaCallback(on_train_batch_end=note),
    )
    assert {tuple(sorted(order)) for order in seen} == {(0.0, 1.0, 4.0)}
    assert len(set(seen)) > 1


def test_equal_seeds_give_equal_trainings_and_others_do_not(data):
    def weights(seed):
        model = Sequential(
            [Dense(4, input_shape=(3,)), Dropout(0.5), Dense(2)], seed=seed
        )
        model.compile("adam", "mse")
        model.fit(*data, epochs=2, verbose=0)
        return model.get_weights()[0]

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))
    assert not np.array_equal(weights(None), weights(None))


# ---- weights of rows -----------------------------------------------------------------


def full_batch(n_rows, **options):
    """Options of a fit whose only batch is the whole data in order."""
    return {"batch_size": n_rows, "shuffle": False, "verbose": 0, **options}


def test_whole_sample_weights_equal_repetition(data, dtype):
    """sum(w l) / n with n rows: the gradient of repeated rows, times their share."""
    x, y = data
    w = np.arange(60) % 3
    weighted = network(dtype, optimizer="sgd")
    repeated = network(dtype, optimizer="sgd")
    repeated.optimizer.learning_rate = 0.01 * w.sum() / 60
    rows = np.repeat(np.arange(60), w)
    weighted.fit(x, y, sample_weight=w, **full_batch(60))
    repeated.fit(x[rows], y[rows], **full_batch(len(rows)))
    eps = np.finfo(dtype).eps
    for a, b in zip(weighted.get_weights(), repeated.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=60 * eps)


def test_sample_weights_weigh_the_loss_and_weighted_metrics_only(data):
    x, y = data
    w = np.linspace(0, 2, 60)
    model = network("float64", metrics=["mae"], weighted_metrics=["mae"])
    assert model.metrics_names == ["loss", "mae", "weighted_mae"]
    loss, mae, weighted_mae = model.evaluate(x, y, sample_weight=w, verbose=0)
    error = np.abs(model.predict(x) - y).mean(axis=1)
    squares = np.square(model.predict(x) - y).mean(axis=1)
    assert loss == pytest.approx((w * squares).sum() / 60)
    assert mae == pytest.approx(error.mean())
    assert weighted_mae == pytest.approx((w * error).sum() / w.sum())


@pytest.mark.parametrize("form", ["one-hot", "labels"])
def test_class_weights_are_weights_of_the_classes_rows(data, form):
    x, y = data
    labels = y.argmax(axis=1)
    loss = "categorical_crossentropy"
    targets = np.eye(2)[labels]
    if form == "labels":
        loss, targets = "sparse_" + loss, labels
    by_class = network(loss=loss, optimizer="sgd")
    by_row = network(loss=loss, optimizer="sgd")
    # Class 0 is not named: it weighs 1.
    by_class.fit(x, targets, class_weight={1: 2.5}, epochs=3, verbose=0)
    by_row.fit(x, targets, sample_weight=np.where(labels, 2.5, 1), epochs=3, verbose=0)
    assert_same_weights(by_class, by_row)


def test_class_weights_do_not_apply_to_validation(data):
    x, _ = data
    labels = (x[:, 0] > 0).astype("float32")
    model = network(loss="binary_crossentropy", n_out=1, optimizer="sgd")
    model.optimizer.learning_rate = 0
    plain = model.fit(x, labels, validation_data=(x, labels), verbose=0).history
    heavy = model.fit(
        *(x, labels),
        validation_data=(x, labels),
        class_weight={0: 10, 1: 10},
        verbose=0,
    ).history
    assert heavy["val_loss"] == plain["val_loss"]
    assert heavy["loss"][0] == pytest.approx(10 * plain["loss"][0], rel=1e-5)


def test_a_loss_weight_scales_validation_beside_class_weights_too(data):
    x, _ = data
    labels = (x[:, 0] > 0).astype("float32")
    model = network(loss="mse", n_out=1, optimizer="sgd", loss_weights=4.0)
    heavy = model.fit(
        *(x, labels), validation_split=0.5, class_weight={0: 3.0}, verbose=0
    ).history
    held = model.evaluate(x[30:], labels[30:], verbose=0)
    assert heavy["val_loss"] == [held]


def test_class_weights_need_classes(data):
    x, y = data
    with pytest.raises(ValueError, match=r"several|one class per row"):
        network().fit(x, np.ones_like(y), class_weight={0: 2.0}, verbose=0)
    with pytest.raises(ValueError, match="must not be given together"):
        network(n_out=1).fit(
            *(x, x[:, 0] > 0),
            class_weight={0: 2.0},
            sample_weight=np.ones(60),
            verbose=0,
        )


def test_a_loss_weight_scales_the_loss(data):
    plain, scaled = network("float64"), network("float64", loss_weights=[4.0])
    assert scaled.evaluate(*data) == pytest.approx(4 * plain.evaluate(*data))


# ---- validation ----------------------------------------------------------------------


def test_validation_split_takes_the_last_rows_before_shuffling(data):
    x, y = data
    split, given = network(), network()
    a = split.fit(x, y, validation_split=0.3, epochs=2, verbose=0).history
    b = given.fit(
        x[:42], y[:42], validation_data=(x[42:], y[42:]), epochs=2, verbose=0
    ).history
    assert a == b
    assert_same_weights(split, given)


def test_validation_is_what_evaluate_says(data):
    x, y = data
    w = np.linspace(0.5, 1, 60)
    model = network(dropout=0.4, metrics=["mae"])
    history = model.fit(
        x, y, epochs=3, verbose=0, validation_data=(x, y, w), validation_batch_size=7
    ).history
    loss, mae = model.evaluate(x, y, sample_weight=w)
    assert (history["val_loss"][-1], history["val_mae"][-1]) == (loss, mae)


def test_validation_data_wins_over_validation_split(data):
    x, y = data
    both, alone = network(), network()
    a = both.fit(
        x, y, verbose=0, validation_split=0.5, validation_data=(x[:9], y[:9])
    ).history
    b = alone.fit(x, y, verbose=0, validation_data=(x[:9], y[:9])).history
    assert a == b


@pytest.mark.parametrize(("frequency", "epochs"), [(2, 2), (3, 1), ([1, 2, 5], 3)])
def test_validation_frequency(data, frequency, epochs):
    history = network().fit(
        *data, epochs=5, verbose=0, validation_split=0.5, validation_freq=frequency
    )
    assert len(history.history["val_loss"]) == epochs
    assert len(history.history["loss"]) == 5


def test_validation_steps_take_the_first_batches(data):
    x, y = data
    limited, sliced = network(), network()
    a = limited.fit(
        *(x, y, 10), verbose=0, validation_data=(x, y), validation_steps=2
    ).history
    b = sliced.fit(x, y, 10, verbose=0, validation_data=(x[:20], y[:20])).history
    assert a == b


@pytest.mark.parametrize("split", [1, 1.5, -0.5, 0.999, "half", float("nan")])
def test_impossible_splits_are_refused(data, split):
    with pytest.raises((TypeError, ValueError), match="`validation_split` must"):
        network().fit(*data, validation_split=split, verbose=0)


# ---- a loss that is not finite -------------------------------------------------------


def exploding(**options):
    model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    model.compile("sgd", "mse", check_finite=False, **options)
    return model


def poisoned(bad=20, n=32):
    x = np.linspace(0, 1, n, dtype="float32")[:, np.newaxis]
    y = x[:, 0].copy()
    y[bad] = np.nan
    return x, y


def test_the_first_loss_that_is_not_finite_ends_training():
    x, y = poisoned()
    model, healthy = exploding(), exploding()
    with pytest.warns(RuntimeWarning, match="epoch 1 of 5, batch 3 of 4"):
        history = model.fit(x, y, batch_size=8, epochs=5, shuffle=False, verbose=0)
    assert history.history == {}
    healthy.fit(x[:16], y[:16], batch_size=8, shuffle=False, verbose=0)
    assert_same_weights(model, healthy)
    assert model.optimizer.iterations == 2
    x, y = x[:16], y[:16]
    assert len(model.fit(x, y, epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize("hook", [None, "on_epoch_end", "on_train_batch_end"])
def test_epochs_before_the_end_stay_in_the_history(hook):
    """A rate that makes the weights explode after some epochs."""
    x = np.linspace(1, 2, 8, dtype="float32")[:, np.newaxis]
    model = exploding()
    model.optimizer.learning_rate = 1e4
    ends = []
    callbacks = [LambdaCallback(on_train_end=lambda logs: ends.append(logs))]
    if hook:
        callbacks.append(LambdaCallback(**{hook: lambda number, logs: None}))
    with pytest.warns(RuntimeWarning, match=r"epoch \d+ of 99, batch 1 of 1"):
        history = model.fit(x, x, epochs=99, verbose=0, callbacks=callbacks)
    assert 1 <= len(history.epoch) < 99
    assert len(history.history["loss"]) == len(history.epoch)
    assert np.isfinite(history.history["loss"]).all()
    assert len(ends) == 1
    assert ends[0]["loss"] == history.history["loss"][-1]


def test_on_nan_can_raise_or_continue():
    x, y = poisoned()
    model = exploding(on_nan="raise")
    with pytest.raises(FloatingPointError, match="epoch 1 of 2, batch 3 of 4"):
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()
    model = exploding(on_nan="continue")
    history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert np.isnan(history.history["loss"]).tolist() == [True, True]
    assert np.isnan(model.get_weights()[0]).all()


def test_train_on_batch_makes_no_update_from_such_a_loss():
    x, y = poisoned()
    model = exploding()
    before = model.get_weights()
    with pytest.warns(RuntimeWarning, match="no update"):
        assert np.isnan(model.train_on_batch(x, y))
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    with pytest.raises(FloatingPointError, match="no update"):
        exploding(on_nan="raise").train_on_batch(x, y)


# ---- stopping, interrupts, other threads ---------------------------------------------


class StopAt(Callback):
    def __init__(self, hook, number):
        def stop(at, logs=None):
            if at == number:
                self.model.stop_training = True

        setattr(self, hook, stop)


def test_stop_training_ends_after_the_epoch(data):
    history = network().fit(
        *data, epochs=9, verbose=0, callbacks=[StopAt("on_epoch_end", 2)]
    )
    assert history.epoch == [0, 1, 2]


def test_stop_training_ends_within_an_epoch(data):
    model = network()
    history = model.fit(
        *(data), batch_size=10, verbose=0, callbacks=[StopAt("on_train_batch_end", 1)]
    )
    assert history.epoch == [0]
    assert model.optimizer.iterations == 2
    model.fit(*data, batch_size=10, verbose=0)
    assert model.optimizer.iterations == 8


def test_an_error_in_a_callback_leaves_a_usable_model(data):
    def fail(batch, logs):
        raise RuntimeError("mine")

    model = network()
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(
            *data,
            batch_size=10,
            verbose=0,
            callbacks=LambdaCallback(on_train_batch_end=fail),
        )
    model.fit(*data, batch_size=10, verbose=0)
    assert model.optimizer.iterations == 7


def test_the_model_is_busy_while_another_thread_trains_it(data):
    model = network()
    inside, done = threading.Event(), threading.Event()

    def wait(epoch, logs):
        inside.set()
        done.wait(10)

    thread = threading.Thread(
        target=model.fit,
        args=data,
        kwargs={"verbose": 0, "callbacks": LambdaCallback(on_epoch_begin=wait)},
    )
    thread.start()
    assert inside.wait(10)
    try:
        for act in (
            lambda: model.fit(*data, verbose=0),
            lambda: model.compile("sgd", "mse"),
            lambda: model.set_weights(model.get_weights()),
            lambda: model.train_on_batch(*data),
            lambda: model.evaluate(*data),
            lambda: model.pop(),
        ):
            with pytest.raises(RuntimeError, match="busy"):
                act()
        assert model.predict(data[0]).shape == (60, 2)
    finally:
        done.set()
        thread.join()
    model.fit(*data, verbose=0)


def test_a_callback_may_look_but_not_train(data):
    model = network(metrics=["mae"])
    plain = network(metrics=["mae"])
    errors = []

    def look(batch, logs):
        model.evaluate(*data, verbose=0)
        model.predict(data[0])
        model.get_weights()
        for act in (
            lambda: model.fit(*data, verbose=0),
            lambda: model.train_on_batch(*data),
            lambda: model.compile("sgd", "mse"),
        ):
            try:
                act()
            except RuntimeError as error:
                errors.append(error)

    history = model.fit(
        *data,
        batch_size=10,
        verbose=0,
        callbacks=LambdaCallback(on_train_batch_end=look),
    ).history
    assert len(errors) == 18
    assert history == plain.fit(*data, batch_size=10, verbose=0).history
    assert_same_weights(model, plain)


# ---- arguments -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": -1}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"epochs": 2.0}, "epochs"),
        ({"initial_epoch": -1}, "initial_epoch"),
        ({"shuffle": "rows"}, "shuffle"),
        ({"validation_freq": 0}, "validation_freq"),
        ({"validation_freq": ["last"]}, "validation_freq"),
        ({"validation_data": 3}, "validation_data"),
        ({"steps_per_epoch": 0, "batch_size": 10}, "steps_per_epoch"),
        ({"threads": 0}, "threads"),
        ({"sample_weight": [1.0]}, "sample_weight"),
        ({"class_weight": [1.0, 2.0]}, "class_weight"),
    ],
)
def test_impossible_arguments_of_fit_are_refused(data, options, word):
    model = network()
    before = model.get_weights()
    with pytest.raises((TypeError, ValueError), match=f"`{word}` .*Received"):
        model.fit(*data, verbose=0, **options)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_per_epoch_sets_the_batch_size(data):
    model = network()
    model.fit(*data, steps_per_epoch=4, verbose=0)
    assert model.optimizer.iterations == 4


def test_numpy_numbers_are_taken(data):
    model = network()
    history = model.fit(
        *data, batch_size=np.int64(10), epochs=np.int32(2), verbose=0, shuffle=np.True_
    )
    assert len(history.epoch) == 2


def test_words_of_keras_1_and_2_are_taken(data):
    model = network()
    with pytest.warns(DeprecationWarning, match=r"nb_epoch.*epochs"):
        history = model.fit(*data, nb_epoch=3, verbose=0)
    assert len(history.epoch) == 3
    with pytest.raises(TypeError, match="nb_epochs"):
        model.fit(*data, nb_epochs=3)


def test_threads_are_an_upper_limit(data):
    one, two = network(), network()
    one.fit(*data, epochs=3, verbose=0, threads=1)
    two.fit(*data, epochs=3, verbose=0, threads=2)
    assert_same_weights(one, two)
    np.testing.assert_array_equal(
        one.predict(data[0], threads=1), one.predict(data[0], threads=2)
    )
