"""Means over rows that NumPy computes: top-k accuracies, correlations, plain means."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import _checks, losses
from ._base import Metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_EPSILON = 1e-7


class _RowMean(Metric):
    """A mean over rows of numbers that `_rows` gives."""

    _better: ClassVar[str | None] = "max"

    @property
    def _streams(self) -> bool:
        return True


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
    """1 where prediction and target are equal, else 0, for every element.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, any shape.

    Returns:
        float64, shaped like `y_pred`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.accuracy([1, 2, 3], [1, 2, 4])
        array([1., 1., 0.])
    """
    t, p = losses._fit_shapes(y_true, y_pred, labels=False)
    return np.asarray(t == p, dtype=np.float64)


class Accuracy(_RowMean):
    """Share of the elements whose prediction equals the target, label for label.

    The word "accuracy" in `compile` means another one, by shapes: see
    `resolve_accuracy`.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
        0.75
    """

    _kind = "accuracy"

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        equal = accuracy(y_true, y_pred)
        return equal if equal.ndim < 2 else equal.reshape(len(equal), -1).mean(axis=1)


def _in_top(labels: Array, p: Array, k: int) -> losses.FloatArray:
    """1 where fewer than k predictions are above the label's, which is finite."""
    own = np.take_along_axis(p, labels.astype(np.int64)[:, np.newaxis], -1)
    finite = np.isfinite(own[:, 0])
    return np.asarray(((p > own).sum(axis=-1) < k) & finite, dtype=np.float64)


def top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5
) -> losses.FloatArray:
    """1 for each row whose class is among the k largest predictions, else 0.

    Args:
        y_true: Targets, one-hot, shaped like `y_pred`.
        y_pred: Predictions, (rows, classes).
        k: A positive integer.

    Returns:
        One float64 number per row, (rows,).

    Examples:
        >>> import nncore
        >>> p = [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]]
        >>> nncore.metrics.top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], p, 1)
        array([0., 1.])
    """
    return TopKCategoricalAccuracy(k)._rows(y_true, y_pred)


def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5
) -> losses.FloatArray:
    """1 for each row whose label is among the k largest predictions, else 0.

    Args:
        y_true: Labels, (rows,) or (rows, 1).
        y_pred: Predictions, (rows, classes).
        k: A positive integer.

    Returns:
        One float64 number per row, (rows,).

    Examples:
        >>> import nncore
        >>> p = [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]]
        >>> nncore.metrics.sparse_top_k_categorical_accuracy([2, 1], p, 2)
        array([1., 1.])
    """
    return SparseTopKCategoricalAccuracy(k)._rows(y_true, y_pred)


