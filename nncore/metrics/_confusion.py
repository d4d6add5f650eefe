"""Metrics that count what is said to be positive, at one threshold or at many.

A prediction is positive where it is greater than the threshold. Counts are sums of
weights in float64: without weights they are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import _checks, losses
from ._base import Metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_EPSILON = 1e-7
_NOT_AMONG_TOP = -1e10

_Thresholds = float | Sequence[float] | None


def divide(a: Any, b: Any) -> Any:
    """A / b, 0 where b is 0."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


class Counts:
    """True and false positives and negatives at each of some thresholds.

    Args:
        thresholds: Numbers in any order.
    """

    def __init__(self, thresholds: Sequence[float]) -> None:
        """Start from nothing."""
        self.thresholds = thresholds
        self.columns: int | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        shape = (len(self.thresholds), *((self.columns,) if self.columns else ()))
        self.tp, self.fp, self.tn, self.fn = (np.zeros(shape) for _ in range(4))

    def by_column(self, columns: int) -> None:
        """Count each column on its own."""
        self.columns = columns
        self.reset()

    def add(self, t: Any, p: Any, weights: Any) -> None:
        """Count elements: whether each is positive, what was said, its weight."""
        if self.columns:
            for j in range(self.columns):
                at = np.s_[:, j]
                self._add(at, t[:, j], p[:, j], weights[:, j])
        else:
            self._add(np.s_[:], t.ravel(), p.ravel(), weights.ravel())

    def _add(self, at: Any, t: Any, p: Any, weights: Any) -> None:
        limits = np.asarray(self.thresholds, dtype=p.dtype)
        order = np.argsort(limits, kind="stable")
        # So many thresholds are below p, the first ones in order.
        below = np.searchsorted(limits[order], p, side="left")
        below[np.isnan(p)] = 0
        n = len(limits)
        for positive, said, not_said in (
            (t, self.tp, self.fn),
            (~t, self.fp, self.tn),
        ):
            counted = np.bincount(below[positive], weights[positive], n + 1)
            above = np.cumsum(counted[::-1])[::-1]
            in_order = np.empty(n)
            in_order[order] = above[1:]
            said[at] += in_order
            not_said[at] += above[0] - in_order


class ThresholdMetric(Metric):
    """Base of the metrics here: brings data to rows and columns of one shape."""

    _better: ClassVar[str | None] = "max"
    class_id: int | None = None
    top_k: int | None = None
    _counts: Counts

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Count a batch.

        Args:
            y_true: Targets 0 and 1, shaped like `y_pred`.
            y_pred: Predictions, (rows, columns) or (rows,).
            sample_weight: One number per row, or per element, or None.

        Raises:
            ValueError: Shapes do not fit.
        """
        t, p, weights = elements(y_true, y_pred, sample_weight)
        if self.top_k is not None:
            p = _top(p, self.top_k)
        if self.class_id is not None:
            _check_class(self.class_id, p.shape[-1])
            part = np.s_[:, self.class_id : self.class_id + 1]
            t, p, weights = t[part], p[part], weights[part]
        self._counts.add(t, p, weights)

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._counts.reset()

    def get_state(self) -> dict[str, Any]:
        """Return what was counted."""
        return {k: v for k, v in vars(self._counts).items() if k != "thresholds"}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_state` gave."""
        vars(self._counts).update(state)

    @property
    def _is_elementwise(self) -> bool:
        return self.class_id is None and self.top_k is None

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        super()._check_shapes(target_columns, n_out, labels)
        if self.class_id is not None:
            _check_class(self.class_id, n_out)


def elements(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.bool_], Any, Array]:
    """Targets as booleans, predictions in their dtype, weights, all (rows, columns)."""
    t, _ = losses._fit_shapes(y_true, y_pred, labels=False)
    p = np.asarray(y_pred)
    if p.dtype.kind != "f":
        p = p.astype(np.float64)
    p = p.reshape(t.shape)
    t, p = (x.reshape(len(x), -1) for x in (t, p))
    return t != 0, p, spread(sample_weight, p.shape)


