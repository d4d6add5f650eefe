"""Help with arrays: one-hot targets and normalised rows.

Keras 1 and 2 have it in a module of this name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks
from .._legacy import accepts_old_words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["normalize", "probas_to_classes", "to_categorical"]


@accepts_old_words("to_categorical")
def to_categorical(
    x: ArrayLike, num_classes: int | None = None, dtype: DTypeLike = "float64"
) -> NDArray[Any]:
    """Return labels as one-hot rows.

    Args:
        x: Labels 0, 1, ...; integers (or whole floats) of any shape. A last axis of
            size 1 is dropped: (rows, 1) is taken as (rows,).
        num_classes: Number of columns; the largest label + 1 if None.
        dtype: Of the result: float64 as in Keras 3; Keras 2 has float32.

    Returns:
        An array of shape (*labels' shape, num_classes), 1 at each label, 0 elsewhere.

    Raises:
        ValueError: A label is no whole number, negative, or at least `num_classes`.

    Examples:
        >>> import nncore
        >>> nncore.utils.to_categorical([0, 2, 1])
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]])
    """
    given = np.asarray(x)
    if given.dtype.kind not in "biuf" or not (given == np.floor(given)).all():
        raise ValueError(
            f"Labels in `x` must be whole numbers. {_checks.received('x', x)}"
        )
    labels = given.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        if not labels.size:
            raise ValueError("`num_classes` must be given for an empty `x`.")
        classes = int(labels.max()) + 1
    else:
        classes = _checks.integer("num_classes", num_classes, 1)
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ValueError(
            f"Labels in `x` must lie between 0 and {max(classes - 1, 0)}. "
            f"Received: {wrong.flat[0]}"
        )
    one_hot = np.zeros((labels.size, classes), dtype)
    one_hot[np.arange(labels.size), labels.reshape(-1)] = 1
    return one_hot.reshape(*labels.shape, classes)


def normalize(x: ArrayLike, axis: int = -1, order: float = 2) -> NDArray[Any]:
    """Return x divided by its norm along an axis; a norm of 0 counts as 1.

    Args:
        x: Numbers.
        axis: The axis along which the norm is taken.
        order: The norm's order, as in `numpy.linalg.norm`: 2 is the Euclidean norm.

    Returns:
        A floating array shaped like `x`.

    Examples:
        >>> import nncore
        >>> nncore.utils.normalize([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    values = np.atleast_1d(np.asarray(x))
    norm = np.linalg.norm(values, order, axis, keepdims=True)
    result: NDArray[Any] = values / np.where(norm == 0, 1, norm)
    return result


def probas_to_classes(y_pred: ArrayLike) -> NDArray[Any]:
    """Return the class that each row of probabilities names, as Keras 1 did.

    Args:
        y_pred: (n, columns), or (n, 1) with the probability of class 1.

    Returns:
        Column of the largest number (n,), or (n, 1): 1 where it is above 0.5, else 0.

    Examples:
        >>> probas_to_classes([[0.1, 0.9], [0.8, 0.2]])
        array([1, 0])
    """
    p = np.asarray(y_pred)
    if p.ndim > 1 and p.shape[1] > 1:
        classes: NDArray[Any] = p.argmax(axis=1)
        return classes
    return (p > 0.5).astype(np.int64)