class TopKCategoricalAccuracy(_RowMean):
    """Share of the rows whose class is among the k largest predictions.

    Args:
        k: A positive integer.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.TopKCategoricalAccuracy(k=1)
        >>> metric([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
        0.5
    """

    _arguments = ("k", "name", "dtype")
    _kind = "top_k_categorical_accuracy"
    _joins_columns = True

    def __init__(
        self, k: int = 5, name: str | None = None, dtype: str | None = None
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self.k = _checks.integer("k", k, 1)

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        t, p = losses._fit_shapes(y_true, y_pred, labels=False)
        t, p = np.atleast_2d(t), np.atleast_2d(p)
        labels = t.reshape(-1, t.shape[-1]).argmax(axis=-1).astype(np.float64)
        rows = _in_top(labels, p.reshape(-1, p.shape[-1]), self.k)
        return rows.reshape(p.shape[:-1])


class SparseTopKCategoricalAccuracy(_RowMean):
    """Share of the rows whose label is among the k largest predictions.

    Args:
        k: A positive integer.
        name: As in `Metric`.
        dtype: As in `Metric`.
        from_sorted_ids: Predictions are not numbers for each class but classes, the
            most probable first.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.SparseTopKCategoricalAccuracy(k=1)
        >>> metric([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
        0.5
    """

    _arguments = ("k", "name", "dtype", "from_sorted_ids")
    _kind = "sparse_top_k_categorical_accuracy"
    _joins_columns = True
    _takes_labels = True

    def __init__(
        self,
        k: int = 5,
        name: str | None = None,
        dtype: str | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self.k = _checks.integer("k", k, 1)
        self.from_sorted_ids = _checks.boolean("from_sorted_ids", from_sorted_ids)

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        if self.from_sorted_ids:
            ids = np.asarray(y_pred, dtype=np.float64)
            own = np.asarray(y_true, dtype=np.float64).reshape(*ids.shape[:-1], 1)
            found = (ids[..., : self.k] == own).any(axis=-1)
            return np.asarray(found, dtype=np.float64)
        t, p = losses._fit_shapes(y_true, y_pred, labels=True)
        rows = _in_top(t.ravel(), p.reshape(-1, p.shape[-1]), self.k)
        return rows.reshape(p.shape[:-1])


def pearson_correlation(
    y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1
) -> losses.FloatArray:
    """Pearson's correlation of targets and predictions along an axis.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).
        axis: Along which; -1 gives one number per row.

    Returns:
        float64, without the axis; NaN where either does not vary.

    Examples:
        >>> import nncore
        >>> t, p = [[0, 1, 0.5]], [[0.1, 0.9, 0.5]]
        >>> nncore.metrics.pearson_correlation(t, p).round(6)
        array([1.])
    """
    t, p = losses._fit_shapes(y_true, y_pred, labels=False)
    t, p = (x - x.mean(axis=axis, keepdims=True) for x in (t, p))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt((t**2).mean(axis=axis) * (p**2).mean(axis=axis))
        return np.asarray((t * p).mean(axis=axis) / spread)


def concordance_correlation(
    y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1
) -> losses.FloatArray:
    """Concordance correlation coefficient along an axis.

    2 cov(t, p) / (var t + var p + (mean t - mean p)^2 + 1e-7).

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).
        axis: Along which; -1 gives one number per row.

    Returns:
        float64, without the axis.

    Examples:
        >>> import nncore
        >>> t, p = [[0, 1, 0.5]], [[0.1, 0.9, 0.5]]
        >>> nncore.metrics.concordance_correlation(t, p).round(4)
        array([0.9756])
    """
    t, p = losses._fit_shapes(y_true, y_pred, labels=False)
    gap = t.mean(axis=axis) - p.mean(axis=axis)
    t, p = (x - x.mean(axis=axis, keepdims=True) for x in (t, p))
    norm = (t**2).mean(axis=axis) + (p**2).mean(axis=axis) + gap**2
    return np.asarray(2 * (t * p).mean(axis=axis) / (norm + _EPSILON))


class _Correlation(_RowMean):
    _joins_columns = True
    _arguments = ("name", "dtype", "axis")
    _function: ClassVar[Callable[..., losses.FloatArray]]

    def __init__(
        self, name: str | None = None, dtype: str | None = None, axis: int = -1
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self.axis = _checks.integer("axis", axis)

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        return type(self)._function(y_true, y_pred, self.axis)

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        super()._check_shapes(target_columns, n_out, labels)
        if self.axis not in (-1, 1):
            raise ValueError(
                f"`axis` of metric {self.name!r} must be -1 in `compile`: along rows "
                f"it would depend on the batches. {_checks.received('axis', self.axis)}"
            )


class PearsonCorrelation(_Correlation):
    """Mean over rows of Pearson's correlation of a row's targets and predictions.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.
        axis: Along which; -1.

    Examples:
        >>> import nncore
        >>> t, p = [[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]
        >>> round(nncore.metrics.PearsonCorrelation()(t, p), 4)
        0.9967
    """

    _kind = "pearson_correlation"
    _function = staticmethod(pearson_correlation)


class ConcordanceCorrelation(_Correlation):
    """Mean over rows of a row's concordance correlation coefficient.

    Source: Lin, "A concordance correlation coefficient to evaluate reproducibility",
    1989.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.
        axis: Along which; -1.

    Examples:
        >>> import nncore
        >>> t, p = [[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]
        >>> round(nncore.metrics.ConcordanceCorrelation()(t, p), 4)
        0.9816
    """

    _kind = "concordance_correlation"
    _function = staticmethod(concordance_correlation)


class RootMeanSquaredError(_RowMean):
    """Square root of the mean over all elements of (t - p)^2.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.RootMeanSquaredError()([[0.0], [0.0]], [[1.0], [7.0]])
        5.0
    """

    _kind = "root_mean_squared_error"
    _better = "min"

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        t, p = losses._fit_shapes(y_true, y_pred, labels=False)
        square = (t - p) ** 2
        return square if square.ndim < 2 else square.reshape(len(t), -1).mean(axis=1)

    def result(self) -> float:
        """Return the root of the mean over all rows since `reset_state`."""
        return float(np.sqrt(super().result()))


class MeanRelativeError(_RowMean):
    """Mean over all elements of |t - p| / |normalizer|, 0 where that is 0.

    Args:
        normalizer: A number for each column.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.MeanRelativeError([2.0, 4.0])
        >>> metric([[1.0, 3.0]], [[2.0, 5.0]])
        0.5
    """

    _arguments = ("normalizer", "name", "dtype")
    _kind = "mean_relative_error"
    _better = "min"

    def __init__(
        self,
        normalizer: ArrayLike,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        given = np.atleast_1d(np.asarray(normalizer)).ravel()
        self.normalizer = [_checks.real("normalizer", value) for value in given]

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> losses.FloatArray:
        t, p = losses._fit_shapes(y_true, y_pred, labels=False)
        by = np.abs(self.normalizer)
        if t.shape[-1] != len(by):
            raise ValueError(
                f"`y_pred` must have {len(by)} columns, one for each `normalizer`. "
                f"Received: {t.shape[-1]}"
            )
        share = np.divide(np.abs(t - p), by, out=np.zeros(t.shape), where=by != 0)
        return share if share.ndim < 2 else share.reshape(len(t), -1).mean(axis=1)


class _Values(Metric):
    """Of numbers that are given, not of targets and predictions."""

    @property
    def _streams(self) -> bool:
        return True

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        raise ValueError(
            f"Metric {self.name!r} must be used alone: it takes values, not targets "
            f"and predictions. Received: {self!r} in `compile`"
        )

    def _by_row(
        self, values: ArrayLike, sample_weight: ArrayLike | None, reduce: Any
    ) -> tuple[Array, Array]:
        rows: Any = np.atleast_1d(np.asarray(values, dtype=np.float64))
        weights: Any = np.ones(len(rows))
        if sample_weight is not None:
            weights = np.asarray(sample_weight, dtype=np.float64)
            if weights.shape == (len(rows), 1) and rows.ndim < 2:
                weights = weights[:, 0]
            if weights.shape not in ((), rows.shape[:1], rows.shape):
                raise ValueError(
                    "`sample_weight` must have one number per row, shape "
                    f"{rows.shape[:1]}. Received: shape {weights.shape}"
                )
        if weights.ndim < 2:
            rows = reduce(rows.reshape(len(rows), -1), axis=1)
            return rows, np.broadcast_to(weights, rows.shape)
        return rows.ravel(), weights.ravel()


class Mean(_Values):
    """The (weighted) mean of the values given so far.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.Mean()
        >>> metric.update_state([1, 3, 5, 7])
        >>> metric.result()
        4.0
    """

    _kind = "mean"

    def update_state(  # type: ignore[override]
        self, values: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add values.

        Args:
            values: Numbers, (rows,) or (rows, ...), of which each row's mean is taken.
            sample_weight: One number per row, or None.
        """
        rows, weights = self._by_row(values, sample_weight, np.mean)
        self._total += float((rows * weights).sum())
        self._count += float(weights.sum())

    def __call__(  # type: ignore[override]
        self, values: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Add values with `update_state` and return `result`."""
        self.update_state(values, sample_weight)
        return self.result()


class Sum(_Values):
    """The (weighted) sum of the values given so far.

    Args:
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.Sum()
        >>> metric.update_state([1, 3, 5, 7])
        >>> metric.result()
        16.0
    """

    _kind = "sum"

    def update_state(  # type: ignore[override]
        self, values: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add values.

        Args:
            values: Numbers of any shape.
            sample_weight: One number per row, or None.
        """
        rows, weights = self._by_row(values, sample_weight, np.sum)
        self._total += float((rows * weights).sum())

    def result(self) -> float:
        """Return the sum of all values since `reset_state`."""
        return self._total

    def __call__(  # type: ignore[override]
        self, values: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Add values with `update_state` and return `result`."""
        self.update_state(values, sample_weight)
        return self.result()


FUNCTIONS: dict[Callable[..., Any], type[Metric]] = {
    accuracy: Accuracy,
    top_k_categorical_accuracy: TopKCategoricalAccuracy,
    sparse_top_k_categorical_accuracy: SparseTopKCategoricalAccuracy,
    pearson_correlation: PearsonCorrelation,
    concordance_correlation: ConcordanceCorrelation,
}
