"""Scores of a whole data set: F-scores, R2, from sums over all rows."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import _checks, losses
from ._base import Metric
from ._confusion import divide, spread

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_EPSILON = 1e-7
_AVERAGES = (None, "micro", "macro", "weighted")
_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class _ColumnSums(Metric):
    """Sums over rows, one for each column, of some quantities."""

    _better: ClassVar[str | None] = "max"
    _joins_columns = True
    _remembered: ClassVar[tuple[str, ...]] = ("_sums",)
    _sums: Array | None = None

    def reset_state(self) -> None:
        """Forget what was summed."""
        self._sums = None

    def _add(self, *terms: Array) -> None:
        sums = np.array([term.sum(axis=0) for term in terms])
        if self._sums is not None and self._sums.shape != sums.shape:
            raise ValueError(
                f"Data for metric {self.name!r} must have {self._sums.shape[1]} "
                f"columns, as before. Received: {sums.shape[1]}"
            )
        self._sums = sums if self._sums is None else self._sums + sums

    def _data(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[Array, Array, Array]:
        t, p = losses._fit_shapes(y_true, y_pred, labels=False)
        t, p = (x.reshape(len(x), -1) for x in (t, p))
        return t, p, spread(sample_weight, p.shape)


class FBetaScore(_ColumnSums):
    """(1 + beta^2) P R / (beta^2 P + R + e), P precision, R recall, of each column.

    P = TP / (TP + FP + e), R = TP / (TP + FN + e), e = 1e-7. A prediction is positive
    where it is above the threshold, or, without one, where it is the largest of its
    row (then 0 is never positive).

    Source: van Rijsbergen, "Information retrieval", 1979.

    Args:
        average: "macro": the mean over columns; "weighted": weighted with how many are
            positive in each; "micro": of the counts of all columns together; None: an
            array, one number for each column.
        beta: How much more recall counts than precision, above 0.
        threshold: In (0, 1], or None.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.FBetaScore("macro", beta=2.0, threshold=0.5)
        >>> t = [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
        >>> p = [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
        >>> round(metric(t, p), 4)
        0.709
    """

    _arguments: ClassVar[tuple[str, ...]] = (
        *("average", "beta", "threshold", "name", "dtype"),
    )
    _kind = "fbeta_score"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        if average not in _AVERAGES:
            raise ValueError(
                f"`average` must be one of {', '.join(map(repr, _AVERAGES))}. "
                f"{_checks.received('average', average)}"
            )
        self.average = average
        self.beta = _checks.real("beta", beta, above=0)
        self.threshold = None
        if threshold is not None:
            self.threshold = _checks.real("threshold", threshold, maximum=1, above=0)

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Count a batch.

        Args:
            y_true: Targets 0 and 1, shaped like `y_pred`.
            y_pred: Predictions, (rows, columns).
            sample_weight: One number per row, or None.

        Raises:
            ValueError: Shapes do not fit.
        """
        t, p, weights = self._data(y_true, y_pred, sample_weight)
        if self.threshold is None:
            said = (p >= p.max(axis=-1, keepdims=True)) & (np.abs(p) > 1e-9)
        else:
            given = getattr(y_pred, "dtype", p.dtype)
            said = p > np.asarray(self.threshold, given).astype(np.float64)
        yes = said.astype(np.float64)
        terms = yes * t, yes * (1 - t), (1 - yes) * t, t
        self._add(*(term * weights for term in terms))

    def result(self) -> Any:
        """Return the score, or an array with one for each column."""
        if self._sums is None:
            return 0.0
        sums = self._sums
        if self.average == "micro":
            sums = sums.sum(axis=1)
        tp, fp, fn, positive = sums
        precision, recall = tp / (tp + fp + _EPSILON), tp / (tp + fn + _EPSILON)
        square = self.beta**2
        scores = (1 + square) * (
            precision * recall / (square * precision + recall + _EPSILON)
        )
        if self.average == "weighted":
            return float((scores * positive / (positive.sum() + _EPSILON)).sum())
        if self.average is None:
            return scores
        return float(np.mean(scores))

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        super()._check_shapes(target_columns, n_out, labels)
        if self.average is None and n_out > 1:
            raise ValueError(
                f"`average` of metric {self.name!r} must be 'macro', 'micro' or "
                "'weighted' in `compile`, which shows one number. "
                f"{_checks.received('average', self.average)}"
            )


class F1Score(FBetaScore):
    """`FBetaScore` with beta = 1: the harmonic mean of precision and recall.

    Args:
        average: As in `FBetaScore`.
        threshold: As in `FBetaScore`.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> t, p = [[0], [0], [1], [1]], [[0.1], [0.4], [0.35], [0.8]]
        >>> round(nncore.metrics.F1Score("macro", threshold=0.5)(t, p), 4)
        0.6667
    """

    _arguments = ("average", "threshold", "name", "dtype")
    _kind = "f1_score"

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(average, 1.0, threshold, name, dtype)


class R2Score(_ColumnSums):
    """1 - sum_i w (t - p)^2 / sum_i w (t - mean t)^2 of each column.

    0 where all targets of a column are the same and predictions are not.

    Args:
        class_aggregation: "uniform_average": the mean over columns;
            "variance_weighted_average": weighted with their sums of squares; None: an
            array, one number for each column.
        num_regressors: k, not 0: the adjusted score 1 - (1 - R2) (n - 1) / (n - k - 1)
            of n rows.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]])
        0.5
    """

    _arguments = ("class_aggregation", "num_regressors", "name", "dtype")
    _kind = "r2_score"
    _remembered = ("_sums", "_n", "_shift")

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                "`class_aggregation` must be one of "
                f"{', '.join(map(repr, _AGGREGATIONS))}. "
                f"{_checks.received('class_aggregation', class_aggregation)}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = _checks.integer("num_regressors", num_regressors, 0)
        self._n = 0
        self._shift: Array | None = None

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Add a batch.

        Args:
            y_true: Targets, shaped like `y_pred`.
            y_pred: Predictions, (rows, columns).
            sample_weight: One number per row, or None.

        Raises:
            ValueError: Shapes do not fit.
        """
        t, p, weights = self._data(y_true, y_pred, sample_weight)
        if self._shift is None:
            # Sums of squares cancel less about a number like the targets.
            self._shift = t[:1].copy()
        away = t - self._shift
        error = (t - p) ** 2
        self._add(weights * away, weights * away**2, weights * error, weights)
        self._n += t.size

    def reset_state(self) -> None:
        """Forget what was summed."""
        super().reset_state()
        self._n, self._shift = 0, None

    def result(self) -> Any:
        """Return the score, or an array with one for each column."""
        if self._sums is None:
            return 0.0
        away, squares, error, count = self._sums
        total = squares - away * divide(away, count)
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = 1 - error / total
        scores = np.where(np.isinf(scores), 0.0, scores)
        score: Any = scores
        if self.class_aggregation == "uniform_average":
            score = float(np.mean(scores))
        elif self.class_aggregation is not None:
            score = float(np.sum(total * scores) / np.sum(total))
        return self._adjusted(score)

    def _adjusted(self, score: Any) -> Any:
        n, k = self._n, self.num_regressors
        if k == 0:
            return score
        if n - k - 1 <= 0:
            warnings.warn(
                f"`num_regressors` must be below {n - 1} for an adjusted score of {n} "
                f"values. Received: num_regressors={k}; the score is not adjusted",
                UserWarning,
                stacklevel=3,
            )
            return score
        return 1 - (1 - score) * (n - 1) / (n - k - 1)

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        super()._check_shapes(target_columns, n_out, labels)
        if self.class_aggregation is None and n_out > 1:
            raise ValueError(
                f"`class_aggregation` of metric {self.name!r} must not be None in "
                "`compile`, which shows one number. Received: class_aggregation=None"
            )
