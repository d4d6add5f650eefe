"""Data sets that are read by blocks while the network trains: `nncore.data`."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import callbacks
from nncore.data import Chunks, Parquet, Shards
from nncore.layers import Dense, Dropout

from .helpers import Break, same_bits

N = 500
CUTS = [0, 150, 151, 151, 388, N]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(N, 3)).astype("float32")
    y = (x.sum(axis=1) > 0.3 * rng.normal(size=N)).astype("float32")
    return x, y, rng.uniform(0.5, 2, N).astype("float32")


@pytest.fixture(scope="module")
def folder(rows, tmp_path_factory):
    """The rows as shards, one of them empty, and as Parquet, in row groups of 70."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path_factory.mktemp("rows")
    for k, (first, last) in enumerate(pairwise(CUTS)):
        for name, array in zip("xyw", rows, strict=True):
            np.save(path / f"{name}-{k}.npy", array[first:last])
    x, y, w = rows
    table = pa.table({"y": y, "a": x[:, 0], "b": x[:, 1], "w": w, "c": x[:, 2]})
    pq.write_table(table.slice(0, 300), path / "1.parquet", row_group_size=70)
    pq.write_table(table.slice(300), path / "2.parquet", row_group_size=70)
    return path


def chunks_of(rows, length=37):
    def chunks():
        for first in range(0, len(rows[0]), length):
            yield tuple(array[first : first + length] for array in rows)

    return chunks


KINDS = ["shards", "parquet", "chunks"]


def dataset(kind, folder, rows, weighted=False, **words):
    words = {"batch_size": 24, "pool_rows": 90, **words}
    if kind == "shards":
        weights = f"{folder}/w-*.npy" if weighted else None
        shards = f"{folder}/x-*.npy", f"{folder}/y-*.npy", weights
        return Shards(*shards, block_rows=20, **words)
    if kind == "parquet":
        names = None if weighted else ["a", "b", "c"]
        return Parquet(folder, "y", names, "w" if weighted else None, **words)
    return Chunks(chunks_of(rows if weighted else rows[:2]), **words)


def network(metrics=("accuracy",), **options):
    model = nncore.Sequential(
        [Dense(6, "tanh", input_shape=(3,)), Dropout(0.3), Dense(1, "sigmoid")],
        **{"seed": 5, **options},
    )
    model.compile("adam", "binary_crossentropy", list(metrics))
    return model


def assert_same(first, second):
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        assert same_bits(a, b)


# ---- What comes out ------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_unshuffled_it_trains_to_the_bits_of_arrays(kind, weighted, folder, rows):
    x, y, w = rows
    weights = w if weighted else None
    data = dataset(kind, folder, rows, weighted)
    first, second = network(), network()
    options = {"epochs": 3, "shuffle": False, "verbose": 0}
    expected = first.fit(
        x, y, 24, sample_weight=weights, validation_data=(x, y, weights), **options
    )
    history = second.fit(data, validation_data=data, **options)
    assert history.history == expected.history
    assert_same(first, second)
    assert first.evaluate(x, y, sample_weight=weights) == second.evaluate(data)
    assert same_bits(first.predict(x), second.predict(data))


@pytest.mark.parametrize("kind", KINDS)
def test_iterating_gives_batches(kind, folder, rows):
    data = dataset(kind, folder, rows, True, shuffle=False)
    batches = list(data)
    assert [len(x) for x, _, _ in batches] == [24] * 20 + [20]
    x, y, w = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert same_bits(x, rows[0])
    assert same_bits(y[:, 0], rows[1])
    assert same_bits(w, rows[2])
    if kind == "chunks":
        with pytest.raises(TypeError, match="not known"):
            len(data)
    else:
        assert len(data) == 21


def numbered(folder, n=1000, **words):
    """A data set whose rows are their numbers."""
    np.save(folder / "n.npy", np.arange(n, dtype="float32")[:, np.newaxis])
    return Shards(folder / "n.npy", **words)


def taken(data):
    return np.concatenate([x[:, 0] for x in data]).astype(int).tolist()


@pytest.mark.parametrize("words", [{"pool_rows": 128}, {}, {"pool_rows": 1}])
def test_every_row_comes_once_in_each_pass_in_a_new_order(words, tmp_path):
    make = {"block_rows": 16, "batch_size": 8, **words}
    data = numbered(tmp_path, seed=1, **make)
    first, second = taken(data), taken(data)
    assert sorted(first) == sorted(second) == list(range(1000))
    assert first != second
    assert [first, second] == [
        taken(again) for again in [numbered(tmp_path, seed=1, **make)] * 2
    ]
    assert taken(numbered(tmp_path, seed=2, **make)) not in (first, second)


