"""Means over rows of one number per row: accuracies, and every loss as a metric.

Given to `compile`, they are carried out by the compiled core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks, losses
from ._base import Metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def resolve_accuracy(target_columns: int, n_out: int, sparse: bool = False) -> str:
    """Return which accuracy the word "accuracy" means, by shapes, as Keras 3 does.

    Args:
        target_columns: Columns of the targets; 1 if they have rank 1.
        n_out: Columns of the network's output.
        sparse: The loss takes labels rather than one-hot targets.

    Returns:
        "binary_accuracy" for one output, else "sparse_categorical_accuracy" for labels
        and "categorical_accuracy" for one-hot targets. The loss is not asked: a network
        with several sigmoid outputs gets categorical accuracy; name "binary_accuracy"
        to have each output counted.

    Examples:
        >>> import nncore
        >>> nncore.metrics.resolve_accuracy(3, 3)
        'categorical_accuracy'
    """
    if n_out == 1:
        return "binary_accuracy"
    if sparse or target_columns == 1:
        return "sparse_categorical_accuracy"
    return "categorical_accuracy"


class BinaryAccuracy(Metric):
    """Share of the columns where p > threshold agrees with t, targets 0 and 1.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.
        threshold: Predictions above it count as 1; in [0, 1].

    Examples:
        >>> import nncore
        >>> nncore.metrics.BinaryAccuracy()([[0], [1], [1]], [[0.2], [0.4], [0.9]])
        0.6666666666666666
    """

    _arguments = ("name", "dtype", "threshold")
    _kind = "binary_accuracy"
    _better = "max"

    def __init__(
        self,
        name: str | None = None,
        dtype: str | None = None,
        threshold: float = 0.5,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self.threshold = _checks.real("threshold", threshold, 0, 1)

    def _spec(self) -> dict[str, Any]:
        return super()._spec() | {"threshold": self.threshold}


class CategoricalAccuracy(Metric):
    """Share of the rows where the largest p stands where the largest t does.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> accuracy = nncore.metrics.CategoricalAccuracy()
        >>> accuracy([[0, 1], [1, 0]], [[0.3, 0.7], [0.4, 0.6]])
        0.5
    """

    _kind = "categorical_accuracy"
    _joins_columns = True
    _better = "max"


class SparseCategoricalAccuracy(Metric):
    """Share of the rows where the largest p stands at the label's index.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> accuracy = nncore.metrics.SparseCategoricalAccuracy()
        >>> accuracy([1, 0], [[0.3, 0.7], [0.4, 0.6]])
        0.5
    """

    _kind = "sparse_categorical_accuracy"
    _joins_columns = True
    _better = "max"
    _takes_labels = True


class _Accuracy(Metric):
    """The word "accuracy", which becomes one of the three when shapes are known."""

    _kind = "accuracy"
    _better = "max"

    def _resolve(self, target_columns: int, n_out: int, sparse: bool) -> Metric:
        return _ACCURACIES[resolve_accuracy(target_columns, n_out, sparse)](self.name)

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        t, p = np.asarray(y_true), np.asarray(y_pred)
        columns = t.shape[-1] if t.ndim == p.ndim and t.ndim else 1
        n_out = p.shape[-1] if p.ndim > 1 else 1
        return self._resolve(columns, n_out, False)._rows(y_true, y_pred)

    def _serialized(self) -> str | dict[str, Any]:
        return self.name


_ACCURACIES: dict[str, type[Metric]] = {
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
}


class _LossMetric(Metric):
    """A loss shown as a metric."""

    _better = "min"

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self._loss = losses._TABLE[self._kind]()

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        return self._loss._rows(y_true, y_pred)

    def _spec(self) -> dict[str, Any]:
        loss = self._loss._spec()
        return super()._spec() | {"kind": "loss_value", "loss": loss}

    @property
    def _is_elementwise(self) -> bool:
        return self._loss._is_elementwise

    def _target_columns(self, n_out: int) -> int:
        return self._loss._target_columns(n_out)


class MeanSquaredError(_LossMetric):
    """Mean over rows of mean_j (t_j - p_j)^2.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.MeanSquaredError()([[0.0, 1.0]], [[0.0, 3.0]])
        2.0
    """

    _kind = "mean_squared_error"


class MeanAbsoluteError(_LossMetric):
    """Mean over rows of mean_j |t_j - p_j|.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.MeanAbsoluteError()([[0.0, 1.0]], [[0.0, 3.0]])
        1.0
    """

    _kind = "mean_absolute_error"


class LogCoshError(_LossMetric):
    """Mean over rows of mean_j log(cosh(p_j - t_j)).

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> round(nncore.metrics.LogCoshError()([[0.0, 1.0]], [[0.0, 3.0]]), 4)
        0.6625
    """

    _kind = "log_cosh"
    _own_name = "logcosh"


class MeanAbsolutePercentageError(_LossMetric):
    """Mean over rows of 100 mean_j |t_j - p_j| / max(|t_j|, 1e-7).

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]])
        37.5
    """

    _kind = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(_LossMetric):
    """Mean over rows of mean_j (log(1 + t_j) - log(1 + p_j))^2.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> round(nncore.metrics.MeanSquaredLogarithmicError()([[1.0]], [[3.0]]), 4)
        0.4805
    """

    _kind = "mean_squared_logarithmic_error"


class CosineSimilarity(_LossMetric):
    """Mean over rows of the cosine of the angle between t and p: 1 for one direction.

    The loss of this name is the negative.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.
        axis: -1.

    Examples:
        >>> import nncore
        >>> round(nncore.metrics.CosineSimilarity()([[3.0, 4.0]], [[4.0, 3.0]]), 4)
        0.96
    """

    _arguments = ("name", "dtype", "axis")
    _kind = "cosine_similarity"
    _better = "max"
    axis = -1

    def __init__(
        self, name: str | None = None, dtype: str | None = None, axis: int = -1
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        _checks.absent("axis", axis, -1)

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        return -super()._rows(y_true, y_pred)

    def _spec(self) -> dict[str, Any]:
        spec = super()._spec()
        return spec | {"loss": spec["loss"] | {"weight": -1.0}}


class Huber(_LossMetric):
    """The loss `nncore.losses.Huber` as a metric.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.
        delta: Where squares end and lines begin, above 0.

    Examples:
        >>> import nncore
        >>> nncore.metrics.Huber()([[0.0, 1.0]], [[0.5, 3.0]])
        0.8125
    """

    _arguments = ("name", "dtype", "delta")
    _kind = "huber"

    def __init__(
        self, name: str | None = None, dtype: str | None = None, delta: float = 1.0
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self._loss = losses.Huber(delta)
        self.delta = self._loss.delta


class BinaryCrossentropy(_LossMetric):
    """The loss `nncore.losses.BinaryCrossentropy` as a metric.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.
        from_logits: Predictions are logits.
        label_smoothing: In [0, 1].

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.BinaryCrossentropy()
        >>> round(metric([[0], [1]], [[0.3], [0.6]]), 4)
        0.4338
    """

    _arguments = ("name", "dtype", "from_logits", "label_smoothing")
    _kind = "binary_crossentropy"

    def __init__(
        self,
        name: str | None = None,
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self._loss = losses.BinaryCrossentropy(from_logits, label_smoothing)
        self.from_logits = self._loss.from_logits
        self.label_smoothing = self._loss.label_smoothing


class CategoricalCrossentropy(_LossMetric):
    """The loss `nncore.losses.CategoricalCrossentropy` as a metric.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.
        from_logits: Predictions are logits.
        label_smoothing: In [0, 1].
        axis: -1.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.CategoricalCrossentropy()
        >>> round(metric([[0, 1], [1, 0]], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.4338
    """

    _arguments = ("name", "dtype", "from_logits", "label_smoothing", "axis")
    _kind = "categorical_crossentropy"
    axis = -1

    def __init__(
        self,
        name: str | None = None,
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self._loss = losses.CategoricalCrossentropy(from_logits, label_smoothing, axis)
        self.from_logits = self._loss.from_logits
        self.label_smoothing = self._loss.label_smoothing


class SparseCategoricalCrossentropy(_LossMetric):
    """The loss `nncore.losses.SparseCategoricalCrossentropy` as a metric.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.
        from_logits: Predictions are logits.
        ignore_class: Rows with this label have loss 0, but count; None: none.
        axis: -1.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.SparseCategoricalCrossentropy()
        >>> round(metric([1, 0], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.4338
    """

    _arguments = ("name", "dtype", "from_logits", "ignore_class", "axis")
    _kind = "sparse_categorical_crossentropy"
    _takes_labels = True
    axis = -1

    def __init__(
        self,
        name: str | None = None,
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis)
        self._loss = loss
        self.from_logits = loss.from_logits
        self.ignore_class = loss.ignore_class


class Hinge(_LossMetric):
    """Mean over rows of mean_j max(1 - t_j p_j, 0), targets -1 and 1 (or 0 and 1).

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.Hinge()([[-1.0, 1.0]], [[0.5, 0.5]])
        1.0
    """

    _kind = "hinge"


class SquaredHinge(_LossMetric):
    """Mean over rows of mean_j max(1 - t_j p_j, 0)^2, targets -1 and 1 (or 0 and 1).

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]])
        1.25
    """

    _kind = "squared_hinge"


class CategoricalHinge(_LossMetric):
    """Mean over rows of max(neg - pos + 1, 0); see `nncore.losses.CategoricalHinge`.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.75]])
        0.5
    """

    _kind = "categorical_hinge"


class KLDivergence(_LossMetric):
    """Mean over rows of sum_j t_j log(t_j / p_j).

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> round(nncore.metrics.KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
        0.1438
    """

    _kind = "kl_divergence"


class Poisson(_LossMetric):
    """Mean over rows of mean_j (p_j - t_j log(p_j + epsilon)).

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> round(nncore.metrics.Poisson()([[2.0]], [[1.0]]), 4)
        1.0
    """

    _kind = "poisson"


def binary_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5
) -> losses.FloatArray:
    """Share of each row's columns where p > threshold agrees with t.

    Args:
        y_true: Targets 0 and 1, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).
        threshold: Predictions above it count as 1.

    Returns:
        One float64 number per row, (rows,).

    Examples:
        >>> import nncore
        >>> nncore.metrics.binary_accuracy([[0, 1], [1, 1]], [[0.2, 0.4], [0.9, 0.8]])
        array([0.5, 1. ])
    """
    return BinaryAccuracy(threshold=threshold)._rows(y_true, y_pred)


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
    """1 for each row where the largest p stands where the largest t does, else 0.

    Args:
        y_true: Targets, one-hot, shaped like `y_pred`.
        y_pred: Predictions, (rows, classes).

    Returns:
        One float64 number per row, (rows,).

    Examples:
        >>> import nncore
        >>> nncore.metrics.categorical_accuracy([[0, 1]], [[0.3, 0.7]])
        array([1.])
    """
    return CategoricalAccuracy()._rows(y_true, y_pred)


def sparse_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike
) -> losses.FloatArray:
    """1 for each row where the largest p stands at the label's index, else 0.

    Args:
        y_true: Labels, (rows,) or (rows, 1).
        y_pred: Predictions, (rows, classes).

    Returns:
        One float64 number per row, (rows,).

    Examples:
        >>> import nncore
        >>> nncore.metrics.sparse_categorical_accuracy([1], [[0.3, 0.7]])
        array([1.])
    """
    return SparseCategoricalAccuracy()._rows(y_true, y_pred)


class MeanMetricWrapper(Metric):
    """Mean over rows of what a function of targets and predictions gives.

    A loss or metric function of nncore runs in the compiled core, others in NumPy.

    Args:
        fn: Called with (y_true, y_pred), gives one number per row or element.
        name: What the metric is called in logs; the function's name if None.
        dtype: As in `Metric`.
        **kwargs: More arguments of the function.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.MeanMetricWrapper(nncore.losses.tweedie, power=2.0)
        >>> metric.name, round(metric([[1.0]], [[2.0]]), 4)
        ('tweedie', 0.3863)
    """

    _kind = "mean_metric_wrapper"

    def __init__(
        self,
        fn: Any,
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        """See the class."""
        if isinstance(fn, str):
            fn = _functions_by_name().get(fn, fn)
        if not callable(fn):
            raise ValueError(
                "`fn` must be a function, or the name of one of nncore. "
                f"{_checks.received('fn', fn)}"
            )
        super().__init__(name or getattr(fn, "__name__", None), dtype)
        self.fn, self.kwargs = fn, kwargs
        cls = losses._FUNCTIONS.get(fn)
        self._loss = None if cls is None else cls(**kwargs)
        if getattr(self._loss, "axis", -1) is None:
            self._loss = None

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, ready for JSON."""
        config = {"fn": self.fn.__name__, "name": self.name, "dtype": self.dtype}
        return config | self.kwargs

    def __repr__(self) -> str:
        """Return the call that makes this object."""
        words = [f"{word}={value!r}" for word, value in self.kwargs.items()]
        return f"MeanMetricWrapper({', '.join([self.fn.__name__, *words])})"

    @property
    def _streams(self) -> bool:
        return self._loss is None

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        if self._loss is not None:
            return self._loss._rows(y_true, y_pred)
        rows = np.asarray(self.fn(y_true, y_pred, **self.kwargs), dtype=np.float64)
        if rows.ndim == 0:
            return np.full(len(np.atleast_1d(y_pred)), float(rows))
        return rows if rows.ndim < 2 else rows.reshape(len(rows), -1).mean(axis=1)

    def _spec(self) -> dict[str, Any]:
        assert self._loss is not None
        return super()._spec() | {"kind": "loss_value", "loss": self._loss._spec()}

    @property
    def _is_elementwise(self) -> bool:
        return self._loss is None or self._loss._is_elementwise

    def _target_columns(self, n_out: int) -> int:
        return n_out if self._loss is None else self._loss._target_columns(n_out)

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        if self._loss is not None:
            self._loss._target_columns(n_out)
            if self._loss._takes_labels == labels or n_out == 1:
                labels = False
            super()._check_shapes(target_columns, n_out, labels)


def _functions_by_name() -> dict[str, Any]:
    from . import _FUNCTIONS

    found = {f.__name__: f for f in (*losses._FUNCTIONS, *_FUNCTIONS)}
    return found | {"mse": losses.mse, "mae": losses.mae}
