"""Losses: what training makes small.

Every loss is a number per row; the loss of a batch is the mean over its rows, each
times its weight if there are weights (the sum is divided by the number of rows, not by
the sum of weights), or what else `reduction` says. t stands for the targets, p for the
predictions, and epsilon is 1e-7.

The functions give one number per row, the classes the mean; both evaluate on arrays
with NumPy through `nncore.reference`, where the formulas stand as code. Given to
`compile` (as a name, a function, a `functools.partial` of one, a class or an instance),
a loss is carried out by the compiled core.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import FunctionType, NoneType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _checks, _lookup, _own, backend

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.floating[Any]]

_EPSILON = 1e-7
_REDUCTION = "sum_over_batch_size"
_REDUCTIONS: dict[str | None, str] = {
    _REDUCTION: _REDUCTION,
    "mean": _REDUCTION,
    "auto": _REDUCTION,
    "sum": "sum",
    "mean_with_sample_weight": "mean_with_sample_weight",
    "none": "none",
    None: "none",
}


class Loss(_lookup.Described):
    """Base of all losses.

    One's own derive from it and define two methods on arrays (rows, columns) of the
    model's dtype: `call(y_true, y_pred)` gives one number per row, and
    `gradient(y_true, y_pred)` its derivative with respect to `y_pred`, shaped like
    that. `y_true` has the columns that `fit` was given, whatever those are. A plain
    function with an attribute `gradient` serves too. Such a model runs in NumPy.

    Args:
        reduction: How the losses l of a batch's rows with weights w become one number:
            "sum_over_batch_size" ("mean" and "auto" are the same) takes sum w l / rows,
            "sum" sum w l, and "mean_with_sample_weight" sum w l / sum w. "none" or None
            leaves w l for each row, which is for calling alone: `compile` refuses it.
            Over an epoch, a mean over rows is reported for the first, and for the
            others that of the batches' losses, each counted as often as it has rows.
        name: Any string; the loss's own name if None.
        dtype: Accepted as in Keras; evaluation runs in float64.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> class FourthPower(nncore.losses.Loss):
        ...     def call(self, y_true, y_pred):
        ...         return ((y_pred - y_true) ** 4).mean(axis=-1)
        ...     def gradient(self, y_true, y_pred):
        ...         return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]
        >>> FourthPower()([[0.0], [0.0]], [[1.0], [2.0]])
        8.5
        >>> model = nncore.Sequential([nncore.layers.Dense(1)])
        >>> model.compile("sgd", FourthPower())
    """

    _arguments: ClassVar[tuple[str, ...]] = ("reduction", "name", "dtype")
    _kind: ClassVar[str] = ""
    _own_name: ClassVar[str | None] = None
    from_logits: bool = False
    # Arguments that the arithmetic needs.
    _parameters: ClassVar[tuple[str, ...]] = ()
    # Targets are labels 0, 1, ..., one per row.
    _takes_labels: ClassVar[bool] = False
    # A row's loss is of its columns together, no mean over them.
    _joins_columns: ClassVar[bool] = False

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        if not isinstance(reduction, (str, NoneType)) or reduction not in _REDUCTIONS:
            raise ValueError(
                f"`reduction` must be one of {', '.join(map(repr, _REDUCTIONS))}. "
                f"{_checks.received('reduction', reduction)}"
            )
        self.reduction = _REDUCTIONS[reduction]
        own_name = self._own_name or self._kind
        self.name = own_name or _lookup.snake_case(type(self).__name__)
        if name is not None:
            self.name = _checks.text("name", name)
        self.dtype = None if dtype is None else _checks.float_dtype("dtype", dtype)

    def __call__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Any:
        """Return the loss of a batch, a float; an array if `reduction` is "none".

        Args:
            y_true: Targets, shaped like `y_pred`; (rows,) serves (rows, 1). Sparse
                losses take labels of shape (rows,) or (rows, 1).
            y_pred: Predictions, (rows, columns).
            sample_weight: One number per row, or None.

        Raises:
            ValueError: Shapes do not fit, or a label is out of range.
        """
        value = self._rows if self._is_own else self.call
        rows = np.asarray(value(y_true, y_pred), dtype=np.float64)
        counts = self._counts(y_true, rows)
        weights = counts
        if sample_weight is not None:
            weights = np.asarray(sample_weight, dtype=np.float64)
            if weights.ndim == rows.ndim + 1 and weights.shape[-1] == 1:
                weights = weights[..., 0]
            if weights.ndim and weights.shape != rows.shape:
                raise ValueError(
                    f"`sample_weight` must have one number per row, shape {rows.shape}."
                    f" Received: shape {weights.shape}"
                )
            weights = weights * counts
        rows = rows * weights
        if self.reduction == "none":
            return rows
        total = float(rows.sum())
        if self.reduction == "sum":
            return total
        is_weighted = self.reduction == "mean_with_sample_weight"
        divisor = float((weights if is_weighted else counts).sum())
        return total / divisor if divisor else 0.0

    def call(self, y_true: ArrayLike, y_pred: ArrayLike) -> Any:
        """Return the loss of each row, an array (rows,).

        Args:
            y_true: As for calling the loss.
            y_pred: As for calling the loss.
        """
        return self._rows(y_true, y_pred)

    def _counts(
        self, y_true: ArrayLike, rows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return 1 for each row that counts, 0 for others."""
        return np.ones(rows.shape)

    @property
    def _is_own(self) -> bool:
        home = type(self).call.__module__.partition(".")[0]
        return not self._kind or home != "nncore"

    @property
    def _is_whole(self) -> bool:
        """Whether a batch has one loss, not each of its rows."""
        return False

    @property
    def _is_elementwise(self) -> bool:
        """Whether rows of several axes may be flattened without changing the loss."""
        return not self._joins_columns and self.reduction != "sum"

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[np.float64]:
        if self._is_own:
            p, t = _columns(y_pred), _columns(y_true)
            rows: NDArray[np.float64] = np.asarray(self._own_call(t, p))
            if rows.shape != p.shape[:-1]:
                raise ValueError(
                    f"Loss {self.name!r} must give one number per row, shape "
                    f"{p.shape[:-1]}. Received: shape {rows.shape}"
                )
            return rows
        from . import reference

        t, p = self._fitted(y_true, y_pred)
        rows = reference.loss_value(
            self._spec(), t.reshape(-1, t.shape[-1]), p.reshape(-1, p.shape[-1])
        )
        return rows.reshape(p.shape[:-1])

    def _own_call(self, y_true: Any, y_pred: Any) -> Any:
        _own.require(self, f"Loss {self.name!r}", ["call(y_true, y_pred)"], Loss)
        return self.call(y_true, y_pred)

    def _fitted(
        self, y_true: ArrayLike, y_pred: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _fit_shapes(y_true, y_pred, labels=self._takes_labels)

    def _target_columns(self, n_out: int) -> int:
        """Return the columns of targets for an output of n_out columns; 0: any.

        Raises:
            ValueError: The loss cannot take such an output.
        """
        if self._is_own:
            return 0
        return 1 if self._takes_labels else n_out

    def _spec(self) -> dict[str, Any]:
        if self._is_own:
            return {"kind": "own", "own": self, "reduction": self.reduction}
        words = ("reduction", *self._parameters)
        return {"kind": self._kind, **{word: getattr(self, word) for word in words}}


class FunctionLoss(_own.Function, Loss):
    """A user's function as a loss.

    Args:
        function: Called with (y_true, y_pred), gives one number per row. To train with
            it, it must have an attribute `gradient`, a function of the same arguments
            that gives the derivative with respect to `y_pred`.

    Examples:
        >>> import numpy as np
        >>> import nncore
        >>> def cubes(y_true, y_pred):
        ...     return (np.abs(y_pred - y_true) ** 3).mean(axis=-1)
        >>> def cubes_gradient(y_true, y_pred):
        ...     e = y_pred - y_true
        ...     return 3 * e * np.abs(e) / e.shape[-1]
        >>> cubes.gradient = cubes_gradient
        >>> nncore.losses.get(cubes)([[0.0]], [[2.0]])
        8.0
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """See the class."""
        name = getattr(function, "__name__", type(function).__name__)
        super().__init__(name=name)
        self.function: Callable[..., Any] = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the function's value."""
        return self.function(y_true, y_pred)

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """Return the derivative's value."""
        return self.function.gradient(y_true, y_pred)  # type: ignore[attr-defined]


def _columns(values: ArrayLike) -> NDArray[Any]:
    """Return an array with a last axis for columns."""
    array = np.asarray(values)
    return array[:, np.newaxis] if array.ndim == 1 else array


def _fit_shapes(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: bool,
    columns: Callable[[int], int] | None = None,
    ignored: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return targets and predictions in float64, shaped (..., columns).

    Args:
        y_true: Targets.
        y_pred: Predictions.
        labels: Whether targets are labels.
        columns: The columns of targets for those of predictions; None: as many.
        ignored: A label that is none of the classes.
    """
    t = np.asarray(y_true, dtype=np.float64)
    p = np.asarray(y_pred, dtype=np.float64)
    message = f"Received: y_true of shape {t.shape}, y_pred of shape {p.shape}"
    if p.ndim == 0:
        raise ValueError(f"`y_pred` must have rank 1 or more. {message}")
    if labels:
        if t.ndim == p.ndim - 1:
            t = t[..., np.newaxis]
        if t.shape != (*p.shape[:-1], 1):
            raise ValueError(f"`y_true` must hold one label per row. {message}")
        whole = np.isfinite(t) & (t == np.floor(t)) & (t >= 0) & (t < p.shape[-1])
        if ignored is not None:
            whole |= t == ignored
        if not whole.all():
            raise ValueError(
                f"Labels in `y_true` must be integers from 0 to {p.shape[-1] - 1}. "
                f"Received: {t[~whole][0]}"
            )
        return t, p
    n = p.shape[-1] if columns is None else columns(p.shape[-1])
    if t.ndim == p.ndim - 1 and n == 1:
        t = t[..., np.newaxis]
    elif p.ndim == t.ndim - 1 and t.shape[-1] == 1:
        p = p[..., np.newaxis]
    if columns is not None and t.shape != (*p.shape[:-1], n):
        raise ValueError(f"`y_true` must have shape {(*p.shape[:-1], n)}. {message}")
    if columns is None and t.shape != p.shape:
        raise ValueError(f"`y_true` must be shaped like `y_pred`. {message}")
    return t, p


def _evaluate(loss: Loss, y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    rows = np.asarray(loss.call(y_true, y_pred))
    dtype = getattr(y_pred, "dtype", None)
    keeps_dtype = isinstance(dtype, np.dtype) and dtype.kind == "f"
    return rows.astype(dtype if keeps_dtype else backend.floatx())


class MeanSquaredError(Loss):
    """Mean over rows of mean_j (t_j - p_j)^2.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.MeanSquaredError()([[0.0, 1.0]], [[0.0, 3.0]])
        2.0
    """

    _kind = "mean_squared_error"


class MeanAbsoluteError(Loss):
    """Mean over rows of mean_j |t_j - p_j|.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.MeanAbsoluteError()([[0.0, 1.0]], [[0.0, 3.0]])
        1.0
    """

    _kind = "mean_absolute_error"


class Huber(Loss):
    """Mean over rows of the Huber loss: squares near 0, straight lines further off.

    With e = t - p: mean_j of e_j^2 / 2 where |e_j| <= delta, delta |e_j| - delta^2 / 2
    elsewhere.

    Source: Huber, "Robust estimation of a location parameter", 1964.

    Args:
        delta: Where squares end and lines begin, above 0.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.Huber()([[0.0, 1.0]], [[0.5, 3.0]])
        0.8125
    """

    _arguments = ("delta", "reduction", "name", "dtype")
    _parameters = ("delta",)
    _kind = "huber"
    _own_name = "huber_loss"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.delta = _checks.real("delta", delta, above=0)


class LogCosh(Loss):
    """Mean over rows of mean_j log(cosh(p_j - t_j)).

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.LogCosh()([[0.0, 1.0]], [[0.0, 3.0]]), 4)
        0.6625
    """

    _kind = "log_cosh"


class _Crossentropy(Loss):
    _arguments = (
        "from_logits",
        "label_smoothing",
        "axis",
        "reduction",
        "name",
        "dtype",
    )
    _parameters = ("from_logits", "label_smoothing")
    axis = -1

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits = _checks.boolean("from_logits", from_logits)
        self.label_smoothing = _checks.real("label_smoothing", label_smoothing, 0, 1)
        _checks.absent("axis", axis, -1)


class BinaryCrossentropy(_Crossentropy):
    """Mean over rows of -mean_j (t_j log p_j + (1 - t_j) log(1 - p_j)).

    p is kept within [epsilon, 1 - epsilon]. Behind a sigmoid layer, `fit` computes the
    same from the layer's input, without that cut. With smoothing s, t (1 - s) + s/2
    takes the place of t.

    Args:
        from_logits: Predictions are logits z, with p = sigmoid(z).
        label_smoothing: s, in [0, 1].
        axis: -1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.BinaryCrossentropy()([[0], [1]], [[0.3], [0.6]]), 4)
        0.4338
    """

    _kind = "binary_crossentropy"


class CategoricalCrossentropy(_Crossentropy):
    """Mean over rows of -sum_j t_j log(p_j / sum_k p_k), targets one-hot.

    The shares are kept within [epsilon, 1 - epsilon]. Behind a softmax layer, `fit`
    computes the same from the layer's input, without that cut. With smoothing s and C
    columns, t (1 - s) + s/C takes the place of t.

    Args:
        from_logits: Predictions are logits z, with p = softmax(z).
        label_smoothing: s, in [0, 1].
        axis: -1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.CategoricalCrossentropy()
        >>> round(loss([[0, 1], [1, 0]], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.4338
    """

    _kind = "categorical_crossentropy"
    _joins_columns = True


class SparseCategoricalCrossentropy(Loss):
    """Categorical crossentropy with a label 0, 1, ... for each row, not one-hot.

    Mean over rows of -log(p_t / sum_k p_k), the share kept within
    [epsilon, 1 - epsilon].

    Args:
        from_logits: Predictions are logits z, with p = softmax(z).
        ignore_class: A label, also one that is no class, such as -1 or 255: rows with
            it do not count, neither in the loss nor in the number of rows. None: none.
        axis: -1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.SparseCategoricalCrossentropy()
        >>> round(loss([1, 0], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.4338
    """

    _arguments = ("from_logits", "ignore_class", "axis", "reduction", "name", "dtype")
    _parameters = ("from_logits", "ignore_class")
    _kind = "sparse_categorical_crossentropy"
    _joins_columns = True
    _takes_labels = True
    axis = -1

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.from_logits = _checks.boolean("from_logits", from_logits)
        self.ignore_class = None
        if ignore_class is not None:
            limit = 2**24  # float32 holds every integer up to here
            self.ignore_class = _checks.integer(
                "ignore_class", ignore_class, -limit, limit
            )
        _checks.absent("axis", axis, -1)

    def _fitted(
        self, y_true: ArrayLike, y_pred: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _fit_shapes(y_true, y_pred, labels=True, ignored=self.ignore_class)

    def _counts(
        self, y_true: ArrayLike, rows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if self.ignore_class is None:
            return super()._counts(y_true, rows)
        labels = np.asarray(y_true, dtype=np.float64).reshape(rows.shape)
        return np.asarray(labels != self.ignore_class, dtype=np.float64)


class Hinge(Loss):
    """Mean over rows of mean_j max(1 - t_j p_j, 0), targets -1 and 1.

    If all targets of a batch are 0 or 1, 0 is taken as -1.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.Hinge()([[-1.0, 1.0]], [[0.5, 0.5]])
        1.0
    """

    _kind = "hinge"


class SquaredHinge(Loss):
    """Mean over rows of mean_j max(1 - t_j p_j, 0)^2, targets -1 and 1.

    If all targets of a batch are 0 or 1, 0 is taken as -1.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]])
        1.25
    """

    _kind = "squared_hinge"


class CategoricalHinge(Loss):
    """Mean over rows of max(neg - pos + 1, 0), targets one-hot.

    pos = sum_j t_j p_j and neg = max_j (1 - t_j) p_j.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.75]])
        0.5
    """

    _kind = "categorical_hinge"
    _joins_columns = True


class KLDivergence(Loss):
    """Mean over rows of sum_j t_j log(t_j / p_j), both kept within [epsilon, 1].

    Source: Kullback and Leibler, "On information and sufficiency", 1951.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
        0.1438
    """

    _kind = "kl_divergence"
    _joins_columns = True


class Poisson(Loss):
    """Mean over rows of mean_j (p_j - t_j log(p_j + epsilon)), for counts.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.Poisson()([[2.0]], [[1.0]]), 4)
        1.0
    """

    _kind = "poisson"


class MeanAbsolutePercentageError(Loss):
    """Mean over rows of 100 mean_j |t_j - p_j| / max(|t_j|, epsilon).

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]])
        37.5
    """

    _kind = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(Loss):
    """Mean over rows of mean_j (log(1 + t_j) - log(1 + p_j))^2.

    t and p are at least epsilon: what is less is taken as epsilon.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.MeanSquaredLogarithmicError()([[1.0]], [[3.0]]), 4)
        0.4805
    """

    _kind = "mean_squared_logarithmic_error"


class CosineSimilarity(Loss):
    """Mean over rows of -sum_j t_j p_j / (|t| |p|): -1 for rows of one direction.

    |x| is sqrt(sum_j x_j^2), but at least epsilon.

    Args:
        axis: -1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.CosineSimilarity()([[3.0, 4.0]], [[6.0, 8.0]]), 4)
        -1.0
    """

    _arguments = ("axis", "reduction", "name", "dtype")
    _kind = "cosine_similarity"
    _joins_columns = True
    axis = -1

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        _checks.absent("axis", axis, -1)


class BinaryFocalCrossentropy(Loss):
    """Binary crossentropy in which what is nearly right counts little.

    Mean over rows of mean_j w_j u_j^gamma b_j, where b is the binary crossentropy of an
    element (p kept within [epsilon, 1 - epsilon]) and u = 1 - t p - (1 - t) (1 - p)
    says how wrong p is. With smoothing s, t (1 - s) + s/2 takes the place of t.

    Source: Lin, Goyal, Girshick, He and Dollar, "Focal loss for dense object
    detection", 2017.

    Args:
        apply_class_balancing: w = t alpha + (1 - t) (1 - alpha); else w = 1.
        alpha: Weight of class 1, in [0, 1].
        gamma: Of at least 0; 0 gives binary crossentropy.
        from_logits: Predictions are logits z, with p = sigmoid(z).
        label_smoothing: s, in [0, 1].
        axis: -1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.BinaryFocalCrossentropy()
        >>> round(loss([[0, 1], [1, 0]], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.0569
    """

    _arguments = (
        *("apply_class_balancing", "alpha", "gamma", "from_logits"),
        *("label_smoothing", "axis", "reduction", "name", "dtype"),
    )
    _parameters = _arguments[:5]
    _kind = "binary_focal_crossentropy"
    axis = -1

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.apply_class_balancing = _checks.boolean(
            "apply_class_balancing", apply_class_balancing
        )
        self.alpha = _checks.real("alpha", alpha, 0, 1)
        self.gamma = _checks.real("gamma", gamma, 0)
        self.from_logits = _checks.boolean("from_logits", from_logits)
        self.label_smoothing = _checks.real("label_smoothing", label_smoothing, 0, 1)
        _checks.absent("axis", axis, -1)


class CategoricalFocalCrossentropy(Loss):
    """Categorical crossentropy in which what is nearly right counts little.

    Mean over rows of -sum_j alpha_j t_j (1 - q_j)^gamma log q_j, where q = p / sum_k
    p_k is kept within [epsilon, 1 - epsilon]. With smoothing s and C columns,
    t (1 - s) + s/C takes the place of t.

    Source: as of `BinaryFocalCrossentropy`.

    Args:
        alpha: One weight of at least 0, or a list with one for each class.
        gamma: Of at least 0; 0 gives crossentropy times alpha.
        from_logits: Predictions are logits z, with p = softmax(z).
        label_smoothing: s, in [0, 1].
        axis: -1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.CategoricalFocalCrossentropy()
        >>> round(loss([[0, 1], [1, 0]], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.0142
    """

    _arguments = (
        *("alpha", "gamma", "from_logits", "label_smoothing", "axis"),
        *("reduction", "name", "dtype"),
    )
    _parameters = ("gamma", "from_logits", "label_smoothing")
    _kind = "categorical_focal_crossentropy"
    _joins_columns = True
    axis = -1

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.alpha: float | list[float]
        if isinstance(alpha, (list, tuple, np.ndarray)) and np.ndim(alpha) == 1:
            self.alpha = [_checks.real("alpha", a, 0) for a in alpha]
        else:
            self.alpha = _checks.real("alpha", alpha, 0)
        self.gamma = _checks.real("gamma", gamma, 0)
        self.from_logits = _checks.boolean("from_logits", from_logits)
        self.label_smoothing = _checks.real("label_smoothing", label_smoothing, 0, 1)
        _checks.absent("axis", axis, -1)

    def _target_columns(self, n_out: int) -> int:
        if isinstance(self.alpha, list) and len(self.alpha) != n_out:
            raise ValueError(
                f"`alpha` must be a number or a list of {n_out}, one for each class. "
                f"{_checks.received('alpha', self.alpha)}"
            )
        return n_out

    def _fitted(
        self, y_true: ArrayLike, y_pred: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        t, p = super()._fitted(y_true, y_pred)
        self._target_columns(p.shape[-1])
        return t, p

    def _spec(self) -> dict[str, Any]:
        word = "list" if isinstance(self.alpha, list) else "alpha"
        return super()._spec() | {word: self.alpha}


class CategoricalGeneralizedCrossEntropy(Loss):
    """Mean over rows of (1 - p_y^q) / q, y the row's label: forgives wrong labels.

    Between crossentropy (q towards 0) and the mean absolute error (q = 1).

    Source: Zhang and Sabuncu, "Generalized cross entropy loss for training deep neural
    networks with noisy labels", 2018.

    Args:
        q: Above 0, at most 1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.CategoricalGeneralizedCrossEntropy()
        >>> round(loss([1, 0], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.3887
    """

    _arguments = ("q", "reduction", "name", "dtype")
    _parameters = ("q",)
    _kind = "categorical_generalized_cross_entropy"
    _joins_columns = True
    _takes_labels = True

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.q = _checks.real("q", q, maximum=1, above=0)


class _Overlap(Loss):
    """Dice and Tversky: of sums along rows, or over all that there is."""

    axis: int | tuple[int, ...] | None

    def __init__(
        self,
        axis: int | Sequence[int] | None,
        reduction: str | None,
        name: str | None,
        dtype: str | None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        if axis is None or isinstance(axis, (int, np.integer)):
            self.axis = None if axis is None else _checks.integer("axis", axis)
        else:
            self.axis = tuple(_checks.integer("axis", a) for a in axis)

    def call(self, y_true: ArrayLike, y_pred: ArrayLike) -> Any:
        """Return the loss of what `axis` leaves; one number if it is None."""
        t, p = self._fitted(y_true, y_pred)
        t, p = np.atleast_2d(t), np.atleast_2d(p)
        both, true, found = ((x.sum(axis=self.axis)) for x in (t * p, t, p))
        return self._of_sums(both, true, found)

    def _of_sums(self, both: Any, true: Any, found: Any) -> Any:
        raise NotImplementedError

    @property
    def _is_whole(self) -> bool:
        return self.axis is None

    @property
    def _is_elementwise(self) -> bool:
        return self._is_whole

    def _spec(self) -> dict[str, Any]:
        if self.axis not in (None, -1, 1, (-1,), (1,)):
            raise ValueError(
                f"`axis` of {type(self).__name__} must be None in `compile`, for one "
                "loss of a whole batch, or -1, for a loss of each row. "
                f"Received: axis={self.axis!r}"
            )
        return super()._spec() | ({"whole": True} if self._is_whole else {})


class Dice(_Overlap):
    """1 - 2 sum t p / (sum t + sum p + epsilon).

    The sums run along `axis`: over the whole batch by default, which then has one loss,
    times the mean of its rows' weights; its value depends on the batch size, and the
    model trains in NumPy, at NumPy's speed. With axis=-1 each row has a loss, and the
    model trains in C.

    Source: Dice, "Measures of the amount of ecologic association between species",
    1945; Milletari, Navab and Ahmadi, "V-Net", 2016.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        axis: An axis, a tuple of axes, or None for all.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.Dice()
        >>> round(loss([[0, 1], [1, 0]], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.35
    """

    _arguments = ("reduction", "name", "axis", "dtype")
    _kind = "dice"

    def __init__(
        self,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        axis: int | Sequence[int] | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(axis, reduction, name, dtype)

    def _of_sums(self, both: Any, true: Any, found: Any) -> Any:
        return 1 - 2 * both / (true + found + _EPSILON)


class Tversky(_Overlap):
    """1 - I / (I + alpha (T - I) + beta (P - I) + epsilon), I, T, P sums of t p, t, p.

    alpha weighs what was missed, beta what was found in vain. The sums run along
    `axis`, as in `Dice`: over the whole batch, or, with axis=-1, along each row.

    Source: Salehi, Erdogmus and Gholipour, "Tversky loss function for image
    segmentation", 2017.

    Args:
        alpha: Of at least 0.
        beta: Of at least 0.
        reduction: As in `Loss`.
        name: As in `Loss`.
        axis: An axis, a tuple of axes, or None for all.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.Tversky()
        >>> round(loss([[0, 1], [1, 0]], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.35
    """

    _arguments = ("alpha", "beta", "reduction", "name", "axis", "dtype")
    _parameters = ("alpha", "beta")
    _kind = "tversky"

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        axis: int | Sequence[int] | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(axis, reduction, name, dtype)
        self.alpha = _checks.real("alpha", alpha, 0)
        self.beta = _checks.real("beta", beta, 0)

    def _of_sums(self, both: Any, true: Any, found: Any) -> Any:
        wrong = self.alpha * (true - both) + self.beta * (found - both)
        return 1 - both / (both + wrong + _EPSILON)


class Quantile(Loss):
    """Mean over rows of mean_j max(q (t - p_j), (q - 1) (t - p_j)): the pinball loss.

    Makes p the quantile q of the targets. For one quantile, outputs and targets have
    the same columns; for k quantiles an output has k columns for each column of the
    targets, side by side: with quantiles [0.1, 0.5, 0.9] and targets of one column, the
    last layer is Dense(3).

    Source: Koenker and Bassett, "Regression quantiles", 1978.

    Args:
        quantiles: A number in (0, 1), or a list of them.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.Quantile(0.9)([[3.0]], [[1.0]]), 4)
        1.8
        >>> loss = nncore.losses.Quantile([0.1, 0.9])
        >>> round(loss([[3.0]], [[1.0, 4.0]]), 4)
        0.15
    """

    _arguments = ("quantiles", "reduction", "name", "dtype")
    _kind = "quantile"

    def __init__(
        self,
        quantiles: float | Sequence[float] = 0.5,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.quantiles: float | list[float]
        if isinstance(quantiles, (list, tuple, np.ndarray)) and len(quantiles):
            self.quantiles = [
                _checks.real("quantiles", q, above=0, below=1) for q in quantiles
            ]
        else:
            self.quantiles = _checks.real("quantiles", quantiles, above=0, below=1)

    def _list(self) -> list[float]:
        return self.quantiles if isinstance(self.quantiles, list) else [self.quantiles]

    def _target_columns(self, n_out: int) -> int:
        k = len(self._list())
        if n_out % k:
            raise ValueError(
                f"The output must have {k} columns for each column of targets, one for "
                f"each of the quantiles. Received: an output of {n_out} columns"
            )
        return n_out // k

    def _fitted(
        self, y_true: ArrayLike, y_pred: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        columns = self._target_columns
        return _fit_shapes(y_true, y_pred, labels=False, columns=columns)

    def _spec(self) -> dict[str, Any]:
        return super()._spec() | {"list": self._list()}


class Tweedie(Loss):
    """Mean over rows of mean_j d(t_j, p_j), the unit deviance of a Tweedie law.

    For targets of at least 0 with many zeros, such as claims or rainfall, and
    predictions above 0, as an exponential or softplus layer gives them; p is kept at
    epsilon or more. With c the power:
    d = 2 (t^(2-c) / ((1-c) (2-c)) - t p^(1-c) / (1-c) + p^(2-c) / (2-c)),
    for c = 1 (Poisson) 2 (t log(t / p) - t + p), for c = 2 (gamma)
    2 (log(p / t) + t / p - 1).

    Source: Jorgensen, "The theory of dispersion models", 1997.

    Args:
        power: c, of at least 1. Between 1 and 2 targets may be 0, from 2 on they must
            be above.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.Tweedie()([[0.0], [4.0]], [[1.0], [1.0]]), 4)
        4.0
    """

    _arguments = ("power", "reduction", "name", "dtype")
    _parameters = ("power",)
    _kind = "tweedie"

    def __init__(
        self,
        power: float = 1.5,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.power = _checks.real("power", power, 1)


class GaussianNLL(Loss):
    """Negative log-likelihood of a normal law whose mean and variance are predicted.

    Mean over rows of mean_j (log v_j + (t_j - m_j)^2 / v_j) / 2. The output has two
    columns for each column of the targets: in its first half the means m, in its second
    half log v, so that a linear layer can give it: `Dense(2)` for targets of one
    column, then `m, v = p[:, 0], exp(p[:, 1])`.

    Source: Nix and Weigend, "Estimating the mean and variance of the target probability
    distribution", 1994.

    Args:
        log_variance: False: the second half is v itself, kept at 1e-6 or more.
        full: Add log(2 pi) / 2.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.GaussianNLL()
        >>> loss([[1.0]], [[3.0, 0.0]])
        2.0
        >>> round(nncore.losses.GaussianNLL(False)([[1.0]], [[3.0, 4.0]]), 4)
        1.1931
    """

    _arguments = ("log_variance", "full", "reduction", "name", "dtype")
    _parameters = ("log_variance", "full")
    _kind = "gaussian_nll"
    _joins_columns = True

    def __init__(
        self,
        log_variance: bool = True,
        full: bool = False,
        reduction: str | None = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.log_variance = _checks.boolean("log_variance", log_variance)
        self.full = _checks.boolean("full", full)

    def _target_columns(self, n_out: int) -> int:
        if n_out % 2:
            raise ValueError(
                "The output must have two columns for each column of targets, means "
                f"and variances. Received: an output of {n_out} columns"
            )
        return n_out // 2

    def _fitted(
        self, y_true: ArrayLike, y_pred: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        columns = self._target_columns
        return _fit_shapes(y_true, y_pred, labels=False, columns=columns)


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Mean squared error of each row: mean_j (t_j - p_j)^2.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Returns:
        One number per row, (rows,), as of every function here.

    Raises:
        ValueError: The shapes differ.

    Examples:
        >>> import nncore
        >>> nncore.losses.mean_squared_error([[0.0, 1.0], [1.0, 1.0]], [[0, 3], [1, 1]])
        array([2., 0.], dtype=float32)
    """
    return _evaluate(MeanSquaredError(), y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Mean absolute error of each row: mean_j |t_j - p_j|.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.mean_absolute_error([[0.0, 1.0]], [[0.0, 3.0]])
        array([1.], dtype=float32)
    """
    return _evaluate(MeanAbsoluteError(), y_true, y_pred)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> FloatArray:
    """Huber loss of each row; the formula stands at `Huber`.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).
        delta: Where squares end and lines begin, above 0.

    Examples:
        >>> import nncore
        >>> nncore.losses.huber([[0.0, 1.0]], [[0.5, 3.0]])
        array([0.8125], dtype=float32)
    """
    return _evaluate(Huber(delta), y_true, y_pred)


def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Logarithm of the hyperbolic cosine: mean_j log(cosh(p_j - t_j)) of each row.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.log_cosh([[0.0, 1.0]], [[0.0, 3.0]]).round(4)
        array([0.6625], dtype=float32)
    """
    return _evaluate(LogCosh(), y_true, y_pred)


def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> FloatArray:
    """Binary crossentropy of each row; the formula stands at `BinaryCrossentropy`.

    Args:
        y_true: Targets in [0, 1], shaped like `y_pred`.
        y_pred: Probabilities or logits, (rows, columns).
        from_logits: Predictions are logits.
        label_smoothing: In [0, 1].
        axis: -1.

    Examples:
        >>> import nncore
        >>> nncore.losses.binary_crossentropy([[0], [1]], [[0.3], [0.6]]).round(4)
        array([0.3567, 0.5108], dtype=float32)
    """
    loss = BinaryCrossentropy(from_logits, label_smoothing, axis)
    return _evaluate(loss, y_true, y_pred)


def categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> FloatArray:
    """Crossentropy of each row; the formula stands at `CategoricalCrossentropy`.

    Args:
        y_true: Targets, one-hot, shaped like `y_pred`.
        y_pred: Probabilities or logits, (rows, classes).
        from_logits: Predictions are logits.
        label_smoothing: In [0, 1].
        axis: -1.

    Examples:
        >>> import nncore
        >>> nncore.losses.categorical_crossentropy([[0, 1]], [[0.3, 0.7]]).round(4)
        array([0.3567], dtype=float32)
    """
    loss = CategoricalCrossentropy(from_logits, label_smoothing, axis)
    return _evaluate(loss, y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> FloatArray:
    """Crossentropy of each row; see `SparseCategoricalCrossentropy` for the formula.

    Args:
        y_true: Labels from 0 to classes - 1, (rows,) or (rows, 1).
        y_pred: Probabilities or logits, (rows, classes).
        from_logits: Predictions are logits.
        ignore_class: Rows with this label give 0; None: none.
        axis: -1.

    Examples:
        >>> import nncore
        >>> nncore.losses.sparse_categorical_crossentropy([1], [[0.3, 0.7]]).round(4)
        array([0.3567], dtype=float32)
    """
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis)
    return _evaluate(loss, y_true, y_pred)


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Hinge loss of each row: mean_j max(1 - t_j p_j, 0).

    Args:
        y_true: Targets -1 and 1 (or all 0 and 1), shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.hinge([[-1.0, 1.0]], [[0.5, 0.5]])
        array([1.], dtype=float32)
    """
    return _evaluate(Hinge(), y_true, y_pred)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Squared hinge loss of each row: mean_j max(1 - t_j p_j, 0)^2.

    Args:
        y_true: Targets -1 and 1 (or all 0 and 1), shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]])
        array([1.25], dtype=float32)
    """
    return _evaluate(SquaredHinge(), y_true, y_pred)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Categorical hinge loss of each row; the formula stands at `CategoricalHinge`.

    Args:
        y_true: Targets, one-hot, shaped like `y_pred`.
        y_pred: Predictions, (rows, classes).

    Examples:
        >>> import nncore
        >>> nncore.losses.categorical_hinge([[0.0, 1.0]], [[0.25, 0.75]])
        array([0.5], dtype=float32)
    """
    return _evaluate(CategoricalHinge(), y_true, y_pred)


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Kullback-Leibler divergence of each row: sum_j t_j log(t_j / p_j).

    Args:
        y_true: Targets in [0, 1], shaped like `y_pred`.
        y_pred: Probabilities, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).round(4)
        array([0.1438], dtype=float32)
    """
    return _evaluate(KLDivergence(), y_true, y_pred)


def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Poisson loss of each row: mean_j (p_j - t_j log(p_j + epsilon)).

    Args:
        y_true: Targets of at least 0, shaped like `y_pred`.
        y_pred: Predictions above 0, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.poisson([[2.0]], [[1.0]]).round(4)
        array([1.], dtype=float32)
    """
    return _evaluate(Poisson(), y_true, y_pred)


def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Mean absolute percentage error of each row; see `MeanAbsolutePercentageError`.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 5.0]])
        array([37.5], dtype=float32)
    """
    return _evaluate(MeanAbsolutePercentageError(), y_true, y_pred)


def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Mean squared logarithmic error of each row; see `MeanSquaredLogarithmicError`.

    Args:
        y_true: Targets of at least 0, shaped like `y_pred`.
        y_pred: Predictions of at least 0, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.mean_squared_logarithmic_error([[1.0]], [[3.0]]).round(4)
        array([0.4805], dtype=float32)
    """
    return _evaluate(MeanSquaredLogarithmicError(), y_true, y_pred)


def cosine_similarity(
    y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1
) -> FloatArray:
    """Negative cosine of the angle between targets and predictions of each row.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).
        axis: -1.

    Examples:
        >>> import nncore
        >>> nncore.losses.cosine_similarity([[3.0, 4.0]], [[4.0, 3.0]]).round(4)
        array([-0.96], dtype=float32)
    """
    return _evaluate(CosineSimilarity(axis), y_true, y_pred)


def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> FloatArray:
    """Binary focal crossentropy of each row; see `BinaryFocalCrossentropy`.

    Args:
        y_true: Targets in [0, 1], shaped like `y_pred`.
        y_pred: Probabilities or logits, (rows, columns).
        apply_class_balancing: As in the class, like the rest.
        alpha: Weight of class 1.
        gamma: Of at least 0.
        from_logits: Predictions are logits.
        label_smoothing: In [0, 1].
        axis: -1.

    Examples:
        >>> import nncore
        >>> nncore.losses.binary_focal_crossentropy([[0], [1]], [[0.3], [0.6]]).round(4)
        array([0.0321, 0.0817], dtype=float32)
    """
    loss = BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
    )
    return _evaluate(loss, y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> FloatArray:
    """Categorical focal crossentropy of each row; see `CategoricalFocalCrossentropy`.

    Args:
        y_true: Targets, one-hot, shaped like `y_pred`.
        y_pred: Probabilities or logits, (rows, classes).
        alpha: A weight, or one for each class.
        gamma: Of at least 0.
        from_logits: Predictions are logits.
        label_smoothing: In [0, 1].
        axis: -1.

    Examples:
        >>> import nncore
        >>> losses = nncore.losses
        >>> losses.categorical_focal_crossentropy([[0, 1]], [[0.3, 0.7]]).round(4)
        array([0.008], dtype=float32)
    """
    loss = CategoricalFocalCrossentropy(
        alpha, gamma, from_logits, label_smoothing, axis
    )
    return _evaluate(loss, y_true, y_pred)


def categorical_generalized_cross_entropy(
    y_true: ArrayLike, y_pred: ArrayLike, q: float = 0.5
) -> FloatArray:
    """Generalized crossentropy of each row: (1 - p_y^q) / q, y the label.

    Args:
        y_true: Labels from 0 to classes - 1, (rows,) or (rows, 1).
        y_pred: Probabilities, (rows, classes).
        q: Above 0, at most 1.

    Examples:
        >>> import nncore
        >>> nncore.losses.categorical_generalized_cross_entropy([1], [[0.75, 0.25]])
        array([1.], dtype=float32)
    """
    return _evaluate(CategoricalGeneralizedCrossEntropy(q), y_true, y_pred)


def dice(
    y_true: ArrayLike, y_pred: ArrayLike, axis: int | Sequence[int] | None = None
) -> Any:
    """Dice loss: 1 - 2 sum t p / (sum t + sum p + epsilon); see `Dice`.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).
        axis: Of the sums; None for all, which gives one number.

    Examples:
        >>> import nncore
        >>> nncore.losses.dice([[0, 1], [1, 0]], [[0.3, 0.7], [0.6, 0.4]], -1).round(4)
        array([0.3, 0.4], dtype=float32)
    """
    return _evaluate(Dice(axis=axis), y_true, y_pred)


def tversky(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | Sequence[int] | None = None,
) -> Any:
    """Tversky loss; the formula stands at `Tversky`.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).
        alpha: Weight of what was missed.
        beta: Weight of what was found in vain.
        axis: Of the sums; None for all, which gives one number.

    Examples:
        >>> import nncore
        >>> nncore.losses.tversky([[0, 1]], [[0.5, 0.5]], 1.0, 0.0, -1).round(4)
        array([0.5], dtype=float32)
    """
    return _evaluate(Tversky(alpha, beta, axis=axis), y_true, y_pred)


def quantile(
    y_true: ArrayLike, y_pred: ArrayLike, quantiles: float | Sequence[float] = 0.5
) -> FloatArray:
    """Quantile (pinball) loss of each row; the formula stands at `Quantile`.

    Args:
        y_true: Targets, (rows, columns).
        y_pred: Predictions, (rows, columns times quantiles).
        quantiles: A number in (0, 1), or a list of them.

    Examples:
        >>> import nncore
        >>> nncore.losses.quantile([[3.0]], [[1.0, 4.0]], [0.1, 0.9]).round(4)
        array([0.15], dtype=float32)
    """
    return _evaluate(Quantile(quantiles), y_true, y_pred)


def tweedie(y_true: ArrayLike, y_pred: ArrayLike, power: float = 1.5) -> FloatArray:
    """Tweedie deviance of each row; the formula stands at `Tweedie`.

    Args:
        y_true: Targets of at least 0, shaped like `y_pred`.
        y_pred: Predictions above 0, (rows, columns).
        power: Of at least 1.

    Examples:
        >>> import nncore
        >>> nncore.losses.tweedie([[0.0], [4.0]], [[1.0], [1.0]]).round(4)
        array([4., 4.], dtype=float32)
    """
    return _evaluate(Tweedie(power), y_true, y_pred)


def gaussian_nll(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    log_variance: bool = True,
    full: bool = False,
) -> FloatArray:
    """Gaussian negative log-likelihood of each row; see `GaussianNLL`.

    Args:
        y_true: Targets, (rows, columns).
        y_pred: Means, then logarithms of variances, (rows, 2 columns).
        log_variance: False: variances themselves.
        full: Add log(2 pi) / 2.

    Examples:
        >>> import nncore
        >>> nncore.losses.gaussian_nll([[1.0]], [[3.0, 0.0]])
        array([2.], dtype=float32)
    """
    return _evaluate(GaussianNLL(log_variance, full), y_true, y_pred)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
cosine = cosine_proximity = cosine_similarity
logcosh = log_cosh
huber_loss = huber
pinball = quantile

_FUNCTIONS: dict[Callable[..., Any], type[Loss]] = {
    mean_squared_error: MeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    huber: Huber,
    log_cosh: LogCosh,
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    hinge: Hinge,
    squared_hinge: SquaredHinge,
    categorical_hinge: CategoricalHinge,
    kl_divergence: KLDivergence,
    poisson: Poisson,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    cosine_similarity: CosineSimilarity,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    categorical_generalized_cross_entropy: CategoricalGeneralizedCrossEntropy,
    dice: Dice,
    tversky: Tversky,
    quantile: Quantile,
    tweedie: Tweedie,
    gaussian_nll: GaussianNLL,
}
_NAMES: dict[str, type[Loss]] = {
    **{function.__name__: cls for function, cls in _FUNCTIONS.items()},
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
}
_TABLE: dict[str, type[Loss]] = {
    **_NAMES,
    **{cls.__name__: cls for cls in _FUNCTIONS.values()},
    "MSE": MeanSquaredError,
    "MAE": MeanAbsoluteError,
    "BCE": BinaryCrossentropy,
    "KLD": KLDivergence,
    "kullback_leibler_divergence": KLDivergence,
    "logcosh": LogCosh,
    "huber_loss": Huber,
    "MAPE": MeanAbsolutePercentageError,
    "MSLE": MeanSquaredLogarithmicError,
    "cosine": CosineSimilarity,
    "cosine_proximity": CosineSimilarity,
    "pinball": Quantile,
}


def get(identifier: Any, argument: str = "loss") -> Loss | None:
    """Return the loss that `identifier` stands for, None for None.

    Args:
        identifier: A name ("mse", "binary_crossentropy", "Huber", ...); a function of
            this module or a `functools.partial` of one; a class; an instance; what
            `serialize` gave; a function of one's own, see `FunctionLoss`; or None.
        argument: What to call the argument in messages.

    Raises:
        ValueError: The name is unknown (the message lists the known ones).

    Examples:
        >>> import functools
        >>> from nncore import losses
        >>> losses.get("mse").name
        'mean_squared_error'
        >>> losses.get(functools.partial(losses.huber, delta=2.0)).delta
        2.0
    """
    identifier = _own.found_function(identifier)
    if identifier is None:
        return None
    if isinstance(identifier, functools.partial):
        found = _FUNCTIONS.get(identifier.func)
        if found is not None and not identifier.args:
            return found(**identifier.keywords)
        if found is not None:
            raise ValueError(
                f"`{argument}` as a partial must bind keywords only. "
                f"{_checks.received(argument, identifier)}"
            )
    elif isinstance(identifier, FunctionType) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]()
    if callable(identifier) and not isinstance(identifier, (type, Loss)):
        return FunctionLoss(identifier)
    return _lookup.resolve(
        identifier, argument=argument, base=Loss, table=_TABLE, shown=_NAMES
    )


def serialize(loss: Loss) -> Any:
    """Return the class name and configuration of a loss.

    Args:
        loss: An instance.

    Examples:
        >>> from nncore import losses
        >>> losses.serialize(losses.Poisson())["class_name"]
        'Poisson'
    """
    return loss._serialized()


def deserialize(config: Any) -> Loss | None:
    """Return the loss that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Examples:
        >>> from nncore import losses
        >>> losses.deserialize(losses.serialize(losses.Huber(2.0))).delta
        2.0
    """
    return get(config)
