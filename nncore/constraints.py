"""Constraints: what holds weights after every batch.

A constraint of a trainable weight is applied after each batch of training, also where
an optimizer that accumulates gradients makes no update. The norms are
n = sqrt(sum w^2) along an axis: axis 0 of a kernel (inputs, units) is the weights into
each unit.

Source of the formulas: Keras 3, whose 1e-7 beside n keeps them finite where n is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _checks, _lookup, _own
from ._legacy import accepts_old_words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "maxnorm",
    "min_max_norm",
    "non_neg",
    "nonneg",
    "serialize",
    "unit_norm",
    "unitnorm",
]


class Constraint(_lookup.Described):
    """Base of all constraints.

    One's own derive from it and define `__call__(w)`, which returns what becomes of the
    array w of weights after an update. A plain function serves too. Such a model runs
    in NumPy.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> class Whole(nncore.constraints.Constraint):
        ...     def __call__(self, w):
        ...         return np.round(w)
        >>> nncore.layers.Dense(2, kernel_constraint=Whole()).kernel_constraint
        Whole()
    """

    _kind = ""
    axis: int | tuple[int, ...] = 0

    def __call__(self, w: ArrayLike) -> NDArray[Any]:
        """Return what the constraint makes of the weights w.

        Args:
            w: Numbers of any shape that has the axis.

        Returns:
            An array of the shape of `w`, of its dtype if that is a float, else float64.
        """
        from . import reference

        weights = np.asarray(w)
        dtype = weights.dtype if weights.dtype.kind == "f" else np.float64
        held = reference.constrained(
            weights.astype(np.float64), {**self._words(), "axis": self.axis}
        )
        return held.astype(dtype)

    @property
    def _is_own(self) -> bool:
        return type(self).__call__ is not Constraint.__call__

    def _words(self) -> dict[str, Any]:
        words = {"min_value": 0.0, "max_value": 0.0, "rate": 1.0}
        given = {name: getattr(self, name, value) for name, value in words.items()}
        return {"kind": self._kind, **given}

    def _spec(self, rank: int, argument: str) -> dict[str, Any]:
        """Return what the core is told, for weights of a rank.

        Raises:
            ValueError: The weights lack the axis, or the core cannot go along it.
        """
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        chosen = {axis + rank if axis < 0 else axis for axis in axes}
        words, every = self._words(), set(range(rank))
        if self._kind == "non_neg" or chosen == every:
            return {**words, "axis": 0 if rank == 1 else None}
        if rank == 2 and len(chosen) == 1 and chosen <= every:
            return {**words, "axis": chosen.pop()}
        raise ValueError(
            f"`{argument}` must go along one axis of weights of rank 1 or 2, or along "
            f"all axes; these have rank {rank}. {_checks.received('axis', self.axis)}"
        )


def _axes(axis: Any) -> int | tuple[int, ...]:
    if isinstance(axis, (tuple, list)) and axis:
        return tuple(_checks.integer("axis", value) for value in axis)
    return _checks.integer("axis", axis)


class FunctionConstraint(_own.Function, Constraint):
    """A user's function as a constraint.

    Args:
        function: Called with an array of weights, returns what becomes of it.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """See the class."""
        self.function: Callable[..., Any] = function

    def __call__(self, w: ArrayLike) -> NDArray[Any]:
        """Return the function's value."""
        return np.asarray(self.function(w))


class MaxNorm(Constraint):
    """Norms above a limit are cut to it: w min(n, max_value) / (1e-7 + n).

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", 2014.

    Args:
        max_value: The limit, at least 0.
        axis: Along which axis n is, an integer or a tuple of them.

    Raises:
        ValueError: `max_value` is negative or no finite number, or `axis` no integer.

    Examples:
        >>> import nncore
        >>> nncore.constraints.MaxNorm(1.0)([[3.0, 0.3], [4.0, 0.4]]).round(4)
        array([[0.6, 0.3],
               [0.8, 0.4]])
    """

    _kind = "max_norm"
    _arguments = ("max_value", "axis")

    @accepts_old_words("MaxNorm")
    def __init__(
        self, max_value: float = 2, axis: int | tuple[int, ...] | list[int] = 0
    ) -> None:
        """See the class."""
        self.max_value = _checks.real("max_value", max_value, 0)
        self.axis = _axes(axis)