def test_a_pool_mixes_blocks_from_everywhere(tmp_path):
    data = numbered(tmp_path, seed=1, block_rows=10, pool_rows=200, batch_size=10)
    blocks = [np.unique(x[:, 0] // 10) for x in data]
    # 200 rows are 20 blocks, and a batch of 10 of them rarely knows fewer than 5.
    assert min(map(len, blocks[:-1])) >= 5
    assert max(block.max() for block in blocks[:20]) > 90


def orders_of(folder, model, epochs, seed=None):
    """The rows of 300 in the order in which each epoch of a `fit` sees them.

    The model's loss of a row is the row's number, as it learns nothing.
    """
    np.save(folder / "n.npy", np.arange(300, dtype="float32")[:, np.newaxis])
    np.save(folder / "y.npy", np.zeros(300, "float32"))
    words = {"block_rows": 16, "pool_rows": 64, "batch_size": 1, "seed": seed}
    data = Shards(folder / "n.npy", folder / "y.npy", **words)
    means = []
    keep = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: means.append(logs["loss"])
    )
    model.fit(data, epochs=epochs, verbose=0, callbacks=keep)
    sums = np.reshape(means, (epochs, 300)) * np.arange(1, 301)
    return np.rint(np.diff(sums, axis=1, prepend=0)).astype(int).tolist()


def teller(seed=5):
    """A model whose loss of a row is the number in it, and that learns nothing."""
    layer = Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))
    model = nncore.Sequential([layer], seed=seed)
    model.compile(nncore.optimizers.SGD(0.0), "mae")
    return model


def test_a_fit_goes_on_with_new_orders_and_another_model_begins_alike(tmp_path):
    first, second = teller(), teller()
    begun, gone_on = (orders_of(tmp_path, first, 2) for _ in range(2))
    seen = begun + gone_on
    assert all(sorted(order) == list(range(300)) for order in seen)
    assert len(set(map(tuple, seen))) == 4
    assert [orders_of(tmp_path, second, 2) for _ in range(2)] == [begun, gone_on]
    assert orders_of(tmp_path, teller(seed=6), 2) != begun


def test_the_order_depends_on_the_data_sets_seed_and_the_epoch_alone(tmp_path):
    model = teller()
    a, b = orders_of(tmp_path, model, 2, seed=7)
    assert sorted(a) == sorted(b) == list(range(300))
    assert a != b
    # Each `fit` begins them anew, also of another model.
    assert orders_of(tmp_path, model, 2, seed=7) == [a, b]
    assert orders_of(tmp_path, teller(seed=6), 1, seed=7) == [a]
    assert orders_of(tmp_path, model, 1, seed=8) != [a]


def test_batches_of_an_epoch_can_be_limited(folder, rows):
    x, y, _ = rows
    first, second = network(), network()
    options = {"epochs": 5, "steps_per_epoch": 9, "shuffle": False, "verbose": 0}
    expected = first.fit(x, y, batch_size=24, **options)
    history = second.fit(dataset("shards", folder, rows), **options)
    assert history.history == expected.history
    assert_same(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_verbs_of_keras_1_count_rows_in_whole_batches(kind, folder, rows):
    x, y, _ = rows
    first, second = network(), network()
    options = {"epochs": 2, "verbose": 0, "shuffle": False}
    expected = first.fit(
        x, y, 24, steps_per_epoch=9, validation_data=(x[:48], y[:48]), **options
    )
    data = dataset(kind, folder, rows)
    with pytest.warns(DeprecationWarning):
        history = second.fit_generator(
            data,
            samples_per_epoch=8 * 24 + 1,
            validation_data=data,
            nb_val_samples=48,
            **options,
        )
        assert len(second.predict_generator(data, val_samples=25)) == 48
    assert history.history == expected.history
    assert_same(first, second)


def test_streaming_metrics_and_class_weights(folder, rows):
    x, y, _ = rows
    first, second = network(["AUC"]), network(["AUC"])
    options = {"epochs": 2, "class_weight": {1: 3.0}, "verbose": 0}
    expected = first.fit(x, y, 24, shuffle=False, **options).history
    data = dataset("parquet", folder, rows, shuffle=False)
    history = second.fit(data, **options).history
    assert history["loss"] == expected["loss"]
    assert history["AUC"] == pytest.approx(expected["AUC"], abs=1e-12)
    assert_same(first, second)


@pytest.mark.parametrize("by_batch", [False, True])
def test_layers_of_ones_own_are_trained_on_it(by_batch, folder, rows):
    class Twice(nncore.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

        def gradient(self, inputs, outputs, d_outputs):
            return 2 * d_outputs

    def own():
        model = nncore.Sequential([Dense(1, input_shape=(3,)), Twice()], seed=1)
        model.compile("sgd", "mse")
        return model

    x, y, _ = rows
    first, second = own(), own()
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    if by_batch:
        nothing = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
        options["callbacks"] = nothing
    expected = first.fit(x, y, 24, **options).history
    assert second.fit(dataset("shards", folder, rows), **options).history == expected
    assert_same(first, second)


def test_columns_are_remembered(folder, rows):
    pd = pytest.importorskip("pandas")
    model = network()
    model.fit(dataset("parquet", folder, rows), verbose=0)
    frame = pd.DataFrame(rows[0], columns=["a", "b", "c"])
    assert same_bits(model.predict(frame), model.predict(rows[0]))
    with pytest.raises(ValueError, match="columns that the model was fitted with"):
        model.predict(frame[["b", "a", "c"]])
    with pytest.raises(ValueError, match="columns that the model was fitted with"):
        model.evaluate(Parquet(folder, "y", ["c", "b", "a"]))


def test_a_model_learns_its_input_shape_and_scale(folder, rows):
    for kind in KINDS:
        data = dataset(kind, folder, rows, shuffle=False)
        scale = nncore.layers.Normalization()
        scale.adapt(data)
        expected = nncore.layers.Normalization()
        expected.adapt(rows[0])
        np.testing.assert_allclose(scale(rows[0]), expected(rows[0]), atol=1e-6)
        model = nncore.Sequential([scale, Dense(1)])
        model.compile("sgd", "mse")
        model.fit(data, verbose=0)
        assert model.input_shape == (None, 3)


def test_texts_of_a_column_reach_a_layer_that_takes_them(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"town": ["Ulm", "Bonn"] * 20, "y": [1.0, 0.0] * 20}),
        tmp_path / "a.parquet",
    )
    lookup = nncore.layers.StringLookup(vocabulary=["Ulm", "Bonn"])
    model = nncore.Sequential(
        [lookup, nncore.layers.Embedding(3, 2), nncore.layers.Flatten(), Dense(1)]
    )
    model.compile("sgd", "mse")
    model.fit(Parquet(tmp_path, "y"), epochs=2, verbose=0)
    assert model.predict([["Ulm"]]).shape[0] == 1


