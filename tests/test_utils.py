"""Utilities: seeds, one-hot targets, normalised rows, what holds for the process."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import pytest

import nncore
from nncore import _random, backend, initializers, utils


@pytest.fixture(autouse=True)
def fresh_seeds(monkeypatch):
    """Each test starts as a process in which nobody has set a seed."""
    state = np.random.mtrand.get_bit_generator()
    monkeypatch.setattr(_random, "_fixed_seed", None)
    monkeypatch.setattr(_random, "_seeds_taken", {})
    np.random.mtrand.set_bit_generator(np.random.MT19937())
    yield
    np.random.mtrand.set_bit_generator(state)


def test_set_random_seed_repeats_every_seed_that_follows():
    utils.set_random_seed(7)
    first = [_random.model_seed() for _ in range(3)]
    assert len(set(first)) == 3
    utils.set_random_seed(7)
    assert [_random.model_seed() for _ in range(3)] == first
    utils.set_random_seed(8)
    assert _random.model_seed() not in first


def test_set_random_seed_also_seeds_python_and_numpy():
    utils.set_random_seed(7)
    drawn = random.random(), np.random.rand()
    utils.set_random_seed(np.int64(7))
    assert (random.random(), np.random.rand()) == drawn


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", None, True])
def test_set_random_seed_refuses_what_is_no_seed(seed):
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        utils.set_random_seed(seed)


@pytest.mark.parametrize("seed", [7, [1, 2, 3], np.uint32(5)])
def test_a_seeded_numpy_makes_models_repeat(seed):
    np.random.seed(seed)
    first = _random.model_seed(), _random.model_seed()
    np.random.seed(seed)
    assert (_random.model_seed(), _random.model_seed()) == first
    assert first[0] != first[1]


def test_a_seeded_numpy_counts_also_after_draws():
    np.random.seed(7)
    np.random.rand(1000)
    state = np.random.get_state()
    first = _random.model_seed()
    np.random.set_state(state)
    assert _random.model_seed() == first


def test_one_draw_is_taken_from_a_seeded_numpy():
    np.random.seed(7)
    np.random.randint(0, 2**32, dtype=np.uint32)
    expected = np.random.rand()
    np.random.seed(7)
    _random.model_seed()
    assert np.random.rand() == expected


def test_an_unseeded_numpy_is_left_alone():
    np.random.rand(3)
    before = np.random.get_state()[1].copy(), np.random.get_state()[2]
    seeds = {_random.model_seed() for _ in range(10)}
    assert len(seeds) == 10
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert np.random.get_state()[2] == before[1]


def test_a_process_starts_without_a_seed():
    code = "from nncore import _random; print(_random.model_seed())"
    seeds = {
        subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    }
    assert len(seeds) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_forked_workers_differ():
    seeds = set()
    for _ in range(3):
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.write(write, str(_random.model_seed()).encode())
            os._exit(0)
        os.waitpid(child, 0)
        seeds.add(os.read(read, 100))
        os.close(read)
        os.close(write)
    assert len(seeds) == 3


def test_seeds_of_a_seed_differ_by_index():
    seeds = {_random.derive(1, i, j) for i in range(10) for j in range(10)}
    assert len(seeds) == 100
    assert all(0 <= seed < 2**64 for seed in seeds)


@pytest.mark.parametrize("labels", [[0, 2, 1], [0.0, 2.0, 1.0], [[0], [2], [1]]])
def test_to_categorical_puts_a_one_at_each_label(labels):
    one_hot = utils.to_categorical(labels)
    np.testing.assert_array_equal(one_hot, np.eye(3)[[0, 2, 1]])
    assert one_hot.dtype == np.float64


def test_to_categorical_takes_any_shape_dtype_and_number_of_classes():
    one_hot = utils.to_categorical(np.array([[0, 1], [1, 0]]), 4, dtype="float32")
    assert one_hot.shape == (2, 2, 4)
    assert one_hot.dtype == np.float32
    assert utils.to_categorical([], 2).shape == (0, 2)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([-1, 0], None),
        ([0, 3], 3),
        ([0.5], None),
        (["a"], None),
        ([], None),
        ([0], 0),
        ([np.nan], None),
    ],
)
def test_to_categorical_refuses_what_is_no_label(labels, classes):
    with pytest.raises(ValueError, match="must"):
        utils.to_categorical(labels, classes)


def test_normalize_gives_rows_of_norm_one(rng):
    x = rng.normal(size=(5, 3))
    np.testing.assert_allclose(np.linalg.norm(utils.normalize(x), axis=1), 1)
    np.testing.assert_allclose(np.abs(utils.normalize(x, 0, 1)).sum(axis=0), 1)
    np.testing.assert_array_equal(utils.normalize(np.zeros((2, 2))), np.zeros((2, 2)))


def test_floatx_is_what_unnamed_dtypes_are():
    assert backend.floatx() == "float32"
    try:
        backend.set_floatx("float64")
        assert initializers.Zeros()((2,)).dtype == np.float64
    finally:
        backend.set_floatx("float32")


@pytest.mark.parametrize("value", ["float16", "int32", None, 3, "double precision"])
def test_floatx_refuses_other_dtypes(value):
    with pytest.raises(ValueError, match="`value` must be 'float32' or 'float64'"):
        backend.set_floatx(value)


def test_epsilon_is_keras_own():
    assert backend.epsilon() == 1e-7


class Stream(io.StringIO):
    def isatty(self):
        return True


def test_progbar_shows_means_and_values_as_they_are(monkeypatch, capsys):
    bar = utils.Progbar(4, verbose=2, stateful_metrics=["rate"])
    bar.update(1, values=[("loss", 4.0), ("rate", 1.0)])
    bar.add(2, values=[("loss", 1.0), ("rate", 0.5)])
    bar.add(1, values=[("loss", 2.0), ("rate", 0.25)])
    bar.update(4)
    out = capsys.readouterr().out
    assert out.startswith("4/4 - 0s - ") and out.count("\n") == 1
    assert out.endswith(" - loss: 2.0000 - rate: 0.2500\n")
    terminal = Stream()
    monkeypatch.setattr("sys.stdout", terminal)
    bar = utils.Progbar(None)
    for step in range(3):
        time.sleep(0.11)
        bar.update(step + 1, [("loss", 1.0)], finalize=step == 2)
    assert "1/Unknown" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    utils.Progbar(3, verbose=0).update(3)
    with pytest.raises(ValueError, match="verbose"):
        utils.Progbar(3, verbose=7)


def small_model():
    return nncore.Sequential(
        [
            nncore.layers.Dense(4, activation="relu", input_dim=2, name="first"),
            nncore.layers.Dropout(0.5, trainable=False, name="off"),
        ]
    )


@pytest.mark.parametrize("rankdir", ["TB", "LR"])
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_plot_model_draws_a_file(tmp_path, rankdir, ending):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"model.{ending}"
    assert utils.plot_model(small_model(), path, rankdir=rankdir, dpi=50) is None
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert path.read_bytes().startswith(magic)


def test_plot_model_shows_what_is_asked_for(tmp_path):
    path = tmp_path / "model.dot"
    utils.plot_model(
        small_model(),
        path,
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        show_trainable=True,
        rankdir="LR",
    )
    text = path.read_text()
    first = r"first (Dense)\nrelu\n(None, 2) → (None, 4)\nfloat32\ntrainable"
    assert f'1 [label="{first}"]' in text
    assert r"off (Dropout)\n(None, 4)" in text and "not trainable" in text
    assert "0 -> 1;" in text and "1 -> 2;" in text and "rankdir=LR" in text
    with pytest.raises(ValueError, match="rankdir"):
        utils.plot_model(small_model(), path, rankdir="BT")
    with pytest.raises(ValueError, match="built"):
        empty = nncore.Sequential([nncore.layers.Dense(1)])
        utils.plot_model(empty, path, show_shapes=True)


@pytest.fixture
def server(tmp_path):
    """The URL of a folder, and the folder."""
    folder = tmp_path / "remote"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()
        thread.join()


def test_get_file_downloads_once(server, tmp_path):
    pytest.importorskip("pooch")
    url, folder = server
    (folder / "table.csv").write_text("1,2\n")
    digest = hashlib.sha256(b"1,2\n").hexdigest()
    options = {"origin": f"{url}/table.csv", "cache_dir": tmp_path}
    path = utils.get_file(file_hash=digest, **options)
    assert path == str(tmp_path / "datasets" / "table.csv")
    (folder / "table.csv").write_text("3,4\n")
    path = pathlib.Path(utils.get_file(**options))
    assert path.read_text() == "1,2\n"
    utils.get_file(force_download=True, **options)
    assert path.read_text() == "3,4\n"
    with pytest.raises(ValueError, match="hash"):
        utils.get_file("other.csv", md5_hash="0" * 32, **options)
    with pytest.raises(ValueError, match="origin=None"):
        utils.get_file("table.csv")


def test_get_file_unpacks(server, tmp_path):
    pytest.importorskip("pooch")
    url, folder = server
    (tmp_path / "inner.txt").write_text("within")
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(tmp_path / "inner.txt", "inner.txt")
    path = utils.get_file(
        origin=f"{url}/a.zip", cache_dir=tmp_path, extract=True, cache_subdir="x"
    )
    assert (pathlib.Path(path) / "inner.txt").read_text() == "within"
