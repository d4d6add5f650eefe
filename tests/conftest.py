"""What several test files share: seeded random numbers, the Pima rows, ISAs and dtypes.

The tests import the installed package: start them as `pytest`, not `python -m pytest`,
which would put the source folder first.
"""

from __future__ import annotations

import os
import textwrap
import warnings
from types import ModuleType

import numpy as np
import pytest

from .helpers import DTYPES, ISAS


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts the same in every test."""
    return np.random.default_rng(20)


@pytest.fixture(params=DTYPES)
def dtype(request: pytest.FixtureRequest) -> str:
    """Each dtype that the core is compiled for."""
    return request.param


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest) -> str:
    """Each instruction set that is built in and that this CPU has."""
    return request.param


@pytest.fixture(scope="session")
def keras(request: pytest.FixtureRequest) -> ModuleType:
    """An installed Keras on JAX, for tests that `-m keras` has asked for.

    XLA compiles every training step of every case once and runs it some dozen times:
    it is told not to optimize what it compiles.
    """
    if "keras" not in request.config.getoption("markexpr"):
        pytest.skip("compares with an installed Keras: run with -m keras")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("jax", reason="needs pip install keras jax")
        return pytest.importorskip("keras", reason="needs pip install keras jax")


@pytest.fixture(scope="session")
def pima() -> tuple[np.ndarray, np.ndarray]:
    """The Pima rows: X (768, 8) and y (768,).

    Without the file and without network the test is skipped; where NNCORE_DATA_DIR
    promises the file, it fails instead.
    """
    from nncore.datasets import load_pima

    try:
        x, y = load_pima()
    except (ImportError, OSError) as error:
        if os.environ.get("NNCORE_DATA_DIR"):
            raise
        reason = textwrap.shorten(str(error), 120)
        pytest.skip(f"the Pima data are not to be had here: {reason}")
    return np.asarray(x), np.asarray(y)