def test_the_guide_runs(tmp_path, monkeypatch, capsys):
    page = Path(__file__).parents[1] / "docs" / "guides" / "data.md"
    if not page.exists():
        pytest.skip("the documentation is not beside the tests")
    code = re.findall(r"```python\n(import.*?)```", page.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code[0], {})
    assert float(capsys.readouterr().out) < 5
    assert not (tmp_path / "backup").exists()


def test_the_module_is_loaded_when_it_is_used():
    code = "import sys, nncore; assert 'nncore.data' not in sys.modules; nncore.data"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


# ---- Going on ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [None, 8])
@pytest.mark.parametrize("save_freq", [1, 5, "epoch"])
def test_a_training_goes_on_within_an_epoch(
    kind, steps, save_freq, folder, rows, tmp_path
):
    def fit(model, *used):
        data = dataset(kind, folder, rows)
        options = {"epochs": 3, "steps_per_epoch": steps, "verbose": 0}
        return model.fit(data, callbacks=list(used), **options)

    whole = network()
    expected = fit(whole).history
    for after in (2, 7, 21, 1):
        backup = callbacks.BackupAndRestore(tmp_path / "b", save_freq)
        try:
            fit(network(), backup, Break(after))
        except KeyboardInterrupt:
            continue
    again = network()
    history = fit(again, callbacks.BackupAndRestore(tmp_path / "b", save_freq))
    assert history.history == expected
    assert_same(whole, again)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pool_rows", [90, None])
def test_a_backup_behind_the_last_batch_of_an_epoch_is_gone_on_with(
    kind, pool_rows, folder, rows, tmp_path
):
    def fit(model, *used):
        data = dataset(kind, folder, rows, pool_rows=pool_rows)
        return model.fit(data, epochs=3, verbose=0, callbacks=list(used))

    def interrupt_epoch(epoch, logs):
        raise KeyboardInterrupt

    whole = network()
    expected = fit(whole).history
    # An epoch has 21 batches, the last of them short.
    for death in (
        callbacks.LambdaCallback(on_epoch_end=interrupt_epoch),
        Break(22),
        Break(1),
    ):
        with pytest.raises(KeyboardInterrupt):
            fit(network(), callbacks.BackupAndRestore(tmp_path / "b", 21), death)
    again = network()
    history = fit(again, callbacks.BackupAndRestore(tmp_path / "b", 21))
    assert history.history == expected
    assert_same(whole, again)


def test_a_backup_within_an_epoch_reads_no_block_again(tmp_path, rows):
    reads = []

    class Noted(Shards):
        def _pieces(self, block):
            reads.append(block)
            return super()._pieces(block)

    x = np.arange(N * 3, dtype="float32").reshape(N, 3)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", rows[1])

    def fit(*used):
        paths = tmp_path / "x.npy", tmp_path / "y.npy"
        data = Noted(*paths, block_rows=20, pool_rows=100, batch_size=10)
        network().fit(data, verbose=0, callbacks=list(used))

    with pytest.raises(KeyboardInterrupt):
        fit(callbacks.BackupAndRestore(tmp_path / "b", 1), Break(33))
    reads.clear()
    fit(callbacks.BackupAndRestore(tmp_path / "b", 1))
    # 32 batches of 10 are three pools and a part of the fourth.
    assert len(reads) == len(set(reads)) == 10


