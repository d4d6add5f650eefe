"""Callbacks that write files, and those that watch weights and losses."""

from __future__ import annotations

import copy
import csv
import os
import pickle
import sys
import types
import warnings

import numpy as np
import pytest

import nncore
from nncore import callbacks
from nncore.layers import Dense

from .helpers import same_bits

X = np.random.default_rng(4).normal(size=(30, 3)).astype("float32")
Y = X.sum(axis=1)
HELD = (X[:8] * 2, Y[:8])


def network(optimizer="sgd", **options):
    model = nncore.Sequential([Dense(4, "tanh", input_shape=(3,)), Dense(1)], seed=1)
    model.compile(optimizer, "mse", ["mae"], **options)
    return model


def fit(model, *used, **options):
    options = {"epochs": 4, "batch_size": 10, "verbose": 0, **options}
    return model.fit(X, Y, callbacks=list(used), **options)


class Values(callbacks.Callback):
    """Replaces a number by given ones, so that later callbacks see those."""

    def __init__(self, *values, key="val_loss"):
        self.values, self.key = values, key

    def on_epoch_end(self, epoch, logs=None):
        logs[self.key] = self.values[epoch]


def same(a, b):
    return all(same_bits(x, y) for x, y in zip(a, b, strict=True))


# ---- ModelCheckpoint -----------------------------------------------------------------


@pytest.mark.parametrize("ending", [".nnc", ".keras", ".h5"])
def test_every_epoch_is_saved_under_its_name(ending, tmp_path):
    path = str(tmp_path / "made" / ("{epoch:02d}-{loss:.3f}-{val_mae:.2f}" + ending))
    model = network()
    weights = []
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
    )
    history = fit(
        model, callbacks.ModelCheckpoint(path), keep, validation_data=HELD
    ).history
    assert len(os.listdir(tmp_path / "made")) == 4
    for i in range(4):
        logs = {key: values[i] for key, values in history.items()}
        loaded = nncore.load_model(path.format(epoch=i + 1, **logs))
        assert same(loaded.get_weights(), weights[i])


@pytest.mark.parametrize("ending", [".nnc", ".weights.h5", ".h5"])
def test_weights_alone_are_saved(ending, tmp_path):
    path = tmp_path / f"w{ending}"
    model = network()
    fit(model, callbacks.ModelCheckpoint(path, save_weights_only=True))
    other = network()
    other.load_weights(path)
    assert same(other.get_weights(), model.get_weights())
    with pytest.raises(nncore.saving.ModelFileError):
        if ending == ".weights.h5":
            raise nncore.saving.ModelFileError
        nncore.load_model(path)


@pytest.mark.parametrize(
    ("mode", "monitor", "saved"),
    [
        ("min", "val_loss", [1, 3]),
        ("max", "val_loss", [1, 2]),
        ("auto", "val_loss", [1, 3]),
        ("auto", "val_mae", [1, 3]),
    ],
)
def test_only_the_best_is_saved(mode, monitor, saved, tmp_path):
    saver = callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.nnc", monitor, save_best_only=True, mode=mode
    )
    fit(network(), Values(0.5, 0.6, 0.3, 0.3, key=monitor), saver)
    assert sorted(os.listdir(tmp_path)) == [f"{epoch}.nnc" for epoch in saved]
    assert saver.best == (0.6 if mode == "max" else 0.3)
    # It stays what it was in a second training.
    fit(network(), Values(0.5, 0.55, 0.4, 0.5, key=monitor), saver)
    assert saver.best == (0.6 if mode == "max" else 0.3)


def test_a_threshold_is_what_must_be_beaten(tmp_path):
    saver = callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.nnc", save_best_only=True, initial_value_threshold=0.4
    )
    fit(network(), Values(0.5, float("nan"), 0.39, 0.4), saver)
    assert os.listdir(tmp_path) == ["3.nnc"]


def test_a_number_that_is_not_reported_is_said(tmp_path):
    saver = callbacks.ModelCheckpoint(tmp_path / "m.nnc", save_best_only=True)
    with pytest.warns(UserWarning, match="'val_loss', which this training does not"):
        fit(network(), saver, epochs=1)
    assert os.listdir(tmp_path) == ["m.nnc"]


def test_saving_after_batches(tmp_path):
    saver = callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.nnc", save_freq=2)
    fit(network(), saver)
    names = ["1-2", "2-1", "2-3", "3-2", "4-1", "4-3"]
    assert sorted(os.listdir(tmp_path)) == [f"{name}.nnc" for name in names]


def test_saving_every_second_epoch_as_in_keras_2(tmp_path):
    saver = callbacks.ModelCheckpoint(tmp_path / "{epoch}.nnc", period=2)
    fit(network(), saver, epochs=5)
    assert sorted(os.listdir(tmp_path)) == ["2.nnc", "4.nnc"]


