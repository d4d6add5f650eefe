"""Metrics from what a user has written: plain functions, and losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _own, losses
from ._base import Metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class FunctionMetric(_own.Function, Metric):
    """A user's function as a metric: the mean over rows of what it gives.

    Args:
        function: Called with (y_true, y_pred), gives one number per row, or one number,
            which then counts for every row of the batch.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> def off_by(y_true, y_pred):
        ...     return np.abs(y_true - y_pred).max(axis=-1)
        >>> nncore.metrics.get(off_by)([[0.0], [0.0]], [[1.0], [2.0]])
        1.5
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """See the class."""
        super().__init__(getattr(function, "__name__", type(function).__name__))
        self.function: Callable[..., Any] = function

    @property
    def _is_own(self) -> bool:
        return False

    @property
    def _streams(self) -> bool:
        return True

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        """Take targets of any shape."""

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        t, p = losses._columns(y_true), losses._columns(y_pred)
        values = np.asarray(self.function(t, p), dtype=np.float64)
        if values.ndim and len(values) != len(p):
            raise ValueError(
                f"Metric {self.name!r} must give one number per row, shape "
                f"{(len(p),)}, or one number. Received: shape {values.shape}"
            )
        if values.ndim > 1:
            values = values.reshape(len(p), -1).mean(axis=1)
        return np.broadcast_to(values, (len(p),))


class LossMetric(FunctionMetric):
    """A user's loss as a metric.

    Args:
        loss: The loss.
    """

    _better = "min"

    def __init__(self, loss: losses.Loss) -> None:
        """See the class."""
        super().__init__(loss._own_call)
        self.name, self.loss = loss.name, loss

    def _serialized(self) -> Any:
        return self.loss._serialized()