@pytest.mark.parametrize("kind", ["shards", "parquet"])
def test_a_backup_of_files_in_another_order_is_refused(kind, rows, tmp_path):
    """They have as many rows each; where they lie does not matter."""
    folder, moved = tmp_path / "rows", tmp_path / "moved"
    folder.mkdir()
    for k in range(2):
        x, y, _ = (array[250 * k : 250 * (k + 1)] for array in rows)
        if kind == "shards":
            np.save(folder / f"x-{k}.npy", x)
            np.save(folder / f"y-{k}.npy", y)
        else:
            pa = pytest.importorskip("pyarrow")
            import pyarrow.parquet as pq

            columns = {"y": y, "a": x[:, 0], "b": x[:, 1], "c": x[:, 2]}
            pq.write_table(pa.table(columns), folder / f"{k}.parquet")

    def fit(folder, order, *used):
        if kind == "shards":
            paths = ([folder / f"{name}-{k}.npy" for k in order] for name in "xy")
            data = Shards(*paths)
        else:
            data = Parquet([folder / f"{k}.parquet" for k in order], "y")
        backup = callbacks.BackupAndRestore(tmp_path / "b", 1)
        network().fit(data, verbose=0, callbacks=[backup, *used])

    with pytest.raises(KeyboardInterrupt):
        fit(folder, [0, 1], Break(3))
    with pytest.raises(ValueError, match="must be of the same data"):
        fit(folder, [1, 0])
    folder.rename(moved)
    fit(moved, [0, 1])


SCRIPT = r"""
import json, os, signal, sys
import numpy as np
import nncore
from nncore import callbacks
from nncore.data import Shards
from nncore.layers import Dense, Dropout

folder, dies_at = sys.argv[1], int(sys.argv[2])
model = nncore.Sequential(
    [Dense(6, "tanh", input_shape=(3,)), Dropout(0.3), Dense(1, "sigmoid")], seed=5
)
model.compile("nadam", "binary_crossentropy", ["accuracy"])
data = Shards(
    f"{folder}/../x-*.npy", f"{folder}/../y-*.npy",
    batch_size=24, block_rows=20, pool_rows=90,
)
calls = 0
def count(frame, event, argument):
    global calls
    if event == "call" and "nncore" in frame.f_code.co_filename:
        calls += 1
        if calls == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(count)
used = [callbacks.BackupAndRestore(folder + "/backup", save_freq=2)]
history = model.fit(data, epochs=6, verbose=0, callbacks=used)
sys.setprofile(None)
np.savez(folder + "/end.npz", *model.get_weights(), *model.optimizer.variables)
print(json.dumps({"calls": calls, "history": history.history}))
"""


def start(folder, dies_at):
    found = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, str(folder), str(dies_at)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    if found.returncode == -signal.SIGKILL:
        return None
    assert found.returncode == 0
    return json.loads(found.stdout)


