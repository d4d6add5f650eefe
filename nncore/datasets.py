"""Small data sets that the examples and tests train on.

Two are made on the spot; the Pima table is looked for in the folder that
``NNCORE_DATA_DIR`` names, then in the user's cache, and downloaded there at last. Every
copy is checked against one checksum, so that everybody trains on the same numbers.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["gaussian_xor", "load_pima", "pima_path", "xor"]

_PIMA_FILE = "pima-indians-diabetes.csv"
_PIMA_URL = f"https://raw.githubusercontent.com/jbrownlee/Datasets/master/{_PIMA_FILE}"
_PIMA_SHA256 = "6bfe5d0f379d17a0e0819b996407e3c09bf80febd4287f2ed212190dfff154af"

Float32 = NDArray[np.float32]


def xor() -> tuple[Float32, Float32]:
    """Return the truth table of exclusive or.

    Returns:
        ``(x, y)``: inputs of shape (4, 2) and targets of shape (4, 1), float32.

    Example:
        >>> x, y = xor()
        >>> np.hstack([x, y])
        array([[0., 0., 0.],
               [0., 1., 1.],
               [1., 0., 1.],
               [1., 1., 0.]], dtype=float32)
    """
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[0], [1], [1], [0]], np.float32)
    return x, y


def gaussian_xor(n: int, seed: int | None = None) -> tuple[Float32, Float32]:
    """Return normal points of the plane, told apart by the sign of x0 * x1.

    Args:
        n: Number of points.
        seed: Of NumPy's default generator; None takes fresh entropy.

    Returns:
        ``(x, y)``: points of shape (n, 2), each coordinate standard normal, and one-hot
        targets ``[x0 * x1 > 0, x0 * x1 <= 0]`` of shape (n, 2), float32.

    Raises:
        ValueError: If ``n`` is negative.

    Example:
        >>> x, y = gaussian_xor(1000, seed=0)
        >>> bool((y[:, 0] == (x[:, 0] * x[:, 1] > 0)).all())
        True
    """
    if n < 0:
        raise ValueError(f"`n` must not be negative. Received: n={n}")
    x = np.random.default_rng(seed).standard_normal((n, 2), np.float32)
    same_sign = x[:, 0] * x[:, 1] > 0
    return x, np.stack([same_sign, ~same_sign], axis=1).astype(np.float32)


def load_pima() -> tuple[Float32, Float32]:
    """Return the Pima Indians Diabetes table.

    768 women aged 21 and over; 268 of them tested positive for diabetes. Source:
    National Institute of Diabetes and Digestive and Kidney Diseases, 1990. Zeros in
    glucose, pressure, skin fold, insulin and body mass index stand for missing values.

    Returns:
        ``(x, y)``: float32 arrays of shape (768, 8) and (768,). Columns of x:
        pregnancies, plasma glucose, diastolic blood pressure (mm Hg), skin fold (mm),
        serum insulin (mu U/ml), body mass index (kg/m2), diabetes pedigree function,
        age (years). y is 1 for a positive test.

    Raises:
        ModuleNotFoundError: If the file has to be downloaded and pooch is missing.
        OSError: If the download fails; the message says where to put the file.
        ValueError: If a file is there that is not this table.

    Example:
        >>> x, y = load_pima()  # doctest: +SKIP
        >>> x.shape, int(y.sum())  # doctest: +SKIP
        ((768, 8), 268)
    """
    table = np.loadtxt(pima_path(), delimiter=",", dtype=np.float32)
    return np.ascontiguousarray(table[:, :8]), np.ascontiguousarray(table[:, 8])


def pima_path() -> Path:
    """Return the path of the Pima table, a CSV file without a header.

    Nine columns: the eight of `load_pima`, then the class. The file is looked for in
    the folder ``NNCORE_DATA_DIR``, then in the user's cache
    (``$XDG_CACHE_HOME/nncore``, usually ``~/.cache/nncore``), then downloaded there.

    Returns:
        Path of an existing file with the right checksum.

    Raises:
        ModuleNotFoundError: If the file has to be downloaded and pooch is missing.
        OSError: If the download fails; the message says where to put the file.
        ValueError: If a file is there that is not this table.
    """
    for folder in (os.environ.get("NNCORE_DATA_DIR"), _cache()):
        if folder and (path := Path(folder) / _PIMA_FILE).is_file():
            _check_sum(path)
            return path
    return _download()


def _cache() -> Path:
    home = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    base = os.environ.get("XDG_CACHE_HOME") or home
    return Path(base).expanduser() / "nncore"


def _check_sum(path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != _PIMA_SHA256:
        raise ValueError(
            f"{path} must be the Pima table with sha256 {_PIMA_SHA256}. "
            f"Received: a file with sha256 {found}; remove it, and get {_PIMA_URL}"
        )


def _download() -> Path:
    folder = _cache()
    by_hand = f"download {_PIMA_URL} by hand and put it into the folder {folder}"
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"Downloading the Pima table needs pooch: pip install pooch. Or {by_hand}",
            name="pooch",
        ) from error
    try:
        path: Any = pooch.retrieve(
            _PIMA_URL,
            known_hash=f"sha256:{_PIMA_SHA256}",
            fname=_PIMA_FILE,
            path=folder,
        )
    except Exception as error:  # pooch passes on whatever its transport raises
        raise OSError(
            f"Could not download {_PIMA_URL}: {error}. When the network is back try "
            f"again, or {by_hand}"
        ) from error
    return Path(path)