def test_epochs_alone_do_not_make_training_stop_at_batches():
    by_epoch = callbacks.ModelCheckpoint("m.nnc")
    by_batch = callbacks.ModelCheckpoint("m.nnc", save_freq=5)
    assert not callbacks.CallbackList(by_epoch).defines("on_train_batch_end")
    assert callbacks.CallbackList(by_batch).defines("on_train_batch_end")
    board = callbacks.TensorBoard(update_freq="batch")
    assert callbacks.CallbackList(board).defines("on_train_batch_end")
    assert not callbacks.CallbackList(callbacks.TensorBoard()).defines(
        "on_train_batch_end"
    )


def test_what_a_checkpoint_says(tmp_path, capsys):
    path = str(tmp_path / "m.nnc")
    saver = callbacks.ModelCheckpoint(path, verbose=1, save_best_only=True)
    fit(network(), Values(0.5, 0.6), saver, epochs=2)
    assert capsys.readouterr().out.splitlines() == [
        "",
        f"Epoch 1: val_loss improved from None to 0.50000, saving model to {path}",
        "",
        f"Epoch 1: finished saving model to {path}",
        "",
        "Epoch 2: val_loss did not improve from 0.50000",
    ]


@pytest.mark.parametrize(
    ("path", "words", "match"),
    [
        ("m.hdf", {}, "`filepath` must end in"),
        ("m.weights.h5", {}, "`filepath` must end in"),
        ("m.keras", {"save_weights_only": True}, "`filepath` must end in"),
        ("", {}, "`filepath` must be"),
        ("m.nnc", {"mode": "best"}, "`mode` must be"),
        ("m.nnc", {"save_best_only": 1}, "`save_best_only` must be"),
        ("m.nnc", {"period": 0}, "`period` must be"),
        ("m.nnc", {"initial_value_threshold": "0"}, "`initial_value_threshold` must"),
    ],
)
def test_arguments_of_a_checkpoint_are_checked(path, words, match):
    with pytest.raises(ValueError, match=match):
        callbacks.ModelCheckpoint(path, **words)


def test_a_name_that_is_not_reported_is_an_error(tmp_path):
    with pytest.raises(KeyError, match=r"among loss, mae, epoch.*val_acc"):
        fit(network(), callbacks.ModelCheckpoint(tmp_path / "{val_acc}.nnc"))


def test_old_names_of_logs_are_found_in_file_names(tmp_path):
    model = nncore.Sequential([Dense(1, "sigmoid", input_shape=(3,))])
    model.compile("sgd", "binary_crossentropy", ["accuracy"])
    saver = callbacks.ModelCheckpoint(tmp_path / "{acc:.1f}.nnc")
    model.fit(X, Y > 0, verbose=0, callbacks=saver)
    assert len(os.listdir(tmp_path)) == 1


# ---- CSVLogger -----------------------------------------------------------------------


