"""`fit(seconds=...)`, and what Ctrl-C leaves behind where there is validation."""

from __future__ import annotations

import time

import numpy as np
import pytest

from nncore.callbacks import BackupAndRestore, Callback, EarlyStopping
from nncore.layers import Dense
from nncore.models import Sequential


def network():
    model = Sequential([Dense(8, "tanh", input_dim=3), Dense(1)], seed=4)
    model.compile("adam", "mse")
    return model


@pytest.fixture
def data(rng):
    x = rng.standard_normal((64, 3))
    return x, x.sum(axis=1)


def took(function, *args, **options):
    began = time.monotonic()
    result = function(*args, verbose=0, **options)
    return time.monotonic() - began, result


@pytest.mark.parametrize("validation", [{}, {"validation_split": 0.2}])
def test_training_lasts_as_long_as_that(validation, data):
    seconds, history = took(network().fit, *data, seconds=0.4, **validation)
    assert 0.4 <= seconds < 5
    assert len(history.epoch) > 10
    assert all(len(v) == len(history.epoch) for v in history.history.values())


def test_an_epoch_that_takes_longer_ends_where_it_stands(rng):
    x = rng.standard_normal((100_000, 30))
    model = Sequential([Dense(300, "relu", input_dim=30), Dense(300), Dense(1)])
    model.compile("adam", "mse")
    seconds, history = took(model.fit, x, x[:, 0], batch_size=8, seconds=0.2)
    assert seconds < 3
    assert history.epoch == [0]
    assert np.isfinite(history.history["loss"][0])


def test_epochs_are_a_limit_as_well(data):
    _, history = took(network().fit, *data, seconds=60, epochs=3)
    assert history.epoch == [0, 1, 2]


def test_a_limit_that_is_not_reached_changes_no_bit(data):
    timed, free = network(), network()
    timed.fit(*data, seconds=60, epochs=5, verbose=0)
    free.fit(*data, epochs=5, verbose=0)
    for a, b in zip(timed.get_weights(), free.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_batches_that_come_from_a_generator_end_in_time(data):
    x, y = data

    def batches():
        while True:
            yield x, y

    seconds, history = took(
        network().fit, batches(), steps_per_epoch=10**9, seconds=0.2
    )
    assert seconds < 5
    assert history.epoch == [0]


@pytest.mark.parametrize("options", [{}, {"batch_size": 16, "steps_per_epoch": 3}])
def test_a_backup_goes_on_for_as_long_again(options, data, tmp_path):
    epochs = []
    for _ in range(3):
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
        _, history = took(
            network().fit, *data, seconds=0.1, callbacks=backup, **options
        )
        epochs.append(len(history.epoch))
    assert 0 < epochs[0] < epochs[1] < epochs[2]
    assert history.epoch == list(range(epochs[2]))


def test_a_backup_of_a_training_that_a_callback_stopped_ends_it_again(data, tmp_path):
    for _ in range(2):
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
        stop = EarlyStopping("loss", min_delta=1e9, patience=2)
        _, history = took(network().fit, *data, seconds=60, callbacks=[backup, stop])
        assert history.epoch == [0, 1, 2]


@pytest.mark.parametrize("seconds", [0, -1, "long"])
def test_seconds_must_be_a_positive_number(seconds, data):
    with pytest.raises(ValueError, match="`seconds`"):
        network().fit(*data, seconds=seconds)


def test_the_line_has_no_slash_where_there_is_no_last_epoch(data, capsys):
    network().fit(*data, seconds=0.05, verbose=2)
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("Epoch 1 - ") or line == "Epoch 1"


class Interrupted(Callback):
    """Ctrl-C after some epochs; remembers the weights and losses before."""

    def __init__(self, epochs):
        self.epochs, self.seen = epochs, []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((logs.get("val_loss"), self.model.get_weights()))
        if epoch + 1 == self.epochs:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_best_weights_where_there_is_validation(rng):
    # Noise, so that val_loss soon rises.
    x, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    model = Sequential([Dense(64, "tanh", input_dim=3), Dense(1)], seed=1)
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.05
    stop = Interrupted(30)
    with pytest.raises(KeyboardInterrupt) as error:
        model.fit(x, y, epochs=99, validation_split=0.5, callbacks=stop, verbose=0)
    losses = [loss for loss, _ in stop.seen]
    best = int(np.argmin(losses))
    assert best < len(losses) - 1
    for a, b in zip(model.get_weights(), stop.seen[best][1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert f"weights of epoch {best + 1}" in error.value.__notes__[0]
    model.fit(x, y, verbose=0)


def test_ctrl_c_without_validation_keeps_the_weights_of_the_moment(data):
    model, stop = network(), Interrupted(3)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, epochs=9, callbacks=stop, verbose=0)
    for a, b in zip(model.get_weights(), stop.seen[-1][1], strict=True):
        np.testing.assert_array_equal(a, b)
