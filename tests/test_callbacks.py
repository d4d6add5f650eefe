"""Callbacks: which hooks are called when, and what nncore's own ones do."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import weakref

import numpy as np
import pytest

from nncore.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from nncore.layers import Dense
from nncore.models import Sequential

X = np.arange(20.0).reshape(10, 2) / 20
Y = X.sum(axis=1)


def model(**options):
    made = Sequential([Dense(1, input_shape=(2,))], seed=3)
    made.compile("sgd", "mse", **options)
    return made


class Recorder(Callback):
    """Writes down the name and the number of every hook of those asked for."""

    def __init__(self, *hooks):
        self.calls = []
        for hook in hooks:
            setattr(self, hook, self.recorder(hook))

    def recorder(self, hook):
        def record(*arguments):
            self.calls.append((hook, *[a for a in arguments if isinstance(a, int)]))

        return record


class Values(Callback):
    """Replaces the loss by given numbers, so that other callbacks see those."""

    def __init__(self, *values, key="loss"):
        self.values = values
        self.key = key

    def on_epoch_end(self, epoch, logs=None):
        logs[self.key] = self.values[epoch]


def test_hooks_are_called_in_keras_order():
    recorder = Recorder(
        *("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end"),
        *("on_train_batch_begin", "on_train_batch_end", "on_test_begin", "on_test_end"),
        *("on_test_batch_begin", "on_test_batch_end"),
    )
    model().fit(
        *(X, Y, 6, 1, 0, recorder),
        validation_data=(X[:4], Y[:4]),
    )
    assert recorder.calls == [
        ("on_train_begin",),
        ("on_epoch_begin", 0),
        ("on_train_batch_begin", 0),
        ("on_train_batch_end", 0),
        ("on_train_batch_begin", 1),
        ("on_train_batch_end", 1),
        ("on_test_begin",),
        ("on_test_batch_begin", 0),
        ("on_test_batch_end", 0),
        ("on_test_end",),
        ("on_epoch_end", 0),
        ("on_train_end",),
    ]


def test_predict_and_evaluate_call_their_hooks():
    recorder = Recorder(
        *("on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end"),
        *("on_predict_end", "on_test_begin", "on_test_batch_end", "on_test_end"),
    )
    outputs = []
    seen = LambdaCallback(
        on_predict_batch_end=lambda batch, logs: outputs.append(logs["outputs"].copy())
    )
    trained = model()
    p = trained.predict(X, batch_size=4, callbacks=[recorder, seen])
    trained.evaluate(X, Y, batch_size=5, callbacks=recorder)
    batches = [(f"on_predict_batch_{end}", i) for i in range(3) for end in BEGIN_END]
    assert recorder.calls == [
        ("on_predict_begin",),
        *batches,
        ("on_predict_end",),
        ("on_test_begin",),
        ("on_test_batch_end", 0),
        ("on_test_batch_end", 1),
        ("on_test_end",),
    ]
    np.testing.assert_array_equal(np.concatenate(outputs), p)


BEGIN_END = ("begin", "end")


def test_a_validation_tells_its_hooks_what_it_found():
    found = []
    history = model().fit(
        *(X, Y),
        epochs=2,
        verbose=0,
        validation_data=(X, Y),
        callbacks=LambdaCallback(on_test_end=lambda logs: found.append(logs["loss"])),
    )
    assert found == history.history["val_loss"]


def test_old_batch_hooks_are_called():
    class Old(Callback):
        batches = 0

        def on_batch_end(self, batch, logs=None):
            self.batches += 1
            assert logs["loss"] > 0

    old = Old()
    model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[old])
    assert old.batches == 6


def test_batch_hooks_do_not_change_the_result():
    def trained(callbacks):
        made = model(metrics=["mae"])
        history = made.fit(
            X, Y, batch_size=3, epochs=4, verbose=0, callbacks=callbacks
        ).history
        return history, made.get_weights()

    plain, weights = trained(None)
    watched, same = trained([Recorder("on_train_batch_end")])
    assert plain == watched
    for a, b in zip(weights, same, strict=True):
        np.testing.assert_array_equal(a, b)


def test_batch_logs_end_at_the_epochs_means():
    seen = []
    history = model().fit(
        *(X, Y, 4, 1, 0),
        callbacks=LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
        ),
    )
    assert len(seen) == 3
    assert seen[-1] == history.history["loss"][0]


def test_only_hooks_that_are_defined_count():
    callbacks = CallbackList([LambdaCallback(on_epoch_end=print), Callback()])
    assert callbacks.defines("on_epoch_begin", "on_epoch_end")
    assert not callbacks.defines("on_train_batch_end", "on_batch_end")


def test_a_key_added_by_a_callback_is_in_the_history():
    history = model().fit(
        *(X, Y),
        epochs=2,
        verbose=0,
        callbacks=[Values(1.5, 2.5, key="extra")],
    )
    assert list(history.history) == ["loss", "extra"]
    assert history.history["extra"] == [1.5, 2.5]


def test_a_history_passed_in_is_the_one_that_is_filled():
    mine = History()
    assert model().fit(X, Y, verbose=0, callbacks=[mine]) is mine
    assert len(mine.history["loss"]) == 1


@pytest.mark.parametrize("wrong", [3, [Dense], [EarlyStopping], [print]])
def test_what_is_no_callback_is_refused(wrong):
    with pytest.raises(TypeError, match=r"Callback.*Received"):
        model().fit(X, Y, verbose=0, callbacks=wrong)


def test_callbacks_know_params_and_model():
    seen = {}

    class Look(Callback):
        def on_train_begin(self, logs=None):
            seen.update(self.params, model=self.model)

    trained = model()
    trained.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[Look()])
    assert seen.pop("model") is trained
    assert seen == {"verbose": 0, "epochs": 2, "steps": 3}


def test_a_history_does_not_keep_its_model_alive():
    gc.disable()
    try:
        trained = model()
        history = trained.fit(X, Y, verbose=0, callbacks=[EarlyStopping("loss")])
        network = weakref.ref(trained)
        del trained
        assert network() is None
        assert history.model is None
    finally:
        gc.enable()


def test_a_history_is_copied_pickled_and_written_as_json():
    history = model(metrics=["mae"]).fit(X, Y, epochs=3, verbose=0)
    for same in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert same.history == history.history
        assert same.epoch == [0, 1, 2]
    assert json.loads(json.dumps(history.history)) == history.history


def test_a_history_makes_a_frame():
    pandas = pytest.importorskip("pandas")
    history = model(metrics=["mae"]).fit(X, Y, epochs=3, verbose=0)
    frame = pandas.DataFrame(history.history)
    assert list(frame.columns) == ["loss", "mae"]
    assert frame.shape == (3, 2)


@pytest.mark.parametrize(("asked", "other"), [("acc", "accuracy"), ("accuracy", "acc")])
def test_both_spellings_of_accuracy_are_found(asked, other):
    seen = []
    trained = Sequential([Dense(1, activation="sigmoid", input_shape=(2,))], seed=1)
    trained.compile("sgd", "binary_crossentropy", metrics=[asked])
    history = trained.fit(
        *(X, (Y > 0.5), 5, 2, 0),
        validation_split=0.2,
        callbacks=LambdaCallback(
            on_epoch_end=lambda epoch, logs: seen.append(logs.get(f"val_{other}"))
        ),
    ).history
    assert list(history) == ["loss", asked, "val_loss", f"val_{asked}"]
    assert history[f"val_{other}"] == history[f"val_{asked}"] == seen
    assert other not in history
    with pytest.raises(KeyError, match="nothing"):
        history["nothing"]


# ---- EarlyStopping -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patience", "values", "epochs"),
    [
        (0, [3.0, 2.0, 2.0, 1.0], 3),
        (1, [3.0, 2.0, 2.0, 1.0], 3),
        (2, [3.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.0], 6),
        (0, [1.0, 1.0, 0.0], 2),
        (9, [1.0, 1.0, 1.0], 3),
        (1, [1.0, float("nan"), 0.5], 2),
    ],
)
def test_early_stopping_waits_as_keras_does(patience, values, epochs):
    stop = EarlyStopping("loss", patience=patience)
    history = model().fit(
        *(X, Y), epochs=len(values), verbose=0, callbacks=[Values(*values), stop]
    )
    assert len(history.epoch) == epochs


def test_early_stopping_never_stops_at_the_first_epoch():
    stop = EarlyStopping("loss", baseline=-1.0)
    history = model().fit(X, Y, epochs=5, verbose=0, callbacks=[stop])
    assert len(history.epoch) >= 2


@pytest.mark.parametrize("stops", [True, False])
def test_early_stopping_restores_the_best_weights(stops):
    weights = []
    keep = LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(trained.get_weights())
    )
    trained = model()
    stop = EarlyStopping(
        "loss", patience=2 if stops else 9, restore_best_weights=True, verbose=1
    )
    values = Values(3.0, 1.0, 2.0, 2.0, 2.0)
    history = trained.fit(
        *(X, Y), epochs=5, verbose=0, callbacks=[keep, values, stop], batch_size=2
    )
    assert len(history.epoch) == (4 if stops else 5)
    assert stop.best_epoch == 1
    assert stop.best == 1.0
    for now, best in zip(trained.get_weights(), weights[1], strict=True):
        np.testing.assert_array_equal(now, best)
    assert not np.array_equal(weights[1][0], weights[-1][0])


def test_early_stopping_says_what_it_does(capsys):
    stop = EarlyStopping("loss", restore_best_weights=True, verbose=1)
    model().fit(X, Y, epochs=9, verbose=0, callbacks=[Values(1.0, 2.0), stop])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 2: early stopping",
        "Restoring model weights from the end of the best epoch: 1.",
    ]


def test_early_stopping_respects_min_delta_and_start():
    stop = EarlyStopping("loss", min_delta=0.5, start_from_epoch=2)
    values = [9.0, 9.0, 9.0, 8.0, 7.9, 0.0]
    history = model().fit(
        *(X, Y), epochs=6, verbose=0, callbacks=[Values(*values), stop]
    )
    assert len(history.epoch) == 5


@pytest.mark.parametrize("monitor", ["val_acc", "val_accuracy", "accuracy", "acc"])
def test_accuracy_is_maximised_under_both_names(monitor):
    trained = Sequential([Dense(1, activation="sigmoid", input_shape=(2,))], seed=1)
    trained.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    stop = EarlyStopping(monitor, patience=50)
    trained.fit(
        *(X, (Y > 0.5)),
        epochs=3,
        verbose=0,
        validation_split=0.5,
        callbacks=[stop],
    )
    assert stop.best is not None
    assert stop._better(0.9, 0.8)


def test_a_losslike_metric_is_minimised():
    stop = EarlyStopping("mae", patience=50)
    model(metrics=["mae"]).fit(X, Y, verbose=0, callbacks=[stop])
    assert stop._better(0.8, 0.9)


def test_a_direction_that_is_not_known_is_asked_for():
    words = "reports: loss, .*val_loss.* mode='min' or mode='max'"
    with pytest.raises(ValueError, match=words):
        model().fit(X, Y, verbose=0, callbacks=[EarlyStopping("extra")])
    stop = EarlyStopping("extra", mode="max")
    model().fit(X, Y, verbose=0, callbacks=[Values(1.0, key="extra"), stop])
    assert stop.best == 1.0


def test_a_missing_quantity_is_warned_about():
    with pytest.warns(UserWarning, match=r"'val_loss'.*Reported: loss"):
        model().fit(X, Y, verbose=0, callbacks=[EarlyStopping()])


# ---- learning rates ------------------------------------------------------------------


def test_the_rate_of_the_moment_is_used():
    """A rate set by a callback trains as if it had been compiled."""
    scheduled, plain = model(), model()
    scheduled.fit(
        *(X, Y), epochs=3, verbose=0, callbacks=LearningRateScheduler(lambda epoch: 0.2)
    )
    plain.optimizer.learning_rate = 0.2
    plain.fit(X, Y, epochs=3, verbose=0)
    np.testing.assert_array_equal(scheduled.get_weights()[0], plain.get_weights()[0])
    assert scheduled.optimizer.learning_rate == 0.2


def test_a_schedule_takes_one_or_two_arguments():
    history = model().fit(
        *(X, Y),
        epochs=2,
        verbose=0,
        callbacks=LearningRateScheduler(lambda epoch, rate: np.float32(rate / 2)),
    )
    assert history.history["lr"] == [
        pytest.approx(0.005),
        pytest.approx(0.0025),
    ]
    assert all(type(rate) is float for rate in history.history["learning_rate"])


def test_an_error_inside_a_schedule_is_not_hidden():
    def broken(epoch, rate):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        model().fit(X, Y, verbose=0, callbacks=LearningRateScheduler(broken))


@pytest.mark.parametrize("rate", [None, "fast", "0.1", float("nan"), -1.0])
def test_a_schedule_must_return_a_rate(rate):
    with pytest.raises(ValueError, match=r"finite number.*Received"):
        model().fit(
            *(X, Y), verbose=0, callbacks=LearningRateScheduler(lambda epoch: rate)
        )


def test_plateaus_reduce_the_rate():
    reduce = ReduceLROnPlateau(
        "loss", factor=0.5, patience=2, cooldown=1, min_lr=0.004, verbose=0
    )
    values = [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    history = model().fit(
        *(X, Y), epochs=9, verbose=0, callbacks=[Values(*values), reduce]
    )
    assert history.history["learning_rate"] == [
        *(0.01, 0.01, 0.01, 0.01),
        *(0.005, 0.005, 0.004, 0.004, 0.004),
    ]


def test_rate_callbacks_say_what_they_do(capsys):
    reduce = ReduceLROnPlateau("loss", patience=1, verbose=1)
    schedule = LearningRateScheduler(lambda epoch: 0.5, verbose=1)
    model().fit(
        *(X, Y), epochs=2, verbose=0, callbacks=[Values(1.0, 1.0), schedule, reduce]
    )
    assert capsys.readouterr().out.split("\n") == [
        "",
        "Epoch 1: LearningRateScheduler setting learning rate to 0.5.",
        "",
        "Epoch 2: LearningRateScheduler setting learning rate to 0.5.",
        "",
        "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.05.",
        "",
    ]


def test_old_words_of_callbacks_are_taken():
    with pytest.warns(DeprecationWarning, match="min_delta"):
        assert ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping(mode="most"),
        lambda: EarlyStopping(patience=-1),
        lambda: EarlyStopping(patience="long"),
        lambda: EarlyStopping(min_delta="small"),
        lambda: EarlyStopping(baseline="low"),
        lambda: EarlyStopping(start_from_epoch=0.5),
        lambda: ReduceLROnPlateau(factor="half"),
        lambda: ReduceLROnPlateau(patience=None),
        lambda: ReduceLROnPlateau(cooldown=-1),
        lambda: ReduceLROnPlateau(min_lr="low"),
        lambda: ReduceLROnPlateau(factor=1.0),
        lambda: ReduceLROnPlateau(mode="least"),
    ],
)
def test_impossible_arguments_are_refused(make):
    with pytest.raises(ValueError, match=r"must .*Received"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: LearningRateScheduler(0.1),
        lambda: LambdaCallback(on_epoch_end=3),
        lambda: EarlyStopping(3),
    ],
)
def test_arguments_of_another_type_are_refused(make):
    with pytest.raises(TypeError, match=r"must be .*Received"):
        make()
