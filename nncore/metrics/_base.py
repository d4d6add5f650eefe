"""What all metrics share: a name, a running state, a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import _checks, _lookup, losses

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Metric(_lookup.Described):
    """Base of all metrics; only those of this module are available.

    Args:
        name: What the metric is called in logs; its own name if None.
        dtype: Accepted as in Keras; evaluation runs in float64.
    """

    _arguments: ClassVar[tuple[str, ...]] = ("name", "dtype")
    _kind: ClassVar[str] = ""
    _own_name: ClassVar[str] = ""
    _total: float = 0.0
    _count: float = 0.0

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        """See the class."""
        if not self._kind:
            raise ValueError(
                "A metric must be one of nncore.metrics: the arithmetic runs in C, so "
                f"metrics written in Python are not available. Received: {type(self)}"
            )
        self.name = self._own_name or self._kind
        if name is not None:
            self.name = _checks.text("name", name)
        self.dtype = None if dtype is None else _checks.float_dtype("dtype", dtype)

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Add a batch to the running mean.

        Args:
            y_true: Targets, shaped like `y_pred`; (rows,) serves (rows, 1). Sparse
                metrics take labels of shape (rows,) or (rows, 1).
            y_pred: Predictions, (rows, columns).
            sample_weight: One number per row, or None.

        Raises:
            ValueError: Shapes do not fit, or a label is out of range.
        """
        rows = self._rows(y_true, y_pred)
        weights = np.ones(rows.shape)
        if sample_weight is not None:
            given = np.asarray(sample_weight, dtype=np.float64)
            if given.shape == (*rows.shape, 1):
                given = given[..., 0]
            if given.shape not in ((), rows.shape):
                raise ValueError(
                    f"`sample_weight` must have one number per row, shape {rows.shape}."
                    f" Received: shape {given.shape}"
                )
            weights = weights * given
        self._total += float((rows * weights).sum())
        self._count += float(weights.sum())

    def result(self) -> float:
        """Return the mean over all rows since `reset_state`, 0.0 if there are none."""
        return self._total / self._count if self._count else 0.0

    def reset_state(self) -> None:
        """Begin the running mean anew."""
        self._total = self._count = 0.0

    def __call__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Add a batch with `update_state` and return `result`."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        from .. import reference

        sparse = self._kind.startswith("sparse")
        t, p = losses._fit_shapes(y_true, y_pred, labels=sparse)
        if p.ndim == 1:
            t, p = t[:, np.newaxis], p[:, np.newaxis]
        rows = reference.metric_value(
            self._spec(), t.reshape(-1, t.shape[-1]), p.reshape(-1, p.shape[-1])
        )
        return rows.reshape(p.shape[:-1])

    def _resolve(self, target_columns: int, n_out: int, sparse: bool) -> Metric:
        """Return the metric that this one is for targets and outputs so shaped."""
        return self

    def _spec(self) -> dict[str, Any]:
        return {"kind": self._kind, "loss": None, "threshold": 0.5, "weighted": False}
