"""Regularizers: penalties on the size of weights, added to the loss.

The penalty l1 sum|w| + l2 sum w^2 of every trainable weight that has a regularizer is
part of the loss that `fit` and `evaluate` show, and its gradient
l1 sign(w) + 2 l2 w is part of each update.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _checks, _lookup, _own
from ._legacy import accepts_old_words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Regularizer(_lookup.Described):
    """Base of all regularizers.

    One's own derive from it and define two methods on an array of weights:
    `__call__(x)` gives the penalty, a number, and `gradient(x)` its derivative, shaped
    like x. A plain function with an attribute `gradient` serves too. Such a model runs
    in NumPy.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> class Sharp(nncore.regularizers.Regularizer):
        ...     def __call__(self, x):
        ...         return 0.01 * (x**4).sum()
        ...     def gradient(self, x):
        ...         return 0.04 * x**3
        >>> nncore.layers.Dense(2, kernel_regularizer=Sharp()).kernel_regularizer
        Sharp()
    """

    def __call__(self, x: ArrayLike) -> float:
        """Return the penalty of the weights x."""
        raise NotImplementedError(f"{type(self).__name__} must define `__call__`.")

    @property
    def _is_own(self) -> bool:
        return type(self).__call__ is not _Norms.__call__


class _Norms(Regularizer):
    """Penalty l1 sum|w| + l2 sum w^2: what the core knows."""

    l1: float = 0.0
    l2: float = 0.0

    def __call__(self, x: ArrayLike) -> float:
        """Return the penalty of the weights x, computed in float64."""
        w = np.asarray(x, dtype=np.float64)
        return float(self.l1 * np.abs(w).sum() + self.l2 * np.square(w).sum())


class L1(_Norms):
    """Penalty l1 sum|w|.

    Args:
        l1: Factor, at least 0.

    Raises:
        ValueError: `l1` is negative or no finite number.

    Examples:
        >>> import nncore
        >>> nncore.regularizers.L1(0.5)([1.0, -2.0])
        1.5
    """

    _arguments = ("l1",)

    @accepts_old_words("L1")
    def __init__(self, l1: float = 0.01) -> None:
        """See the class."""
        self.l1 = _checks.real("l1", l1, 0)


class L2(_Norms):
    """Penalty l2 sum w^2, without a factor 1/2.

    Args:
        l2: Factor, at least 0.

    Raises:
        ValueError: `l2` is negative or no finite number.

    Examples:
        >>> import nncore
        >>> nncore.regularizers.L2(0.5)([1.0, -2.0])
        2.5
    """

    _arguments = ("l2",)

    @accepts_old_words("L2")
    def __init__(self, l2: float = 0.01) -> None:
        """See the class."""
        self.l2 = _checks.real("l2", l2, 0)


class L1L2(_Norms):
    """Penalty l1 sum|w| + l2 sum w^2.

    Args:
        l1: Factor, at least 0.
        l2: Factor, at least 0.

    Raises:
        ValueError: A factor is negative or no finite number.

    Examples:
        >>> import nncore
        >>> nncore.regularizers.L1L2(l1=0.5, l2=0.5)([1.0, -2.0])
        4.0
    """

    _arguments = ("l1", "l2")

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        """See the class."""
        self.l1 = _checks.real("l1", l1, 0)
        self.l2 = _checks.real("l2", l2, 0)


class OrthogonalRegularizer(Regularizer):
    """Penalty on rows, or columns, of a matrix that are not at right angles.

    With u_i the rows (or columns) of w, each divided by its length, and n their number:
    factor sum_{i < j} |u_i u_j| / (n (n - 1) / 2). It is computed in NumPy, as is the
    whole model that has it.

    Source: Keras's formula.

    Args:
        factor: At least 0.
        mode: "rows" or "columns".

    Raises:
        ValueError: `factor` is negative or no finite number, `mode` is another word,
            or, when called, the weights are no matrix.

    Examples:
        >>> import nncore
        >>> regularizer = nncore.regularizers.OrthogonalRegularizer(0.5)
        >>> regularizer([[1.0, 0.0], [0.0, 2.0]]), regularizer([[1.0, 0.0], [3.0, 0.0]])
        (0.0, 0.5)
    """

    _arguments = ("factor", "mode")

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        """See the class."""
        self.factor = _checks.real("factor", factor, 0)
        if mode not in ("rows", "columns"):
            raise ValueError(
                f"`mode` must be 'rows' or 'columns'. {_checks.received('mode', mode)}"
            )
        self.mode = mode

    def __call__(self, x: ArrayLike) -> float:
        """Return the penalty of the weights x."""
        _, _, products, share = self._products(x)
        return float(share * np.abs(products).sum())

    def gradient(self, x: ArrayLike) -> NDArray[Any]:
        """Return the derivative of the penalty: of |u_i u_j| by u, and of u by w."""
        u, length, products, share = self._products(x)
        du = 2 * share * np.sign(products) @ u
        dw: NDArray[Any] = (du - (du * u).sum(axis=1, keepdims=True) * u) / length
        return dw if self.mode == "rows" else dw.T

    def _products(
        self, x: ArrayLike
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], float]:
        """Unit vectors, lengths, products of different vectors, a product's share."""
        w = np.asarray(x)
        if w.ndim != 2:
            raise ValueError(
                "Weights with `OrthogonalRegularizer` must have rank 2. "
                f"Received: shape {w.shape}"
            )
        if self.mode == "columns":
            w = w.T
        length = np.sqrt(np.maximum((w * w).sum(axis=1, keepdims=True), 1e-24))
        u = w / length
        n = len(w)
        products = u @ u.T
        np.fill_diagonal(products, 0)
        return u, length, products, self.factor / max(1, n * (n - 1))


