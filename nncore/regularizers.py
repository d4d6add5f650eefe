"""Regularizers: penalties on the size of weights, added to the loss.

The penalty l1 sum|w| + l2 sum w^2 of every trainable weight that has a regularizer is
part of the loss that `fit` and `evaluate` show, and its gradient
l1 sign(w) + 2 l2 w is part of each update.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _checks, _lookup
from ._legacy import accepts_old_words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Regularizer(_lookup.Described):
    """Base of all regularizers; only those of this module are available.

    Attributes:
        l1: Factor of the sum of absolute values.
        l2: Factor of the sum of squares.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __call__(self, x: ArrayLike) -> float:
        """Return the penalty of the weights x, computed in float64."""
        w = np.asarray(x, dtype=np.float64)
        return float(self.l1 * np.abs(w).sum() + self.l2 * np.square(w).sum())


class L1(Regularizer):
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


class L2(Regularizer):
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


class L1L2(Regularizer):
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


l1 = L1
l2 = L2
l1_l2 = L1L2

_NAMES: dict[str, Callable[[], Regularizer]] = {"l1": L1, "l2": L2, "l1_l2": L1L2}
_TABLE: dict[str, Callable[[], Regularizer]] = {
    **_NAMES,
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
    "l1l2": L1L2,
}


def get(identifier: Any, argument: str = "regularizer") -> Regularizer | None:
    """Return the regularizer that `identifier` stands for, None for None.

    Args:
        identifier: "l1", "l2", "l1_l2", a class, an instance, what `serialize` gave, or
            None.
        argument: What to call the argument in messages.

    Raises:
        ValueError: `identifier` is something else; a bare number is ambiguous.

    Examples:
        >>> import nncore
        >>> nncore.regularizers.get("l2").l2
        0.01
    """
    if identifier is None:
        return None
    found = _lookup.resolve(
        identifier, argument=argument, base=Regularizer, table=_TABLE, shown=_NAMES
    )
    if not isinstance(found, (L1, L2, L1L2)):
        raise ValueError(
            f"`{argument}` must be L1, L2 or L1L2: others are not available in this "
            f"version. {_checks.received(argument, identifier)}"
        )
    return found


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
