"""Intersection over union of classes, from one matrix of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .. import _checks
from ._base import Metric
from ._confusion import divide

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class _Overlaps(Metric):
    """Counts of pairs (true class, predicted class)."""

    _better: ClassVar[str | None] = "max"
    _remembered = ("_matrix",)
    num_classes: int
    target_class_ids: list[int] | None = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1

    def _prepare(self, num_classes: int, ignore_class: int | None, axis: int) -> None:
        self.num_classes = _checks.integer("num_classes", num_classes, 1)
        self.ignore_class = (
            None
            if ignore_class is None
            else _checks.integer("ignore_class", ignore_class)
        )
        self.axis = _checks.integer("axis", axis)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._matrix = np.zeros((self.num_classes, self.num_classes))

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Count a batch.

        Args:
            y_true: Classes, any shape, or one-hot along `axis`.
            y_pred: Classes of that shape, or numbers for each class along `axis`.
            sample_weight: One number, or one for each class, or None.

        Raises:
            ValueError: Shapes do not fit.
        """
        t = self._classes(y_true, self.sparse_y_true)
        p = self._classes(y_pred, self.sparse_y_pred)
        if t.size != p.size:
            raise ValueError(
                "`y_true` and `y_pred` must hold as many classes as each other. "
                f"Received: {t.size} and {p.size}"
            )
        t, p = t.ravel(), p.ravel()
        weights = np.ones(t.shape)
        if sample_weight is not None:
            given = np.asarray(sample_weight, dtype=np.float64)
            if given.size not in (1, t.size):
                raise ValueError(
                    f"`sample_weight` must have one number, or {t.size}. "
                    f"Received: shape {given.shape}"
                )
            weights = np.broadcast_to(given.ravel(), t.shape)
        n = self.num_classes
        known = (t >= 0) & (t < n) & (p >= 0) & (p < n)
        if self.ignore_class is not None:
            known &= t != self.ignore_class
        pairs = n * t[known] + p[known]
        counted = np.bincount(pairs, weights[known], n * n)
        self._matrix += counted.reshape(n, n)

    def _classes(self, y: ArrayLike, sparse: bool) -> NDArray[np.int64]:
        values = np.asarray(y)
        if not sparse:
            return np.asarray(values.argmax(axis=self.axis))
        with np.errstate(invalid="ignore"):
            return values.astype(np.int64)

    def result(self) -> float:
        """Return the mean over the classes that were met; 0.0 if none was."""
        both = np.diag(self._matrix)
        either = self._matrix.sum(axis=0) + self._matrix.sum(axis=1) - both
        if self.target_class_ids is not None:
            both, either = both[self.target_class_ids], either[self.target_class_ids]
        met = either > 0
        return float(np.mean(divide(both, either)[met])) if met.any() else 0.0

    @property
    def _is_elementwise(self) -> bool:
        return self.sparse_y_true and self.sparse_y_pred

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        true = 1 if self.sparse_y_true else n_out
        if (self.sparse_y_pred and n_out > 1) or target_columns != true:
            raise ValueError(
                f"Metric {self.name!r} must be given classes, or one-hot rows with "
                "sparse_y_true=False and sparse_y_pred=False. Received: targets of "
                f"{target_columns} columns, an output of {n_out}"
            )


def _ids(target_class_ids: Sequence[int], num_classes: int) -> list[int]:
    ids = list(np.atleast_1d(np.asarray(target_class_ids, dtype=object)))
    if not ids:
        raise ValueError("`target_class_ids` must hold a class. Received: []")
    return [_checks.integer("target_class_ids", i, 0, num_classes - 1) for i in ids]


class IoU(_Overlaps):
    """Mean over classes of intersection / union: TP / (TP + FP + FN) of the class.

    Args:
        num_classes: How many classes there may be.
        target_class_ids: Those to take the mean over.
        name: As in `Metric`.
        dtype: As in `Metric`.
        ignore_class: Elements of this true class do not count; None: none.
        sparse_y_true: Targets are classes, not one-hot.
        sparse_y_pred: Predictions are classes, not numbers for each class.
        axis: Of the classes, where they are not sparse.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.IoU(num_classes=2, target_class_ids=[0])
        >>> round(metric([0, 0, 1, 1], [0, 1, 0, 1]), 4)
        0.3333
    """

    _arguments: ClassVar[tuple[str, ...]] = (
        *("num_classes", "target_class_ids", "name", "dtype", "ignore_class"),
        *("sparse_y_true", "sparse_y_pred", "axis"),
    )
    _kind = "io_u"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self._prepare(num_classes, ignore_class, axis)
        self.target_class_ids = _ids(target_class_ids, num_classes)
        self.sparse_y_true = _checks.boolean("sparse_y_true", sparse_y_true)
        self.sparse_y_pred = _checks.boolean("sparse_y_pred", sparse_y_pred)