def spread(sample_weight: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """Weights of every element.

    Raises:
        ValueError: There is not one number, nor one per row or element.
    """
    if sample_weight is None:
        return np.ones(shape)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape == shape[:1]:
        weights = weights.reshape(-1, *(1 for _ in shape[1:]))
    if weights.shape not in ((), (shape[0], 1), shape):
        raise ValueError(
            f"`sample_weight` must have one number per row, shape {shape[:1]}. "
            f"Received: shape {weights.shape}"
        )
    return np.broadcast_to(weights, shape)


def _top(p: Any, k: int) -> Any:
    """The k largest of each row, the first of equal ones; others far below."""
    order = np.argsort(-p, axis=-1, kind="stable")
    out = np.full(p.shape, _NOT_AMONG_TOP, p.dtype)
    best = order[:, :k]
    np.put_along_axis(out, best, np.take_along_axis(p, best, -1), -1)
    return out


def _check_class(class_id: int, columns: int) -> None:
    if class_id >= columns:
        raise ValueError(
            f"`class_id` must be below {columns}, the columns of the predictions. "
            f"{_checks.received('class_id', class_id)}"
        )


def _threshold_list(thresholds: Any, default: float) -> list[float]:
    if thresholds is None:
        return [default]
    many = isinstance(thresholds, (list, tuple, np.ndarray))
    if many and len(thresholds) == 0:
        raise ValueError("`thresholds` must hold a number. Received: thresholds=[]")
    given = thresholds if many else [thresholds]
    return [_checks.real("thresholds", value, 0, 1) for value in given]


class _AtThresholds(ThresholdMetric):
    """One number for each threshold, or one if there is one."""

    def _set_thresholds(self, thresholds: _Thresholds, default: float = 0.5) -> None:
        counted = _threshold_list(thresholds, default)
        # As given, so that what is written down is what was said.
        self.thresholds = (
            None if thresholds is None else counted if len(counted) > 1 else counted[0]
        )
        self._counts = Counts(counted)

    def _values(self) -> Array:
        raise NotImplementedError

    def result(self) -> Any:
        """Return the value, or an array with one for each threshold."""
        values = self._values()
        return float(values[0]) if len(values) == 1 else values.copy()

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        super()._check_shapes(target_columns, n_out, labels)
        if len(self._counts.thresholds) > 1:
            raise ValueError(
                f"`thresholds` of metric {self.name!r} must be one number in `compile`."
                f" {_checks.received('thresholds', self.thresholds)}"
            )


class _Count(_AtThresholds):
    _arguments = ("thresholds", "name", "dtype")
    _which: ClassVar[str]

    def __init__(
        self,
        thresholds: _Thresholds = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self._set_thresholds(thresholds)

    def _values(self) -> Array:
        counted: Array = getattr(self._counts, self._which)
        return counted


class TruePositives(_Count):
    """How many targets of 1 have a prediction above the threshold.

    Args:
        thresholds: A number in [0, 1], 0.5 if None, or a list of them.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.TruePositives()([0, 1, 1], [0.6, 0.7, 0.2])
        1.0
    """

    _kind = "true_positives"
    _which = "tp"


class TrueNegatives(_Count):
    """How many targets of 0 have a prediction that is not above the threshold.

    Args:
        thresholds: A number in [0, 1], 0.5 if None, or a list of them.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.TrueNegatives()([0, 1, 0], [0.4, 0.7, 0.2])
        2.0
    """

    _kind = "true_negatives"
    _which = "tn"


class FalsePositives(_Count):
    """How many targets of 0 have a prediction above the threshold.

    Args:
        thresholds: A number in [0, 1], 0.5 if None, or a list of them.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.FalsePositives()([0, 1, 1], [0.6, 0.7, 0.2])
        1.0
    """

    _kind = "false_positives"
    _which = "fp"
    _better = "min"


class FalseNegatives(_Count):
    """How many targets of 1 have a prediction that is not above the threshold.

    Args:
        thresholds: A number in [0, 1], 0.5 if None, or a list of them.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.FalseNegatives()([0, 1, 1], [0.6, 0.7, 0.2])
        1.0
    """

    _kind = "false_negatives"
    _which = "fn"
    _better = "min"


class _Rate(_AtThresholds):
    _arguments = ("thresholds", "top_k", "class_id", "name", "dtype")

    def __init__(
        self,
        thresholds: _Thresholds = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self.top_k = None if top_k is None else _checks.integer("top_k", top_k, 1)
        self.class_id = (
            None if class_id is None else _checks.integer("class_id", class_id, 0)
        )
        self._set_thresholds(thresholds, 0.5 if top_k is None else _NOT_AMONG_TOP)


class Precision(_Rate):
    """Share of what is said to be positive that is: TP / (TP + FP), 0 if nothing is.

    Args:
        thresholds: A number in [0, 1], or a list of them. None: 0.5, or with `top_k`
            every one of these counts.
        top_k: Only the largest k predictions of a row may be positive.
        class_id: Count this column alone.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.Precision()([0, 1, 1, 1], [1, 0, 1, 1])
        0.6666666666666666
    """

    _kind = "precision"

    def _values(self) -> Array:
        counts = self._counts
        return np.asarray(divide(counts.tp, counts.tp + counts.fp))


class Recall(_Rate):
    """Share of what is positive that is said to be: TP / (TP + FN), 0 if nothing is.

    Args:
        thresholds: A number in [0, 1], or a list of them. None: 0.5, or with `top_k`
            every one of these counts.
        top_k: Only the largest k predictions of a row may be positive.
        class_id: Count this column alone.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.Recall()([0, 1, 1, 1], [1, 0, 1, 1])
        0.6666666666666666
    """

    _kind = "recall"

    def _values(self) -> Array:
        counts = self._counts
        return np.asarray(divide(counts.tp, counts.tp + counts.fn))


def _between(n: int) -> list[float]:
    """N numbers from 0 to 1, evenly."""
    return [i / (n - 1) for i in range(n)]


class _AtBest(ThresholdMetric):
    """The best of one rate where another is at least as asked."""

    def __init__(
        self,
        asked: str,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: str | None,
    ) -> None:
        super().__init__(name, dtype)
        self._least = _checks.real(asked, value, 0, 1)
        setattr(self, asked, self._least)
        n = _checks.integer("num_thresholds", num_thresholds, 1)
        self.num_thresholds = n
        self.class_id = (
            None if class_id is None else _checks.integer("class_id", class_id, 0)
        )
        self._counts = Counts([0.5] if n == 1 else _between(n))

    def _rates(self) -> tuple[Array, Array]:
        """What must be high enough, and what is wanted."""
        raise NotImplementedError

    def result(self) -> float:
        """Return the best; 0.0 if the other is nowhere high enough."""
        enough, wanted = self._rates()
        return float(np.max(wanted[enough >= self._least], initial=0.0))

    def _sensitivity(self) -> Array:
        return np.asarray(divide(self._counts.tp, self._counts.tp + self._counts.fn))

    def _specificity(self) -> Array:
        return np.asarray(divide(self._counts.tn, self._counts.tn + self._counts.fp))

    def _precision(self) -> Array:
        return np.asarray(divide(self._counts.tp, self._counts.tp + self._counts.fp))


class SensitivityAtSpecificity(_AtBest):
    """The best TP / (TP + FN) at a threshold with TN / (TN + FP) as asked or more.

    Args:
        specificity: What is asked, in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1; 0.5 if 1.
        class_id: Count this column alone.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.SensitivityAtSpecificity(0.5)
        >>> metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        0.5
    """

    _arguments = ("specificity", "num_thresholds", "class_id", "name", "dtype")
    _kind = "sensitivity_at_specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        args = (num_thresholds, class_id, name, dtype)
        super().__init__("specificity", specificity, *args)

    def _rates(self) -> tuple[Array, Array]:
        return self._specificity(), self._sensitivity()


class SpecificityAtSensitivity(_AtBest):
    """The best TN / (TN + FP) at a threshold with TP / (TP + FN) as asked or more.

    Args:
        sensitivity: What is asked, in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1; 0.5 if 1.
        class_id: Count this column alone.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.SpecificityAtSensitivity(0.5)
        >>> round(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]), 4)
        0.6667
    """

    _arguments = ("sensitivity", "num_thresholds", "class_id", "name", "dtype")
    _kind = "specificity_at_sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        args = (num_thresholds, class_id, name, dtype)
        super().__init__("sensitivity", sensitivity, *args)

    def _rates(self) -> tuple[Array, Array]:
        return self._sensitivity(), self._specificity()


class PrecisionAtRecall(_AtBest):
    """The best precision at a threshold with a recall as asked or more.

    Args:
        recall: What is asked, in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1; 0.5 if 1.
        class_id: Count this column alone.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.PrecisionAtRecall(0.5)
        >>> metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
        0.5
    """

    _arguments = ("recall", "num_thresholds", "class_id", "name", "dtype")
    _kind = "precision_at_recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__("recall", recall, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Array, Array]:
        return self._sensitivity(), self._precision()


class RecallAtPrecision(_AtBest):
    """The best recall at a threshold with a precision as asked or more.

    Args:
        precision: What is asked, in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1; 0.5 if 1.
        class_id: Count this column alone.
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> nncore.metrics.RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        0.5
    """

    _arguments = ("precision", "num_thresholds", "class_id", "name", "dtype")
    _kind = "recall_at_precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__("precision", precision, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Array, Array]:
        return self._precision(), self._sensitivity()


_CURVES = ("ROC", "PR", "PRGAIN")
_METHODS = ("interpolation", "minoring", "majoring")


class AUC(ThresholdMetric):
    """Area under a curve whose points are one for each threshold.

    ROC: TP / (TP + FN) over FP / (FP + TN). PR: precision over recall, between points
    interpolated as Davis and Goadrich do. PRGAIN: the same of gains in precision and
    recall over a random classifier (Flach and Kull, "Precision-recall-gain curves",
    2015).

    Source: Davis and Goadrich, "The relationship between precision-recall and ROC
    curves", 2006.

    Args:
        num_thresholds: How many, evenly from 0 to 1, both ends moved outwards by 1e-7.
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: "interpolation" (trapezoids), "minoring" or "majoring" (the
            lower or the higher end of each interval).
        name: As in `Metric`.
        dtype: As in `Metric`.
        thresholds: Numbers in [0, 1] to use instead, between the two ends.
        multi_label: An area for each column, then their mean.
        num_labels: Columns, known in advance; only with `multi_label`.
        label_weights: Of the columns: in that mean, or of their elements.
        from_logits: Predictions are logits.

    Examples:
        >>> import nncore
        >>> t, p = [0, 0, 1, 1], [0, 0.5, 0.3, 0.9]
        >>> nncore.metrics.AUC()(t, p)
        0.75
        >>> round(nncore.metrics.AUC(curve="PR")(t, p), 4)
        0.7973
    """

    _arguments = (
        *("num_thresholds", "curve", "summation_method", "name", "dtype"),
        *("thresholds", "multi_label", "num_labels", "label_weights", "from_logits"),
    )
    _kind = "auc"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: str | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self.curve = _word("curve", str(curve).upper(), curve, _CURVES)
        method = str(summation_method).lower()
        self.summation_method = _word(
            "summation_method", method, summation_method, _METHODS
        )
        self.thresholds: list[float] | None = None
        if thresholds is not None:
            inner = sorted(_threshold_list(list(thresholds), 0))
            self.thresholds = inner
            self.num_thresholds = len(inner) + 2
        else:
            n = _checks.integer("num_thresholds", num_thresholds, 2)
            self.num_thresholds = n
            inner = _between(n)[1:-1]
        self.multi_label = _checks.boolean("multi_label", multi_label)
        self.from_logits = _checks.boolean("from_logits", from_logits)
        self.num_labels = None
        self._counts = Counts([-_EPSILON, *inner, 1 + _EPSILON])
        if num_labels is not None:
            if not multi_label:
                raise ValueError(
                    "`num_labels` must be None unless `multi_label` is True. "
                    f"{_checks.received('num_labels', num_labels)}"
                )
            self.num_labels = _checks.integer("num_labels", num_labels, 1)
            self._counts.by_column(self.num_labels)
        self.label_weights: list[float] | None = None
        if label_weights is not None:
            self.label_weights = [
                _checks.real("label_weights", w, 0) for w in label_weights
            ]

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Count a batch; arguments as for the other metrics of this kind."""
        t, p, weights = elements(y_true, y_pred, sample_weight)
        columns = p.shape[1]
        self._check_columns(columns)
        if self.multi_label and self._counts.columns is None:
            self._counts.by_column(columns)
        if self.from_logits:
            p = 0.5 * (1 + np.tanh(0.5 * p))
        if self.label_weights is not None and not self.multi_label:
            weights = weights * np.asarray(self.label_weights)
        # What is out of [0, 1] belongs to its ends.
        self._counts.add(t, np.clip(p, 0, 1), weights)

    def _check_columns(self, columns: int) -> None:
        expected = self._counts.columns
        if self.label_weights is not None:
            expected = len(self.label_weights)
        if expected is not None and columns != expected:
            raise ValueError(
                f"Predictions for metric {self.name!r} must have {expected} columns. "
                f"Received: {columns}"
            )

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        super()._check_shapes(target_columns, n_out, labels)
        self._check_columns(n_out)

    def result(self) -> float:
        """Return the area; 0.0 if nothing was counted."""
        areas = self._areas()
        if not self.multi_label:
            return float(areas)
        if self.label_weights is None:
            return float(np.mean(areas)) if np.ndim(areas) else 0.0
        weights = np.asarray(self.label_weights)
        return float(divide(np.sum(areas * weights), weights.sum()))

    def _areas(self) -> Any:
        counts = self._counts
        tp, fp, tn, fn = counts.tp, counts.fp, counts.tn, counts.fn
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _interpolated_pr(tp, fp, fn)
        if self.curve == "ROC":
            x, y = divide(fp, fp + tn), divide(tp, tp + fn)
        elif self.curve == "PR":
            x, y = divide(tp, tp + fn), divide(tp, tp + fp)
        else:
            ratio = divide(tp + fn, tn + fp)
            x = np.where(tp == 0, 0, np.maximum(1 - ratio * divide(fn, tp), 0))
            y = np.where(tp == 0, 1, 1 - ratio * divide(fp, tp))
        heights = {
            "interpolation": (y[:-1] + y[1:]) / 2,
            "minoring": np.minimum(y[:-1], y[1:]),
            "majoring": np.maximum(y[:-1], y[1:]),
        }[self.summation_method]
        return np.sum((x[:-1] - x[1:]) * heights, axis=0)


def _interpolated_pr(tp: Array, fp: Array, fn: Array) -> Any:
    """Area with TP a straight line of TP + FP between two thresholds."""
    said = tp + fp
    d_tp, d_said = tp[:-1] - tp[1:], said[:-1] - said[1:]
    slope = divide(d_tp, np.maximum(d_said, 0))
    intercept = tp[1:] - slope * said[1:]
    both = (said[:-1] > 0) & (said[1:] > 0)
    ratio = np.where(both, divide(said[:-1], np.maximum(said[1:], 0)), 1.0)
    grown = slope * (d_tp + intercept * np.log(ratio))
    return np.sum(divide(grown, np.maximum(tp[1:] + fn[1:], 0)), axis=0)


def _word(argument: str, value: str, given: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(
            f"`{argument}` must be one of {', '.join(map(repr, known))}. "
            f"{_checks.received(argument, given)}"
        )
    return value
