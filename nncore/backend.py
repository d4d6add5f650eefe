"""What holds for the whole process: default dtype, epsilon, automatic names."""

from __future__ import annotations

from . import _checks, _lookup

_EPSILON = 1e-7
_floatx = "float32"


def epsilon() -> float:
    """Return the small number of Keras's formulas, 1e-7.

    Crossentropies keep probabilities within [epsilon, 1 - epsilon], and optimizers
    add it to a root before they divide. It is fixed.

    Examples:
        >>> import nncore
        >>> nncore.backend.epsilon()
        1e-07
    """
    return _EPSILON


def floatx() -> str:
    """Return the dtype of models that name none: "float32" or "float64".

    Examples:
        >>> import nncore
        >>> nncore.backend.floatx()
        'float32'
    """
    return _floatx


def set_floatx(value: str) -> None:
    """Set the dtype of models built from now on that name none.

    Args:
        value: "float32" (what the process starts with) or "float64".

    Raises:
        ValueError: `value` is another dtype.

    Examples:
        >>> import nncore
        >>> nncore.backend.set_floatx("float64")
        >>> nncore.initializers.Ones()((2,)).dtype
        dtype('float64')
        >>> nncore.backend.set_floatx("float32")
    """
    global _floatx
    _floatx = _checks.float_dtype("value", value)


def clear_session() -> None:
    """Begin the automatic names of layers and models anew: "dense", "dense_1", ...

    Nothing else needs clearing: a model that nobody refers to frees its memory.

    Examples:
        >>> import nncore
        >>> nncore.backend.clear_session()
        >>> nncore.layers.Dense(1).name, nncore.layers.Dense(1).name
        ('dense', 'dense_1')
    """
    _lookup.forget_names()