class NonNeg(Constraint):
    """Weights below 0 become 0.

    Examples:
        >>> import nncore
        >>> nncore.constraints.NonNeg()([-1.0, 2.0])
        array([0., 2.])
    """

    _kind = "non_neg"

    def __init__(self) -> None:
        """See the class."""


class UnitNorm(Constraint):
    """All norms become 1: w / (1e-7 + n).

    Args:
        axis: As in `MaxNorm`.

    Raises:
        ValueError: `axis` is no integer.

    Examples:
        >>> import nncore
        >>> nncore.constraints.UnitNorm()([[3.0, 0.3], [4.0, 0.4]]).round(4)
        array([[0.6, 0.6],
               [0.8, 0.8]])
    """

    _kind = "unit_norm"
    _arguments = ("axis",)

    def __init__(self, axis: int | tuple[int, ...] | list[int] = 0) -> None:
        """See the class."""
        self.axis = _axes(axis)


class MinMaxNorm(Constraint):
    """Norms are moved towards an interval: w (rate m + (1 - rate) n) / (1e-7 + n).

    m is n, but at least `min_value` and at most `max_value`.

    Args:
        min_value: Lower end of the interval, at least 0.
        max_value: Upper end, at least 0.
        rate: Share of the way that is gone with each update, from 0 to 1.
        axis: As in `MaxNorm`.

    Raises:
        ValueError: An argument is none of these.

    Examples:
        >>> import nncore
        >>> nncore.constraints.MinMaxNorm(1.0, 2.0)([[3.0, 0.3], [4.0, 0.4]]).round(4)
        array([[1.2, 0.6],
               [1.6, 0.8]])
    """

    _kind = "min_max_norm"
    _arguments = ("min_value", "max_value", "rate", "axis")

    @accepts_old_words("MinMaxNorm")
    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | tuple[int, ...] | list[int] = 0,
    ) -> None:
        """See the class."""
        self.min_value = _checks.real("min_value", min_value, 0)
        self.max_value = _checks.real("max_value", max_value, 0)
        self.rate = _checks.real("rate", rate, 0, 1)
        self.axis = _axes(axis)


max_norm = maxnorm = MaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm
min_max_norm = MinMaxNorm

_NAMES: dict[str, Callable[..., Constraint]] = {
    "max_norm": MaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
}
_TABLE: dict[str, Callable[..., Constraint]] = {
    **_NAMES,
    **{cls.__name__: cls for cls in (MaxNorm, NonNeg, UnitNorm, MinMaxNorm)},
    "maxnorm": MaxNorm,
    "nonneg": NonNeg,
    "unitnorm": UnitNorm,
}


def get(identifier: Any, argument: str = "constraint") -> Constraint | None:
    """Return the constraint that `identifier` stands for, None for None.

    Args:
        identifier: "max_norm", "non_neg", "unit_norm", "min_max_norm", a class, an
            instance, what `serialize` gave, a function of one's own, see
            `FunctionConstraint`, or None.
        argument: What to call the argument in messages.

    Raises:
        ValueError: `identifier` is something else.

    Examples:
        >>> import nncore
        >>> nncore.constraints.get("max_norm").max_value
        2.0
    """
    identifier = _own.found_function(identifier)
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, (type, Constraint)):
        return FunctionConstraint(identifier)
    found = _lookup.resolve(
        identifier, argument=argument, base=Constraint, table=_TABLE, shown=_NAMES
    )
    if not found._kind and not found._is_own:
        raise ValueError(
            f"`{argument}` must define `__call__(w)`. "
            f"{_checks.received(argument, identifier)}"
        )
    return found


def serialize(constraint: Constraint) -> Any:
    """Return the class name and configuration of a constraint.

    Args:
        constraint: An instance.

    Examples:
        >>> import nncore
        >>> nncore.constraints.serialize(nncore.constraints.UnitNorm())
        {'class_name': 'UnitNorm', 'config': {'axis': 0}}
    """
    return constraint._serialized()


def deserialize(config: Any) -> Constraint | None:
    """Return the constraint that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Examples:
        >>> import nncore
        >>> nncore.constraints.deserialize({"class_name": "NonNeg", "config": {}})
        NonNeg()
    """
    return get(config)
