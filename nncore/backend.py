"""What holds for the whole process: default dtype, epsilon, automatic names.

The functions of arrays that Keras 1 and 2 have here are found too: see `nncore.ops`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _checks, _lookup

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_EPSILON = 1e-7
_floatx = "float32"
_image_data_format = "channels_last"


def __getattr__(name: str) -> Any:
    """A function of arrays, of `nncore.ops`."""
    if not name.startswith("_"):
        from . import ops

        found = getattr(ops, name, None)
        if callable(found):
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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


def set_epsilon(value: float) -> None:
    """Accept `epsilon()` as it is; for scripts that set what holds anyway.

    Args:
        value: 1e-7.

    Raises:
        ValueError: `value` is another number.

    Examples:
        >>> import nncore
        >>> nncore.backend.set_epsilon(1e-7)
    """
    if _checks.real("value", value) != _EPSILON:
        raise ValueError(
            f"`value` must be {_EPSILON}, which is fixed in the losses' formulas; "
            f"optimizers take an epsilon of their own. Received: value={value}"
        )


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


def cast_to_floatx(x: ArrayLike) -> NDArray[Any]:
    """Return `x` as an array of the dtype `floatx()`.

    Args:
        x: Numbers.

    Examples:
        >>> import nncore
        >>> nncore.backend.cast_to_floatx([1, 2])
        array([1., 2.], dtype=float32)
    """
    return np.asarray(x, _floatx)


def backend() -> str:
    """Return "numpy": what goes in and comes out are NumPy's arrays.

    Examples:
        >>> import nncore
        >>> nncore.backend.backend()
        'numpy'
    """
    return "numpy"


def image_data_format() -> str:
    """Return "channels_last" unless another was set; there are no images here.

    Examples:
        >>> import nncore
        >>> nncore.backend.image_data_format()
        'channels_last'
    """
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set what `image_data_format` returns; nothing follows from it.

    Args:
        data_format: "channels_last" or "channels_first"; "tf" and "th" in Keras 1.

    Raises:
        ValueError: `data_format` is none of these.

    Examples:
        >>> import nncore
        >>> nncore.backend.set_image_data_format("channels_last")
    """
    global _image_data_format
    known = {"tf": "channels_last", "th": "channels_first"}
    known |= {name: name for name in known.values()}
    if data_format not in known:
        raise ValueError(
            "`data_format` must be 'channels_last' or 'channels_first'. "
            f"{_checks.received('data_format', data_format)}"
        )
    _image_data_format = known[data_format]


def get_value(x: Any) -> Any:
    """Return a number or an array as NumPy has it.

    Args:
        x: Such as `optimizer.learning_rate`, or one of a model's `weights`.

    Examples:
        >>> import nncore
        >>> nncore.backend.get_value(nncore.optimizers.SGD(0.5).learning_rate)
        0.5
    """
    value = np.asarray(x)
    return value if value.ndim else value.item()


def set_value(x: Any, value: Any) -> None:
    """Set an optimizer's learning rate, given as the optimizer shows it.

    Args:
        x: `optimizer.learning_rate`, or under its old name `optimizer.lr`.
        value: The new learning rate.

    Raises:
        TypeError: `x` is something else: weights are set by `set_weights`.

    Examples:
        >>> import nncore
        >>> sgd = nncore.optimizers.SGD(0.5)
        >>> nncore.backend.set_value(sgd.lr, 0.25)
        >>> sgd.learning_rate
        0.25
    """
    assign = getattr(x, "assign", None)
    if assign is None:
        raise TypeError(
            "`x` must be the learning rate of an optimizer, such as "
            "model.optimizer.learning_rate; the weights of a layer or a model are set "
            f"by its set_weights. Received: x of type {type(x).__name__}"
        )
    assign(value)


def clear_session(free_memory: bool = True) -> None:
    """Begin the automatic names of layers and models anew: "dense", "dense_1", ...

    Nothing else needs clearing: a model that nobody refers to frees its memory.

    Args:
        free_memory: Accepted for Keras's sake; no effect.

    Examples:
        >>> import nncore
        >>> nncore.backend.clear_session()
        >>> nncore.layers.Dense(1).name, nncore.layers.Dense(1).name
        ('dense', 'dense_1')
    """
    _lookup.forget_names()
