"""A training that is killed, at any moment, goes on to the same bits.

Real processes: each counts the calls of Python functions within nncore and kills itself
at a given one, or is killed from outside. The next process runs the same script. At the
end weights, the optimizer's arrays, the counters, the History, the lines of the log and
what the callbacks remember must be those of a training that nobody broke off.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import nncore
from nncore import callbacks
from nncore.layers import Dense, Dropout

from .helpers import Break, same_bits

SCRIPT = r'''
import json, os, signal, sys, time
import numpy as np
import nncore
from nncore import callbacks
from nncore.layers import Dense, Dropout
from nncore.optimizers import schedules

settings = json.loads(sys.argv[1])
folder = settings["folder"]

rng = np.random.default_rng(1)
x = rng.normal(size=(50, 4)).astype("float32")
y = (x[:, :1] > 0.3 * rng.normal(size=(50, 1))).astype("float32")

OPTIMIZERS = {
    "sgd": lambda: nncore.optimizers.SGD(0.1, momentum=0.9),
    "nadam": lambda: nncore.optimizers.Nadam(
        0.02, use_ema=True, ema_momentum=0.9, gradient_accumulation_steps=3
    ),
    "schedule": lambda: nncore.optimizers.Adam(schedules.CosineDecay(0.05, 60)),
}
model = nncore.Sequential(
    [Dense(6, "tanh", input_shape=(4,)), Dropout(0.3), Dense(1, "sigmoid")], seed=5
)
model.compile(OPTIMIZERS[settings["optimizer"]](), "binary_crossentropy", ["accuracy"])

class Remembers(callbacks.Callback):
    """One's own, with a state."""
    total = 0.0
    def on_epoch_end(self, epoch, logs=None):
        self.total += logs["loss"]
        logs["total"] = self.total
    def get_state(self):
        return {"total": self.total}
    def set_state(self, state):
        self.total = state["total"]

class Begun(callbacks.Callback):
    """Says where the training begins, and sleeps if it is to be killed."""
    said = False
    def on_epoch_begin(self, epoch, logs=None):
        if not self.said:
            print("begins", epoch, flush=True)
        self.said = True
        time.sleep(settings.get("sleep", 0))

used = [
    callbacks.BackupAndRestore(folder + "/backup", save_freq=settings["save_freq"]),
    Remembers(),
    Begun(),
    callbacks.CSVLogger(folder + "/log.csv"),
    callbacks.ModelCheckpoint(folder + "/best.nnc", "val_loss", save_best_only=True),
    callbacks.EarlyStopping("val_loss", patience=6, restore_best_weights=True),
]
if settings["optimizer"] != "schedule":
    used += [
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.97),
        callbacks.ReduceLROnPlateau("loss", patience=2, factor=0.7),
    ]
if settings["optimizer"] == "nadam":
    used.append(callbacks.SwapEMAWeights(swap_on_epoch=True))
if settings.get("by_batch"):
    used.append(callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None))

calls = 0
def count(frame, event, argument):
    global calls
    if event == "call" and "nncore" in frame.f_code.co_filename:
        calls += 1
        if calls == settings.get("dies_at"):
            os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(count if "dies_at" in settings else None)
history = model.fit(
    x, y, batch_size=8, epochs=14, verbose=0, callbacks=used,
    shuffle=settings["shuffle"], validation_split=0.2,
)
sys.setprofile(None)
network = model._network
arrays = [*model.get_weights(), *model.optimizer.variables]
best = used[5].best_weights
np.savez(folder + "/end.npz", *arrays, *best)
with open(folder + "/log.csv") as file:
    log = file.read()
