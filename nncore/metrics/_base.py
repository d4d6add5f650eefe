"""What all metrics share: a name, a running state, a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import _checks, _lookup, _own, losses

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Metric(_lookup.Described):
    """Base of all metrics.

    One's own derive from it and define `update_state(y_true, y_pred,
    sample_weight=None)` on arrays (rows, columns), which counts a batch, `result()`,
    which gives a number, and `reset_state()`. `evaluate` gives them all rows at once.
    A plain function (y_true, y_pred) that gives one number per row, or one for all,
    serves too: its mean over rows is shown.

    Args:
        name: What the metric is called in logs; its own name if None.
        dtype: Accepted as in Keras; evaluation runs in float64.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> class Largest(nncore.metrics.Metric):
        ...     def reset_state(self):
        ...         self.value = 0.0
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.value = max(self.value, np.abs(y_true - y_pred).max())
        ...     def result(self):
        ...         return self.value
        >>> model = nncore.Sequential([nncore.layers.Dense(1, input_dim=1)])
        >>> model.compile("sgd", "mse", metrics=[Largest()])
        >>> model.metrics_names
        ['loss', 'largest']
    """

    _arguments: ClassVar[tuple[str, ...]] = ("name", "dtype")
    _kind: ClassVar[str] = ""
    _own_name: ClassVar[str] = ""
    # Whether "min" or "max" is better; None: it is not known.
    _better: ClassVar[str | None] = None
    # Targets are labels 0, 1, ..., one per row.
    _takes_labels: ClassVar[bool] = False
    # What a row counts is of its columns together, no mean over them.
    _joins_columns: ClassVar[bool] = False
    # What get_state gives of nncore's own.
    _remembered: ClassVar[tuple[str, ...]] = ("_total", "_count")
    _total: float = 0.0
    _count: float = 0.0

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        """See the class."""
        own_name = self._own_name or self._kind
        self.name = own_name or _lookup.snake_case(type(self).__name__)
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

    def get_state(self) -> dict[str, Any]:
        """Return what `BackupAndRestore` is to keep of this metric within an epoch.

        Of one's own metric it is all that was assigned to `self`. Define it, with
        `set_state`, where there is more, or what cannot be written.

        Returns:
            Names and values: None, booleans, numbers, strings, NumPy arrays of floats,
            lists and dictionaries of these.
        """
        if self._is_own:
            return {k: v for k, v in vars(self).items() if k not in self._arguments}
        return {name: getattr(self, name) for name in self._remembered}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_state` gave."""
        for name, value in state.items():
            setattr(self, name, value)

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
        if not self._kind:
            methods = ["update_state", "result", "reset_state"]
            _own.require(self, f"Metric {self.name!r}", methods, Metric)
        from .. import reference

        t, p = losses._fit_shapes(y_true, y_pred, labels=self._takes_labels)
        if p.ndim == 1:
            t, p = t[:, np.newaxis], p[:, np.newaxis]
        rows = reference.metric_value(
            self._spec(), t.reshape(-1, t.shape[-1]), p.reshape(-1, p.shape[-1])
        )
        return rows.reshape(p.shape[:-1])

    @property
    def _is_own(self) -> bool:
        """Whether a user has written it, whole."""
        return not self._kind

    @property
    def _streams(self) -> bool:
        """Whether it is updated in Python, with the outputs that the core leaves."""
        cls = type(self)
        methods = ("update_state", "result", "reset_state")
        return any(getattr(cls, name) is not getattr(Metric, name) for name in methods)

    @property
    def _is_elementwise(self) -> bool:
        """Whether rows of several axes may be flattened without changing the value."""
        return not self._joins_columns

    def _target_columns(self, n_out: int) -> int:
        """Return the columns of targets for an output of n_out columns."""
        return 1 if self._takes_labels else n_out

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        """Look whether the metric fits a network's targets and output.

        Args:
            target_columns: Columns of the targets.
            n_out: Columns of the output.
            labels: Whether targets are labels.

        Raises:
            ValueError: It does not.
        """
        if self._is_own:
            return
        takes = self._target_columns(n_out)
        if takes == target_columns and (labels == self._takes_labels or n_out == 1):
            return
        words = "labels, one per row" if labels else f"targets of {target_columns}"
        wanted = "labels, one per row" if self._takes_labels else f"targets of {takes}"
        raise ValueError(
            f"Metric {self.name!r} must take the same targets as the loss, which takes "
            f"{words}{'' if labels else ' columns'}. Received: a metric that takes "
            f"{wanted}{'' if self._takes_labels else ' columns'}"
        )

    def _resolve(self, target_columns: int, n_out: int, sparse: bool) -> Metric:
        """Return the metric that this one is for targets and outputs so shaped."""
        return self

    def _spec(self) -> dict[str, Any]:
        return {"kind": self._kind, "loss": None, "threshold": 0.5, "weighted": False}
