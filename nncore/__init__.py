"""Dense neural networks on the CPU: C kernels behind Keras's words.

This file holds the public names. Start at `nncore.Sequential`; the arithmetic can be
read in `nncore.reference`.
"""

from __future__ import annotations

import typing as _typing
from importlib import import_module as _import_module

try:
    from ._core import build_info as _build_info  # noqa: F401 (only whether it is there)
except ModuleNotFoundError as error:
    if error.name != "nncore._core":
        raise
    raise ImportError(
        f"The compiled core is missing in {__path__[0]}, which is the source folder. "
        "Build it there with `pip install -e .`, or start Python in another folder to "
        "get the nncore that is installed."
    ) from None

from . import _stand_in as _stand_in
from . import (
    activations,
    backend,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    saving,
    utils,
)
from ._advice import TrainingWarning
from ._config import get_num_threads, set_num_threads, show_config
from ._version import __version__
from .initializers import Initializer
from .layers import Input, Layer
from .losses import Loss
from .metrics import Metric
from .models import Sequential
from .optimizers import Optimizer
from .regularizers import Regularizer
from .saving import load_model

if _typing.TYPE_CHECKING:
    from . import data as data
    from . import datasets as datasets
    from . import ops as ops
    from . import plot as plot
    from . import reference as reference
    from . import tabular as tabular
    from . import wrappers as wrappers

# Loaded when first used: what a training does not need would slow the import down.
_LATER = ("data", "datasets", "ops", "plot", "reference", "tabular", "wrappers")


_stand_in.allow_old_names()


def __getattr__(name: str) -> _typing.Any:
    if name in _LATER or name in _stand_in.OLD_NAMES:
        return _import_module(f"nncore.{name}")
    raise AttributeError(f"module 'nncore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


def selftest() -> bool:
    """Check the compiled core against the NumPy reference on this machine.

    Prints, for every instruction set that this CPU has and both dtypes, how far each
    quantity of a training is from `nncore.reference`, as a fraction of its bound. Takes
    a few seconds.

    Returns:
        Whether every difference is within its bound.

    Examples:
        >>> import nncore
        >>> nncore.selftest()  # doctest: +SKIP
        True
    """
    from ._selftest import selftest as run

    return run()


__all__ = [  # noqa: RUF022 (sorted as people read, not by case)
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "constraints",
    "get_num_threads",
    "Initializer",
    "initializers",
    "Input",
    "Layer",
    "layers",
    "load_model",
    "Loss",
    "losses",
    "Metric",
    "metrics",
    "models",
    "Optimizer",
    "optimizers",
    "Regularizer",
    "regularizers",
    "saving",
    "selftest",
    "Sequential",
    "set_num_threads",
    "show_config",
    "TrainingWarning",
    "utils",
]
