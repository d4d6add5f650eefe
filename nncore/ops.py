"""NumPy's functions under the names that Keras has for them.

For metrics, losses and callbacks of one's own that were written with `keras.ops`, or
with the functions of `keras.backend` in Keras 1 and 2, which finds them here. They take
and return arrays, and know no gradients.

Example:
    >>> import numpy as np
    >>> from nncore import ops
    >>> def rmse(y_true, y_pred):
    ...     return ops.sqrt(ops.mean(ops.square(y_pred - y_true), axis=-1))
    >>> rmse(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    array([1.41421356])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import activations, backend

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

# What NumPy calls the same, but for the names of arguments behind the first.
_NUMPYS = (
    "abs absolute add all amax amin any arange argmax argmin argsort array "
    "average ceil clip concatenate cos count_nonzero cumprod cumsum diag divide "
    "dot equal exp expand_dims expm1 eye flip floor full full_like greater "
    "greater_equal hstack identity isfinite isinf isnan less less_equal linspace "
    "log log1p log2 log10 logaddexp logical_and logical_not logical_or matmul max "
    "maximum mean median min minimum mod multiply nan_to_num ndim negative "
    "not_equal ones ones_like outer power prod ravel reciprocal repeat reshape "
    "round shape sign sin size sort sqrt square squeeze stack std subtract sum "
    "swapaxes take tile transpose true_divide var vstack where zeros zeros_like "
)
_ACTIVATIONS = (
    "elu gelu hard_sigmoid leaky_relu log_softmax relu selu sigmoid silu softmax "
    "softplus softsign tanh "
)


def __getattr__(name: str) -> Any:
    """NumPy's function of a name, or the activation."""
    if name in _NUMPYS.split():
        return getattr(np, name)
    if name in _ACTIVATIONS.split():
        return getattr(activations, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NUMPYS.split(), *_ACTIVATIONS.split()})


def cast(x: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Return `x` with another dtype.

    Args:
        x: Numbers.
        dtype: NumPy's name of it.

    Examples:
        >>> cast([0.0, 1.5], "int32")
        array([0, 1], dtype=int32)
    """
    return np.asarray(x).astype(dtype)


def convert_to_tensor(x: ArrayLike, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return `x` as an array.

    Args:
        x: Numbers.
        dtype: NumPy's name of one; None: the one that `x` has.
    """
    return np.asarray(x, dtype)


convert_to_numpy = eval = convert_to_tensor


def constant(value: ArrayLike, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return numbers as an array of the dtype `floatx()`, unless another is given.

    Args:
        value: Numbers.
        dtype: NumPy's name of one, or None.
    """
    return np.array(value, backend.floatx() if dtype is None else dtype)


variable = constant


def flatten(x: ArrayLike) -> NDArray[Any]:
    """Return all numbers in one row."""
    return np.asarray(x).reshape(-1)


def batch_flatten(x: ArrayLike) -> NDArray[Any]:
    """Return the numbers of each row in one row (n, numbers)."""
    values = np.asarray(x)
    return values.reshape(len(values), -1)


def int_shape(x: ArrayLike) -> tuple[int, ...]:
    """Return the shape."""
    return np.shape(x)


def l2_normalize(x: ArrayLike, axis: int | None = None) -> NDArray[Any]:
    """Return `x` divided by its Euclidean norm along an axis.

    Args:
        x: Numbers.
        axis: The axis; None: all of them.

    Examples:
        >>> l2_normalize([[3.0, 4.0]], axis=-1)
        array([[0.6, 0.8]])
    """
    values = np.asarray(x)
    squares = np.maximum((values * values).sum(axis, keepdims=True), 1e-12)
    result: NDArray[Any] = values / np.sqrt(squares)
    return result


def one_hot(x: ArrayLike, num_classes: int, axis: int = -1) -> NDArray[Any]:
    """Return labels as one-hot rows of the dtype `floatx()`.

    Args:
        x: Labels 0, 1, ...
        num_classes: Number of columns.
        axis: Where the new axis goes.

    Examples:
        >>> one_hot([1, 0], 2)
        array([[0., 1.],
               [1., 0.]], dtype=float32)
    """
    rows = np.asarray(x)[..., np.newaxis] == np.arange(num_classes)
    return np.moveaxis(rows.astype(backend.floatx()), -1, axis)


pow = np.power
switch = np.where