def lines(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_line_per_epoch(separator, tmp_path):
    path = tmp_path / "log.csv"
    model = network()
    history = fit(
        model, callbacks.CSVLogger(path, separator), validation_data=HELD
    ).history
    head, *rest = lines(path, separator)
    assert head == ["epoch", *sorted(history)]
    for i, row in enumerate(rest):
        assert row == [str(i), *(str(history[key][i]) for key in sorted(history))]
    fit(model, callbacks.CSVLogger(path, separator), epochs=2)
    assert len(lines(path, separator)) == 3


def test_a_log_that_goes_on(tmp_path):
    path = tmp_path / "log.csv"
    for _ in range(2):
        fit(network(), callbacks.CSVLogger(path, append=True), epochs=2)
    rows = lines(path)
    assert rows[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [row[0] for row in rows[1:]] == ["0", "1", "0", "1"]
    assert rows[1][3:] == ["NA", "NA"]


def test_columns_that_come_late_have_their_place(tmp_path):
    logger = callbacks.CSVLogger(tmp_path / "log.csv")
    fit(network(), logger, validation_data=HELD, validation_freq=2)
    rows = lines(tmp_path / "log.csv")
    assert rows[1][3:] == ["NA", "NA"]
    assert float(rows[2][3]) > 0


def test_a_separator_is_one_character():
    for separator in ("", ";;", None):
        with pytest.raises(ValueError, match="`separator` must be"):
            callbacks.CSVLogger("log.csv", separator)


# ---- TerminateOnNaN ------------------------------------------------------------------

WILD = np.array([[1.0], [2.0], [1e30], [3.0]], "float32")


@pytest.mark.parametrize("on_nan", ["stop", "continue", "raise"])
def test_a_loss_that_is_no_number_ends_the_training(on_nan, capsys):
    model = nncore.Sequential([Dense(1, input_shape=(1,))], seed=1)
    model.compile("sgd", "mse", on_nan=on_nan)
    guard = callbacks.TerminateOnNaN()
    options = {"batch_size": 1, "shuffle": False, "verbose": 0, "epochs": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        history = model.fit(WILD, WILD, callbacks=guard, **options)
    assert history.epoch == []
    assert capsys.readouterr().out == "Batch 2: Invalid loss, terminating training\n"
    assert model.stop_training
    assert all(np.isfinite(w).all() for w in model.get_weights())
    guard = callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="in batch 2"):
        model.fit(WILD, WILD, callbacks=guard, **options)


# ---- SwapEMAWeights ------------------------------------------------------------------


def averaging():
    return nncore.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8)


def averages_of(model):
    return [average for _, average in model._averages()]


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_validation_sees_the_averages(swap_on_epoch):
    model = network(averaging())
    seen, after = [], []
    swap = callbacks.SwapEMAWeights(swap_on_epoch)
    look = callbacks.LambdaCallback(
        on_test_begin=lambda logs: seen.append(model.get_weights()),
        on_epoch_end=lambda epoch, logs: after.append(model.get_weights()),
    )
    history = fit(model, swap, look, validation_data=HELD).history
    other = network(averaging())
    for epoch in range(4):
        other.fit(X, Y, batch_size=10, verbose=0, initial_epoch=0, epochs=1)
        # What a fit ends with are the averages.
        assert same(other.get_weights(), averages_of(other))
        values = other.evaluate(*HELD, verbose=0)
        if epoch == 0:
            assert same(seen[0], other.get_weights())
            assert history["val_loss"][0] == values[0]
            assert same(after[0], seen[0]) == swap_on_epoch
    assert same(model.get_weights(), averages_of(model))


def test_the_training_itself_is_not_touched():
    plain, swapped = network(averaging()), network(averaging())
    fit(plain, validation_data=HELD)
    fit(swapped, callbacks.SwapEMAWeights(True), validation_data=HELD)
    assert same(plain.get_weights(), swapped.get_weights())
    stop = callbacks.EarlyStopping("loss", min_delta=1e9, patience=1)
    for model, used in ((plain, []), (swapped, [callbacks.SwapEMAWeights(True)])):
        assert len(fit(model, *used, stop, validation_data=HELD).epoch) == 2
    assert same(plain.get_weights(), swapped.get_weights())


def test_swapping_needs_averages():
    with pytest.raises(ValueError, match="use_ema=True"):
        fit(network(), callbacks.SwapEMAWeights())


# ---- TensorBoard ---------------------------------------------------------------------


class Writer:
    """What the packages that write for TensorBoard have in common."""

    made: dict[str, Writer] = {}  # noqa: RUF012

    def __init__(self, log_dir):
        self.scalars, self.histograms, self.closed = [], [], False
        Writer.made[os.path.basename(log_dir)] = self

    def add_scalar(self, tag, scalar_value, global_step=None):
        self.scalars.append((tag, scalar_value, global_step))

    def add_histogram(self, tag, values, global_step=None):
        self.histograms.append((tag, values.shape, global_step))

    def flush(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def writer(monkeypatch):
    package = types.ModuleType("tensorboardX")
    package.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "tensorboardX", package)
    Writer.made = {}
    return Writer


def test_what_tensorboard_is_given(writer, tmp_path):
    board = callbacks.TensorBoard(
        tmp_path, histogram_freq=2, update_freq=2, write_steps_per_second=True
    )
    history = fit(network(), board, validation_data=HELD).history
    train, held = writer.made["train"], writer.made["validation"]
    assert train.closed
    assert held.closed
    losses = [(v, s) for tag, v, s in train.scalars if tag == "epoch_loss"]
    assert losses == [(v, i) for i, v in enumerate(history["loss"])]
    held_losses = [(v, s) for tag, v, s in held.scalars if tag == "epoch_loss"]
    assert held_losses == [(v, i) for i, v in enumerate(history["val_loss"])]
    tags = {tag for tag, _, _ in train.scalars}
    assert {"epoch_learning_rate", "epoch_steps_per_second", "batch_mae"} <= tags
    steps = [step for tag, _, step in train.scalars if tag == "batch_loss"]
    assert steps == [0, 2, 4, 6, 8, 10]
    assert [step for _, _, step in train.histograms[::4]] == [0, 2]


def test_tensorboard_without_a_package_says_what_to_install(monkeypatch):
    for name in ("tensorboardX", "torch", "torch.utils", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        fit(network(), callbacks.TensorBoard("nowhere"))
    assert not os.path.exists("nowhere")


def test_the_file_of_a_real_writer(tmp_path):
    pytest.importorskip("tensorboardX")
    fit(network(), callbacks.TensorBoard(tmp_path), validation_data=HELD)
    for part in ("train", "validation"):
        (name,) = os.listdir(tmp_path / part)
        assert name.startswith("events.out.tfevents")


# ---- All -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "callback",
    [
        callbacks.ModelCheckpoint("m.nnc", save_freq=3),
        callbacks.CSVLogger("log.csv"),
        callbacks.TerminateOnNaN(),
        callbacks.SwapEMAWeights(),
        callbacks.TensorBoard(update_freq=5),
        callbacks.BackupAndRestore("backup"),
        callbacks.EarlyStopping("loss"),
        callbacks.ProgbarLogger(),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_callbacks_can_be_copied_and_pickled(callback):
    for again in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        assert type(again) is type(callback)
        assert again.get_state() == callback.get_state()
        again.set_state(callback.get_state())
        if "on_train_batch_end" in vars(again):
            assert again.on_train_batch_end.__self__ is again
