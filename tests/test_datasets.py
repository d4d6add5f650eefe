"""The data sets are what they say, and a missing one is told how to get it."""

from __future__ import annotations

import builtins
import shutil

import numpy as np
import pytest

from nncore import datasets


def test_xor_is_the_truth_table():
    x, y = datasets.xor()
    assert x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(x[:, 0] != x[:, 1], y[:, 0] == 1)


def test_gaussian_xor_repeats_with_its_seed():
    x, y = datasets.gaussian_xor(1000, seed=3)
    assert x.shape == y.shape == (1000, 2) and x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(y.argmin(axis=1), x.prod(axis=1) > 0)
    again, _ = datasets.gaussian_xor(1000, seed=3)
    np.testing.assert_array_equal(x, again)
    assert datasets.gaussian_xor(0)[0].shape == (0, 2)
    with pytest.raises(ValueError, match="must not be negative"):
        datasets.gaussian_xor(-1)


def test_pima_has_its_rows(pima):
    x, y = datasets.load_pima()
    assert x.shape == (768, 8) and y.shape == (768,)
    assert x.dtype == y.dtype == np.float32
    assert x.flags.c_contiguous and y.sum() == 268
    np.testing.assert_array_equal(
        x[0], np.float32([6, 148, 72, 35, 0, 33.6, 0.627, 50])
    )


def test_pima_comes_from_the_cache(pima, tmp_path, monkeypatch):
    (tmp_path / "nncore").mkdir()
    shutil.copy(datasets.pima_path(), tmp_path / "nncore")
    monkeypatch.delenv("NNCORE_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert datasets.pima_path().parent == tmp_path / "nncore"


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data folder and an empty cache."""
    monkeypatch.delenv("NNCORE_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "nncore"


def test_another_table_under_the_name_is_refused(nowhere):
    nowhere.mkdir()
    (nowhere / "pima-indians-diabetes.csv").write_text("1,2,3\n")
    with pytest.raises(ValueError, match="must be the Pima table with sha256"):
        datasets.load_pima()


def test_a_failed_download_names_url_and_folder(nowhere, monkeypatch):
    pooch = pytest.importorskip("pooch")

    def fail(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(pooch, "retrieve", fail)
    with pytest.raises(OSError, match="no route to host") as caught:
        datasets.load_pima()
    assert "https://raw.githubusercontent.com/jbrownlee/" in str(caught.value)
    assert str(nowhere) in str(caught.value)


def test_a_download_without_pooch_says_how(nowhere, monkeypatch):
    real = builtins.__import__

    def without_pooch(name, *args, **kwargs):
        if name == "pooch":
            raise ModuleNotFoundError("No module named 'pooch'", name="pooch")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pooch)
    with pytest.raises(ModuleNotFoundError, match="pip install pooch") as caught:
        datasets.load_pima()
    assert str(nowhere) in str(caught.value)