def test_a_training_killed_again_and_again_ends_with_the_same_bits(rows, tmp_path):
    for name, array in zip("xy", rows, strict=False):
        for k, part in enumerate(np.array_split(array, 3)):
            np.save(tmp_path / f"{name}-{k}.npy", part)
    folders = tmp_path / "whole", tmp_path / "killed"
    for path in folders:
        path.mkdir()
    whole = start(folders[0], -1)
    rng = np.random.default_rng(1)
    killed = 0
    while (end := start(folders[1], rng.integers(1, whole["calls"] // 2))) is None:
        killed += 1
        if killed == 8:
            end = start(folders[1], -1)
            break
    assert killed > 1
    assert end["history"] == whole["history"]
    ends = [np.load(path / "end.npz") for path in folders]
    for name in ends[0].files:
        assert same_bits(ends[0][name], ends[1][name])


def test_a_backup_of_other_blocks_is_refused(folder, rows, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        network().fit(
            dataset("shards", folder, rows),
            verbose=0,
            callbacks=[callbacks.BackupAndRestore(tmp_path, 2), Break(5)],
        )
    for other in (
        dataset("parquet", folder, rows),
        dataset("shards", folder, rows, batch_size=25),
        dataset("shards", folder, rows, pool_rows=200),
        dataset("shards", folder, rows, shuffle=False),
        (batch for batch in dataset("shards", folder, rows)),
    ):
        model = network()
        before = model.get_weights()
        with pytest.raises(ValueError, match="must be of the same data"):
            model.fit(
                other, verbose=0, callbacks=callbacks.BackupAndRestore(tmp_path, 2)
            )
        for a, b in zip(before, model.get_weights(), strict=True):
            assert same_bits(a, b)


# ---- What is refused -----------------------------------------------------------------


def saved(folder, **arrays):
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


ONES = np.ones((4, 3), "float32")


@pytest.mark.parametrize(
    ("arrays", "words", "message"),
    [
        (
            {},
            {},
            r"`x` must name at least one file. Received: '.*x\*.npy', a path or p",
        ),
        ({}, {"x": "."}, "Received: '.*', a folder without .npy files"),
        ({}, {"x": "x.npy"}, "a path or pattern that no file has"),
        ({"x": ONES}, {"x": 3}, "`x` must be a path, a pattern such as"),
        ({"x": ONES}, {"x": []}, "`x` must be a path, a pattern such as"),
        ({"x": ONES}, {"x": None}, "`x` must name the files of inputs"),
        ({"x": ONES}, {}, "`y` must name at least one file"),
        (
            {"x1": ONES, "x2": ONES, "y": ONES[:, 0]},
            {},
            "must name as many files. Received: 2 for x, 1 for y",
        ),
        (
            {"x": ONES, "y": ONES[1:, 0]},
            {},
            r"must have as many rows. Received: 4 in '.*x.npy', 3 in '.*y.npy'",
        ),
        (
            {"x1": ONES, "x2": ONES[:, 1:], "y": ONES},
            {},
            r"rows of one shape. Received: \(3,\) in '.*x1.npy', \(2,\) in '.*x2.npy'",
        ),
        ({"x": ONES.astype(str), "y": ONES}, {}, "x.npy', an array of dtype <U"),
        (
            {"x": ONES.astype(object), "y": ONES},
            {},
            "x.npy': Array can't be memory-map",
        ),
        (
            {"x": np.array(1.0), "y": ONES},
            {},
            r"an array of dtype float64 and shape \(\)",
        ),
        ({"x": np.asfortranarray(ONES), "y": ONES}, {}, "an array in Fortran order"),
        ({"x": ONES[:0], "y": ONES[:0]}, {}, "at least one row. Received: 1 without"),
        ({"x": ONES, "y": ONES}, {"batch_size": 0}, "`batch_size` must be"),
        ({"x": ONES, "y": ONES}, {"block_rows": 0}, "`block_rows` must be"),
        ({"x": ONES, "y": ONES}, {"pool_rows": 0.5}, "`pool_rows` must be"),
        ({"x": ONES, "y": ONES}, {"shuffle": 1}, "`shuffle` must be"),
        ({"x": ONES, "y": ONES}, {"seed": -1}, "`seed` must be"),
    ],
)
def test_shards_that_do_not_fit_are_refused(arrays, words, message, tmp_path):
    saved(tmp_path, **arrays)
    words = {"x": "x*.npy", **words}
    if isinstance(words["x"], str):
        words["x"] = tmp_path / words["x"]
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        Shards(y=tmp_path / "y*.npy", **words)


def test_a_file_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"no array")
    with pytest.raises(
        ValueError, match=r"must name .npy files .* Received: '.*x.npy'"
    ):
        Shards(tmp_path)
    np.savez(tmp_path / "x.npz", ONES)
    with pytest.raises(ValueError, match="an archive of arrays"):
        Shards(tmp_path / "x.npz")
    np.save(tmp_path / "x.npy", ONES)
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[:-4])
    with pytest.raises(ValueError, match=r"x.npy"):
        Shards(tmp_path)
    (tmp_path / "x.npy").write_bytes(whole)
    data = Shards(tmp_path, block_rows=2)
    (tmp_path / "x.npy").write_bytes(whole[:-4])
    with pytest.raises(ValueError, match="an end within rows 2 to 3"):
        network().predict(data)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", ["x", "y", "w"])
def test_what_is_no_number_is_named_by_file_row_and_column(value, part, rows, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    arrays = dict(zip("xyw", (array.copy() for array in rows), strict=True))
    arrays[part][377, ...] = value
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}-1.npy", array[:200])
        np.save(tmp_path / f"{name}-2.npy", array[200:])
    x, y, w = arrays.values()
    table = pa.table({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y, "w": w})
    pq.write_table(table, tmp_path / "all.parquet", row_group_size=100)
    name = {"x": "x", "y": "y", "w": "sample_weight"}[part]
    finite = f"{name}` must hold finite numbers. Received: {value} in "
    column = {"x": ", column 0", "y": "", "w": ""}[part]
    in_shard = f"row 177 of '.*{part}-2.npy'{column}; drop or fill such rows first"
    data = dataset("shards", tmp_path, rows, True)
    for verb, prefix in (("fit", ""), ("evaluate", ""), ("validation", "validation ")):
        with pytest.raises(ValueError, match=f"`{prefix}{finite}{in_shard}"):
            if verb == "validation":
                network().fit(*rows[:2], validation_data=data, verbose=0)
            else:
                getattr(network(), verb)(data, verbose=0)
    in_file = {"x": "column 'a', ", "y": "column 'y', ", "w": "column 'w', "}[part]
    in_file += "row 377 of '.*all.parquet'"
    data = Parquet(tmp_path, "y", ["a", "b", "c"], "w", pool_rows=32)
    with pytest.raises(ValueError, match=finite + in_file):
        network().fit(data, verbose=0)
    with pytest.raises(ValueError, match=finite + "row 7 of chunk 37"):
        network().fit(Chunks(chunks_of((x, y, w), 10)), verbose=0)


def test_a_class_that_is_none_is_named_by_file_and_row(tmp_path):
    y = np.zeros(100)
    y[77] = 3
    saved(tmp_path, x=np.ones((100, 3)), y=y)
    model = nncore.Sequential([Dense(3, "softmax", input_shape=(3,))])
    model.compile("sgd", "sparse_categorical_crossentropy")
    data = Shards(tmp_path / "x.npy", tmp_path / "y.npy", block_rows=10)
    with pytest.raises(ValueError, match=r"Received: 3 in row 77 of '.*y.npy'"):
        model.fit(data, verbose=0)


def test_parquet_that_does_not_fit_is_refused(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    def write(name, **columns):
        pq.write_table(pa.table(columns), tmp_path / name)

    with pytest.raises(FileNotFoundError, match=r"a folder without .parquet files"):
        Parquet(tmp_path, "y")
    write("1.parquet", a=[1.0, 2.0], b=[1, None], y=[1.0, 2.0])
    with pytest.raises(
        ValueError, match=r"1.parquet' must have .* Received: no 'u', 'z'"
    ):
        Parquet(tmp_path, ["y", "z"], ["a", "u"])
    for words in (
        {"target": "a", "features": []},
        {"target": ["y", "y"]},
        {"target": 3},
    ):
        with pytest.raises(ValueError, match="must name columns, each once"):
            Parquet(tmp_path, **words)
    for words in (
        {"target": "y", "features": ["a", "y"]},
        {"target": "y", "features": ["a", "b"], "sample_weight": "b"},
        {"target": "y", "sample_weight": "y"},
    ):
        with pytest.raises(
            ValueError, match=r"must be different columns.*'[by]' twice"
        ):
            Parquet(tmp_path, **words)
    with pytest.raises(ValueError, match="`sample_weight` must name one column"):
        Parquet(tmp_path, "y", sample_weight=["a", "b"])
    with pytest.raises(ValueError, match="must name at least one column"):
        Parquet(tmp_path, ["a", "b", "y"])
    model = nncore.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"nan in column 'b', row 1 of '.*1.parquet'"):
        model.fit(Parquet(tmp_path, "y"), verbose=0)
    assert np.isnan(model_of(2).predict(Parquet(tmp_path, "y"))).tolist() == [[0], [1]]
    write("2.parquet", a=[1.0, 2.0], y=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"2.parquet' must have .* Received: no 'b'"):
        Parquet(tmp_path, "y")
    write("2.parquet", a=["u", "v"], b=[1, 2], y=[1.0, 2.0])
    wrong = "column 'a' of dtype .* with 'u' in row 0 of '.*2.parquet'"
    with pytest.raises(ValueError, match=wrong):
        model.fit(Parquet(tmp_path / "2.parquet", "y"), verbose=0)
    write("2.parquet", a=pa.array([], "f8"), b=pa.array([], "f8"), y=pa.array([], "f8"))
    with pytest.raises(ValueError, match=r"at least one row. Received: 1 without"):
        Parquet(tmp_path / "2.parquet", "y")
    (tmp_path / "3.parquet").write_bytes(b"no Parquet at all")
    with pytest.raises(ValueError, match=r"must name Parquet files. Received: '.*3.p"):
        Parquet(tmp_path, "y")


def test_metadata_of_parquet_is_read_once_for_each_file(folder, rows, monkeypatch):
    pq = pytest.importorskip("pyarrow.parquet")
    opened = []

    class Noted(pq.ParquetFile):
        def __init__(self, path, metadata=None, **words):
            opened.append((path, metadata))
            super().__init__(path, metadata=metadata, **words)

    monkeypatch.setattr(pq, "ParquetFile", Noted)
    data = dataset("parquet", folder, rows)
    assert len(list(data)) == len(list(data)) == 21
    parsed = [path for path, metadata in opened if metadata is None]
    assert parsed == [str(folder / "1.parquet"), str(folder / "2.parquet")]
    assert len(opened) == 2 + 2 * (5 + 3)  # row groups


def model_of(columns):
    return nncore.Sequential([Dense(1, input_shape=(columns,))])


def test_chunks_that_do_not_fit_are_refused(rows):
    sparse = pytest.importorskip("scipy.sparse")
    x, y, w = rows
    for source in (chunks_of(rows)(), 3):
        with pytest.raises(TypeError, match="gone through again, or a function"):
            Chunks(source)
    for chunks, message in (
        ([], "at least one batch. Received: Chunks, which gives none"),
        ([(x, y, w, w)], r"must give chunks \(x, y\) .* Received: a tuple of 4"),
        ([(x, y, w), (x, y)], "Either all rows or none must have sample weights"),
        ([(x, y), (x[:, 1:], y)], "`x` must have shape .* Received: shape"),
        ([(x, y), (x, y[1:])], "the same number of rows"),
        ([x], "`y` must be given"),
    ):
        with pytest.raises(ValueError, match=message):
            network().fit(Chunks(chunks, pool_rows=600), verbose=0)
    thin = Chunks([(sparse.csr_matrix(x), y)])
    message = r"`x` must be an array.* csr_matrix; \.toarray\(\) makes it one"
    with pytest.raises(TypeError, match=message):
        network().fit(thin, verbose=0)
    with pytest.raises(TypeError, match=message):
        list(thin)
    assert len(network().predict(Chunks([x, x]))) == 2 * N


@pytest.mark.parametrize("pool_rows", [500, 1000])
def test_chunks_of_other_shapes_are_refused(pool_rows, rows):
    x, y, w = rows
    for chunks, message in (
        ([(x, y), (x[:, :1], y)], r"of `x` must .* Received: \(1,\) after \(3,\)"),
        ([(x, x), (x, y)], r"of `y` must .* Received: \(1,\) after \(3,\)"),
        ([(x, y, w), (x, y)], "Either all rows or none must have sample weights"),
        ([(x, y), x], "Either all rows or none must have targets"),
        ([x, (x, y)], "Either all rows or none must have targets"),
    ):
        data = Chunks(chunks, batch_size=50, pool_rows=pool_rows)
        with pytest.raises(ValueError, match=message):
            list(data)


def test_arguments_that_contradict_a_data_set_are_refused(folder, rows):
    data = dataset("shards", folder, rows)
    for words, message in (
        ({"batch_size": 32}, "must be that of the data set, 24, or None. Received"),
        ({"y": rows[1]}, "`y` must be None where `x` gives batches"),
        ({"validation_split": 0.2}, "`validation_split` must be None"),
        ({"diagnose": True}, "`diagnose` needs all rows at hand"),
    ):
        with pytest.raises(ValueError, match=message):
            network().fit(data, verbose=0, **words)
    network().fit(data, batch_size=24, verbose=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
def test_a_batch_size_that_contradicts_a_data_set_is_refused(verb, kind, folder, rows):
    data, run = dataset(kind, folder, rows), getattr(network(), verb)
    with pytest.raises(ValueError, match=r"the data set, 24, or None. Received: .*=32"):
        run(data, batch_size=32, verbose=0)
    run(data, batch_size=24, verbose=0)


def test_parquet_says_what_to_install(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pyarrow"):
        Parquet(folder, "y")


# ---- The thread ----------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.enumerate()
    yield
    gc.collect()
    assert threading.enumerate() == before


def readers():
    return [t for t in threading.enumerate() if t.name.startswith("nncore.data")]


def test_the_next_pool_is_read_while_this_one_is_trained_on(rows):
    read = [threading.Event() for _ in range(5)]
    ahead = []

    def chunks():
        for k in range(5):
            read[k].set()
            yield rows[0][100 * k : 100 * k + 100], rows[1][100 * k : 100 * k + 100]

    def wait(batch, logs):
        pool = batch // 4
        if pool < 4:
            assert read[pool + 1].wait(60)
        ahead.append(sum(event.is_set() for event in read) - pool - 1)
        assert len(readers()) == 1

    data = Chunks(chunks, batch_size=25, pool_rows=100)
    used = callbacks.LambdaCallback(on_train_batch_begin=wait)
    network().fit(data, verbose=0, callbacks=used)
    # A chunk more is asked for, to know that there is one.
    assert len(ahead) == 20
    assert max(ahead) <= 2


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict", "validation"])
def test_what_goes_wrong_while_reading_is_raised(verb, rows):
    def chunks():
        yield rows[0][:200], rows[1][:200]
        raise OSError("the disk is gone")

    data = Chunks(chunks, pool_rows=100)
    model = network()
    with pytest.raises(OSError, match="the disk is gone"):
        if verb == "validation":
            model.fit(*rows[:2], validation_data=data, verbose=0)
        elif verb == "fit":
            model.fit(data, epochs=2, verbose=0)
        else:
            getattr(model, verb)(data)
    assert not readers()


class Stop(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = batch == 3


def interrupt(batch, logs):
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def ctrl_c():
    """SIGINT as a terminal has it: jobs in a shell's background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_early_stop_and_interrupts_end_the_thread(folder, rows, ctrl_c):
    data = dataset("shards", folder, rows)
    history = network().fit(data, epochs=5, verbose=0, callbacks=Stop())
    assert len(history.epoch) == 1
    assert not readers()
    used = callbacks.LambdaCallback(on_train_batch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        network().fit(data, verbose=0, callbacks=used)
    assert not readers()
    for _ in data:
        assert len(readers()) == 1
        break
    gc.collect()
    assert not readers()
    history = network().fit(data, seconds=0.2, verbose=0)
    assert len(history.epoch) > 0


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict", "iterate"])
def test_an_interrupt_does_not_wait_for_a_source_that_is_blocked(verb, rows):
    asked, released = threading.Event(), threading.Event()

    def chunks():
        yield rows[0][:120], rows[1][:120]
        asked.set()
        released.wait()

    def interrupt_when_blocked(batch, logs):
        assert asked.wait(60)
        raise KeyboardInterrupt

    data = Chunks(chunks, batch_size=24, pool_rows=96)
    hooks = ["on_train_batch_end", "on_test_batch_end", "on_predict_batch_end"]
    used = callbacks.LambdaCallback(**dict.fromkeys(hooks, interrupt_when_blocked))
    rescue = threading.Timer(30, released.set)  # a test that fails is to end, too
    rescue.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            if verb == "iterate":
                for _ in data:
                    interrupt_when_blocked(0, None)
            else:
                getattr(network(), verb)(data, verbose=0, callbacks=used)
        gc.collect()
        assert not released.is_set()
        (reader,) = readers()
        assert reader.daemon
    finally:
        released.set()
        rescue.cancel()
        rescue.join()
    reader.join()


def test_nan_ends_the_training_and_the_thread(folder, rows):
    model = nncore.Sequential([Dense(1, input_shape=(3,))], seed=1)
    model.compile(nncore.optimizers.SGD(1e30), "mse")
    data = dataset("shards", folder, rows)
    with pytest.warns(RuntimeWarning, match="in epoch 1 of 5, batch"):
        model.fit(data, epochs=5, verbose=0)
    assert not readers()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_amid_an_epoch_trains_on_alone(folder, rows, tmp_path):
    expected = network()
    expected.fit(dataset("shards", folder, rows), epochs=2, verbose=0)
    parent = os.getpid()
    children = []

    def fork(batch, logs):
        if not children:
            children.append(os.fork())

    model = network()
    try:
        used = callbacks.LambdaCallback(on_train_batch_end=fork)
        model.fit(dataset("shards", folder, rows), epochs=2, verbose=0, callbacks=used)
        if os.getpid() != parent:
            np.savez(tmp_path / "child.npz", *model.get_weights())
    finally:
        if os.getpid() != parent:
            os._exit(0)
    os.waitpid(children[0], 0)
    assert_same(model, expected)
    with np.load(tmp_path / "child.npz") as child:
        for name, weight in zip(child.files, expected.get_weights(), strict=True):
            assert same_bits(child[name], weight)


# ---- Memory --------------------------------------------------------------------------

MEMORY = r"""
import re, sys
import numpy as np
import nncore
from nncore.data import Parquet, Shards
from nncore.layers import Dense

def peak():
    with open("/proc/self/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) / 1024

kind, path = sys.argv[1:]
words = {"batch_size": 256, "pool_rows": 16384}
if kind == "shards":
    data = Shards(f"{path}/x-*.npy", f"{path}/y-*.npy", **words)
else:
    data = Parquet(path, "y", **words)
model = nncore.Sequential([Dense(8, "relu", input_shape=(64,)), Dense(1)])
model.compile("adam", "mse")
model.fit(np.zeros((512, 64), "float32"), np.zeros(512), verbose=0)
if kind == "parquet":
    import pyarrow.parquet
before = peak()
model.fit(data, epochs=2, verbose=0, validation_data=data)
model.evaluate(data, verbose=0)
print(peak() - before)
"""
ROWS_OF_FILE = 40_000  # of 64 float32: 10 MB


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="asks Linux")
@pytest.mark.parametrize("kind", ["shards", "parquet"])
def test_memory_is_bounded_however_large_the_files_are(kind, tmp_path):
    rng = np.random.default_rng(0)
    for k in range(25):
        x = rng.normal(size=(ROWS_OF_FILE, 64)).astype("float32")
        if kind == "shards":
            np.save(tmp_path / f"x-{k:02}.npy", x)
            np.save(tmp_path / f"y-{k:02}.npy", x[:, 0])
        else:
            pa = pytest.importorskip("pyarrow")
            import pyarrow.parquet as pq

            table = pa.table({"y": x[:, 0], **{f"c{i}": x[:, i] for i in range(64)}})
            name = tmp_path / f"{k:02}.parquet"
            pq.write_table(table, name, row_group_size=10_000)
    size = sum(file.stat().st_size for file in tmp_path.iterdir()) / 2**20
    found = subprocess.run(
        [sys.executable, "-P", "-c", MEMORY, kind, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    # Two pools of 4 MB and blocks; Parquet decodes besides, on threads that keep what
    # they once had: 60 to 70 MB, also after 100 epochs.
    bound = 24 if kind == "shards" else 100
    assert size > 3 * bound
    assert float(found.stdout) < bound
