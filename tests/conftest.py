"""What several test files share: seeded random numbers, the Pima rows, ISAs and dtypes.

The tests import the installed package: start them as `pytest`, not `python -m pytest`,
which would put the source folder first.
"""

from __future__ import annotations

import os
import textwrap

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