print(json.dumps({
    "calls": calls,
    "history": history.history,
    "epochs": history.epoch,
    "counters": network.counters,
    "log": log,
    "best": used[4].best,
    "rate": model.optimizer.learning_rate,
    "left": os.path.exists(folder + "/backup"),
}))
'''

CASES = [
    {"optimizer": "sgd", "save_freq": "epoch", "shuffle": True},
    {"optimizer": "nadam", "save_freq": 3, "shuffle": True},
    {"optimizer": "schedule", "save_freq": 2, "shuffle": "batch"},
    {"optimizer": "nadam", "save_freq": 1, "shuffle": True, "by_batch": True},
    {"optimizer": "sgd", "save_freq": 7, "shuffle": False},
]


def start(settings):
    return subprocess.Popen(
        [sys.executable, "-P", "-c", SCRIPT, json.dumps(settings)],
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(process):
    """What a process printed: where it began, and the end; None if it died before."""
    out, _ = process.communicate(timeout=300)
    lines = out.splitlines()
    begun = int(lines[0].split()[1]) if lines else None
    if process.returncode == -signal.SIGKILL:
        return begun, None
    assert process.returncode == 0
    return begun, json.loads(lines[-1])


def ended(folder):
    with np.load(folder / "end.npz") as file:
        return [file[name] for name in file.files]


def assert_same_end(whole, other, folders):
    assert other.pop("calls") >= 0
    assert whole.pop("calls") >= 0
    assert other == whole
    assert not other["left"]
    for a, b in zip(ended(folders[1]), ended(folders[0]), strict=True):
        assert same_bits(a, b)
    kept = [nncore.load_model(folder / "best.nnc") for folder in folders]
    for a, b in zip(kept[0].get_weights(), kept[1].get_weights(), strict=True):
        assert same_bits(a, b)


@pytest.fixture
def folders(tmp_path):
    made = tmp_path / "whole", tmp_path / "killed"
    for folder in made:
        folder.mkdir()
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(list(case.values())))
def test_a_training_killed_again_and_again_ends_with_the_same_bits(case, folders):
    settings = [{**case, "folder": str(folder)} for folder in folders]
    _, whole = finished(start({**settings[0], "dies_at": -1}))
    rng = np.random.default_rng(CASES.index(case))
    begun = []
    for _ in range(7):
        # Of a training that goes on, about a third to be done.
        dies_at = int(rng.integers(1, whole["calls"] // 3))
        first, end = finished(start({**settings[1], "dies_at": dies_at}))
        begun.append(first)
        if end is not None:
            break
    else:
        first, end = finished(start({**settings[1], "dies_at": -1}))
        begun.append(first)
    begun = [epoch for epoch in begun if epoch is not None]
    assert len(begun) > 2
    assert begun[-1] > 0
    assert begun == sorted(begun)
    assert_same_end(whole, end, folders)


def test_a_training_killed_from_outside_ends_with_the_same_bits(folders):
    case = {"optimizer": "nadam", "save_freq": 4, "shuffle": True, "sleep": 0.05}
    settings = [{**case, "folder": str(folder)} for folder in folders]
    _, whole = finished(start(settings[0]))
    rng = np.random.default_rng(3)
    killed = 0
    for _ in range(4):
        process = start(settings[1])
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.05, 0.3))
        os.kill(process.pid, signal.SIGKILL)
        process.stdout.close()
        killed += process.wait() == -signal.SIGKILL
    assert killed > 0
    _, end = finished(start(settings[1]))
    assert_same_end(whole, end, folders)


# ---- Within one process --------------------------------------------------------------

X = np.random.default_rng(2).normal(size=(30, 3)).astype("float32")
Y = X.sum(axis=1)


def network(**options):
    model = nncore.Sequential(
        [Dense(5, "relu", input_shape=(3,)), Dropout(0.4), Dense(1)], **options
    )
    model.compile("adam", "mse")
    return model


def fit(model, *used, **options):
    options = {"epochs": 4, "batch_size": 4, "verbose": 0, **options}
    return model.fit(X, Y, callbacks=list(used), **options)


def test_a_model_without_a_seed_takes_over_that_of_the_backup(tmp_path):
    nncore.utils.set_random_seed(1)
    first = network()
    start = first.get_weights()
    fit(first)
    nncore.utils.set_random_seed(1)
    with pytest.raises(KeyboardInterrupt):
        fit(network(), callbacks.BackupAndRestore(tmp_path / "b", 5), Break(13))
    nncore.utils.set_random_seed(2)
    second = network()
    assert second.seed != first.seed
    assert not same_bits(second.get_weights()[0], start[0])
    fit(second, callbacks.BackupAndRestore(tmp_path / "b", 5))
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        assert same_bits(a, b)
    assert not (tmp_path / "b").exists()


def test_the_backup_stays_if_asked(tmp_path):
    backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    model = network(seed=1)
    fit(model, backup)
    assert os.listdir(tmp_path) == ["training.backup"]
    again = network(seed=1)
    history = fit(again, callbacks.BackupAndRestore(tmp_path))
    assert history.epoch == [0, 1, 2, 3]
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert same_bits(a, b)


def test_other_files_of_the_folder_stay(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    fit(network(), callbacks.BackupAndRestore(tmp_path))
    assert os.listdir(tmp_path) == ["mine.txt"]


def broken_off(folder, save_freq=5):
    with pytest.raises(KeyboardInterrupt):
        fit(network(seed=1), callbacks.BackupAndRestore(folder, save_freq), Break(13))


def test_the_backup_of_another_model_is_refused(tmp_path):
    broken_off(tmp_path)
    other = nncore.Sequential([Dense(1, input_shape=(3,))])
    other.compile("adam", "mse")
    before = other.get_weights()
    with pytest.raises(ValueError, match="same model"):
        fit(other, callbacks.BackupAndRestore(tmp_path))
    for a, b in zip(before, other.get_weights(), strict=True):
        assert same_bits(a, b)
    other = network(seed=1)
    other.compile("sgd", "mse")
    with pytest.raises(ValueError, match="same model"):
        fit(other, callbacks.BackupAndRestore(tmp_path))


def test_the_backup_of_other_data_is_refused(tmp_path):
    broken_off(tmp_path)
    for options in ({"batch_size": 5}, {"validation_split": 0.5}):
        with pytest.raises(ValueError, match="same data"):
            fit(network(), callbacks.BackupAndRestore(tmp_path), **options)


def test_a_damaged_backup_is_an_error(tmp_path):
    broken_off(tmp_path)
    path = tmp_path / "training.backup"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(nncore.saving.ModelFileError, match="damaged"):
        fit(network(), callbacks.BackupAndRestore(tmp_path))


def test_a_state_that_cannot_be_written_is_an_error(tmp_path):
    class Odd(callbacks.Callback):
        def get_state(self):
            return {"odd": object()}

    with pytest.raises(ValueError, match="plain values"):
        fit(network(), callbacks.BackupAndRestore(tmp_path), Odd())


@pytest.mark.parametrize("save_freq", [0, -1, 1.5, "batch", None, False])
def test_save_freq_is_checked(save_freq, tmp_path):
    with pytest.raises(ValueError, match="`save_freq` must be"):
        callbacks.BackupAndRestore(tmp_path, save_freq)
    with pytest.raises(ValueError, match="`save_freq` must be"):
        callbacks.ModelCheckpoint(tmp_path / "m.nnc", save_freq=save_freq)


def test_batches_from_a_generator_go_on_at_an_epoch(tmp_path):
    def batches(first):
        while True:
            for i in range(first, len(X), 10):
                yield X[i : i + 10], Y[i : i + 10]

    def train(model, *used):
        return model.fit(
            batches(0), steps_per_epoch=3, epochs=4, verbose=0, callbacks=list(used)
        )

    whole = network(seed=1)
    expected = train(whole).history
    with pytest.raises(KeyboardInterrupt):
        train(network(seed=1), callbacks.BackupAndRestore(tmp_path, 2), Break(8))
    again = network(seed=1)
    assert train(again, callbacks.BackupAndRestore(tmp_path, 2)).history == expected
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        assert same_bits(a, b)


@pytest.mark.parametrize("after", [4, 5, 9])
@pytest.mark.parametrize("save_freq", ["epoch", 2])
@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_rows_in_epochs_of_another_length_go_on(after, save_freq, shuffle, tmp_path):
    def train(model, *used):
        return fit(model, *used, shuffle=shuffle, steps_per_epoch=3).history

    def backup():
        return callbacks.BackupAndRestore(tmp_path, save_freq)

    whole, again = network(seed=1), network()
    expected = train(whole)
    with pytest.raises(KeyboardInterrupt):
        train(network(seed=1), backup(), Break(after))
    assert train(again, backup()) == expected
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        assert same_bits(a, b)


@pytest.mark.parametrize("other", [{"batch_size": 5}, {"shuffle": False}])
def test_rows_in_other_batches_are_refused(other, tmp_path):
    backup = callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(network(), backup, Break(4), steps_per_epoch=3)
    with pytest.raises(ValueError, match="30 rows in batches of"):
        fit(network(), backup, **{"steps_per_epoch": 3, **other})