class BinaryIoU(_Overlaps):
    """`IoU` of two classes, predictions being 1 from the threshold on.

    Args:
        target_class_ids: Those to take the mean over.
        threshold: In [0, 1].
        name: As in `Metric`.
        dtype: As in `Metric`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.BinaryIoU(threshold=0.3)
        >>> round(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 4)
        0.3333
    """

    _arguments: ClassVar[tuple[str, ...]] = (
        "target_class_ids",
        "threshold",
        "name",
        "dtype",
    )
    _kind = "binary_io_u"

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(name, dtype)
        self._prepare(2, None, -1)
        self.target_class_ids = _ids(target_class_ids, 2)
        self.threshold = _checks.real("threshold", threshold, 0, 1)

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Count a batch; targets 0 and 1, predictions in [0, 1]."""
        p = np.asarray(y_pred)
        limit = np.asarray(self.threshold, p.dtype if p.dtype.kind == "f" else float)
        super().update_state(y_true, (p >= limit).astype(np.int64), sample_weight)

    def _check_shapes(self, target_columns: int, n_out: int, labels: bool) -> None:
        Metric._check_shapes(self, target_columns, n_out, labels)


class MeanIoU(IoU):
    """`IoU` of all classes.

    Args:
        num_classes: How many classes there may be.
        name: As in `Metric`.
        dtype: As in `Metric`.
        ignore_class: As in `IoU`.
        sparse_y_true: As in `IoU`.
        sparse_y_pred: As in `IoU`.
        axis: As in `IoU`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.MeanIoU(num_classes=2)
        >>> round(metric([0, 0, 1, 1], [0, 1, 0, 1]), 4)
        0.3333
    """

    _arguments: ClassVar[tuple[str, ...]] = (
        *("num_classes", "name", "dtype", "ignore_class"),
        *("sparse_y_true", "sparse_y_pred", "axis"),
    )
    _kind = "mean_io_u"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        """See the class."""
        classes = range(_checks.integer("num_classes", num_classes, 1))
        super().__init__(
            *(num_classes, classes, name, dtype, ignore_class),
            *(sparse_y_true, sparse_y_pred, axis),
        )


class OneHotIoU(IoU):
    """`IoU` of one-hot targets.

    Args:
        num_classes: How many classes there are.
        target_class_ids: Those to take the mean over.
        name: As in `Metric`.
        dtype: As in `Metric`.
        ignore_class: As in `IoU`.
        sparse_y_pred: As in `IoU`.
        axis: As in `IoU`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.OneHotIoU(num_classes=3, target_class_ids=[0, 2])
        >>> t = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
        >>> p = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
        >>> round(metric(t, p), 4)
        0.1667
    """

    _arguments: ClassVar[tuple[str, ...]] = (
        *("num_classes", "target_class_ids", "name", "dtype", "ignore_class"),
        *("sparse_y_pred", "axis"),
    )
    _kind = "one_hot_io_u"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        """See the class."""
        super().__init__(
            *(num_classes, target_class_ids, name, dtype, ignore_class),
            *(False, sparse_y_pred, axis),
        )


class OneHotMeanIoU(MeanIoU):
    """`IoU` of one-hot targets and all classes.

    Args:
        num_classes: How many classes there are.
        name: As in `Metric`.
        dtype: As in `Metric`.
        ignore_class: As in `IoU`.
        sparse_y_pred: As in `IoU`.
        axis: As in `IoU`.

    Examples:
        >>> import nncore
        >>> metric = nncore.metrics.OneHotMeanIoU(num_classes=3)
        >>> t = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
        >>> p = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
        >>> round(metric(t, p), 4)
        0.1111
    """

    _arguments: ClassVar[tuple[str, ...]] = (
        *("num_classes", "name", "dtype", "ignore_class", "sparse_y_pred", "axis"),
    )
    _kind = "one_hot_mean_io_u"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        """See the class."""
        super().__init__(
            num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis
        )