class FunctionRegularizer(_own.Function, Regularizer):
    """A user's function as a regularizer.

    Args:
        function: Called with an array of weights, gives the penalty. It must have an
            attribute `gradient`, a function of the weights that gives the derivative.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """See the class."""
        self.function: Callable[..., Any] = function

    def __call__(self, x: ArrayLike) -> float:
        """Return the function's value."""
        return float(self.function(x))

    def gradient(self, x: ArrayLike) -> Any:
        """Return the derivative's value."""
        return self.function.gradient(x)  # type: ignore[attr-defined]


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

_NAMES: dict[str, Callable[[], Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}
_TABLE: dict[str, Callable[[], Regularizer]] = {
    **_NAMES,
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "l1l2": L1L2,
}


def get(identifier: Any, argument: str = "regularizer") -> Regularizer | None:
    """Return the regularizer that `identifier` stands for, None for None.

    Args:
        identifier: "l1", "l2", "l1_l2", a class, an instance, what `serialize` gave, a
            function of one's own, see `FunctionRegularizer`, or None.
        argument: What to call the argument in messages.

    Raises:
        ValueError: `identifier` is something else; a bare number is ambiguous.

    Examples:
        >>> import nncore
        >>> nncore.regularizers.get("l2").l2
        0.01
    """
    identifier = _own.found_function(identifier)
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, (type, Regularizer)):
        return FunctionRegularizer(identifier)
    return _lookup.resolve(
        identifier, argument=argument, base=Regularizer, table=_TABLE, shown=_NAMES
    )


def serialize(regularizer: Regularizer) -> Any:
    """Return the class name and configuration of a regularizer.

    Args:
        regularizer: An instance.

    Examples:
        >>> import nncore
        >>> nncore.regularizers.serialize(nncore.regularizers.L2(0.1))
        {'class_name': 'L2', 'config': {'l2': 0.1}}
    """
    return regularizer._serialized()


def deserialize(config: Any) -> Regularizer | None:
    """Return the regularizer that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Examples:
        >>> import nncore
        >>> nncore.regularizers.deserialize({"class_name": "L2", "config": {"l2": 0.1}})
        L2(l2=0.1)
    """
    return get(config)
